"""Where somebody speaks: voice detection (Silero, in faster-whisper's package), and sound without the rest.

Music, noise and silence are not handed to a recogniser, which would find words in them.
"""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from ..sound import RATE

LONGEST = 28.0
"""Seconds of the longest stretch of voice: longer ones are divided where the voice is weakest."""
SHORTEST, PAUSE, PADDING = 250, 500, 200
"""Milliseconds: shorter voices are none, shorter pauses are part of the speech; and what is kept around a voice."""


@dataclass(frozen=True)
class Voices:
    """Stretches of sound in which somebody speaks: (start, end) in samples, in order."""

    stretches: list[tuple[int, int]]

    def joined(self, sound: np.ndarray) -> np.ndarray:
        """The stretches of ``sound``, (N,), one after the other."""
        return np.concatenate([sound[:0], *(sound[start:end] for start, end in self.stretches)])

    @property
    def pauses(self) -> list[float]:
        """Seconds in the joined sound at which one stretch ends and the next begins."""
        return [length / RATE for length in self._ends[:-1]]

    def when(self, start: float, end: float) -> tuple[float, float]:
        """Seconds in the sound of what lies between these seconds of the joined sound."""
        ends = self._ends
        middle = round((start + end) / 2 * RATE)
        place = min(bisect_right(ends, middle), len(ends) - 1)
        first, last = self.stretches[place]
        shift = last - ends[place]

        def inside(seconds: float) -> float:
            return min(max(round(seconds * RATE) + shift, first), last) / RATE

        return inside(start), inside(end)

    @property
    def _ends(self) -> list[int]:
        return np.cumsum([end - start for start, end in self.stretches]).tolist()


def voices(sound: np.ndarray) -> Voices:
    """Where somebody speaks in (N,) float32 mono at ``RATE``."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        min_speech_duration_ms=SHORTEST,
        max_speech_duration_s=LONGEST,
        min_silence_duration_ms=PAUSE,
        speech_pad_ms=PADDING,
    )
    found = get_speech_timestamps(sound, options) if len(sound) else []
    return Voices([(int(part["start"]), min(int(part["end"]), len(sound))) for part in found])
