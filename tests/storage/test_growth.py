"""What one version wrote, another reads: a key that a note lacks has its default, one that is unknown is named."""

import json
from collections.abc import Iterator
from dataclasses import MISSING, asdict, fields

import pytest

from videoclip.benchmarks.supervised import FinetuneConfig
from videoclip.config import defaults, dump_config, from_note
from videoclip.encoders.config import EncoderConfig
from videoclip.encoders.encoder import FeatureKind
from videoclip.errors import ConfigError
from videoclip.library.store.about import About
from videoclip.model.config import ModelConfig
from videoclip.model.videoclip import VideoCLIP
from videoclip.pretrain.config import PretrainConfig
from videoclip.pretrain.run import State
from videoclip.recipes.demo import DemoConfig
from videoclip.storage.folders import claim

CLAIMED = {"run": PretrainConfig, "finetune": FinetuneConfig, "demo": DemoConfig}
READ = {
    EncoderConfig: EncoderConfig(),
    ModelConfig: ModelConfig(),
    PretrainConfig: PretrainConfig(),
    State: State(),
    FeatureKind: FeatureKind("a+b", 3, True, (1, 2)),
    About: About(FeatureKind("a", 1), "model", "0f", 4),
}
TINY = ModelConfig(8, 32, 2, 64, 1, 1, positions=80)


def keys(values: dict, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The way to every value, and to every group of them."""
    for key, value in values.items():
        yield (*before, key)
        if isinstance(value, dict):
            yield from keys(value, (*before, key))


def without(values: dict, key: tuple[str, ...]) -> dict:
    first, *rest = key
    if rest:
        return values | {first: without(values[first], tuple(rest))}
    return {name: value for name, value in values.items() if name != first}


@pytest.mark.parametrize("what", CLAIMED)
def test_a_note_without_one_of_its_keys_is_the_same_run(what, tmp_path):
    kind = CLAIMED[what]
    values, note = dump_config(kind()), claim(tmp_path / "a", what, dump_config(kind())) / f"{what}.json"
    for key in keys(values):
        note.write_text(json.dumps(without(values, key)))
        claim(tmp_path / "a", what, values, defaults(kind))
    assert len(list(keys(values))) > 3


def test_a_key_that_came_later_still_tells_other_runs_apart(tmp_path):
    claim(tmp_path / "a", "run", {"seed": 1})
    later = {"seed": 1, "loss": {"kind": "sigmoid"}}
    with pytest.raises(ConfigError, match=r"a run with other loss\.kind"):
        claim(tmp_path / "a", "run", later, {"loss": {"kind": "info-nce"}})
    with pytest.raises(ConfigError, match="a run with other loss"):
        claim(tmp_path / "a", "run", later)


def test_a_key_that_is_gone_counts_as_long_as_its_default_is_known(tmp_path):
    claim(tmp_path / "a", "run", {"seed": 1, "old": 0})
    claim(tmp_path / "a", "run", {"seed": 1}, {"old": 0})
    for known in ({}, {"old": 1}):
        with pytest.raises(ConfigError, match="a run with other old"):
            claim(tmp_path / "a", "run", {"seed": 1}, known)


def test_a_damaged_note_is_named(tmp_path):
    (claim(tmp_path / "a", "run", {"seed": 1}) / "run.json").write_text("{")
    with pytest.raises(ConfigError, match=r"run\.json: is damaged"):
        claim(tmp_path / "a", "run", {"seed": 1})


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.__name__)
def test_what_is_read_back_may_lack_any_key_that_has_a_default(kind):
    made = READ[kind]
    values = json.loads(json.dumps(asdict(made)))
    assert from_note(kind, values, "note") == made
    left_out = [f.name for f in fields(kind) if f.default is not MISSING or f.default_factory is not MISSING]
    for name in left_out:
        assert from_note(kind, without(values, (name,)), "note").__class__ is kind
    assert left_out


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.__name__)
def test_a_key_of_a_newer_version_is_one_error_that_names_it(kind):
    with pytest.raises(ConfigError, match="has 'gravity', of a newer version of videoclip; update videoclip"):
        from_note(kind, json.loads(json.dumps(asdict(READ[kind]))) | {"gravity": 9.81}, "note")


def test_a_required_key_that_is_missing_is_damage():
    with pytest.raises(ConfigError, match=r"note: is damaged .*encoder"):
        from_note(FeatureKind, {"feature_size": 3}, "note")


def test_a_saved_model_loads_without_keys_of_later_versions_and_not_with_unknown_ones(tmp_path):
    VideoCLIP(TINY).save_pretrained(tmp_path)
    note = tmp_path / "config.json"
    saved = json.loads(note.read_text())
    for name, value in defaults(ModelConfig).items():
        if saved[name] == value:
            note.write_text(json.dumps(without(saved, (name,))))
            assert VideoCLIP.from_pretrained(tmp_path).config == TINY, name
    note.write_text(json.dumps(saved | {"gravity": 9.81}))
    with pytest.raises(ConfigError, match=r"config\.json: has 'gravity', of a newer version"):
        VideoCLIP.from_pretrained(tmp_path)
