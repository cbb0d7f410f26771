"""Figures of merit of retrieval and of segmentation, in fractions."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..ties import slack

RANKS = (1, 5, 10)


def ranks(scores: np.ndarray, right: np.ndarray | Sequence[int] | None = None) -> np.ndarray:
    """Rank, from 1, of each query's right answer: (Q, N) scores -> (Q,) float64.

    An answer that ties with others has the mean of the ranks that they share, so that constant scores give chance. The
    same clip twice is a tie too, whatever the rounding of its scores: see ``ties``, with the scale of each query's own.

    Args:
        right: (Q,) column of each row's right answer; by default the diagonal. Or (Q, N) bool: any of several is
            right, and the best of them counts.
    """
    scores = np.asarray(scores, np.float64)
    answers = np.arange(len(scores)) if right is None else np.asarray(right)
    if answers.dtype == bool:
        answers = np.where(answers, scores, -np.inf).argmax(1)
    own = scores[np.arange(len(scores)), answers][:, None]
    within = slack(scores, 1)
    better, worse = (scores > own + within).sum(1), (scores < own - within).sum(1)
    return 1 + better + (scores.shape[1] - better - worse - 1) / 2


def recall_at(ranks: np.ndarray, k: int) -> float:
    """Share of queries whose right answer is among the first ``k``.

    A tie that straddles ``k`` counts by its mean rank: right or wrong as a whole.
    """
    return float((ranks <= k).mean())


def retrieval_metrics(ranks: np.ndarray) -> dict[str, float]:
    """R@1, R@5, R@10, median and mean rank."""
    recalls = {f"R@{k}": recall_at(ranks, k) for k in RANKS}
    return recalls | {"median_rank": float(np.median(ranks)), "mean_rank": float(ranks.mean())}


def chance_recall(relevant: np.ndarray, k: int) -> float:
    """Expected R@k of a random order, where query q has ``relevant[q]`` right answers of N: (Q, N) bool -> fraction."""
    total = relevant.shape[1]
    missed = np.ones(len(relevant))
    for i in range(min(k, total)):
        missed *= np.clip((total - relevant.sum(1) - i) / (total - i), 0, None)
    return float(1 - missed.mean())


def bootstrap(hits: Sequence[float], of: Sequence[float] | None = None, draws: int = 1000) -> tuple[float, float]:
    """The 95 % interval of sum(hits) / sum(of) when N items are drawn anew with replacement, always the same way.

    Args:
        hits: (N,) what each item adds to the numerator.
        of: (N,) what it adds to the denominator; by default 1.
    """
    numerator = np.asarray(hits, np.float64)
    denominator = np.ones(len(numerator)) if of is None else np.asarray(of, np.float64)
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(draws):
        drawn = rng.integers(len(numerator), size=len(numerator))
        ratios.append(numerator[drawn].sum() / max(denominator[drawn].sum(), 1e-12))
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(low), float(high)


BACKGROUND = -1
OVERLAPS = (10, 25, 50)
"""Per cent of overlap that a segment needs to count as found."""


def segmentation_metrics(predicted: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> dict:
    """How well the seconds of videos are labelled; each array holds a label per second, -1 for background.

    Frame accuracy alone can be had by calling everything background, so beside it stand the accuracy of doing so, the
    accuracy on labelled seconds alone, the mean accuracy per class, and figures of whole segments: edit score and F1 at
    10, 25 and 50 % overlap (Lea et al., CVPR 2017). ``one_label`` says whether all that was predicted is one label.
    """
    flat, right = np.concatenate(predicted), np.concatenate(truth)
    labelled = right != BACKGROUND
    classes = [(flat[right == c] == c).mean() for c in np.unique(right[labelled])]
    found = [(segments(p), segments(t)) for p, t in zip(predicted, truth, strict=True)]
    return {
        "frame_accuracy": float((flat == right).mean()),
        "background_accuracy": float((~labelled).mean()),
        "labelled_accuracy": float((flat == right)[labelled].mean()) if labelled.any() else 0.0,
        "class_accuracy": float(np.mean(classes)) if classes else 0.0,
        "edit": float(np.mean([edit_score([s[0] for s in p], [s[0] for s in t]) for p, t in found])),
        **{f"F1@{k}": segment_f1(found, k / 100) for k in OVERLAPS},
        "one_label": len(np.unique(flat)) == 1,
        "seconds": len(right),
    }


def segments(labels: np.ndarray) -> list[tuple[int, int, int]]:
    """Runs of a label that is not background: (label, first second, second after the last)."""
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    runs = [(int(labels[a]), a, b) for a, b in pairwise(edges) if b > a]
    return [run for run in runs if run[0] != BACKGROUND]


def edit_score(predicted: Sequence[int], truth: Sequence[int]) -> float:
    """One minus the Levenshtein distance of two orders of labels, over the length of the longer."""
    row = list(range(len(truth) + 1))
    for i, label in enumerate(predicted, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(truth, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (label != other))
    longest = max(len(predicted), len(truth))
    return 1 - row[-1] / longest if longest else 1.0


def segment_f1(found: Sequence[tuple[list, list]], overlap: float) -> float:
    """F1 of segments over all videos: one counts that overlaps a true one of its label enough, each true one once."""
    hits = proposed = wanted = 0
    for predicted, truth in found:
        proposed, wanted, free = proposed + len(predicted), wanted + len(truth), set(range(len(truth)))
        for label, start, end in predicted:
            ious = {i: _iou((start, end), truth[i][1:]) for i in sorted(free) if truth[i][0] == label}
            best = max(ious, key=lambda i: ious[i], default=None)
            if best is not None and ious[best] >= overlap:
                hits += 1
                free.remove(best)
    return 2 * hits / (proposed + wanted) if proposed + wanted else 1.0


def _iou(a: tuple[int, int], b: tuple[int, int]) -> float:
    shared = max(min(a[1], b[1]) - max(a[0], b[0]), 0)
    return shared / ((a[1] - a[0]) + (b[1] - b[0]) - shared)
