"""A command that is asked to end says by its exit code whether its work is whole: what stands after && waits for it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made import write

from videoclip.encoders.load import load_encoder
from videoclip.library.search import Library
from videoclip.model.config import ModelConfig
from videoclip.model.videoclip import VideoCLIP

PATIENCE = 600


def started(*arguments) -> subprocess.Popen:
    command = [sys.executable, "-m", "videoclip", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def stopped(process: subprocess.Popen, when) -> tuple[int, str]:
    """Exit code and complaints of a command that is asked to end as soon as something is so."""
    deadline = time.monotonic() + PATIENCE
    while not when():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=PATIENCE)
    return process.returncode, said


@pytest.fixture
def library(tmp_path) -> tuple[Path, list]:
    """A folder for a library, and how a video is indexed into it."""
    kind = load_encoder("demo").kind
    sizes = ModelConfig(
        feature_size=kind.feature_size, hidden_size=16, heads=2, intermediate_size=32, video_layers=1, text_layers=1,
        positions=64, encoder=kind.encoder, normalized=kind.normalized,
    )  # fmt: skip
    VideoCLIP(sizes).save_pretrained(tmp_path / "model")
    (tmp_path / "videos").mkdir()
    write(tmp_path / "videos" / "a.mp4", [60 + i % 40 for i in range(60)], fps=10)
    return tmp_path / "library", [
        "index",
        tmp_path / "videos",
        "--library",
        tmp_path / "library",
        "--model",
        tmp_path / "model",
    ]


def test_rendering_that_is_not_whole_ends_with_143(tmp_path):
    world = started("world", tmp_path / "w", "--videos", "2000")
    code, said = stopped(world, lambda: len(list((tmp_path / "w").rglob("*.srt"))) >= 2)
    assert code == 143
    assert said.splitlines()[-1] == "videoclip: stopped as asked; the same command goes on from here"
    assert not (tmp_path / "w" / "truth.json").exists()


def test_watching_that_waits_is_whole_and_ends_with_0(library):
    folder, arguments = library
    watching = started(*arguments, "--watch", "--json")
    line = watching.stdout.readline()
    assert '"added": 1' in line
    time.sleep(1)  # which it takes to begin to wait
    code, _ = stopped(watching, lambda: True)
    assert code == 0
    assert len(Library(folder).videos) == 1
