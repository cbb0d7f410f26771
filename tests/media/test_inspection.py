import json
from pathlib import Path

import pytest
from painted import paint

from videoclip.media.files import find_videos
from videoclip.media.inspection import inspect


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("inspected")
    paint(folder / "red.mp4", ("red", 3))
    (folder / "red.en.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nit is red\n")
    (folder / "torn.mp4").write_bytes((folder / "red.mp4").read_bytes()[:200])
    return folder


def test_what_is_seen_in_a_file_is_what_it_holds(folder):
    seen = inspect(find_videos(folder / "red.mp4")[0])
    assert (seen.pictures, seen.seconds, seen.problem) == (15, pytest.approx(3.0, abs=0.25), "")
    assert (seen.captions, seen.language, seen.sentences) == (str((folder / "red.en.srt").resolve()), "en", 1)
    (track,) = seen.tracks
    assert (track.kind, track.codec, track.used) == ("video", "h264", True)
    assert {"96×64", "5 pictures a second"} <= set(track.details)


def test_a_file_that_cannot_be_used_is_told_with_the_reason_beside_those_that_can(folder, videoclip):
    code, said, _ = videoclip("inspect", folder)
    assert code == 0
    assert "15 pictures" in said
    assert "PROBLEM   not a video that can be read" in said
    _, printed, _ = videoclip("inspect", folder, "--json")
    assert [bool(seen["problem"]) for seen in json.loads(printed)] == [False, True]
