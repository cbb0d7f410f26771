"""One clock for a file whose own begins anew: recordings that were joined, cameras that started again.

Where a stream's time jumps back, or in transport and program streams far forward, and goes on from there, what follows
continues where what was before ended. A single packet with a wrong time is no new beginning.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

BACK, NEAR = 1.0, 10.0
"""Seconds back that make a jump, since packets come in the order of their decoding; and seconds within which the next
packet confirms it."""
RESTARTING = ("mpegts", "mpeg")
"""Containers in which a clock may begin anew anywhere, also later: FFmpeg's names."""
FORWARD = 60.0
"""Seconds forward that make a jump there."""


@dataclass
class _Stream:
    """Where a stream stands: seconds by its own clock, what is added to them, and how often it began anew."""

    last: float | None = None
    step: float = 0.0
    shift: float = 0.0
    beginnings: int = 0


@dataclass
class Clock:
    """Continuous times of a container's packets. ``beginnings``: how often it began anew so far."""

    format: str
    beginnings: int = 0
    _shifts: list[float] = field(default_factory=lambda: [0.0])
    _streams: dict[int, _Stream] = field(default_factory=dict)

    @property
    def may_begin_anew(self) -> bool:
        """Whether this is a container whose clock can begin anew anywhere."""
        return self.format in RESTARTING

    def continuous(self, packets: Iterable[Any]) -> Iterator[Any]:
        """The same packets, with the times of one clock that never begins anew."""
        held: dict[int, Any] = {}
        for packet in packets:
            index = packet.stream.index
            state = self._streams.setdefault(index, _Stream())
            if packet.dts is None or packet.time_base is None:  # times of showing run ahead, and say nothing of jumps
                if index in held:
                    yield self._shifted(held.pop(index))
                yield self._shifted(packet) if packet.time_base is not None else packet
                continue
            seconds = float(packet.dts * packet.time_base)
            if index in held:
                before = held.pop(index)
                began = float(before.dts * before.time_base)
                if 0 <= seconds - began < NEAR:
                    self._begin_anew(state, began)
                    yield self._shifted(before)
                else:
                    yield self._shifted(before)  # alone with its time: whoever decodes it sees that it is wrong
            if self._jumps(state, seconds):
                held[index] = packet
                continue
            if state.last is not None and 0 < seconds - state.last < NEAR:
                state.step = seconds - state.last
            state.last = seconds
            yield self._shifted(packet)
        for packet in held.values():
            yield self._shifted(packet)

    def _jumps(self, state: _Stream, seconds: float) -> bool:
        if state.last is None:
            return False
        apart = seconds - state.last
        return apart < -BACK or (apart > FORWARD and self.may_begin_anew)

    def _begin_anew(self, state: _Stream, began: float) -> None:
        """Let a stream go on from ``began`` by its clock; streams that jump with it get the same shift."""
        state.beginnings += 1
        if state.beginnings == len(self._shifts):
            ended = (state.last or 0.0) + state.step
            self._shifts.append(state.shift + ended - began)
            self.beginnings += 1
        state.shift, state.last = self._shifts[state.beginnings], began

    def _shifted(self, packet: Any) -> Any:
        shift = self._streams[packet.stream.index].shift
        if shift:
            ticks = round(shift / packet.time_base)
            if packet.pts is not None:
                packet.pts += ticks
            if packet.dts is not None:
                packet.dts += ticks
        return packet


def seconds_at(frame: Any, origin: float) -> float:
    """When a decoded frame is shown or heard, in seconds from the container's start ``origin``."""
    return (frame.time or 0.0) - origin
