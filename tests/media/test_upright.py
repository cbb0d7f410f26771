"""Pictures and encoded clips look as the file means them: colours, woven fields, quarter turns and mirrors."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from videoclip.media.container import pictures
from videoclip.media.cutting import cut
from videoclip.media.source import source_of
from videoclip.media.upright import turn_of
from videoclip.media.video import picture_at, seconds_of

ORANGE = 200, 60, 40
WEIGHTS = {"BT.709": (0.2126, 0.0722), "BT.601": (0.299, 0.114)}
"""Of red and blue in luma: ITU-R BT.709, table 3; BT.601, 2.5.1."""


def signal(matrix: str, full: bool) -> list[int]:
    """Orange as Y, Cb, Cr of 8 bits, by the recommendation's equations."""
    red, blue = WEIGHTS[matrix]
    r, g, b = (c / 255 for c in ORANGE)
    luma = red * r + (1 - red - blue) * g + blue * b
    chroma = (b - luma) / (2 * (1 - blue)), (r - luma) / (2 * (1 - red))
    if full:
        return [round(255 * luma), *(round(128 + 255 * c) for c in chroma)]
    return [round(16 + 219 * luma), *(round(128 + 224 * c) for c in chroma)]


def write_planes(path: Path, size: tuple[int, int], frames: list[list[np.ndarray]], **said) -> Path:
    """H.264 of such Y, Cb, Cr planes, 10 a second; ``said``: options of the encoder, numbers are tags of colour."""
    import av

    options = {"preset": "ultrafast", "crf": "4"} | {k: v for k, v in said.items() if isinstance(v, str)}
    tags = {k: v for k, v in said.items() if isinstance(v, int)}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options=options)
        stream.width, stream.height = size
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        for i, planes in enumerate(frames):
            frame = av.VideoFrame(*size, "yuv420p")
            for name, value in tags.items():
                setattr(frame, name, value)
            for plane, values in zip(frame.planes, planes, strict=True):
                rows = np.zeros((plane.height, plane.line_size), np.uint8)
                rows[:, : plane.width] = values
                plane.update(rows.tobytes())
            frame.pts, frame.time_base = i, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def mean(picture: np.ndarray) -> list[float]:
    return picture.reshape(-1, 3).mean(0).tolist()


@pytest.mark.parametrize(
    ("matrix", "lines", "said", "full"),
    [
        ("BT.709", 720, False, False),
        ("BT.709", 720, False, True),
        ("BT.709", 720, True, False),
        ("BT.601", 720, True, False),
        ("BT.601", 96, False, False),
        ("BT.601", 96, True, True),
        ("BT.709", 96, True, False),
    ],
)
def test_colours_are_those_of_the_scene_in_pictures_and_in_clips(matrix, lines, said, full, tmp_path):
    import av

    number = 1 if matrix == "BT.709" else 6
    tags = {"colorspace": number, "color_primaries": number, "color_trc": number} if said else {}
    source = tmp_path / "source.mp4"
    planes: list = signal(matrix, full)
    write_planes(source, (64, lines), [planes] * 6, **tags, color_range=2 if full else 1)
    cut(source, 0.1, 0.5, tmp_path / "clip.mp4", encode=True)
    for picture in (next(seconds_of(source, 5, 32))[:3], picture_at(source, 0.2), next(pictures(source, 1.0, 64))[1]):
        assert mean(picture) == pytest.approx(ORANGE, abs=4)
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        frame = next(clip.decode(video=0))
    shown = frame.reformat(format="rgb24", src_colorspace="ITU709" if frame.colorspace == 1 else "ITU601")
    assert (frame.colorspace, frame.color_range) == (1 if lines == 720 else 6, 1)
    if said:
        assert (frame.color_primaries, frame.color_trc) == (number, number)
    assert mean(shown.to_ndarray()) == pytest.approx(ORANGE, abs=5)


def combed(picture: np.ndarray) -> float:
    """By how much lines differ from those between which they lie."""
    lines = picture.astype(float)
    return float(np.abs(lines[1:-1] - (lines[:-2] + lines[2:]) / 2).mean())


def test_woven_fields_are_no_combs_in_pictures_and_in_clips(tmp_path):
    frames = []
    for i in range(12):
        luma = np.full((96, 128), 30, np.uint8)
        for field in (0, 1):
            left = 3 * (2 * i + field)
            luma[field::2, left : left + 20] = 220
        frames.append([luma, 128, 128])
    source = write_planes(tmp_path / "woven.mp4", (128, 96), frames, **{"x264-params": "interlaced=1:tff=1"})
    cut(source, 0.2, 1.0, tmp_path / "clip.mp4", encode=True)
    import av

    with av.open(str(tmp_path / "clip.mp4")) as clip:
        decoded = list(clip.decode(video=0))
    assert [frame.time for frame in decoded] == pytest.approx(np.arange(8) / 10, abs=0.002)
    assert not any(frame.interlaced_frame for frame in decoded)
    for picture in (
        picture_at(source, 0.5),
        next(pictures(source, 2.0, 128))[1],
        decoded[4].to_ndarray(format="rgb24"),
    ):
        assert picture.shape == (96, 128, 3)
        assert combed(picture) < 2
        assert picture.max() > 200


@pytest.mark.parametrize(
    "matrix",
    [
        (1, 0, 0, 1),
        (-1, 0, 0, 1),
        (1, 0, 0, -1),
        (-1, 0, 0, -1),
        (0, 1, -1, 0),
        (0, -1, 1, 0),
        (0, 1, 1, 0),
        (0, -1, -1, 0),
    ],
)
def test_a_display_matrix_places_each_corner(matrix):
    """A stored point (x, y) is shown at (ax + cy, bx + dy): ISO/IEC 14496-12, 6.2.2."""
    a, b, c, d = matrix
    stored = np.arange(6, dtype=np.uint8).reshape(2, 3, 1).repeat(3, 2)
    at = {(a * x + c * y, b * x + d * y): stored[y, x, 0] for y in range(2) for x in range(3)}
    columns, rows = (sorted({point[axis] for point in at}) for axis in (0, 1))
    fixed = np.array([a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30], np.int32)
    turned = turn_of(_Framed(fixed.tobytes())).applied(stored)
    assert turned[..., 0].tolist() == [[at[column, row] for column in columns] for row in rows]


class _Framed:
    """As much of a frame as says how it is turned."""

    def __init__(self, matrix: bytes):
        from types import SimpleNamespace

        data = _Matrix(matrix)
        data.type = SimpleNamespace(name="DISPLAYMATRIX")
        self.side_data = [data]


class _Matrix(bytes):
    type: object


@pytest.mark.parametrize("matrix", [(-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0)])
def test_a_mirrored_recording_is_shown_the_same_way_everywhere(matrix, tmp_path):
    luma = np.zeros((64, 64), np.uint8) + 40
    luma[:32, :32] = 220  # bright above to the left
    path = write_planes(tmp_path / "m.mp4", (64, 64), [[luma, 128, 128]] * 6)
    turn(path, matrix)
    a, b, c, d = matrix
    x, y = (a + c < 0) if a or c else False, (b + d < 0)
    cut(path, 0.0, 0.5, tmp_path / "clip.mp4", encode=True)
    shown = [next(seconds_of(path, 5, 64))[0], picture_at(path, 0.2), picture_at(tmp_path / "clip.mp4", 0.2)]
    for picture in [*shown, next(pictures(path, 1.0, 64))[1]]:
        quarters = picture[16::32, 16::32, 0]
        assert np.unravel_index(quarters.argmax(), (2, 2)) == (int(y), int(x))


def turn(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Write another display matrix into an MP4's header (ISO/IEC 14496-12, 8.3.2)."""
    a, b, c, d = matrix
    content = path.read_bytes()
    place = content.index(b"tkhd") + 4 + 4 + 20 + 16  # version and flags; times, number and length; layer, volume
    fixed = np.array([a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30], ">i4").tobytes()
    path.write_bytes(content[:place] + fixed + content[place + 36 :])


def test_editors_are_told_the_size_at_which_a_phone_s_recording_is_shown(tmp_path):
    path = write_planes(tmp_path / "phone.mp4", (96, 64), [[np.zeros((64, 96), np.uint8) + 40, 128, 128]] * 6)
    assert (source_of(path).width, source_of(path).height) == (96, 64)
    turn(path, (0, 1, -1, 0))
    assert (source_of(path).width, source_of(path).height) == (64, 96)
