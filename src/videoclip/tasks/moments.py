"""Moments of a video by description, as DiDeMo asks for them: which span of 5-second chunks does a sentence describe?

A video of up to 30 s has six chunks and 21 candidate moments: the chunks, and the spans of several. A moment is the
mean of its seconds' vectors, and the best is the one whose dot product with the sentence is largest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from ..ties import ranking

CHUNK_SECONDS, CHUNKS = 5, 6
AGREEING = 3
"""Annotators who count: those who agree best with the prediction."""

Moment = tuple[int, int]
"""First and last chunk, both included."""
CANDIDATES: list[Moment] = sorted(combinations_with_replacement(range(CHUNKS), 2), key=lambda m: (m[1] > m[0], m))
"""The 6 chunks, then the 15 spans of several."""


@dataclass(frozen=True)
class MomentScores:
    """Figures of DiDeMo, in fractions; ranks are means over the three annotators who agree best."""

    rank_at_1: float
    rank_at_5: float
    mean_iou: float


def rank_moments(tokens: np.ndarray, text: np.ndarray, seconds: int | None = None, paper: bool = False) -> list[Moment]:
    """Candidate moments, best first: (T, D) tokens and (D,) text -> moments that hold any of the video's seconds.

    Equal ones are in the order of ``CANDIDATES``.

    Args:
        seconds: how many of the tokens are of the video; the rest is padding. By default all.
        paper: average the padding of a moment too, as the published code does. Ours averages valid seconds only.
    """
    tokens, text = np.asarray(tokens), np.asarray(text)
    seconds = len(tokens) if seconds is None else seconds
    ends = {m: (m[0] * CHUNK_SECONDS, (m[1] + 1) * CHUNK_SECONDS) for m in CANDIDATES if m[0] * CHUNK_SECONDS < seconds}
    means = {m: tokens[start : end if paper else min(end, seconds)].mean(0) for m, (start, end) in ends.items()}
    scores = np.array([mean @ text for mean in means.values()])
    return [list(means)[place] for place in ranking(scores)]


def moment_scores(ranked: Sequence[Sequence[Moment]], times: Sequence[Sequence[Moment]]) -> MomentScores:
    """rank@1, rank@5 and mean IoU of predictions for N descriptions, each with several annotators' moments.

    Of each description the three annotators count whose moment is ranked best, and for the IoU of the first moment the
    three with which it overlaps most. A moment that was left out counts as ranked last.
    """
    means, overlaps = [], []
    for moments, annotated in zip(ranked, times, strict=True):
        means.append(mean_rank(moments, annotated))
        ious = sorted((iou(moments[0], time) for time in annotated), reverse=True)
        overlaps.append(np.mean(ious[:AGREEING]))
    mean_ranks = np.array(means)
    return MomentScores(float((mean_ranks <= 1).mean()), float((mean_ranks <= 5).mean()), float(np.mean(overlaps)))


def mean_rank(moments: Sequence[Moment], annotated: Sequence[Moment]) -> float:
    """Mean rank, from 1, of the annotators' moments, of those three that are ranked best.

    Raises:
        ValueError: no annotator gave one, or one is none of ``CANDIDATES``.
    """
    if not annotated or any(tuple(time) not in CANDIDATES for time in annotated):
        raise ValueError(f"moments {list(annotated)}: expected some of chunks 0 to {CHUNKS - 1}, first and last")
    place = {tuple(moment): i + 1 for i, moment in enumerate(moments)}
    ranks = sorted(place.get(tuple(time), len(CANDIDATES)) for time in annotated)
    return float(np.mean(ranks[:AGREEING]))


def iou(a: Sequence[int], b: Sequence[int]) -> float:
    """Chunks that two moments share, of those that either has."""
    shared = max(min(a[1], b[1]) - max(a[0], b[0]) + 1, 0)
    return shared / ((a[1] - a[0] + 1) + (b[1] - b[0] + 1) - shared)
