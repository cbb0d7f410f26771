"""Where a moment begins and ends: how far around its best second a video goes on showing it."""

import numpy as np

from .metrics import moving_mean


def boundaries(scores: np.ndarray, start: float, end: float) -> tuple[float, float]:
    """Where a moment begins and ends: (T,) scores of seconds around a window [start, end) -> seconds.

    The moment is the stretch around the window's best second in which smoothed scores stay above the middle between
    that second's and the level of the surroundings, their lower quartile.
    """
    smooth = moving_mean(np.asarray(scores, np.float64), 3)
    first, last = int(start), max(min(int(np.ceil(end)), len(smooth)), int(start) + 1)
    peak = first + int(smooth[first:last].argmax()) if first < len(smooth) else len(smooth) - 1
    limit = (smooth[peak] + np.quantile(smooth, 0.25)) / 2
    low = high = peak
    while low > 0 and smooth[low - 1] >= limit:
        low -= 1
    while high + 1 < len(smooth) and smooth[high + 1] >= limit:
        high += 1
    return float(low), float(high + 1)
