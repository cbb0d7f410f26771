"""Every number that can be set has a range, and is refused outside it in one line."""

import math
import re
from dataclasses import fields
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import typer

import videoclip
from videoclip.cli.main import app
from videoclip.config import defaults, from_note, load_config, presets
from videoclip.errors import ConfigError
from videoclip.model.config import ModelConfig
from videoclip.pretrain.clips import ClipConfig
from videoclip.pretrain.config import OptimizerConfig, PretrainConfig
from videoclip.ranges import Range, ranges_of
from videoclip.tasks.finetune import FinetuneConfig

SOURCE = Path(videoclip.__file__).parent


def settings() -> list[type]:
    """Every dataclass by which something is set: those that are called so, wherever they are."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        names = [line[6:].rstrip(":") for line in path.read_text().splitlines() if line.startswith("class ")]
        wanted = [n for n in names if n.endswith(("Config", "Options", "Limits")) or n == "Query"]
        module = ".".join(("videoclip", *path.relative_to(SOURCE).with_suffix("").parts))
        found += [getattr(import_module(module), name) for name in wanted]
    return found


SETTINGS = settings()


def numeric(kind: type) -> list[str]:
    """Keys whose values are numbers, tuples of them, or None."""

    def leaves(hint) -> set:
        parts = hint if isinstance(hint, list) else get_args(hint)  # a list: of what can be called, what it takes
        return set().union(*(leaves(part) for part in parts)) if parts or isinstance(hint, list) else {hint}

    return [f.name for f in fields(kind) if leaves(get_type_hints(kind)[f.name]) & {int, float}]


def test_the_settings_are_found():
    names = {kind.__name__ for kind in SETTINGS}
    assert {"PretrainConfig", "ModelConfig", "ClipConfig", "BatchConfig", "LossConfig", "OptimizerConfig"} <= names
    assert {"FinetuneConfig", "EncoderConfig", "DemoConfig", "Query", "IndexOptions", "Limits"} <= names
    assert sum(len(numeric(kind)) for kind in SETTINGS) > 60


@pytest.mark.parametrize("kind", SETTINGS, ids=lambda kind: kind.__name__)
def test_every_number_has_a_range_which_its_docstring_says_and_is_refused_outside_it(kind):
    ranges, meant = ranges_of(kind), kind()
    for key in numeric(kind):
        assert key in ranges, f"{kind.__name__}.{key} has no range"
        among, whole = ranges[key]
        assert f"{key}: {among}" in kind.__doc__
        wrong = [among.low - 1, among.high * 2 + 1, math.nan, math.inf, -math.inf, True, "1"]
        wrong += [Fraction(1, 2)] if whole else []
        value = getattr(meant, key)
        for number in wrong:
            given = (*value[:-1], number) if isinstance(value, tuple) else number
            with pytest.raises(ConfigError, match=f"^{key}=.*: choose a .*number {re.escape(str(among))}$") as error:
                kind(**{key: given})
            assert len(str(error.value).splitlines()) == 1


GIVEN = [
    "batches.videos=0", "optimizer.lr=nan", "seed=99999999999999999999", "model.heads=0", "model.hidden_size=0",
    "clips.max_seconds=0", "clips.pairs_per_video=0", "model.dropout=2",
]  # fmt: skip
OWN = [
    "optimizer.lr=.inf", "epochs=-1", "epochs=2.5", "epochs=many", "epochs=true", "epochs=", "epochs=null",
    "workers=1e9", "optimizer.betas=[0.9, 1]", "loss.soft_targets=-0.1", "batches.per_update=-2", "log_every=0",
    "clips.max_span=-.inf", "checkpoint_minutes=nan", "model.positions=[3]",
]  # fmt: skip


@pytest.mark.parametrize("setting", GIVEN + OWN)
def test_a_setting_out_of_its_range_is_one_line_with_the_key_and_the_range(videoclip, setting):
    code, _, said = videoclip("pretrain", "--config", "demo", setting, "--show")
    assert code == 2
    assert said.startswith(f"videoclip: {setting.partition('=')[0]}=")
    assert "number from " in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        (PretrainConfig, ["clips.min_seconds=20", "clips.max_seconds=16"], r"clips\.min_seconds=20: .* which is 16"),
        (PretrainConfig, ["clips.min_text_tokens=99"], r"clips\.min_text_tokens=99: choose at most max_text_tokens"),
        (PretrainConfig, ["model.heads=7"], r"model\.heads=7: choose a divisor of hidden_size, which is 768"),
        (PretrainConfig, ["model.positions=40"], r"model\.positions=40: choose at least 63"),
        (PretrainConfig, ["model.vocab_size=100"], r"model\.vocab_size=100: choose at least 30522"),
        (PretrainConfig, ["batches.videos=65"], r"batches\.candidates=64: choose at least videos, which are 65"),
        (
            PretrainConfig,
            ["optimizer.decay_updates=500"],
            r"optimizer\.decay_updates=500: .*warmup_updates, 1000",
        ),
        (FinetuneConfig, ["batch=0"], "batch=0: choose a whole number from 1"),
        (FinetuneConfig, ["optimizer.lr=-1"], r"optimizer\.lr=-1\.0: choose a number from 0 to 10"),
    ],
)
def test_settings_that_contradict_each_other_are_one_line(kind, settings, said):
    with pytest.raises(ConfigError, match=f"^{said}"):
        load_config(kind, "", settings)


def test_a_rule_that_draws_no_length_needs_no_shortest():
    assert ClipConfig("mil-nce", min_seconds=3, max_seconds=2).max_seconds == 2


def test_what_is_at_the_ends_of_a_range_can_be_set():
    assert OptimizerConfig(lr=0, betas=(0, 0), warmup_updates=0).lr_at(0, 1) == 0
    assert ModelConfig(1, 1, 1, 1, 1, 1, max_seconds=1, max_text_tokens=1, positions=3).heads == 1


def test_presets_and_notes_of_runs_stay_readable():
    for name in presets():
        load_config(PretrainConfig, name)
    noted = defaults(PretrainConfig)
    del noted["epochs"], noted["optimizer"]["lr"], noted["batches"]["per_update"]  # as an older version wrote it
    assert from_note(PretrainConfig, noted, "run.json") == PretrainConfig()
    with pytest.raises(ConfigError, match=r"^run\.json: is damaged \(seed=-1: choose a whole number from 0"):
        from_note(PretrainConfig, noted | {"seed": -1}, "run.json")


def numbers_of_commands() -> dict[str, typer.models.OptionInfo]:
    """What is said of every parameter of a command that is a number, by command and name."""
    found = {}
    for panel in app.registered_groups:
        for command in panel.typer_instance.registered_commands:  # type: ignore[union-attr]
            for name, hint in get_type_hints(command.callback, include_extras=True).items():
                parts = get_args(hint)
                if set(get_args(parts[0]) or parts[:1]) & {int, float} if parts else hint in (int, float):
                    found[f"{command.callback.__name__} {name}"] = parts[1]  # type: ignore[union-attr]
    return found


def test_every_number_of_the_command_line_has_a_range():
    found = numbers_of_commands()
    assert {"search limit", "ask start", "ask end", "align reach", "serve port", "world seed", "index_ workers"} <= {
        *found
    }
    for name, option in found.items():
        assert None not in (option.min, option.max), name


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "x", "--library", "L", "--shortest", "nan"), ("search", "x", "--library", "L", "--limit", "0"),
        ("ask", "v.mp4", "a", "b", "--model", "M", "--start", "nan"),
        ("ask", "v.mp4", "a", "b", "--model", "M", "--end", "-1"),
        ("align", "v.mp4", "--captions", "c", "--model", "M", "--reach", "nan"), ("world", "W", "--seed", "-3"),
        ("serve", "--library", "L", "--port", "70000"), ("world", "W", "--families", "65"),
        ("world", "W", "--videos", "0"),
    ],
)  # fmt: skip
def test_a_number_out_of_its_range_on_the_command_line_is_refused_before_anything_is_done(videoclip, arguments):
    code, _, said = videoclip(*arguments)
    assert code == 2
    assert arguments[-2] in said.replace("\n", "")
    assert "Traceback" not in said


def test_seeds_are_numbers_in_their_range_and_each_is_named_once(videoclip, tmp_path):
    for seeds, said in (("1,-2", "--seeds=-2: choose"), ("1,1", "names one twice"), ("1,x", "write numbers")):
        code, _, complained = videoclip("experiment", "beyond", "--out", tmp_path, "--seeds", seeds)
        assert (code, said in complained) == (2, True), complained


def test_a_range_holds_its_ends_and_no_nan():
    assert [number in Range(0, 1) for number in (0, 1, 0.5, -1e-9, 1.1, math.nan, math.inf, True, "0.5", None)] == [
        True, True, True, False, False, False, False, False, False, False,
    ]  # fmt: skip


def test_a_demo_with_a_setting_out_of_its_range_renders_nothing(videoclip, tmp_path):
    code, _, said = videoclip("demo", "--out", tmp_path / "demo", "--set", "batches.videos=0")
    assert (code, said.startswith("videoclip: batches.videos=0: choose"), list(tmp_path.iterdir())) == (2, True, [])


def test_a_model_larger_than_the_memory_is_one_line(videoclip, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: …\nand")

    monkeypatch.setattr("videoclip.pretrain.trainer.pretrain", fails)
    code, _, said = videoclip("pretrain", "model.hidden_size=600000")
    assert (code, said.count("\n")) == (2, 1)
    assert "not enough memory" in said
    assert "model.hidden_size" in said
