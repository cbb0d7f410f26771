"""The examples do what they say: on the rendered videos of all tests, and with as little training as there can be."""

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import videoclip

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOK = json.loads((EXAMPLES / "five_minutes.ipynb").read_text(encoding="utf-8"))
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
HAND_CHECKED = {"README.md", "rendered.py", "five_minutes.ipynb"}


@pytest.fixture(scope="module")
def folder(world, tmp_path_factory) -> Path:
    """Where the examples are run, with videos rendered."""
    folder = tmp_path_factory.mktemp("examples")
    for name in ("runs/examples", "five-minutes"):
        (folder / name).mkdir(parents=True)
        (folder / name / "videos").symlink_to(world)
    return folder


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Run an example in this process, with two epochs of training: its name and arguments -> what it prints."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def run(name: str, *arguments: str) -> str:
        monkeypatch.setattr("rendered.EPOCHS", 2)
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_moments_are_found(run):
    found = run("find_moments.py", "someone stirs")
    assert found.startswith("20 videos; someone stirs:\n")
    assert re.search(r"^ +\d+\.0 s to +\d+\.0 s of .*\.mp4$", found, re.MULTILINE)


def test_a_head_learns_more_than_the_commonest_action(run):
    right = re.search(r"new videos: (\d+)% \(always the commonest action: (\d+)%\)", run("train_a_head.py"))
    assert right
    assert int(right[1]) > 2 * int(right[2])


def test_workers_loop_over_a_corpus_of_any_start(run, folder):
    run("evaluate_on_pairs.py")  # makes the corpus
    source = str(Path(videoclip.__file__).parent.parent)
    command = [sys.executable, EXAMPLES / "loop_over_a_corpus.py", "--corpus", "runs/examples/corpus.lance"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=os.environ | {"PYTHONPATH": source}, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "20 videos, 1200 seconds, " in done.stdout


def test_a_model_is_measured_on_pairs(run):
    assert re.search(r"22 moments; .*\n  R@1: .*%\n(.*\n)+by chance, R@1 is 4\.5%", run("evaluate_on_pairs.py"))


def test_every_example_is_run_and_listed():
    there = {path.name for path in EXAMPLES.iterdir() if path.name != "__pycache__"}
    run_here = set(re.findall(r'"(\w+\.py)"', Path(__file__).read_text(encoding="utf-8")))
    assert there == run_here | HAND_CHECKED
    listed = set(re.findall(r"\]\((.*?)\)", (EXAMPLES / "README.md").read_text(encoding="utf-8")))
    assert listed == there - {"README.md", "rendered.py"}


def test_the_notebook_runs_from_top_to_bottom(folder, monkeypatch, capsys):
    import matplotlib

    monkeypatch.chdir(folder)
    matplotlib.use("agg")
    sizes, *cells = CODE
    assert re.fullmatch(r"VIDEOS, EPOCHS = \d+, \d+", sizes)
    names = {"VIDEOS": 20, "EPOCHS": 1}
    try:
        for cell in cells:
            exec(compile(cell, "five_minutes.ipynb", "exec"), names)
    finally:
        videoclip.progress.show_progress(True)
    printed = capsys.readouterr().out
    assert "20 videos, such as train/" in printed
    assert "and that is at " in printed


def test_the_notebook_keeps_what_it_printed_and_no_path_of_the_machine_that_ran_it():
    outputs = [cell["outputs"] for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert all(outputs[1:])
    said = json.dumps([out for each in outputs for out in each if out["output_type"] == "stream"])
    assert not re.search(r'[" ]/\w', said)
    assert "Warning" not in said
    assert (EXAMPLES / "five_minutes.ipynb").stat().st_size < 100_000
