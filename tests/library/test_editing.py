"""Lists for editing programs, read back by OpenTimelineIO's adapters and its reckoning of time codes."""

from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import opentimelineio as otio
import pytest

from videoclip.library.editing import as_edl, as_fcpxml
from videoclip.library.ranking import Hit
from videoclip.media.source import COUNTED, RATES, Source, source_of, time_code

CASES = Path(__file__).parent.parent / "cases" / "21-edl"


def hit(path: Path, start: float, end: float) -> Hit:
    return Hit(1, str(path), start, end, 0.9, 0.8, None, "said & done")


def clips_of(edl: str, rate: float) -> list:
    timeline = otio.adapters.read_from_string(edl, "cmx_3600", rate=rate)
    return list(timeline.video_tracks()[0].find_clips())


def made(path: Path, rate: Fraction, seconds: int = 4, code: str = "", sound: bool = False) -> Path:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if code:
            container.metadata["timecode"] = code
            stream.metadata["timecode"] = code
        heard = container.add_stream("aac", rate=16_000) if sound else None
        for _ in range(int(seconds * rate)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
        container.mux(stream.encode())
        if heard:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), "fltp", "mono")
            frame.sample_rate = 16_000
            container.mux(heard.encode(frame))
            container.mux(heard.encode())
    return path


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("drops", [False, True])
def test_time_codes_are_those_of_another_reckoning(rate, drops):
    if drops and rate not in (Fraction(30_000, 1001), Fraction(60_000, 1001)):
        return
    minute = round(rate) * 60
    for number in (0, 1, minute - 1, minute, minute + 2, 10 * minute - 20, 10 * minute, 17_982, 107_892, 500_000):
        time = otio.opentime.RationalTime(number, float(rate))
        if rate in COUNTED:
            wanted = otio.opentime.to_timecode(time, float(rate), drops)
            assert time_code(number, rate, drops) == wanted


@pytest.mark.parametrize(
    ("rate", "code"),
    [
        (Fraction(25), "10:00:00:00"),
        (Fraction(24_000, 1001), "01:00:00:00"),
        (Fraction(30_000, 1001), "01:00:00;00"),
        (Fraction(30_000, 1001), "01:00:00:00"),
        (Fraction(60_000, 1001), "00:59:58;02"),
        (Fraction(50), ""),
        (Fraction(60), "23:00:00:10"),
    ],
)
def test_a_list_has_the_rate_and_the_start_code_of_its_file(tmp_path, rate, code):
    path = made(tmp_path / "a.mov", rate, code=code, sound=True)
    source = source_of(path)
    assert (source.rate, source.drops, source.width, source.height, source.channels) == (rate, ";" in code, 64, 48, 2)
    edl = as_edl([hit(path, 1.0, 3.0)], "x")
    assert ("FCM: DROP FRAME" in edl) == (";" in code)
    (clip,) = clips_of(edl, float(rate))
    begin = round(otio.opentime.from_timecode(code or "00:00:00:00", float(rate)).value)
    assert clip.source_range.start_time.value == begin + round(rate)
    assert clip.source_range.duration.value == 2 * round(rate)
    assert " AA/V " in edl
    xml = ElementTree.fromstring(as_fcpxml([hit(path, 1.0, 3.0)], "x").encode())
    (asset,) = xml.iter("asset")
    (shot,) = xml.iter("asset-clip")
    (form,) = xml.iter("format")
    per = Fraction(form.get("frameDuration").removesuffix("s"))
    assert 1 / per == rate
    assert (form.get("width"), form.get("height"), asset.get("hasAudio")) == ("64", "48", "1")
    start = Fraction(shot.get("start").removesuffix("s"))
    assert start == (begin + round(rate)) * per
    assert Fraction(asset.get("start").removesuffix("s")) == begin * per


def test_no_clip_reaches_beyond_its_file():
    short = CASES / "short.mp4"
    (clip,) = clips_of(as_edl([hit(short, 4.0, 9.0)], "x"), 25)  # time codes count no eight a second
    assert clip.source_range.start_time.value == 100
    assert 130 <= clip.source_range.end_time_exclusive().value <= 5.25 * 25
    xml = ElementTree.fromstring(as_fcpxml([hit(short, 4.0, 9.0)], "x").encode())
    (shot,), (asset,) = xml.iter("asset-clip"), xml.iter("asset")
    start, length = (Fraction(shot.get(name).removesuffix("s")) for name in ("start", "duration"))
    assert start + length <= Fraction(asset.get("duration").removesuffix("s")) <= Fraction(21, 4)


def test_the_given_file_has_its_own_rate():
    source = source_of(CASES / "b2997.mp4")
    assert (source.rate, source.drops, source.width, source.height) == (Fraction(30_000, 1001), False, 128, 96)
    (clip,) = clips_of(as_edl([hit(CASES / "b2997.mp4", 2.0, 5.0)], "x"), 30_000 / 1001)
    assert (clip.source_range.start_time.value, clip.source_range.duration.value) == (60, 90)


def test_files_of_several_rates_keep_their_own_in_fcpxml(tmp_path):
    one, other = made(tmp_path / "a.mov", Fraction(25)), made(tmp_path / "b.mov", Fraction(30_000, 1001))
    hits = [hit(one, 1.0, 2.0), hit(other, 1.0, 3.0), hit(one, 0.0, 1.0)]
    xml = ElementTree.fromstring(as_fcpxml(hits, "x").encode())
    assert [f.get("frameDuration") for f in xml.iter("format")] == ["1/25s", "1001/30000s"]
    ids = [node.get("id") for node in xml.find("resources")]
    assert len(set(ids)) == len(ids) == 4
    lengths = [Fraction(c.get("duration").removesuffix("s")) for c in xml.iter("asset-clip")]
    offsets = [Fraction(c.get("offset").removesuffix("s")) for c in xml.iter("asset-clip")]
    assert offsets == [0, lengths[0], lengths[0] + lengths[1]]
    assert all((length * 25).denominator == 1 for length in lengths)
    assert len(clips_of(as_edl(hits, "x"), 25)) == 3
    assert "* SOURCE RATE: 29.97" in as_edl(hits, "x")


def test_a_file_that_is_gone_still_has_its_line(tmp_path):
    assert source_of(tmp_path / "gone.mp4") == Source()
    (clip,) = clips_of(as_edl([hit(tmp_path / "gone.mp4", 1.0, 2.0)], "x"), 25)
    assert clip.source_range.duration.value == 25


def test_odd_names_break_no_line():
    path = Path("/videos/a\n001  AX V C\udcfc\"'<&>.mp4")
    edl = as_edl([hit(path, 0.0, 1.0)], "line\nbreak")
    assert len(clips_of(edl, 25)) == 1
    assert r"\xfc" in edl
    xml = as_fcpxml([hit(path, 0.0, 1.0)], "line\nbreak")
    assert "%FC" in xml
    ElementTree.fromstring(xml.encode())
