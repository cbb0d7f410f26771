"""What every command's help says, and that what it says is so."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
import typer
import yaml
from typer.testing import CliRunner

from videoclip.cli.main import app
from videoclip.config import dump_config, explained, load_config, presets, sentences_of
from videoclip.encoders.config import EncoderConfig
from videoclip.pretrain.config import PretrainConfig
from videoclip.tasks.finetune import FinetuneConfig

COMMANDS = typer.main.get_command(app).commands
WITHOUT_RESULT = {"serve"}
"""Commands that print no result."""


def squeezed(text: str) -> str:
    """Without what a table in a terminal puts between words."""
    return re.sub(r"[\s│]+", "", text)


@pytest.fixture(scope="module")
def helps() -> dict[str, str]:
    run = CliRunner(env={"COLUMNS": "300", "TERM": "dumb"})
    return {name: run.invoke(app, [name, "--help"], prog_name="videoclip").output for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_swallows_nothing_that_is_in_brackets(name, helps):
    shown = squeezed(helps[name])
    for param in COMMANDS[name].params:
        if getattr(param, "hidden", False) or not getattr(param, "help", None):
            continue
        assert squeezed(param.help.replace("\\[", "[")) in shown, param.name
        if param.default not in (None, "", False) and not callable(param.default):
            assert str(param.default) in shown, f"the default of {param.name}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_which_it_understands(name, helps):
    command = COMMANDS[name]
    assert squeezed(command.epilog) in squeezed(helps[name])
    program, called, *arguments = shlex.split(command.epilog.removeprefix("Example: "))
    assert (program, called) == ("videoclip", name)
    command.make_context(name, arguments)  # which refuses an option that there is not


@pytest.mark.parametrize("name", COMMANDS)
def test_results_and_formats_are_asked_for_alike(name):
    options = {
        spelling for param in COMMANDS[name].params for spelling in param.opts if not getattr(param, "hidden", 0)
    }
    assert ("--json" in options) == (name not in WITHOUT_RESULT)
    assert "--form" not in options
    assert "--device" in options or "--model" not in options, "what loads a model says where it runs"


def test_the_presets_are_named(helps):
    assert all(preset in helps["pretrain"] for preset in presets())


@pytest.mark.parametrize("kind", [PretrainConfig, FinetuneConfig, EncoderConfig])
def test_every_key_of_a_configuration_is_explained_below_its_group(kind):
    def unexplained(config, prefix=""):
        known = sentences_of(type(config))
        for key, value in vars(config).items():
            yield from () if known.get(key, "").strip().endswith((".", ".)")) else [f"{prefix}{key}"]
            if hasattr(value, "__dataclass_fields__"):
                yield from unexplained(value, f"{prefix}{key}.")

    assert list(unexplained(kind())) == []


@pytest.mark.parametrize("preset", presets())
def test_what_is_explained_is_the_configuration(preset):
    config = load_config(PretrainConfig, preset)
    text = explained(config)
    assert yaml.safe_load(text) == dump_config(config)
    assert "(from 1 to 1,000,000,000)" in text
    assert max(map(len, text.splitlines())) <= 120


def test_show_explains_the_keys_of_each_command_that_takes_them(videoclip):
    for command, key in (("pretrain", "clips:"), ("finetune", "patience: 3"), ("train-encoder", "updates: 2500")):
        code, out, err = videoclip(command, "--show")
        assert (code, err) == (0, "")
        assert key in out
        assert "# Repeats the" in out


def test_a_task_is_named_in_one_way(videoclip, tmp_path):
    arguments = ("--model", "m", "--data", tmp_path, "--out", tmp_path / "out", "task=retrieval")
    code, _, err = videoclip("finetune", "coin", *arguments)
    assert (code, err) == (2, "videoclip: task=retrieval: write --task retrieval\n")


def test_a_split_that_is_not_there_is_answered_by_those_that_are(videoclip, tmp_path):
    code, _, err = videoclip("evaluate", "world", "--model", "m", "--data", tmp_path, "--split", "tst")
    assert (code, err) == (2, "videoclip: world has no split 'tst'; choose from test, val, train\n")


def test_a_device_that_is_not_here_is_one_line(videoclip, tmp_path, monkeypatch):
    monkeypatch.delenv("VIDEOCLIP_DEVICE", raising=False)
    code, _, err = videoclip("evaluate", "world", "--model", "m", "--data", tmp_path, "--device", "gpu7")
    assert (code, err.count("\n")) == (2, 1)
    assert "device 'gpu7'" in err


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "videoclip", *arguments], capture_output=True, text=True, check=False)


def test_quiet_prints_the_result_alone_and_verbose_says_where_an_error_comes_from(tmp_path):
    world = ("world", str(tmp_path / "w"), "--videos", "1")
    loud, quiet = run(*world), run("-q", "world", str(tmp_path / "v"), "--videos", "1", "--json")
    assert "render: 1/1" in loud.stderr
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert json.loads(quiet.stdout)["truth"].endswith("truth.json")
    brief, verbose = (run(*flags, *world, "--seed", "2") for flags in ((), ("--verbose",)))
    assert brief.returncode == verbose.returncode == 2
    assert len(brief.stderr.splitlines()) == 1
    assert "Traceback" in verbose.stderr
    assert verbose.stderr.splitlines()[-1] == brief.stderr.strip()


def test_the_shell_completes_commands():
    code = "import sys; sys.argv[0] = 'videoclip'; from videoclip.cli.main import main; main()"
    asked = {"_VIDEOCLIP_COMPLETE": "complete_bash", "COMP_WORDS": "videoclip se", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ | asked
    )
    assert done.stdout.split() == ["search", "segment", "serve"], done.stderr
