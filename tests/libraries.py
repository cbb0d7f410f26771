"""A library of painted videos, which the tests of library and serve share."""

import shutil
from pathlib import Path

import pytest
from painted import Painted, encoder, paint

from videoclip.library.index import IndexOptions, index
from videoclip.library.search import Library

SRT = """1
00:00:01,000 --> 00:00:04,000
welcome to the workshop

2
00:00:12,000 --> 00:00:15,000
now we sharpen the chisel slowly
"""


@pytest.fixture(scope="session")
def painted_once(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("painted") / "videos"
    (folder / "below").mkdir(parents=True)
    paint(folder / "a.mp4", ("white", 20), ("red", 8), ("white", 12))
    (folder / "a.en.srt").write_text(SRT)
    paint(folder / "b.mp4", ("green", 10), ("blue", 10), ("yellow", 10))
    paint(folder / "below" / "c.webm", ("purple", 6), ("black", 6), codec="libvpx")
    return folder


@pytest.fixture
def videos(painted_once, tmp_path) -> Path:
    """Three videos: colours at known seconds, one with captions, one in a folder below."""
    return Path(shutil.copytree(painted_once, tmp_path / "videos"))


@pytest.fixture
def indexed(videos, tmp_path):
    """Index the videos again, whatever has changed: () -> what that did."""

    def run(*places, **options):
        options = {"model": Painted(), "encoder": encoder()} | options
        model, seer, told = options.pop("model"), options.pop("encoder"), options.pop("told", lambda _: None)
        return index(list(places) or [videos], tmp_path / "library", model, seer, IndexOptions(**options), told)

    return run


@pytest.fixture
def library(indexed, tmp_path) -> Library:
    indexed()
    return Library(tmp_path / "library", Painted())
