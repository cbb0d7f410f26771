"""Cut clips hold what was asked for, counted by FFmpeg's own decoder; joined files have one clock."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from made import write

from videoclip.media.clock import Clock
from videoclip.media.container import pictures
from videoclip.media.cutting import cut
from videoclip.media.video import picture_at, seconds_of

CASES = Path(__file__).parent.parent / "cases"


def shown(path: Path) -> list[float]:
    """Seconds at which a file shows a picture."""
    import av

    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(container.streams.video[0])]


def heard(path: Path) -> tuple[float, float]:
    """Seconds at which a file's sound begins and ends."""
    import av

    with av.open(str(path)) as container:
        frames = list(container.decode(container.streams.audio[0]))
    return frames[0].time, frames[-1].time + frames[-1].samples / frames[-1].sample_rate


def made(path: Path, codec: str, seconds: int = 8, **options: str) -> Path:
    """Pictures that change, 10 a second, with a key frame every 2 seconds and frames that look ahead."""
    return write(
        path, [(7 * i) % 250 for i in range(10 * seconds)], fps=10, codec=codec, **{"g": "20", "bf": "2"} | options
    )


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    quick = {"preset": "ultrafast"}
    return {
        "h264.mkv": made(folder / "h264.mkv", "libx264"),
        "h264.ts": made(folder / "h264.ts", "libx264"),
        "hevc.mkv": made(folder / "hevc.mkv", "libx265", **quick),
        "hevc.ts": made(folder / "hevc.ts", "libx265", **quick),
        "mpeg4.avi": made(folder / "mpeg4.avi", "mpeg4", bf="0"),
    }


@pytest.mark.parametrize("name", ["h264.mkv", "h264.ts", "hevc.mkv", "hevc.ts", "mpeg4.avi"])
@pytest.mark.parametrize(("start", "end"), [(0.0, 1.5), (4.0, 6.0), (3.1, 4.9), (7.0, 8.0)])
def test_a_copied_clip_shows_all_pictures_from_the_key_frame_before(films, name, start, end, tmp_path):
    out = tmp_path / f"clip{'.mkv' if name.endswith('.mkv') else '.mp4'}"
    cut(films[name], start, end, out)
    times = shown(out)
    led = len([t for t in times if t < times[0] + end - start]) - round(10 * (end - start))
    assert led >= 0
    assert round(10 * (end - start)) <= len(times) <= round(10 * (end - start)) + 20 + 3
    assert np.allclose(np.diff(times), 0.1, atol=0.002)


@pytest.mark.parametrize("name", ["h264.mkv", "h264.ts", "hevc.ts"])
def test_an_encoded_clip_shows_the_very_pictures(films, name, tmp_path):
    cut(films[name], 3.0, 4.5, tmp_path / "clip.mp4", encode=True)
    assert shown(tmp_path / "clip.mp4") == pytest.approx(np.arange(15) / 10, abs=0.002)


def test_the_first_pictures_of_a_matroska_file_are_not_missing(tmp_path):
    path = CASES / "03-clips" / "h264.mkv"
    cut(path, 0.0, 5.0, tmp_path / "a.mkv")
    assert len(shown(tmp_path / "a.mkv")) in range(40, 44)
    cut(path, 36.0, 40.0, tmp_path / "b.mkv")
    assert len(shown(tmp_path / "b.mkv")) >= 32


@pytest.mark.parametrize("encode", [False, True])
def test_sound_that_begins_later_does_so_in_the_clip(encode, tmp_path):
    out = tmp_path / "clip.mp4"
    cut(CASES / "22-late-sound" / "late.mkv", 2.0, 8.0, out, encode)
    begins, ends = heard(out)
    assert begins == pytest.approx(2.0, abs=0.05)
    assert ends == pytest.approx(6.0, abs=0.1)


@pytest.mark.parametrize("start", [4.013, 4.5, 5.06, 3.97])
def test_an_encoded_clip_with_sound_begins_anywhere(start, tmp_path):
    cut(CASES / "22-late-sound" / "late.mkv", start, start + 2, tmp_path / "clip.mp4", encode=True)
    assert len(shown(tmp_path / "clip.mp4")) in (15, 16, 17)
    assert heard(tmp_path / "clip.mp4")[1] == pytest.approx(2.0, abs=0.15)


@pytest.mark.parametrize("encode", [False, True])
def test_pixels_keep_their_shape_and_pictures_are_shown_in_it(encode, tmp_path):
    import av

    out, source = tmp_path / "clip.mp4", CASES / "23-pixels" / "pal.mp4"
    cut(source, 2.0, 5.0, out, encode)
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.sample_aspect_ratio) == (120, 96, Fraction(64, 45))
    assert picture_at(source, 3.0).shape[:2] == (96, 171)
    assert next(pictures(source, 5.0, 160))[1].shape[:2] == (90, 160)


def test_a_variable_rate_stays_one(tmp_path):
    source, out = CASES / "24-vfr" / "phone.mp4", tmp_path / "clip.mp4"
    for start, end in ((0.0, 4.0), (5.0, 9.0), (9.0, 13.0)):
        cut(source, start, end, out, encode=True)
        wanted = [t - start for t in shown(source) if start <= t < end]
        assert shown(out) == pytest.approx(wanted, abs=0.002)


@pytest.mark.parametrize("gap", [0, 4])
def test_parts_that_were_joined_have_one_clock(gap, tmp_path):
    """The second part's clock begins anew, at the same place or hours later, as recorders leave it."""
    times = range(30)
    parts = [
        write(
            tmp_path / f"{i}.ts", [grey] * 30, fps=10, codec="mpeg2video", times=[36_000 * gap * i + t for t in times]
        )
        for i, grey in enumerate((40, 200))
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    said: list[str] = []
    greys = [int(second[0].mean()) for second in seconds_of(joined, 10, 32, damage=said.append)]
    assert greys == pytest.approx([40] * 3 + [200] * 3, abs=6)
    assert not said
    assert picture_at(joined, 4.0).mean() == pytest.approx(200, abs=6)
    cut(joined, 3.5, 5.0, tmp_path / "clip.mp4", encode=True)
    assert len(shown(tmp_path / "clip.mp4")) in (14, 15, 16)
    assert picture_at(tmp_path / "clip.mp4", 0.5).mean() == pytest.approx(200, abs=6)


def test_all_seconds_of_a_joined_recording_are_read():
    said: list[str] = []
    assert len(list(seconds_of(CASES / "19-joined-ts" / "joined.ts", 8, 32, damage=said.append))) == 32
    assert not said


def packet(second: float, stream: int = 0) -> SimpleNamespace:
    return SimpleNamespace(pts=second, dts=second, time_base=1, stream=SimpleNamespace(index=stream))


def test_one_wrong_time_is_no_new_beginning():
    times = [0, 1, 2, 900, 3, 4, -50, 5, 6]
    clock = Clock("mpegts")
    assert [p.pts for p in clock.continuous(packet(t) for t in times)] == times
    assert clock.beginnings == 0


def test_sound_keeps_its_place_beside_the_pictures_where_a_clock_begins_anew():
    first = [packet(t, stream) for t in range(5) for stream in (0, 1)]
    second = [packet(100 + t + 0.25 * stream, stream) for t in range(5) for stream in (1, 0)]
    clock = Clock("mpegts")
    times = {stream: [] for stream in (0, 1)}
    for p in clock.continuous([*first, *second]):
        times[p.stream.index].append(p.pts)
    assert clock.beginnings == 1
    assert np.allclose(np.array(times[1][5:]) - times[0][5:], 0.25, atol=0.5)
    assert np.allclose(np.diff(times[0]), 1, atol=0.5)


def test_a_gap_names_the_variable_that_allows_it(tmp_path):
    path = write(tmp_path / "gap.mp4", [90] * 20, fps=10, times=[*range(10), *range(41_000, 41_010)])
    said: list[str] = []
    assert len(list(seconds_of(path, 10, 32, damage=said.append))) == 1
    assert "nothing is shown for 68 minutes" in said[0]
    assert "VIDEOCLIP_MAX_GAP" in said[0]


def test_a_picture_shown_for_long_is_in_every_moment_of_its_time(tmp_path):
    path = write(tmp_path / "slow.mkv", [40, 90, 140, 190], fps=1, times=[0, 20, 40, 60], codec="libx264", bf="0")
    cut(path, 25.0, 35.0, tmp_path / "clip.mp4", encode=True)
    assert shown(tmp_path / "clip.mp4") == pytest.approx([0.0, 9.9], abs=0.01)
    assert picture_at(tmp_path / "clip.mp4", 5.0).mean() == pytest.approx(90, abs=6)


def test_a_copy_begins_at_the_key_frame_before_also_without_an_index(tmp_path):
    path = made(tmp_path / "film.avi", "mpeg4", bf="0")
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"idx1")])
    cut(path, 3.0, 5.0, tmp_path / "clip.mp4")
    assert 20 <= len(shown(tmp_path / "clip.mp4")) <= 40  # of 50 from the begin
