"""What is read from curves of scores over the seconds of a video."""

import numpy as np

from ..ties import first_of_largest


def moving_mean(scores: np.ndarray, width: int) -> np.ndarray:
    """Mean over ``width`` seconds around each, shorter at the ends: (T, …) -> (T, …)."""
    half, seconds = width // 2, np.arange(len(scores))
    first, last = np.maximum(seconds - half, 0), np.minimum(seconds + half + 1, len(scores))
    sums = np.concatenate([np.zeros_like(scores[:1], np.float64), np.cumsum(scores, axis=0, dtype=np.float64)])
    counts = (last - first).reshape(-1, *[1] * (np.ndim(scores) - 1))
    return ((sums[last] - sums[first]) / counts).astype(scores.dtype, copy=False)


def otsu(values: np.ndarray) -> float:
    """The threshold that splits values into two groups with the least variance inside, the lowest of equal ones."""
    ordered = np.sort(np.asarray(values, np.float64))
    below = np.arange(1, len(ordered))
    if not len(below):
        return -np.inf
    total = np.cumsum(ordered)[:-1]
    between = (total / below - (ordered.sum() - total) / (len(ordered) - below)) ** 2 * below * (len(ordered) - below)
    cut = int(first_of_largest(between))
    return float((ordered[cut] + ordered[cut + 1]) / 2)
