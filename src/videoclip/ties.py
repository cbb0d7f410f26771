"""Which of equal scores wins: a rule decides, where otherwise the last bit of a sum would.

The same sum has other last bits on another processor or in another batch. So scores that differ by no more than
``TOLERANCE`` of their scale, the largest among them, are equal wherever a choice hangs on them. Of equal ones the first
wins, and a threshold that is merely reached is not exceeded.

Rounding moves float32 scores by about 1e-7 of their scale; what a model tells apart is 1e-3 of it and more. The
tolerance lies between, a hundred times from each.
"""

import math
from collections.abc import Sequence

import numpy as np

TOLERANCE = 1e-5
"""Share of their scale up to which scores are equal."""
MOMENT = 1e-4
"""Seconds up to which times are equal; captions are written to a thousandth."""


def slack(scores: np.ndarray | float, axis: int | None = None) -> np.ndarray:
    """How far equal scores may be apart; along an axis, which is kept with size 1. What is not finite has no scale."""
    sizes = np.abs(np.asarray(scores, np.float64))
    return TOLERANCE * np.where(np.isfinite(sizes), sizes, 0).max(axis, keepdims=axis is not None, initial=0)


def first_of_largest(scores: np.ndarray, within: np.ndarray | float | None = None) -> np.ndarray:
    """The first of those that equal the largest, along the last axis: (…, N) -> (…) int.

    Args:
        within: how far equal scores may be apart, where their scale is not in themselves; (…, 1) or a number.
    """
    scores = np.asarray(scores)
    within = slack(scores, -1) if within is None else within
    return (scores >= scores.max(-1, keepdims=True) - within).argmax(-1)


def ranking(scores: np.ndarray | Sequence[float], within: np.ndarray | float | None = None) -> np.ndarray:
    """The order of scores along the last axis, largest first, equal ones in their own order: (…, N) -> (…, N) int.

    Equal are those that equal the largest that is left: a slow slope is no single tie.
    """
    scores = np.asarray(scores, np.float64)
    within = np.asarray(slack(scores, -1) if within is None else within)
    within = np.broadcast_to(within, (*scores.shape[:-1], 1))[..., 0]
    order = np.argsort(-scores, axis=-1, kind="stable")
    ordered = np.take_along_axis(scores, order, -1)
    largest, is_less = ordered.copy(), np.ones(scores.shape, bool)
    is_close = ordered[..., 1:] >= ordered[..., :-1] - within[..., None]
    for place in np.flatnonzero(is_close.any(tuple(range(scores.ndim - 1)))) + 1:
        is_less[..., place] = ordered[..., place] < largest[..., place - 1] - within
        largest[..., place] = np.where(is_less[..., place], ordered[..., place], largest[..., place - 1])
    group = is_less.cumsum(-1)
    return np.take_along_axis(order, (group * scores.shape[-1] + order).argsort(-1), -1)


def ranked_first(scores: np.ndarray, count: int) -> np.ndarray:
    """The first ``count`` of a ``ranking``, without ranking the others: (N,) -> (≤ count,) int."""
    within, count = slack(scores), min(count, len(scores))
    near = np.flatnonzero(scores >= np.sort(scores)[len(scores) - count] - within) if count else np.arange(0)
    return near[ranking(scores[near], within)][:count]


def touched(start: float, end: float) -> tuple[int, int]:
    """The whole seconds that a span touches by more than an instant: the first, and the one after the last."""
    return math.floor(start + MOMENT), math.ceil(end - MOMENT)


def from_zero(start: float, end: float) -> tuple[float, float]:
    """The same times; ``ValueError`` where one is before 0, which would count from a video's end, or no number."""
    if not (start >= 0 and end >= 0):
        raise ValueError(f"{start:g} to {end:g} s is not in a video")
    return start, end
