"""Which clips of a video are its highlights for a sentence, as several people rated them (Lei et al., 2021)."""

import numpy as np

from ..ties import slack
from .grounding import average_precision


def highlight_precision(scores: np.ndarray, is_good: np.ndarray) -> float:
    """Average precision of the clips' scores, each rater alone, and the mean over them: (C,), (C, raters) bool.

    A rater who finds nothing good counts as 0, as in the publication's metric.
    """
    return float(np.mean([average_precision(scores, good) for good in np.asarray(is_good, bool).T]))


def highlight_hit(scores: np.ndarray, is_good: np.ndarray) -> float:
    """Whether any rater finds the best clip good, 0 or 1: (C,), (C, raters) bool; of equal clips their share."""
    best = np.flatnonzero(scores >= np.max(scores) - slack(scores))
    return float(np.asarray(is_good, bool)[best].any(1).mean())
