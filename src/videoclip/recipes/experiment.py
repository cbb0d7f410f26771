"""Evidence for the method: variants of a training run, each with several seeds, on rendered narrated videos.

A seed makes a world (videos, speech, truth) and a training of its own, so that the spread over seeds is that of both.
Every variant of a seed sees the same videos and the same number of pairs. What is finished is not done again.
"""

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import defaults, dump_config, load_config
from ..errors import ConfigError
from ..processes import apart_from_main, process_pool
from ..progress import track
from ..provenance import provenance
from ..storage.folders import claim, differing
from ..storage.places import write_whole
from .experiments import Experiment, experiment

if TYPE_CHECKING:
    from ..pretrain.config import PretrainConfig

Figure = Callable[[dict], float]
FIGURES: dict[str, Figure] = {
    "R@1": lambda r: r["retrieval"]["text_to_video"]["R@1"],
    "R@10": lambda r: r["retrieval"]["text_to_video"]["R@10"],
    "R@1, unseen pairs": lambda r: r["retrieval"]["unseen_pairs"]["R@1"],
    "multiple choice": lambda r: r["multiple_choice"]["accuracy"],
    "frame accuracy": lambda r: r["segmentation"]["frame_accuracy"],
    "labelled accuracy": lambda r: r["segmentation"]["labelled_accuracy"],
    "F1@50": lambda r: r["segmentation"]["F1@50"],
    "localisation": lambda r: r["localization"]["recall"],
    "alignment R@1": lambda r: r["alignment"]["recall"],
    "alignability AUC": lambda r: r["alignment"]["auc"],
}
"""What is compared, by its place in the result of ``evaluate world``."""


def run_experiment(
    name: str, out: Path, seeds: Sequence[int], only: Sequence[str] = (), videos: int = 400, workers: int = 0
) -> dict:
    """Run variants with several seeds into ``out`` and write ``<name>.json``; returns what it holds.

    Experiments in the same folder share their worlds, and the runs of variants that have the same name.

    Args:
        only: names of variants; by default all.
        workers: trainings at the same time, each on one core; 0: as many as there are cores.

    Raises:
        ConfigError: no such experiment or variant, or ``out`` holds another one.
    """
    chosen = experiment(name)
    unknown = [variant for variant in only if variant not in chosen.variants]
    if unknown:
        raise ConfigError(f"{name} has no variant '{unknown[0]}'; it has {', '.join(chosen.variants)}")
    claim(out, "experiment", {"videos": videos})
    began, workers = time.monotonic(), workers or os.cpu_count() or 1
    for seed in seeds:
        _make_world(_world_of(out, chosen, seed), videos, seed, chosen)
    wanted = [(v, seed) for seed in seeds for v in (only or chosen.variants)]
    wanted += [(v, seed) for seed in seeds for v in _needed(chosen, [v for v, _ in wanted])]
    missing = [(v, seed) for v, seed in wanted if not _is_made(out, chosen, v, seed)]
    with track("experiment", len(wanted), "runs", len(wanted) - len(missing)) as advance:
        for variant in _made(chosen, missing, out, workers):
            advance(1, variant)
    result = _collect(name, out, [v for v in chosen.variants if not only or v in only], seeds)
    result |= {"seconds": time.monotonic() - began, "workers": workers, "runs_made": len(missing)}
    command = f"videoclip experiment {name} --out DIR --videos {videos} --seeds {','.join(map(str, seeds))}"
    result["command"] = command + "".join(f" --only '{variant}'" for variant in only)
    config = {variant: list(_settings(chosen, variant)) for variant in chosen.variants}
    result |= provenance(seeds[0], {"experiment": name, "videos": videos, "variants": config})
    write_whole(out / f"{name}.json", json.dumps(result, indent=1))
    return result


def _needed(chosen: Experiment, variants: Sequence[str]) -> list[str]:
    """Variants that others follow, and that are not among them."""
    found: list[str] = []
    for variant in variants:
        while (variant := chosen.variants[variant].after) and variant not in (*variants, *found):
            found.append(variant)
    return found


def _made(chosen: Experiment, missing: list[tuple[str, int]], out: Path, workers: int) -> Iterator[str]:
    """Make the runs, each after the one that it follows, and yield the variant of each when it is done."""
    waiting = list(dict.fromkeys(missing))
    if workers == 1:
        for variant, seed in sorted(waiting, key=lambda run: _depth(chosen, run[0])):
            _run(chosen, variant, seed, out)
            yield variant
        return
    with process_pool(workers) as pool:
        runs: dict[Future, tuple[str, int]] = {}
        while waiting or runs:
            unfinished = {*waiting, *runs.values()}
            ready = [run for run in waiting if (chosen.variants[run[0]].after, run[1]) not in unfinished]
            waiting = [run for run in waiting if run not in ready]
            with apart_from_main():
                runs |= {pool.submit(_run, chosen, variant, seed, out): (variant, seed) for variant, seed in ready}
            done = next(as_completed(runs))
            done.result()
            yield runs.pop(done)[0]


def _depth(chosen: Experiment, variant: str) -> int:
    first = chosen.variants[variant].after
    return 1 + _depth(chosen, first) if first else 0


def _make_world(folder: Path, videos: int, seed: int, chosen: Experiment) -> None:
    from ..corpus.extract import extract
    from ..encoders.load import load_encoder
    from ..media.files import find_videos
    from ..world.render import render_world

    render_world(folder / "videos", videos, seed, chosen.narrator, chosen.families)
    extract(find_videos(folder / "videos"), load_encoder("demo"), folder / "corpus.lance")


def _run(chosen: Experiment, variant: str, seed: int, out: Path) -> None:
    """One training and its evaluation, on one core, in a process of its own."""
    import torch

    from ..benchmarks.truth import read_truth
    from ..benchmarks.world import evaluate_world
    from ..corpus.store import Corpus
    from ..model.joint import load_model
    from ..pretrain.realign import realign
    from ..pretrain.trainer import pretrain

    torch.set_num_threads(1)
    world, target = _world_of(out, chosen, seed), _result_of(out, chosen, variant, seed)
    corpus, first = world / "corpus.lance", chosen.variants[variant].after
    config = _configured(chosen, variant, f"corpus={corpus}", f"out={target.parent}", f"seed={seed}")
    began = time.monotonic()
    placed: dict = {}
    if first:
        teacher = load_model(_result_of(out, chosen, first, seed).parent / "model")
        narration, source = target.parent.with_name(f"{target.parent.name}.lance"), Corpus(corpus)
        rows = [*source.matching(config.train_videos), *source.matching(config.validation_videos)]
        placed = {"realigned": asdict(realign(source, teacher, narration, config.realign, rows))}
        config = replace(config, corpus=str(narration))
    model = pretrain(config)
    trained = time.monotonic() - began
    result = placed | evaluate_world(model, Corpus(corpus), read_truth(world / "videos"))
    kept = {key: value for key, value in result.items() if key not in ("items", "videos", "similarity")}
    kept |= {"training_seconds": trained, "settings": _settings(chosen, variant), "after": first}
    kept |= provenance(seed, dump_config(config))
    write_whole(target, json.dumps(kept, indent=1))


def _world_of(out: Path, chosen: Experiment, seed: int) -> Path:
    return out / "worlds" / f"{chosen.world}-{seed}"


def _result_of(out: Path, chosen: Experiment, variant: str, seed: int) -> Path:
    name = "".join(c if c.isalnum() else "-" for c in variant)
    return out / "runs" / f"{chosen.world}-{name}-{seed}" / "metrics.json"


def _is_made(out: Path, chosen: Experiment, variant: str, seed: int) -> bool:
    """Whether a run is finished.

    Raises:
        ConfigError: one is, of that name and with other settings.
    """
    path = _result_of(out, chosen, variant, seed)
    if not path.is_file():
        return False
    noted, wanted = json.loads(path.read_text())["config"], _configured(chosen, variant)
    other = sorted({*differing(noted, dump_config(wanted), defaults(type(wanted)))} - {"corpus", "out", "seed"})
    if other:
        raise ConfigError(
            f"{path.parent}: holds a run of '{variant}' with other settings ({', '.join(other[:5])}); move it away"
        )
    return True


def _configured(chosen: Experiment, variant: str, *places: str) -> "PretrainConfig":
    """The training of a variant, with ``places`` (corpus, folder, seed) as ``key=value``."""
    from ..pretrain.config import PretrainConfig

    preset, *changes = _settings(chosen, variant)
    return load_config(PretrainConfig, preset, [*changes, *places])


def _settings(chosen: Experiment, variant: str) -> tuple[str, ...]:
    run = chosen.variants[variant]
    return (run.preset, *chosen.base, *run.changes)


def _collect(name: str, out: Path, variants: Sequence[str], seeds: Sequence[int]) -> dict:
    """Figures of every variant and seed, their means and spreads, and differences to the first variant by seed."""
    chosen = experiment(name)
    rows, first = [], None
    for variant in variants:
        results = [json.loads(_result_of(out, chosen, variant, seed).read_text()) for seed in seeds]
        values = {figure: [of(result) for result in results] for figure, of in FIGURES.items()}
        first = first or values
        row: dict = {"variant": variant, "seeds": list(seeds)}
        for figure, numbers in values.items():
            differences = [a - b for a, b in zip(numbers, first[figure], strict=True)]
            row[figure] = {
                "values": numbers,
                "mean": statistics.mean(numbers),
                "spread": _spread(numbers),
                "difference": statistics.mean(differences),
                "spread_of_difference": _spread(differences),
            }
        row["diagnostics"] = _last_diagnostics(_result_of(out, chosen, variant, seeds[-1]).parent)
        row["training_seconds"] = [result["training_seconds"] for result in results]
        rows.append(row)
    return {"experiment": name, "title": chosen.title, "families": chosen.families, "variants": rows}


def _last_diagnostics(run: Path) -> dict[str, float]:
    from ..pretrain.run import read_history

    names = ("hard_negatives", "overlapping_negatives", "alike_texts", "near_duplicates", "speech_lag")
    lines = [line for line in read_history(run / "history.jsonl") if "speech_lag" in line]
    return {key: lines[-1][key] for key in names} if lines else {}


def _spread(values: Sequence[float]) -> float:
    """Standard deviation over the seeds; zero for a single one."""
    return statistics.stdev(values) if len(values) > 1 else 0.0
