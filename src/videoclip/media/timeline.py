"""Where the frames of a file lie in time, from its start, and which of them are taken for damage."""

from fractions import Fraction
from pathlib import Path
from typing import Any

from ..errors import MediaError
from .clock import Clock
from .limits import limits

SLACK = 10.0  # seconds past the declared end at which a time stamp is taken for damage


class Timeline:
    """Takes time stamps in their order.

    ``faults`` counts those that cannot be, ``gap`` says what lies behind a pause that is too long; both are left out.

    Args:
        clock: of the packets, which makes their times continuous.
        fps: frames a second where the file does not say.
    """

    def __init__(self, container: Any, stream: Any, clock: Clock, path: str | Path, fps: int):
        self.path, self.clock = path, clock
        self.source_fps = float(stream.average_rate or 0)
        self.start = Fraction(container.start_time or 0, 1_000_000)
        self.duration = duration_of(container)
        self.step = Fraction(self.source_fps or fps).limit_denominator(1000)
        self.last: int | None = None
        self.frames = self.faults = 0
        self.gap = ""

    def placed(self, pts: int | None, time_base: Fraction) -> int | None:
        """A frame's time stamp from the container's start, guessed where it has none; None where it is left out.

        Raises:
            MediaError: there are more frames, or hours, than ``limits`` allow.
        """
        allowed = limits()
        self.frames += 1
        if self.frames > allowed.frames:
            raise MediaError(f"{self.path}: more than {allowed.frames:,} frames; VIDEOCLIP_MAX_FRAMES raises the limit")
        placed = self._from_start(pts, time_base)
        seconds = float(placed * time_base)
        clock = self.clock
        is_late = seconds > 1.1 * self.duration + SLACK and not clock.may_begin_anew and not clock.beginnings
        if (self.duration and is_late) or (self.last is not None and placed <= self.last):
            self.faults += 1
            return None
        before = float(self.last * time_base) if self.last is not None else 0.0
        if seconds - before > allowed.gap:
            pause = f"nothing is shown for {(seconds - before) / 60:.0f} minutes from {before:.1f} s on"
            self.gap = self.gap or pause
            return None
        if seconds > 3600 * allowed.hours:
            raise MediaError(f"{self.path}: is longer than {allowed.hours} hours; VIDEOCLIP_MAX_HOURS raises the limit")
        self.last = placed
        return placed

    def _from_start(self, pts: int | None, time_base: Fraction) -> int:
        if pts is None:
            step = max(round(1 / (self.step * time_base)), 1)
            return 0 if self.last is None else self.last + step
        return pts - round(self.start / time_base)


def lasting(duration: int, time_base: Fraction) -> int:
    """A frame's duration, or 0: else the last picture before a gap would be shown as long as that lasts."""
    return 0 if duration * time_base > limits().gap else duration


def duration_of(container: Any) -> float:
    """Seconds that a container says it lasts; 0 where it does not say."""
    return container.duration / 1_000_000 if container.duration else 0.0
