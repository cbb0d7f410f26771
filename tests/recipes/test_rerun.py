import json
from dataclasses import replace
from pathlib import Path

import pytest
from made_corpus import SETTINGS, made_corpus

from videoclip.config import load_config
from videoclip.errors import ConfigError
from videoclip.pretrain.config import PretrainConfig
from videoclip.pretrain.trainer import pretrain
from videoclip.recipes.rerun import rerun


@pytest.fixture
def run(tmp_path) -> Path:
    settings = [*SETTINGS, f"corpus={made_corpus(tmp_path / 'c.lance')}", f"out={tmp_path / 'run'}", "epochs=2"]
    pretrain(load_config(PretrainConfig, "", settings))
    return tmp_path / "run"


def test_a_run_is_repeated_from_its_folder_and_is_the_same(run, tmp_path, videoclip):
    code, said, _ = videoclip("rerun", run)
    assert code == 0
    assert said.startswith("identical: ")
    weights = [json.loads((folder / "result.json").read_text())["weights"] for folder in (run, tmp_path / "run-again")]
    assert weights[0] == weights[1]


def test_a_run_of_several_processes_is_repeated_by_one(run, tmp_path):
    """Its batches of an update are those of all its processes."""
    result = json.loads((run / "result.json").read_text())
    result["config"]["batches"]["per_update"], result["processes"] = 0, 4
    (run / "result.json").write_text(json.dumps(result))
    assert rerun(run, tmp_path / "again").verdict == "identical"


def test_what_differs_is_named(run, tmp_path, videoclip):
    lines = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    lines[0]["loss"] *= 1.5
    (run / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, said, _ = videoclip("rerun", run, "--out", tmp_path / "again")
    assert code == 1
    assert "loss at update 1: " in said
    assert "different: " in said


def test_a_difference_of_the_hardware_is_close(run, tmp_path):
    lines = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    lines[0]["loss"] *= 1 + 1e-6
    (run / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    compared = rerun(run, tmp_path / "again")
    assert compared.verdict == "close"
    assert replace(compared, figures={}).verdict == "identical"
    assert replace(compared, figures={}, same_weights=False).verdict == "close"


def test_what_says_nothing_of_how_it_was_made_is_one_error(tmp_path, run):
    with pytest.raises(ConfigError, match="neither a run's folder"):
        rerun(tmp_path / "nothing", tmp_path / "out")
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ConfigError, match="does not say how it was made"):
        rerun(tmp_path / "x.json", tmp_path / "out")
    (run / "result.json").unlink()
    with pytest.raises(ConfigError, match="has not ended"):
        rerun(run, tmp_path / "out")


def test_a_run_of_a_version_that_wrote_fewer_keys_is_repeated_with_their_defaults(run, tmp_path):
    result = json.loads((run / "result.json").read_text())
    del result["config"]["model"]["similarity"], result["processes"]
    (run / "result.json").write_text(json.dumps(result))
    assert rerun(run, tmp_path / "again").verdict == "identical"
    (run / "result.json").write_text(json.dumps({key: value for key, value in result.items() if key != "config"}))
    with pytest.raises(ConfigError, match="does not say how the run was made"):
        rerun(run, tmp_path / "another")
