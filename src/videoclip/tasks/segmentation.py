"""Which label each second of a video shows (paper, section 5.1), without training.

Scores of a label are compared within the video: a second shows a label where its score stands out from the label's
mean over the video, and background where no label's does.
"""

import numpy as np


def label_seconds(tokens: np.ndarray, labels: np.ndarray, smooth: int = 3) -> np.ndarray:
    """Label of each second: (T, D) tokens, (K, D) texts -> (T,) int, -1 for background.

    The dividing line between background and label is the best split of the video's own best scores (Otsu, 1979):
    nothing is fitted on labelled videos.

    Args:
        smooth: seconds over which scores are averaged; odd.
    """
    scores = np.asarray(tokens) @ np.asarray(labels).T
    scores = _moving_mean(scores - scores.mean(0), smooth)
    best = scores.max(1)
    return np.where(best > otsu(best), scores.argmax(1), -1)


def otsu(values: np.ndarray) -> float:
    """The threshold that splits values into two groups with the least variance within them."""
    ordered = np.sort(np.asarray(values, np.float64))
    below = np.arange(1, len(ordered))
    if not len(below):
        return -np.inf
    total = np.cumsum(ordered)[:-1]
    between = (total / below - (ordered.sum() - total) / (len(ordered) - below)) ** 2 * below * (len(ordered) - below)
    cut = int(between.argmax())
    return float((ordered[cut] + ordered[cut + 1]) / 2)


def _moving_mean(scores: np.ndarray, width: int) -> np.ndarray:
    """Mean over ``width`` seconds around each, shorter at the ends: (T, K) -> (T, K)."""
    half = width // 2
    return np.stack([scores[max(t - half, 0) : t + half + 1].mean(0) for t in range(len(scores))])
