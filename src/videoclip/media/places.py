"""Places of frames at a constant rate: where each belongs, which of those at one place is shown, and for how long."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from typing import Any


class Places:
    """Counts places as libavfilter's ``fps`` does; frames have a ``pts``, and come in its order.

    Args:
        fps: places in a second.
        time_base: seconds that ``pts`` counts in.
        first: place from which on they are counted.
    """

    def __init__(self, fps: int, time_base: Fraction, first: int = 0):
        self.rate = fps * time_base
        # libavfilter counts places from its start, which it has in microseconds, then in ticks.
        self.origin = nearest(Fraction(int(first / fps * 1_000_000), 1_000_000) / time_base)
        self.held: Any = None
        self.place: int | None = None

    def of(self, pts: int) -> int:
        """The place at which what is shown from ``pts`` on begins, counted from the first."""
        return nearest((pts - self.origin) * self.rate)

    def last_of_each(self, frame: Any) -> Iterator[Any]:
        """Feed a frame, or None at the end: the last of each place as it is known, and the first of all."""
        place = None if frame is None else self.of(frame.pts)
        before, self.held = self.held, None
        if before is not None and place != self.place:
            yield before
        if frame is not None and self.place is not None:
            self.place, self.held = place, frame
            return
        self.place = place
        if frame is not None:
            yield frame

    def filled(self, frames: Iterable[Any]) -> Iterator[tuple[Any, int]]:
        """Those of the frames that are shown, each with at how many places; the last as long as its ``duration``."""
        shown, filled = None, 0
        for frame in chain(frames, [None]):
            for picked in self.last_of_each(frame):
                if shown is not None and (count := self.of(picked.pts) - filled) > 0:
                    yield shown, count
                    filled += count
                shown = picked
        if shown is not None and (count := self.of(shown.pts + shown.duration) - filled) > 0:
            yield shown, count


def nearest(place: Fraction) -> int:
    """The nearest whole number; of two, the one farther from 0, as libavfilter rounds time stamps."""
    doubled = 2 * abs(place.numerator) + place.denominator
    return doubled // (2 * place.denominator) * (1 if place >= 0 else -1)
