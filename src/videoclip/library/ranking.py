"""Hits: which of those that overlap is kept, and how several rankings become one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..media.captions import Caption
from ..ties import MOMENT, ranking
from .words import are_there, words

OVERLAP = 0.25
"""Share of the shorter of two windows from which on they are one moment."""
CONSTANT = 10.0
"""Of joining: ranks count as weight / (constant + rank)."""
WEIGHTS = {"speech": 0.35, "meaning": 0.25, "written": 0.35}
"""Of rankings by words that are said, by their meaning, and by what is written; that by sight has 1.

Each is the name of the field of ``Hit`` that tells the score. That of meaning found most moments among the first five
in two worlds that served for nothing else, of 8 and of 64 families (bench/meaning.py weights).
"""
EVIDENCE = (*WEIGHTS, "quote", "line")
"""Fields of ``Hit`` that a moment takes over from what else was found near it."""
NEAR = 6.0
"""Seconds by which speech leads or lags what it speaks of, and is still taken to be of the same moment."""


@dataclass(frozen=True)
class Hit:
    """A moment that was found: ``start`` to ``end`` in seconds; ``score`` is higher for better ones of the same query.

    ``sight`` is how well the pictures fit, from 0 to 1 (half is where hits begin), which is no probability; ``speech``
    is the BM25 score of what is said. Each is None where it did not find the moment. ``sure`` is the share of hits
    like this by sight that are right, measured in the library itself; None where that cannot be told. ``said`` is all
    that is said during the moment, ``quote`` the passage that was found. ``written`` is the BM25 score of a line on the
    screen, ``line`` that line. ``meaning`` is the similarity of a passage that says it in other words.
    """

    video: int
    path: str
    start: float
    end: float
    score: float
    sight: float | None
    speech: float | None
    said: str = ""
    sure: float | None = None
    quote: str = ""
    written: float | None = None
    line: str = ""
    meaning: float | None = None

    @property
    def is_certain(self) -> bool:
        """Whether it is more than what merely comes closest."""
        return any(getattr(self, kind) is not None for kind in WEIGHTS) or (self.sight or 0.0) >= 0.5

    def overlaps(self, other: "Hit", share: float = OVERLAP) -> bool:
        """Whether both are of the same video and share that much of the shorter one."""
        common = min(self.end, other.end) - max(self.start, other.start)
        shorter = min(self.end - self.start, other.end - other.start)
        return self.video == other.video and common > share * shorter + MOMENT


def in_order(hits: Sequence[Hit]) -> list[Hit]:
    """Best first; of hits that score the same, first the earlier video of the library, and the earlier moment of it."""
    by_place = sorted(hits, key=lambda hit: (hit.video, hit.start, hit.end))
    return [by_place[i] for i in ranking([hit.score for hit in by_place])]


def distinct(hits: Sequence[Hit]) -> list[Hit]:
    """The best of hits that overlap: sorted by score, each is dropped that shares its seconds with a better one."""
    kept: dict[int, list[Hit]] = {}
    made = []
    for hit in in_order(hits):
        if not any(hit.overlaps(better) for better in kept.get(hit.video, ())):
            kept.setdefault(hit.video, []).append(hit)
            made.append(hit)
    return made


def joined(sight: Sequence[Hit], others: Mapping[str, Sequence[Hit]]) -> list[Hit]:
    """All rankings as one, by reciprocal ranks; a passage belongs to the best moment of those before that is near it.

    Args:
        sight: moments, best first.
        others: passages, by what they were found by: a name in ``WEIGHTS``.
    """
    made = [replace(hit, score=1 / (CONSTANT + rank)) for rank, hit in enumerate(sight, 1)]
    for kind, passages in others.items():
        of_video: dict[int, list[int]] = {}
        for place, hit in enumerate(made):
            of_video.setdefault(hit.video, []).append(place)
        taken: set[int] = set()
        for rank, passage in enumerate(in_order(passages), 1):
            worth = WEIGHTS[kind] / (CONSTANT + rank)
            near = next((place for place in of_video.get(passage.video, ()) if _is_near(made[place], passage)), None)
            if near is None:
                made.append(replace(passage, score=worth))
            elif near not in taken:
                taken.add(near)
                made[near] = _with_evidence(made[near], passage, worth)
    return sorted(made, key=lambda hit: -hit.score)


def _is_near(moment: Hit, passage: Hit) -> bool:
    return moment.start < passage.end + NEAR - MOMENT and moment.end > passage.start - NEAR + MOMENT


def _with_evidence(moment: Hit, passage: Hit, worth: float) -> Hit:
    more = {name: getattr(passage, name) for name in EVIDENCE if not getattr(moment, name)}
    return replace(moment, score=moment.score + worth, **more)


COMMON = frozenset(
    re.findall(
        r"\w+",
        "a an the and or of to in on at by for from with into is are was were be been being it its this that these "
        "those i you he she we they my your his her our their one some someone something person people man woman can "
        "do does doing how what when where who which as not no",
    )
)
"""Words that say nothing about a moment."""


def content_words(text: str) -> list[str]:
    """The words of a query that say something; all of them where none does."""
    found = words(text)
    return [word for word in found if word not in COMMON] or found


def is_about(text: str, wanted: Sequence[str]) -> bool:
    """Whether a passage has at least half of these words, in some form: one chance word is no hit.

    Of common words alone (to be or not to be) all must be there, since every passage has some.
    """
    return has_share(text, wanted, 1.0 if COMMON.issuperset(wanted) else 0.5)


def has_share(text: str, wanted: Sequence[str], share: float) -> bool:
    """Whether a passage has at least this share of some words, each in some form."""
    return sum(are_there(text, wanted)) >= share * len(wanted)


def said_during(captions: Sequence[Caption], start: float, end: float) -> str:
    """What is said while a moment is shown."""
    return " ".join(c.text for c in captions if c.start < end - MOMENT and c.end > start + MOMENT)
