"""Decoded frames as pictures, by PyTorch on any device: what a GPU's decoder gives need not leave it to be scaled.

Frames are NV12: brightness of every pixel, (N, H, W) uint8, and two colour differences of every two by two,
(N, ⌈H/2⌉, ⌈W/2⌉, 2) uint8. The rules are those of ``Resampler``, and so are the pictures, up to rounding: turned,
scaled by bicubic interpolation, the middle cut out, and made RGB by the colours that the file names.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
import torch

from .resampling import Resampler, scaled_size
from .upright import BT601, BT709, UNSAID, Turn, flat_frame

BT470M, BT470BG, SMPTE240M, BT2020 = 4, 5, 7, 9
"""More colours by their numbers in ITU-T H.273."""
WEIGHTS = {
    BT709: (0.2126, 0.0722),
    UNSAID: (0.299, 0.114),
    BT470M: (0.30, 0.11),
    BT470BG: (0.299, 0.114),
    BT601: (0.299, 0.114),
    SMPTE240M: (0.212, 0.087),
    BT2020: (0.2627, 0.0593),
}
"""Shares of red and blue in the brightness, by those numbers."""
SHARPNESS = 0.6
"""C of the cubic filter (Mitchell and Netravali 1988), whose B is 0."""
BRIGHTEST = 32767 / 128
"""What lines are cut off at when their columns are scaled: the largest that the CPU's path holds."""
GREYS = range(24, 232, 8)
"""Levels of brightness by which it is found how the CPU's path rounds."""
PIXELS_TOGETHER = 2**24
"""Of frames that are scaled together: memory for a float of each."""

UPRIGHT = Turn()


@dataclass(frozen=True)
class Kind:
    """What a video's frames have in common."""

    width: int
    height: int
    colours: int = UNSAID
    """Colour matrix by its number in ITU-T H.273, one of ``WEIGHTS``."""
    is_full: bool = False
    """Whether brightness takes all values from 0 to 255."""
    turn: Turn = UPRIGHT


class Pictures:
    """Makes square pictures of frames of one kind: the middle of each, or the whole ``squeezed``.

    Args:
        size: height and width of the pictures.
    """

    def __init__(self, kind: Kind, size: int, squeezed: bool, device: torch.device):
        turn = kind.turn
        width, height = (kind.height, kind.width) if turn.exchanged else (kind.width, kind.height)
        wide, high = (size, size) if squeezed else scaled_size(width, height, size)
        x, y = np.arange(size) + int((wide - size) / 2), np.arange(size) + int((high - size) / 2)
        is_scaled = (wide, high) != (width, height) or wide % 2 == 1
        step = 1 if wide % 2 else 2  # pixels side by side that share their colour in the scaled picture
        colour_width, colour_height, colour_wide = -(-width // 2), -(-height // 2), -(-wide // step)
        matrices = [
            (cubic(width, wide, x), turn.left_right),
            (cubic(height, high, y), turn.upside_down),
            (cubic(colour_width, colour_wide, x // step), turn.left_right),
            (cubic(colour_height, high, y), turn.upside_down),
        ]
        if not is_scaled:  # every two by two pixels then get the colour of theirs
            matrices[2] = np.eye(colour_width)[x // 2], turn.left_right
            matrices[3] = np.eye(colour_height)[y // 2], turn.upside_down
        turned = [np.ascontiguousarray(m[:, ::-1] if mirrored else m, np.float32) for m, mirrored in matrices]
        self.columns, self.rows, *colour = [torch.from_numpy(m).to(device) for m in turned]
        self.colour_columns, self.colour_rows = colour
        self.exchanged = turn.exchanged
        self.rounding = rounding(is_scaled, wide % 2 == 0, kind.is_full)
        self.matrix, self.black = (torch.from_numpy(a).to(device) for a in to_rgb(kind.colours, kind.is_full))

    @torch.inference_mode()
    def of(self, luma: torch.Tensor, chroma: torch.Tensor) -> torch.Tensor:
        """(N, H, W) and (N, ⌈H/2⌉, ⌈W/2⌉, 2) uint8, on the device -> (N, size, size, 3) uint8 RGB."""
        together = max(PIXELS_TOGETHER // luma[0].numel(), 1)
        parts = zip(luma.split(together), chroma.split(together), strict=True)
        return torch.cat([self._few(*part) for part in parts])

    def _few(self, luma: torch.Tensor, chroma: torch.Tensor) -> torch.Tensor:
        bright = self._scaled(luma[:, None], self.columns, self.rows)
        colours = self._scaled(chroma.permute(0, 3, 1, 2), self.colour_columns, self.colour_rows)
        levels = torch.cat([bright, colours], 1).permute(0, 2, 3, 1)
        return ((levels - self.black) @ self.matrix).add_(self.rounding).clamp_(0, 255).to(torch.uint8)

    def _scaled(self, planes: torch.Tensor, columns: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) uint8 -> (N, C, size, size) float32 of whole levels."""
        planes = planes.mT if self.exchanged else planes
        lines = (planes.float() @ columns.T).clamp_(max=BRIGHTEST)
        return (rows @ lines).round_().clamp_(0, 255)


@cache
def rounding(is_scaled: bool, is_even: bool, is_full: bool) -> float:
    """What is added to a level before its fraction is cut off, so that grey is as bright as the CPU's path makes it.

    That depends on the processor: on some it cuts off, more than once, where it should round. Flat frames are shown to
    it; ``is_even`` is the width of what they are scaled to.
    """
    size, (width, height) = 32, ((64 if is_even else 62, 48) if is_scaled else (42 if is_even else 41, 32))
    made: list[np.ndarray] = []
    resampler = None
    for place, grey in enumerate(GREYS):
        frame = flat_frame(width, height, grey, is_full)
        frame.pts, frame.time_base = place, Fraction(1, 25)
        resampler = resampler or Resampler(frame, 25, size, 0, 25.0, False, False)
        made += resampler.push(frame)
    made += resampler.push(None) if resampler else []
    bright, black = (1.0, 0) if is_full else (255 / 219, 16)
    wanted = [(grey - black) * bright for grey in GREYS]
    return 0.5 + float(np.mean([picture.mean() - level for picture, level in zip(made, wanted, strict=False)]))


def cubic(length: int, scaled: int, kept: np.ndarray) -> np.ndarray:
    """Weights by which ``length`` samples become those of ``scaled`` that are ``kept``: (len(kept), length) float64.

    The filter widens where there are fewer afterwards; beyond the ends the last sample repeats.
    """
    ratio = length / scaled
    width = max(ratio, 1.0)
    reach = int(np.ceil(2 * width)) + 1
    centre = (kept + 0.5) * ratio - 0.5
    places = np.floor(centre)[:, None] + np.arange(-reach, reach + 1)
    apart = np.abs(places - centre[:, None]) / width
    near = (2 - SHARPNESS) * apart**3 - (3 - SHARPNESS) * apart**2 + 1
    far = SHARPNESS * (-(apart**3) + 5 * apart**2 - 8 * apart + 4)
    weights = np.where(apart < 1, near, np.where(apart < 2, far, 0.0))
    weights /= weights.sum(1, keepdims=True)
    matrix = np.zeros((len(kept), length))
    np.add.at(matrix, (np.arange(len(kept))[:, None], places.clip(0, length - 1).astype(int)), weights)
    return matrix


def to_rgb(colours: int, is_full: bool) -> tuple[np.ndarray, np.ndarray]:
    """By what levels Y, Cb, Cr become RGB of 0 to 255, (3, 3), and what is taken off before, (3,) (ITU-T H.273)."""
    red, blue = WEIGHTS[colours]
    green = 1 - red - blue
    bright, colour = (1.0, 1.0) if is_full else (255 / 219, 255 / 224)
    by_red, by_blue = 2 * (1 - red) * colour, 2 * (1 - blue) * colour
    matrix = [
        [bright, bright, bright],
        [0.0, -by_blue * blue / green, by_blue],
        [by_red, -by_red * red / green, 0.0],
    ]
    return np.array(matrix, np.float32), np.array([0 if is_full else 16, 128, 128], np.float32)
