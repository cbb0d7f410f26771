"""Where a moment begins and ends: how far around its best second a video goes on showing it."""

from collections.abc import Sequence

import numpy as np

from ..model.curves import moving_mean
from ..ties import first_of_largest, slack


def boundaries(scores: np.ndarray, start: float, end: float) -> tuple[float, float]:
    """Where a moment begins and ends: (T,) scores of seconds around a window [start, end) -> seconds.

    The moment is the stretch around the window's best second in which smoothed scores stay above the middle between
    the best level and that of the surroundings, their lower quartile.
    """
    return boundaries_of(scores, [(start, end)])[0]


def boundaries_of(scores: np.ndarray, windows: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The ``boundaries`` of the moments of several windows of one video, whose scores are (T,)."""
    smooth = moving_mean(np.asarray(scores, np.float64), 3)
    within, quiet = slack(smooth), float(np.quantile(smooth, 0.25))
    stretches: dict[int, tuple[float, float]] = {}  # by best second, which windows share
    found = []
    for start, end in windows:
        first = min(int(start), len(smooth) - 1)
        last = max(int(np.ceil(end)), first + 1)
        peak = first + int(first_of_largest(smooth[first:last], within))
        if peak not in stretches:
            stretches[peak] = _stretch(smooth, peak, quiet, float(within))
        found.append(stretches[peak])
    return found


def _stretch(smooth: np.ndarray, peak: int, quiet: float, within: float) -> tuple[float, float]:
    # smoothing lowers the outermost second of what is shown, and with its level the middle would be just what smoothing
    # makes of the second outside; so the level is that of the seconds beside the best one too
    level = smooth[max(peak - 1, 0) : peak + 2].max()
    limit = (level + quiet) / 2 + within
    low = high = peak
    while low > 0 and smooth[low - 1] > limit:
        low -= 1
    while high + 1 < len(smooth) and smooth[high + 1] > limit:
        high += 1
    return float(low), float(high + 1)
