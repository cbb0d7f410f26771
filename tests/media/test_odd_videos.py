"""Videos that are odd but common: woven fields, several streams, a picture a minute, a single picture."""

from pathlib import Path

import numpy as np
import pytest
from made import write

from videoclip.media.video import probe, seconds_of


def woven(path: Path) -> Path:
    """Fields of two moments in each picture: a white bar that moves between them."""
    import av
    from av.codec.context import Flags

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25, options={"b": "8M"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.codec_context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        for i in range(25):
            picture = np.zeros((96, 160, 3), np.uint8)
            for field in (0, 1):
                at = (4 * i + 2 * field) * 3 % 120
                picture[field::2, at : at + 24] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
    return path


def test_woven_fields_are_taken_apart(tmp_path):
    """Neighbouring lines of a bar that moves differ by a comb, unless its fields are taken apart."""
    import av

    path = woven(tmp_path / "woven.mpg")
    with av.open(str(path)) as container:
        frames = list(container.decode(container.streams.video[0]))
    if not any(frame.interlaced_frame for frame in frames):
        pytest.fail("the file was not made as meant")
    comb = np.mean([np.abs(np.diff(f.to_ndarray(format="gray").astype(int), axis=0)).mean() for f in frames[5:20]])
    (second,) = seconds_of(path, 25, 96)
    ours = np.abs(np.diff(second[5:20].astype(int).mean(-1), axis=1)).mean()
    assert ours < comb / 3


def test_a_picture_a_minute_is_shown_for_that_minute(tmp_path):
    path = write(tmp_path / "slow.mp4", [40, 120, 200], fps=1, times=[0, 60, 120])
    greys = [int(second[0].mean()) for second in seconds_of(path, 1, 32)]
    assert len(greys) in range(121, 182)
    assert (greys[30], greys[90], greys[120]) == pytest.approx((40, 120, 200), abs=6)


def test_a_single_picture_is_a_second(tmp_path):
    for fps, name in ((25, "one.mp4"), (1, "slow.mp4"), (60, "quick.mkv")):
        (second,) = seconds_of(write(tmp_path / name, [90], fps=fps), 10, 32)
        assert int(second[0].mean()) == pytest.approx(90, abs=6)


def test_of_several_video_streams_the_main_one_is_read(tmp_path):
    import av

    path = tmp_path / "angles.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("mpeg4", rate=10) for _ in range(2)]
        for stream, size in zip(streams, ((32, 32), (96, 64)), strict=True):
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for i in range(20):
            for stream, grey in zip(streams, (30, 200), strict=True):
                picture = np.full((stream.height, stream.width, 3), grey, np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, "rgb24")
                frame.pts = i
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode())
    assert probe(path).width == 32  # the first, which is marked as the main one
    assert [int(second[0].mean()) for second in seconds_of(path, 10, 32)] == pytest.approx([30, 30], abs=6)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts"])
@pytest.mark.parametrize("apart", [1, 2, 60])
def test_slow_recordings_with_frames_that_look_ahead_are_read_whole(tmp_path, suffix, apart):
    path = write(
        tmp_path / f"slow{suffix}", [20 * i + 20 for i in range(10)], fps=1, codec="libx264", bf="2",
        times=[apart * i for i in range(10)],
    )  # fmt: skip
    said: list[str] = []
    count = len(list(seconds_of(path, 1, 32, damage=said.append)))
    assert 9 * apart <= count <= 10 * apart + 1
    assert not said
