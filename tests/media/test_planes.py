"""Pictures that PyTorch makes of a decoder's planes are those that libswscale makes of the same frames."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from software import planes_of

from videoclip.media import planes, resampling
from videoclip.media.planes import Kind, Pictures, cubic, to_rgb
from videoclip.media.resampling import Resampler
from videoclip.media.upright import Turn, with_colours

LIMITED, FULL = 1, 2
TURNS = [
    *(Turn(), Turn(left_right=True), Turn(upside_down=True), Turn(True), Turn(True, True), Turn(True, False, True)),
    Turn(True, True, True),
]


def frame(width: int, height: int, colours: int = 6, level: int = LIMITED, seed: int = 0):
    """A frame of soft shapes, with some noise and hard edges, in all colours."""
    import av

    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(width, height)
    waves = [np.sin(x * a + y * b + c) for a, b, c in random.uniform(2, 25, (3, 3))]
    rgb = 128 + 70 * np.stack(waves, -1) + random.normal(0, 6, (height, width, 3))
    rgb[height // 5 : height // 3, width // 4 : width // 2] = (250, 250, 240)
    made = av.VideoFrame.from_ndarray(rgb.clip(0, 255).astype(np.uint8), "rgb24").reformat(format="yuv420p")
    made.colorspace, made.color_range = colours, level
    made.pts, made.duration, made.time_base = 0, 1, Fraction(1, 25)
    return made


def by_cpu(of, size: int, squeezed: bool = False) -> np.ndarray:
    resampler = Resampler(with_colours(of), 25, size, 0, 25.0, False, squeezed)
    (picture,) = *resampler.push(of), *resampler.push(None)
    return picture.astype(float)


def by_torch(of, size: int, squeezed: bool = False, turn: Turn = planes.UPRIGHT) -> np.ndarray:
    kind = Kind(of.width, of.height, with_colours(of).colorspace, of.color_range == FULL, turn)
    luma, chroma = planes_of(of)
    (picture,) = Pictures(kind, size, squeezed, torch.device("cpu")).of(luma[None], chroma[None]).numpy()
    return picture.astype(float)


def assert_alike(ours: np.ndarray, theirs: np.ndarray) -> None:
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).mean() < 1.0
    assert np.abs((ours - theirs).mean((0, 1))).max() < 1.0, "a colour is too bright or too dark"
    a, b = ours - ours.mean(), theirs - theirs.mean()
    assert (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()) > 0.9995


@pytest.mark.parametrize("squeezed", [False, True])
@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        *((320, 180, 64), (180, 320, 64), (640, 360, 224), (64, 48, 96), (64, 64, 64), (66, 64, 64), (1280, 720, 32)),
        *((65, 49, 32), (61, 97, 48), (63, 63, 63), (320, 180, 63), (50, 50, 224), (640, 32, 40), (97, 61, 120)),
    ],
)
def test_pictures_of_any_size_are_those_of_the_cpu(width, height, size, squeezed):
    made = frame(width, height)
    assert_alike(by_torch(made, size, squeezed), by_cpu(made, size, squeezed))


@pytest.mark.parametrize("level", [LIMITED, FULL])
@pytest.mark.parametrize("colours", [1, 2, 4, 5, 6, 7, 9])
@pytest.mark.parametrize(("width", "height"), [(320, 180), (1280, 720)])
def test_colours_and_ranges_are_those_that_the_frame_names(width, height, colours, level):
    made = frame(width, height, colours, level)
    assert_alike(by_torch(made, 64), by_cpu(made, 64))


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("size", [32, 63, 120])
def test_turned_pictures_are_those_of_the_cpu(monkeypatch, turn, size):
    monkeypatch.setattr(resampling, "turn_of", lambda _: turn)
    made = frame(96, 66)
    assert_alike(by_torch(made, size, turn=turn), by_cpu(made, size))


def test_frames_that_do_not_fit_into_memory_together_are_the_same(monkeypatch):
    made = [frame(96, 64, seed=seed) for seed in range(5)]
    luma, chroma = (torch.stack(parts) for parts in zip(*map(planes_of, made), strict=True))
    pictures = Pictures(Kind(96, 64), 32, False, torch.device("cpu"))
    together = pictures.of(luma, chroma)
    monkeypatch.setattr(planes, "PIXELS_TOGETHER", 2 * 96 * 64)
    assert torch.equal(pictures.of(luma, chroma), together)
    assert torch.equal(pictures.of(luma[3:4], chroma[3:4])[0], together[3])


@pytest.mark.parametrize(("length", "scaled"), [(10, 10), (10, 23), (300, 7), (2, 9), (1, 4)])
def test_weights_keep_what_is_constant_and_a_line_stays_a_line(length, scaled):
    weights = cubic(length, scaled, np.arange(scaled))
    assert weights @ np.ones(length) == pytest.approx(np.ones(scaled))
    inner = np.arange(scaled)[scaled // 3 : scaled - scaled // 3]
    if length >= 10 and scaled >= 10:
        assert (weights @ np.arange(length))[inner] == pytest.approx((inner + 0.5) * length / scaled - 0.5, abs=0.1)


@pytest.mark.parametrize("colours", planes.WEIGHTS)
def test_grey_is_grey_and_white_is_white(colours):
    for is_full, black, white in ((True, 0, 255), (False, 16, 235)):
        matrix, offset = to_rgb(colours, is_full)
        levels = np.array([[black, 128, 128], [white, 128, 128]], np.float32)
        assert (levels - offset) @ matrix == pytest.approx(np.array([[0.0] * 3, [255.0] * 3]), abs=1e-3)
