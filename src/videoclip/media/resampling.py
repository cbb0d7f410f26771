"""Decoded frames as pictures at a constant rate: upright, scaled, cropped, of an ordinary range.

libavfilter does it, which is fed no frame that it would throw away.
"""

from collections.abc import Iterator

import numpy as np

from .places import Places
from .tone import is_hdr, to_sdr
from .upright import DEINTERLACED, graph_of, pulled, turn_of


def scaled_size(width: int, height: int, size: int) -> tuple[int, int]:
    """Width and height with the shorter side at ``size``, the longer int(longer · size / shorter) (SPEC 2.4)."""
    if width >= height:
        return int(width * size / height), size
    return size, int(height * size / width)


class Resampler:
    """A libav filter graph: deinterlace where fields are woven, rotate, resample in time, scale, crop.

    It is made anew where pictures change their size or kind, and where the first woven one comes. Where its first step
    picks the last frame of each place at the wanted rate, it is fed no others, but for the first frame of all.
    """

    # Parameters: a stream's state where its pictures change.
    def __init__(self, frame, fps: int, size: int, first_frame: int, source_fps: float, woven: bool, squeezed: bool):
        turn = turn_of(frame)
        width, height = (frame.height, frame.width) if turn.exchanged else (frame.width, frame.height)
        wide, high = (size, size) if squeezed else scaled_size(width, height, size)
        left, top = int((wide - size) / 2), int((high - size) / 2)
        rate = ("fps", f"fps={fps}:start_time={first_frame / fps}")
        fit = [*turn.filters(), ("scale", f"{wide}:{high}:flags=bicubic"), ("crop", f"{size}:{size}:{left}:{top}")]
        # The same pictures either way; what comes second works on fewer of them.
        steps = [*fit, rate] if 0 < source_fps < fps else [rate, *fit]
        if woven:
            steps = [DEINTERLACED, *steps]
        self.transfer = frame.color_trc if is_hdr(frame) else 0
        self.key, self.woven = self.key_of(frame), woven
        self.places = Places(fps, frame.time_base, first_frame) if steps[0] is rate else None
        pixels = "rgb48le" if self.transfer else "rgb24"
        self.graph = graph_of(frame, frame.time_base, [*steps, ("format", f"pix_fmts={pixels}")])

    @staticmethod
    def key_of(frame) -> tuple:
        return frame.width, frame.height, frame.format.name, turn_of(frame), is_hdr(frame)

    def fits(self, frame) -> bool:
        """Whether the graph is made for frames such as this one."""
        return self.key == self.key_of(frame) and (self.woven or not frame.interlaced_frame)

    def push(self, frame) -> Iterator[np.ndarray]:
        """Feed a frame, or None at the end; the pictures that are ready."""
        for picked in self.places.last_of_each(frame) if self.places else ():
            yield from self._fed(picked)
        if frame is None or not self.places:
            yield from self._fed(frame)

    def _fed(self, frame) -> Iterator[np.ndarray]:
        self.graph.push(frame)
        for made in pulled(self.graph):
            pixels = made.to_ndarray()
            yield to_sdr(pixels, self.transfer) if self.transfer else pixels
