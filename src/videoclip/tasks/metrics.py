"""Figures of merit of retrieval and multiple choice, in fractions."""

from collections.abc import Sequence

import numpy as np

RANKS = (1, 5, 10)


def ranks(scores: np.ndarray, right: np.ndarray | Sequence[int] | None = None) -> np.ndarray:
    """Rank, from 1, of each query's right answer: (Q, N) scores -> (Q,) float64.

    An answer that ties with others has the mean of the ranks that they share, so that constant scores give chance.

    Args:
        right: (Q,) column of each row's right answer; by default the diagonal. Or (Q, N) bool: any of several is
            right, and the best of them counts.
    """
    scores = np.asarray(scores, np.float64)
    answers = np.arange(len(scores)) if right is None else np.asarray(right)
    if answers.dtype == bool:
        answers = np.where(answers, scores, -np.inf).argmax(1)
    own = scores[np.arange(len(scores)), answers][:, None]
    return 1 + (scores > own).sum(1) + ((scores == own).sum(1) - 1) / 2


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
