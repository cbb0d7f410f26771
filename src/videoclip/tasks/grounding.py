"""When a video shows what a sentence describes: spans of seconds, best first, and how well they fit.

Candidates are found as the library finds its moments: windows of several lengths are ranked by the mean of their
seconds' scores, and each is moved to where the scores fall off (``boundaries``). Of spans that overlap the best stays.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from ..ties import TOLERANCE, first_of_largest, ranking, slack
from .boundaries import boundaries_of

WINDOWS = (4, 8, 16)
"""Seconds of the windows that are looked at; each begins half a length after the one before it."""
OVERLAP = 0.5
"""Intersection over union beyond which two spans of a video are one."""
MOST = 10
"""Spans that are predicted for a sentence, at most."""
THRESHOLDS = (0.3, 0.5, 0.7)
RANKS = (1, 5)
AT_ONCE = 250_000
"""Spans that are compared at a time."""


def windows(seconds: int) -> list[tuple[int, int]]:
    """Windows of a video of so many seconds, in several lengths, the last of each at the end."""
    spans = set()
    for length in WINDOWS:
        last = max(seconds - length, 0)
        spans |= {(start, min(start + length, seconds)) for start in [*range(0, last, length // 2), last]}
    return sorted(spans)


def ground(scores: np.ndarray, most: int = MOST) -> tuple[np.ndarray, np.ndarray]:
    """Spans in which a text is shown, by the (T,) scores of the seconds against it, best first.

    Returns:
        (P, 2) start and end in seconds, P at most ``most``, and (P,) how far each window's mean stands out from the
        video's.
    """
    scores = np.asarray(scores, np.float64)
    looked_at = np.array(windows(len(scores)))
    sums = np.concatenate([[0.0], scores.cumsum()])
    outstanding = (sums[looked_at[:, 1]] - sums[looked_at[:, 0]]) / np.diff(looked_at)[:, 0] - scores.mean()
    order = ranking(outstanding, slack(scores))
    best: dict[tuple[float, float], float] = {}  # several windows may lead to one span
    for span, value in zip(boundaries_of(scores, looked_at[order].tolist()), outstanding[order], strict=True):
        best.setdefault(span, value)
    spans, values = np.array(list(best)), np.array(list(best.values()))
    kept = distinct(spans)[:most]
    return spans[kept], values[kept]


def distinct(spans: np.ndarray, overlap: float = OVERLAP) -> list[int]:
    """Which spans stay when each is dropped that overlaps a better one beyond ``overlap``: (P, 2), best first."""
    overlaps = temporal_iou(spans, spans)
    kept: list[int] = []
    for i in range(len(spans)):
        if not (overlaps[i, kept] > overlap + TOLERANCE).any():
            kept.append(i)
    return kept


def temporal_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Seconds that two spans share, of those that either has: (P, 2), (G, 2) -> (P, G)."""
    a, b = np.asarray(a, np.float64)[:, None], np.asarray(b, np.float64)[None]
    shared = np.clip(np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0]), 0, None)
    either = (a[..., 1] - a[..., 0]) + (b[..., 1] - b[..., 0]) - shared
    return shared / np.maximum(either, 1e-9)


def moment_metrics(found: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> dict[str, float]:
    """R@n at each IoU, and the mean IoU of the first span, over N sentences.

    A sentence counts at n and a threshold if one of its first n spans has at least that IoU with one of the true ones.

    Args:
        found: (P, 2) seconds each, best first.
        truth: (G, 2) each.
    """
    best = [temporal_iou(spans, right).max(1) for spans, right in zip(found, truth, strict=True)]
    recalls = {
        f"R{n}@{iou:g}": float(np.mean([reaches(ious[:n], iou).any() for ious in best]))
        for n in RANKS
        for iou in THRESHOLDS
    }
    return recalls | {"mIoU": float(np.mean([ious[0] for ious in best]))}


def reaches(ious: np.ndarray, threshold: float) -> np.ndarray:
    """Whether an overlap is at least the threshold; what merely reaches it does."""
    return np.asarray(ious) >= threshold - TOLERANCE


def chance_of_span(truth: np.ndarray, seconds: int) -> np.ndarray:
    """How likely a span of whole seconds, drawn evenly among all of a video, has each IoU of ``THRESHOLDS``.

    Args:
        truth: (G, 2), of which one is enough.
        seconds: of the video.

    Returns:
        (3,), a share for each threshold.
    """
    hits, rows = np.zeros(len(THRESHOLDS)), max(AT_ONCE // seconds, 1)
    for first in range(0, seconds, rows):
        starts, ends = np.triu_indices(min(rows, seconds - first), first, seconds)
        ious = temporal_iou(np.stack([first + starts, ends + 1], 1), truth).max(1)
        hits += [reaches(ious, threshold).sum() for threshold in THRESHOLDS]
    return hits / (seconds * (seconds + 1) / 2)


def average_precision(scores: np.ndarray, right: np.ndarray, positives: int | None = None) -> float:
    """Interpolated average precision of N scored items: the area below precision, which is the best at that recall.

    Items that score the same come at once, so that constant scores give the share that is right.

    Args:
        right: (N,) bool.
        positives: how many right ones there are, found or not; by default those among the items. Of none it is 0.
    """
    right = np.asarray(right, bool)
    positives = int(right.sum()) if positives is None else positives
    if not positives or not len(right):
        return 0.0
    order = ranking(scores)
    hits = right[order].cumsum()
    last = _last_of_equal(np.asarray(scores, np.float64)[order])
    precision = hits[last] / (last + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(hits[last] / positives, prepend=0) * best).sum())


def _last_of_equal(ordered: np.ndarray) -> np.ndarray:
    """The places of the last of each group of equal scores, which are in the order of their ranking."""
    within, first = float(slack(ordered)), 0
    places = []
    for i in range(1, len(ordered)):
        if ordered[i] < ordered[first] - within:
            places.append(i - 1)
            first = i
    return np.array([*places, len(ordered) - 1])


def detection_precision(
    spans: np.ndarray, scores: np.ndarray, of: Sequence[Hashable], truth: Mapping[Any, np.ndarray], iou: float
) -> float:
    """Average precision of N spans among the true ones of several videos, at an IoU.

    Best first, each takes the free true span of its video with which it overlaps most, if that is enough.

    Args:
        spans: (N, 2) seconds.
        of: the video of each; what ``truth`` does not have is wrong.
        truth: (G, 2) of each video.
    """
    free = {key: np.ones(len(right), bool) for key, right in truth.items()}
    hits = np.zeros(len(spans), bool)
    for i in ranking(scores):
        key = of[i]
        if key in free and free[key].any():
            overlaps = np.where(free[key], temporal_iou(spans[i][None], truth[key])[0], -1)
            best = int(first_of_largest(overlaps))
            hits[i] = reaches(overlaps[best], iou)
            free[key][best] &= not hits[i]
    return average_precision(scores, hits, sum(map(len, truth.values())))
