"""Repeat what made a result, from what lies beside it, and compare."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..provenance import versions
from ..storage.places import write_whole

CLOSE = 1e-3
"""Relative difference up to which a figure counts as close: other hardware adds up in another order."""
OPTIONS = ("split", "rule", "normalization", "templates")
"""Options of an evaluation. A file of a version that did not have one yet was made with its default."""


@dataclass(frozen=True)
class Compared:
    """Figures as they were and as they are now, and whether a model's weights are the same, where there is one."""

    figures: dict[str, tuple[Any, Any]]
    other_versions: list[str]
    """Packages whose versions are not those of then."""
    folder: Path
    same_weights: bool = True

    @property
    def differing(self) -> dict[str, tuple[Any, Any]]:
        return {name: pair for name, pair in self.figures.items() if pair[0] != pair[1]}

    @property
    def verdict(self) -> str:
        """``identical``, ``close`` (every number within ``CLOSE``, whatever the weights), or ``different``."""
        if not self.differing and self.same_weights:
            return "identical"
        return "close" if all(_is_close(*pair) for pair in self.differing.values()) else "different"


def rerun(made: Path, out: Path) -> Compared:
    """Repeat a pre-training, or an evaluation, and compare.

    Args:
        made: a run's folder, or the file that ``videoclip evaluate --json`` wrote.
        out: folder for what is made anew.

    Raises:
        ConfigError: there is nothing that says how it was made.
    """
    if made.is_dir() and (made / "run.json").is_file():
        if not (made / "result.json").is_file():
            raise ConfigError(f"{made}: this run has not ended, so that there is nothing to compare with; end it first")
        return _pretraining(made, out)
    if made.is_file():
        return _evaluation(made, out)
    raise ConfigError(f"{made}: neither a run's folder nor an evaluation's file (videoclip evaluate --json)")


def _pretraining(made: Path, out: Path) -> Compared:
    from ..config import load_config
    from ..pretrain.config import PretrainConfig
    from ..pretrain.run import read_history
    from ..pretrain.trainer import pretrain

    try:
        result = json.loads((made / "result.json").read_text())
        settings = [f"{key}={json.dumps(value)}" for key, value in _flat(result["config"])]
        # The same training on one process. Keys that an earlier version did not write mean their defaults.
        per_update = result["config"]["batches"].get("per_update") or result.get("processes", 1)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{made / 'result.json'}: does not say how the run was made; train it anew") from error
    config = load_config(PretrainConfig, "", [*settings, f"batches.per_update={per_update}", f"out={out}"])
    pretrain(config)
    figures: dict[str, tuple[Any, Any]] = {}
    lines = [read_history(folder / "history.jsonl") for folder in (made, out)]
    for before, after in zip(*lines, strict=False):
        for name in before.keys() & after.keys() - {"update", "epoch", "lr"}:
            figures[f"{name} at update {before['update']}"] = before[name], after[name]
    again = json.loads((out / "result.json").read_text())
    figures["updates"] = result.get("updates"), again["updates"]
    return Compared(figures, _other(result), out, result.get("weights") == again["weights"])


def _evaluation(made: Path, out: Path) -> Compared:
    from ..benchmarks.evaluate import evaluate

    try:
        result = json.loads(made.read_text())
        config = result["config"]
        where = [config[key] for key in ("benchmark", "model", "corpus", "data")]
        options = {key: config[key] for key in OPTIONS if key in config}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{made}: does not say how it was made; only files of videoclip evaluate --json do"
        ) from error
    if not config["model"]:
        raise ConfigError(f"{made}: was made with a model that was never saved; evaluate one from a folder")
    if "rule" in options:
        options["rule"] = _rule(config)
    again = evaluate(*where, **options)
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / made.name, json.dumps(again, indent=1))
    again = json.loads((out / made.name).read_text())
    left_out = ("items", "intervals", "seconds", "versions", "config", "date", "commit", "machine", "seed")
    now = dict(_flat({key: value for key, value in again.items() if key not in left_out}))
    before = dict(_flat({key: value for key, value in result.items() if key not in left_out}))
    return Compared({key: (before[key], now.get(key)) for key in before if key in now}, _other(result), out)


def _rule(config: dict) -> str:
    """The rule of segmentation; files of earlier versions name the default also where nothing is segmented."""
    from ..benchmarks.table import benchmark

    return "" if config["rule"] == "spread" and not benchmark(config["benchmark"]).rules else config["rule"]


def _flat(values: dict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _other(result: dict) -> list[str]:
    now = versions()
    return [
        f"{name} {version} (here {now.get(name, 'none')})"
        for name, version in result.get("versions", {}).items()
        if now.get(name) != version
    ]


def _is_close(before: Any, after: Any) -> bool:
    if not isinstance(before, int | float) or not isinstance(after, int | float):
        return False
    return abs(before - after) <= CLOSE * max(abs(before), abs(after))
