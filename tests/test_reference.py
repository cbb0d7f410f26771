"""The reference is that of the code, and its examples run."""

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import videoclip
from videoclip import Corpus, load_encoder
from videoclip.config import load_config
from videoclip.corpus.extract import extract
from videoclip.library.index import index
from videoclip.media.files import find_videos
from videoclip.pretrain.config import PretrainConfig, fitted
from videoclip.pretrain.trainer import random_model

ROOT = Path(__file__).parents[1]


def module_of(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = module_of(ROOT / ".ci" / "reference.py")


@pytest.mark.parametrize("page", reference.PAGES)
def test_each_page_is_what_the_code_says_now(page):
    written = (ROOT / "docs" / "reference" / page).read_text()
    assert written == reference.PAGES[page](), "run python .ci/reference.py"


def test_every_public_name_has_an_example():
    assert set(reference.examples()) == set(videoclip.__all__) - {"__version__"}


@pytest.fixture
def made(world, tmp_path) -> Path:
    """What the demo leaves, but for the training: a corpus, a model that has learned nothing, and a library."""
    demo = tmp_path / "runs" / "demo"
    demo.mkdir(parents=True)
    shutil.copytree(world, demo / "videos")
    for path in sorted((world / "train").glob("*.mp4"))[:10]:  # more than the one that so small a world validates on
        for file in (path, path.with_suffix(".srt")):
            shutil.copy(file, demo / "videos" / "val")
    encoder = load_encoder("demo")
    extract(find_videos(world), encoder, demo / "corpus.lance")
    config = load_config(PretrainConfig, "demo", ["model.hidden_size=32", "model.heads=2"])
    model = random_model(fitted(config, encoder.kind), Corpus(demo / "corpus.lance"))
    model.save_pretrained(demo / "model")
    index([world / "test"], demo / "library", model, encoder)
    return tmp_path


def test_the_examples_run_where_the_demo_was_made(made):
    code = "\n".join(reference.examples().values())
    done = subprocess.run([sys.executable, "-c", code], cwd=made, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "no/such.lance" in done.stdout


def test_the_commands_of_the_guides_run_where_the_demo_was_made(made, monkeypatch, videoclip):
    """Those in ``console`` blocks, which stand with what they print."""
    truth = json.loads((made / "runs" / "demo" / "videos" / "truth.json").read_text())
    steps = truth["videos"]["test/kitchen_00019"]["steps"]
    (made / "steps.txt").write_text("\n".join(step["description"] for step in steps))
    rows = [f"test/kitchen_00019,{step['start']},{step['end']},{step['description']}" for step in steps]
    (made / "pairs.csv").write_text("\n".join(["video,start,end,text", *rows]))
    monkeypatch.chdir(made)
    lines = []
    for page in sorted((ROOT / "docs").glob("*.md")):
        for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            lines += re.findall(r"^\$ videoclip (.*)", block, re.MULTILINE)
    assert len(lines) > 3
    for line in lines:
        code, printed, said = videoclip(*shlex.split(line))
        assert code == 0, f"{line}: {said}"
        assert printed, line
