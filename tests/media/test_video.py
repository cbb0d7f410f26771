import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from made import write, write_audio_only

from videoclip.errors import MediaError
from videoclip.media.resampling import Resampler, scaled_size
from videoclip.media.video import MediaWarning, picture_at, probe, seconds_of

SECONDS = {  # of the sample files, at 30 frames per second
    "av1_video.mkv": 5, "coffee.mp4": 10, "flipping_a_pancake.mkv": 11, "friday.mp4": 7, "h265_10bits.mp4": 1,
    "nasa_13013.mp4": 13, "nasa_13013_rotated.mp4": 1, "test_non_zero_start.mp4": 1, "testsrc2_mpeg4.avi": 1,
    "testsrc2_odd_height_and_width_444.mp4": 1, "testsrc2_vp9.webm": 1, "unordered.mov": 1,
    "video_0.mov": 1, "video_90.mov": 1,
}  # fmt: skip


def frames(path, fps=30, size=32) -> np.ndarray:
    return np.concatenate(list(seconds_of(path, fps, size)))


@pytest.mark.parametrize("name", SECONDS)
def test_real_files_with_troubles_are_read_whole(samples, name):
    seconds = list(seconds_of(samples / name, 30, 224))
    assert len(seconds) == SECONDS[name]
    assert all(second.shape == (30, 224, 224, 3) for second in seconds)
    assert seconds[0][0].max() > 30, "the first picture is black"


def test_a_damaged_file_gives_the_frames_that_can_be_had_and_a_warning(samples):
    with pytest.warns(MediaWarning, match=r"corrupted.mp4: damaged in \d+ places"):
        assert len(list(seconds_of(samples / "corrupted.mp4", 30, 64))) == 5


@pytest.mark.parametrize("name", ["video_0.mov", "video_90.mov", "nasa_13013_rotated.mp4"])
def test_rotation_metadata_is_honoured_the_same_way_by_stream_and_single_picture(samples, name):
    first = next(iter(seconds_of(samples / name, 30, 64)))[0].astype(float)
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(picture_at(samples / name, 0.0)))
    wide, high = scaled_size(*picture.size, 64)
    left, top = (wide - 64) // 2, (high - 64) // 2
    upright = picture.resize((wide, high), Image.Resampling.BICUBIC).crop((left, top, left + 64, top + 64))
    assert np.corrcoef(first.ravel(), np.asarray(upright, float).ravel())[0, 1] > 0.98


@pytest.mark.parametrize(("fps", "wanted"), [(30, 45), (10, 15), (60, 90)])
def test_any_rate_is_resampled_to_the_one_asked_for(tmp_path, fps, wanted):
    path = write(tmp_path / "a.mp4", [8 * (i // 2) for i in range(45)])
    seconds = list(seconds_of(path, fps, 32))
    assert len(seconds) == -(-wanted // fps)
    middle = np.concatenate(seconds)[:wanted, 16, 16, 0].astype(int)
    expected = [8 * (round(i * 30 / fps - 0.01) // 2) for i in range(wanted)]
    assert np.abs(middle - np.array(expected)).max() <= 16


def test_the_last_partial_second_is_filled_with_black(tmp_path):
    last = list(seconds_of(write(tmp_path / "a.mp4", [200] * 40), 30, 32))[-1]
    assert last[:10].mean() > 190
    assert last[10:].max() == 0


def test_one_frame_is_one_second(tmp_path):
    assert len(frames(write(tmp_path / "a.mp4", [200]))) == 30


def test_variable_frame_rate_is_spread_over_real_time(tmp_path):
    path = write(tmp_path / "a.mkv", [0, 120, 240], codec="ffv1", times=[0, 30, 75])
    middle = frames(path)[:, 16, 16, 0].astype(int)
    assert abs(middle[15]) < 10
    assert abs(middle[45] - 120) < 10
    assert abs(middle[75] - 240) < 10


@pytest.mark.parametrize(
    ("size", "codec"), [((63, 47), "ffv1"), ((200, 48), "mpeg4"), ((48, 200), "mpeg4"), ((16, 16), "ffv1")]
)
def test_odd_and_extreme_sizes_are_scaled_and_cropped(tmp_path, size, codec):
    assert frames(write(tmp_path / "a.mkv", [90] * 3, size=size, codec=codec)).shape[1:] == (32, 32, 3)


def test_scaling_follows_the_published_extractor():
    assert scaled_size(1280, 720, 224) == (398, 224)
    assert scaled_size(720, 1280, 224) == (224, 398)
    assert scaled_size(300, 300, 224) == (224, 224)


def test_what_is_no_video_is_one_error_with_file_and_reason(tmp_path):
    whole = write(tmp_path / "whole.mp4", [100] * 60).read_bytes()
    cases = {
        "empty.mp4": (b"", "is empty"),
        "text.mp4": (b"not a video " * 99, "not a video"),
        "cut.mp4": (whole[: len(whole) // 3], "not a video|no picture"),
    }
    for name, (content, reason) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(MediaError, match=f"{name}.*({reason})"):
            frames(tmp_path / name)
    with pytest.raises(MediaError, match="no such file"):
        frames(tmp_path / "missing.mp4")
    with pytest.raises(MediaError, match="no video stream, only audio"):
        frames(write_audio_only(tmp_path / "audio.m4a"))


@pytest.mark.parametrize("seed", range(8))
def test_damage_in_the_middle_never_crashes(tmp_path, seed):
    content = bytearray(write(tmp_path / "a.avi", [i % 250 for i in range(120)]).read_bytes())
    rng = np.random.default_rng(seed)
    for place in rng.integers(0, len(content), 40):
        content[place] = rng.integers(256)
    (tmp_path / "b.avi").write_bytes(content)
    assert outcome(tmp_path / "b.avi") in ("frames", "MediaError")


def outcome(path) -> str:
    try:
        return "frames" if list(seconds_of(path, 30, 32, damage=lambda message: None)) else "nothing"
    except MediaError:
        return "MediaError"


def test_probe_says_what_a_file_is(tmp_path):
    info = probe(write(tmp_path / "a.mp4", [9] * 60, fps=20, size=(80, 60)))
    assert (info.width, info.height, info.fps, info.codec) == (80, 60, 20.0, "mpeg4")
    assert info.duration == pytest.approx(3.0)


def test_memory_does_not_grow_with_duration(tmp_path):
    """The same reader over a file 20 times as long needs hardly more memory (in a process of its own)."""
    short, long = (write(tmp_path / f"{n}.mp4", [i % 200 for i in range(n)], size=(640, 360)) for n in (60, 1200))
    assert peak_megabytes(long) - peak_megabytes(short) < 40


def peak_megabytes(path) -> float:
    code = (
        "import resource, sys; from videoclip.media.video import seconds_of\n"
        "for second in seconds_of(sys.argv[1], 30, 224): pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.parametrize("seed", range(6))
def test_each_picture_at_a_rate_is_the_last_frame_of_its_place(tmp_path, seed):
    """Against the rule of libavfilter's fps, written out; frames that no place wants are never fed to it."""
    rng = np.random.default_rng(seed)
    times = np.unique(np.append(0, rng.integers(0, 30 * 12, 100)))
    greys = [20 + 20 * (n % 11) for n in range(len(times))]
    path = write(tmp_path / "uneven.mkv", greys, fps=30, times=times.tolist(), g="1")
    for fps in (1, 2, 7):
        shown = [int(picture.mean()) for second in seconds_of(path, fps, 32) for picture in second]
        places = [int(np.floor(time * fps / 30 + 0.5)) for time in times]
        wanted = [max(n for n, place in enumerate(places) if place <= slot or n == 0) for slot in range(places[-1])]
        assert shown[: len(wanted)] == pytest.approx([greys[n] for n in wanted], abs=8)


def test_whoever_looks_sees_each_frame_of_the_one_decoding(tmp_path):
    path = write(tmp_path / "a.mp4", [50, 100, 150] * 20, fps=30)
    seen: list[float] = []
    list(seconds_of(path, 1, 32, look=lambda second, frame, stream: seen.append(second)))
    assert seen == pytest.approx(np.arange(60) / 30)


@pytest.mark.parametrize(("fps", "rate"), [(25, 2), (24, 16), (30, 7)])
def test_pictures_are_the_same_after_a_change_of_size_whatever_is_fed(tmp_path, monkeypatch, fps, rate):
    """Where pictures change their size, libavfilter begins anew in mid-file, and counts from there."""
    import av

    path = tmp_path / "sizes.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for i in range(fps * 5):
            size = (64, 48) if i < 37 or i > 71 else (96, 64)
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.width, encoder.height = size
            encoder.pix_fmt, encoder.time_base = "yuvj420p", Fraction(1, fps)
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 2 * i % 256, np.uint8), "rgb24")
            frame = frame.reformat(format="yuvj420p")
            for packet in encoder.encode(frame):
                packet.pts = packet.dts = i
                packet.time_base, packet.stream = Fraction(1, fps), stream
                container.mux(packet)
    picked = np.concatenate(list(seconds_of(path, rate, 32)))
    made = Resampler.__init__

    def fed_with_all(self, *arguments) -> None:
        made(self, *arguments)
        self.places = None

    monkeypatch.setattr(Resampler, "__init__", fed_with_all)
    assert np.array_equal(picked, np.concatenate(list(seconds_of(path, rate, 32))))
