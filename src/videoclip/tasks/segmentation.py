"""Which label each second of a video shows (paper, section 5.1), without training.

The paper's rule compares scores with how similar the labels are to each other. In ours, scores of a label are compared
within the video: a second shows a label where its score stands out from the label's mean over the video, and background
where no label's does.
"""

from collections.abc import Sequence

import numpy as np

from ..model.curves import moving_mean, otsu
from ..model.joint import JointModel
from ..ties import first_of_largest, from_zero, slack, touched
from .metrics import BACKGROUND

RULES = ("spread", "paper", "background")
"""Ours, the paper's, and the one for fine-tuned models: a second is background where a text for it fits best."""
BACKGROUND_TEXT = "background"
"""The text that stands for seconds without a label, in fine-tuning and by the rule of that name."""


def segment(
    tokens: np.ndarray, labels: np.ndarray, rule: str, background: np.ndarray | None = None, present: bool = False
) -> np.ndarray:
    """Label of each second of a video by a rule of ``RULES``: (T, D), (K, D) texts -> (T,) int, -1 for background.

    Args:
        background: (D,) the vector of ``BACKGROUND_TEXT``, which the rule of that name needs.
        present: all labels are known to occur in the video.
    """
    if rule == "paper":
        return label_seconds_as_published(tokens @ labels.T, labels)
    if rule == "background":
        if background is None:
            raise ValueError("the rule 'background' needs the vector of its text")
        return label_seconds_against(tokens, labels, background)
    return label_seconds(tokens, labels, present)


def background_text(model: JointModel, rule: str) -> np.ndarray | None:
    """The vector of the text that stands for seconds without a label, (D,); None for rules that do without."""
    if rule != "background":
        return None
    return model.encode_text([BACKGROUND_TEXT]).numpy()[0]


def label_seconds(tokens: np.ndarray, labels: np.ndarray, present: bool = False, smooth: int = 3) -> np.ndarray:
    """Label of each second: (T, D) tokens, (K, D) texts -> (T,) int, -1 for background.

    A label's scores are centred over the video and divided by their spread, so that no label wins by its mean or its
    scale. Background scores as much as the best split of the video's own best scores (Otsu, 1979). The labels are those
    of the best path, on which every change costs ``CHANGE``. Nothing is fitted on labelled videos. A label whose scores
    are the same all along says nothing, and a second that fits background as well as a label is background.

    Args:
        present: all labels are known to occur in the video (its task is given). Else the spread of labels that vary
            little, as those that do not occur, is taken for larger than it is, so that their noise is not blown up.
        smooth: seconds over which scores are averaged before they are split; odd.
    """
    scores = np.asarray(tokens) @ np.asarray(labels).T
    spread = scores.std(0)
    if not present:
        spread = np.sqrt(spread**2 + spread.max() ** 2)
    spread = np.where(spread > slack(scores), spread, np.inf)
    scores = (scores - scores.mean(0)) / spread
    background = otsu(moving_mean(scores, smooth).max(1))
    path = best_path(np.column_stack([np.full(len(scores), background), scores]), CHANGE)
    return np.where(path == 0, BACKGROUND, path - 1)


CHANGE = 0.25
"""What it costs to change from one label to another, in spreads of a label's scores; large values lose short steps.

Of 0.25, 0.5 and 0.75 the best on 40 training and 20 validation videos of one rendered world.
"""


def best_path(scores: np.ndarray, change: float) -> np.ndarray:
    """The states with the largest sum of scores, less ``change`` for each change (Viterbi): (T, K) -> (T,) int.

    Of equal paths it is one that ends in the first state, and whose changes come early.
    """
    T, K = scores.shape
    within = slack(scores) * T**0.5  # rounding of T scores adds up to about this
    total, before = scores[0].astype(np.float64), np.zeros((T, K), int)
    for t in range(1, T):
        best = int(first_of_largest(total, within))
        stays = total >= total[best] - change - within
        before[t] = np.where(stays, np.arange(K), best)
        total = np.where(stays, total, total[best] - change) + scores[t]
    path = np.empty(T, int)
    path[-1] = first_of_largest(total, within)
    for t in range(T - 1, 0, -1):
        path[t - 1] = before[t, path[t]]
    return path


def label_seconds_as_published(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The paper's rule: (T, K) scores, (K, D) texts -> (T,) int, -1 for background.

    A second gets its best label if that score exceeds the largest similarity between any two different label texts.
    With the published weights it never does, so that everything is background.
    """
    scores, labels = np.asarray(scores), np.asarray(labels)
    least = largest_similarity(labels)
    is_shown = scores.max(1) > least + max(slack(scores), slack(least))
    return np.where(is_shown, first_of_largest(scores, slack(scores)), BACKGROUND)


def label_seconds_against(tokens: np.ndarray, labels: np.ndarray, background: np.ndarray) -> np.ndarray:
    """The best of the labels and a text for background: (T, D), (K, D), (D,) -> (T,) int, -1 for background.

    For models that were fine-tuned with that text; others know nothing of it.
    """
    scores = np.asarray(tokens) @ np.asarray(labels).T
    otherwise = np.asarray(tokens) @ np.asarray(background)
    within = max(slack(scores), slack(otherwise))
    return np.where(scores.max(1) > otherwise + within, first_of_largest(scores, within), BACKGROUND)


def largest_similarity(labels: np.ndarray) -> float:
    """The largest dot product between two different label texts, (K, D); without a second one, minus infinity."""
    similarity = labels @ labels.T
    return float(similarity[~np.eye(len(labels), dtype=bool)].max(initial=-np.inf))


def merge_windows(windows: Sequence[np.ndarray], starts: Sequence[int], seconds: int) -> np.ndarray:
    """Scores of a whole video from those of overlapping windows, which are averaged: N of (≤ W, K) -> (seconds, K)."""
    total = np.zeros((seconds, np.shape(windows[0])[1]))
    times = np.zeros((seconds, 1))
    for window, start in zip(windows, starts, strict=True):
        total[start : start + len(window)] += window
        times[start : start + len(window)] += 1
    return total / np.maximum(times, 1)


def labels_of_seconds(segments: Sequence[tuple[float, float, int]], seconds: int) -> np.ndarray:
    """Label of each second from segments (start, end, label from 0): (seconds,) int, -1 for background.

    A segment has every second that it touches; where two do, the later one in the list.

    Raises:
        ValueError: a label is counted from less than 0, or a time is before the video.
    """
    labels = np.full(seconds, BACKGROUND)
    for start, end, label in segments:
        if label < 0:
            raise ValueError(f"label {label}; labels are counted from 0")
        labels[slice(*touched(*from_zero(start, end)))] = label
    return labels
