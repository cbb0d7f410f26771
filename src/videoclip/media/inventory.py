"""What came of some files, counted, as people want to be told at the end: how much, said where, what was left out."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .narration import BESIDE, HEARD, INSIDE

NUMBERS = re.compile(r"\d[\d.,:×]*")


@dataclass
class Inventory:
    """Videos that are there now, of those that were named, with their captions, and why others were set aside."""

    videos: int = 0
    seconds: float = 0.0
    beside: int = 0
    """Videos whose captions are a file of their own."""
    inside: int = 0
    """Videos whose captions are a track of the video file."""
    heard: int = 0
    """Videos whose captions a speech recogniser heard."""
    none: int = 0
    """Videos in which nothing is said."""
    set_aside: dict[str, int] = field(default_factory=dict)
    """Files by the reason for which they were left out."""

    def add(self, seconds: float, source: str) -> None:
        """Count a video; ``source`` is ``beside``, ``inside``, ``heard`` or empty."""
        self.videos += 1
        self.seconds += seconds
        self.beside += source == BESIDE
        self.inside += source == INSIDE
        self.heard += source == HEARD
        self.none += not source

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self) | {"hours": round(self.seconds / 3600, 4)}


def by_reason(set_aside: Mapping[str, str]) -> dict[str, int]:
    """How many files were set aside for each reason, the most frequent first; numbers and names make no new one."""
    reasons: Counter[str] = Counter()
    for path, reason in set_aside.items():
        told = reason.removeprefix(path).removeprefix(": ")
        reasons[NUMBERS.sub("…", told.split(";")[0])[:100]] += 1
    return dict(reasons.most_common())
