"""Text that is shown on the screen: slides, signs, recipes, scoreboards, as lines with the times they are shown.

Reading a picture takes as long as many looks at it. So one is read only where something that can be text has changed
since the picture that was read last; and where readings bring nothing new, the next waits the longer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Protocol

import numpy as np

from .captions import Caption
from .container import looks

APART, WIDEST = 1.0, 1280
"""Seconds between looks, at least, and the longer side of pictures in pixels, at most."""
SMALL = 640
"""Longer side at which pictures are compared."""
CELL = 16
"""Side of the cells that are compared, in pixels of that size."""
CHANGED, EDGE, EDGES = 10.0, 30.0, 0.08
"""Of 255: by how much a cell's pixels must change on average; from where on two neighbours are an edge; and the share
of a cell's pixels that are edges where there can be text."""
FEWEST = 2
"""Cells in which there can be text, for a picture to be read: a word of 24 pixels fills as many."""
LONGEST_WAIT = 8.0
"""Seconds until the next reading, where those before brought nothing new."""
ALIKE = 0.8
"""Share of the letters in which two readings of the same line agree."""


class Reader(Protocol):
    """Reads pictures."""

    name: str

    def read(self, picture: np.ndarray) -> list[str]:
        """The lines of text in a picture, (H, W, 3) uint8 RGB, from top to bottom."""
        ...


def text_shown(path: str | Path, reader: Reader, between: Callable[[float], None] = lambda _: None) -> list[Caption]:
    """Every line of text that is shown in a video, with its times, in the order in which they appear.

    Args:
        between: called with the second that is looked at; what it raises ends the work.

    Raises:
        MediaError: the file holds no picture that can be decoded.
    """
    shown, last, due, wait, second = _Lines(), None, 0.0, APART, 0.0
    for second, picture in looks(path, APART, WIDEST):
        between(second)
        seen = Look.of(picture)
        if second < due or (last is not None and not seen.differs(last)):
            continue
        last = seen
        lines = reader.read(picture) if seen.can_be_text.sum() >= FEWEST else []
        wait = APART if shown.at(second, lines) else min(2 * wait, LONGEST_WAIT)
        due = second + wait
    return shown.until(second + APART)


@dataclass(frozen=True)
class Look:
    """What is compared of a picture: grey pixels (H · CELL, W · CELL), and in which cells (H, W) there can be text."""

    grey: np.ndarray
    can_be_text: np.ndarray

    @classmethod
    def of(cls, picture: np.ndarray) -> "Look":
        """Of a picture, (H, W, 3) uint8."""
        step = max(round(max(picture.shape[:2]) / SMALL), 1)
        grey = picture[::step, ::step, 1].astype(np.float32)
        grey = np.pad(grey, [(0, -side % CELL) for side in grey.shape], "edge")
        edges = np.abs(np.diff(grey, axis=1, prepend=grey[:, :1])) > EDGE
        return cls(grey, _of_cells(edges.astype(np.float32)) > EDGES)

    def differs(self, before: "Look") -> bool:
        """Whether something has changed where there can be text, or could be."""
        changed = _of_cells(np.abs(self.grey - before.grey)) > CHANGED
        return bool((changed & (self.can_be_text | before.can_be_text)).any())


def _of_cells(values: np.ndarray) -> np.ndarray:
    """Means of cells: (H · CELL, W · CELL) -> (H, W)."""
    high, wide = (side // CELL for side in values.shape)
    return values.reshape(high, CELL, wide, CELL).mean((1, 3))


@dataclass
class _Lines:
    """Lines as they come and go."""

    done: list[Caption] = field(default_factory=list)
    present: list[tuple[float, str]] = field(default_factory=list)
    """Since when, and the line."""

    def at(self, second: float, lines: list[str]) -> bool:
        """Take notice of the lines of a picture; whether one of them is new."""
        before, self.present = self.present, []
        is_new = False
        for line in lines:
            same = next((known for known in before if is_alike(known[1], line)), None)
            if same:
                before.remove(same)
                self.present.append((same[0], max(same[1], line, key=len)))
            else:
                self.present.append((second, line))
                is_new = True
        self.done += [Caption(since, second, line) for since, line in before]
        return is_new

    def until(self, end: float) -> list[Caption]:
        """All lines; those that are still shown end with the video."""
        self.at(end, [])
        return sorted(self.done, key=lambda line: (line.start, line.end))


def is_alike(a: str, b: str) -> bool:
    """Whether two readings are of the same line: the same, but for a few letters."""
    a, b = "".join(a.lower().split()), "".join(b.lower().split())
    return a == b or SequenceMatcher(None, a, b, autojunk=False).ratio() >= ALIKE
