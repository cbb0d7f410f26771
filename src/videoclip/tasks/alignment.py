"""How well sentences of a narration are placed in its video (Han et al., CVPR 2022): the figures of HTM-Align."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..model.alignment import REACH, Alignment, align, alignment_scores
from ..ties import slack

__all__ = ["REACH", "Alignment", "AlignmentScores", "align", "alignment_metrics", "alignment_scores", "roc_auc"]


@dataclass(frozen=True)
class AlignmentScores:
    """Figures of HTM-Align, in fractions."""

    recall: float
    """R@1: of the alignable sentences, those whose time lies inside the true segment."""
    auc: float
    """Area under the ROC curve of confidence as a sign that a sentence is alignable."""
    spoken_recall: float
    """R@1 of the middle of when each is spoken: the baseline without a model."""
    sentences: int
    alignable: int


def alignment_metrics(
    times: np.ndarray, confidence: np.ndarray, spoken: np.ndarray, truth: Sequence[tuple[float, float] | None]
) -> AlignmentScores:
    """R@1 and AUC over the sentences of all videos; ``truth`` is None where a sentence is not alignable."""
    right = np.array([t is not None for t in truth])
    spans = np.array([t for t in truth if t is not None], float).reshape(-1, 2)
    inside = _inside(np.asarray(times)[right], spans)
    baseline = _inside(np.asarray(spoken, float).mean(1)[right], spans)
    return AlignmentScores(inside, roc_auc(confidence, right), baseline, len(right), int(right.sum()))


def roc_auc(scores: np.ndarray, right: np.ndarray) -> float:
    """Probability that a right one scores above a wrong one, ties counting half; 0.5 where one kind is missing."""
    scores, right = np.asarray(scores, float), np.asarray(right, bool)
    if right.all() or not right.any():
        return 0.5
    ordered = np.sort(scores[~right])
    lower, upper = scores[right] - slack(scores), scores[right] + slack(scores)
    below = np.searchsorted(ordered, lower, "left") + np.searchsorted(ordered, upper, "right")
    return float(below.mean() / 2 / len(ordered))


def _inside(times: np.ndarray, spans: np.ndarray) -> float:
    return float(((spans[:, 0] <= times) & (times <= spans[:, 1])).mean()) if len(spans) else 0.0
