"""Where hits begin: what tells a moment that shows a thing from the one that merely comes closest."""

from dataclasses import dataclass

import numpy as np

from ..ties import TOLERANCE, first_of_largest
from .confidence import Confidence

SPREAD = 2.0
"""Distances from the median to the lower quarter, as many as hits by meaning begin above it (bench/meaning.py)."""


@dataclass(frozen=True)
class Calibration:
    """How hits are told from what merely comes closest.

    What counts is the logarithm of a text's share among texts of everyday things, for the moment in question: a moment
    that fits any text well is no evidence. ``threshold`` is how large that is, at the most, for most of these texts
    themselves, since a library holds few of the things they name.
    """

    bank: np.ndarray  # (N, D) vectors of the everyday texts
    threshold: float
    confidence: Confidence | None = None
    """How often hits are right; None where the library cannot tell."""

    def evidence(self, moments: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """(K, D) moments and their scores (K,) with a text -> (K,): 0 or more where the text is shown.

        What differs from the threshold by no more than rounding is just 0.
        """
        others = np.logaddexp.reduce(moments @ self.bank.T, axis=-1)
        evidence = scores - others - self.threshold
        within = TOLERANCE * np.maximum(np.abs(scores), np.abs(others))
        return np.where(np.abs(evidence) <= within, 0, evidence)


def calibrated(bank: np.ndarray, moments: np.ndarray) -> Calibration | None:
    """The threshold for a library, from (N, D) vectors of everyday texts and (M, D) of its moments.

    Each text's best moment is judged by the other texts. The threshold lies above nine in ten of these, or, where a
    library holds many of these things, as far above the middle as three times the distance to the upper quarter.
    """
    if not len(moments):
        return None
    scores = bank @ moments.T
    best = first_of_largest(scores)
    own = scores[np.arange(len(bank)), best]
    others = scores[:, best].copy()
    np.fill_diagonal(others, -np.inf)
    evidence = own - np.logaddexp.reduce(others, axis=0)
    middle, upper, most = np.quantile(evidence, [0.5, 0.75, 0.9])
    return Calibration(bank.astype(np.float32), float(min(most, middle + 3 * (upper - middle))))


@dataclass(frozen=True)
class Nearness:
    """How passages that mean a thing are told from those that merely come closest.

    What counts is how much nearer a passage is to a text than passages are to it on average; in a text's own language
    all are nearer. ``threshold`` is above what this is for most texts of everyday things.
    """

    middle: np.ndarray  # (D,) the mean of passages
    threshold: float

    def evidence(self, text: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Of a text (D,) and its scores with passages (K,) -> (K,): 0 or more where a passage means the text."""
        evidence = scores - text @ self.middle - self.threshold
        return np.where(np.abs(evidence) <= TOLERANCE * np.abs(scores), 0, evidence)


def near_misses(best: np.ndarray, everyday: np.ndarray, middle: np.ndarray) -> Nearness:
    """Where hits by meaning begin, from the scores of everyday texts with their best passages.

    As far above their median as twice the distance to the lower quarter, which stays low where the library holds many
    of these things.

    Args:
        best: (N,) of each everyday text with the passage nearest to it.
        everyday: (N, D) vectors of these texts.
        middle: (D,) the mean of passages.
    """
    lower, median = np.quantile(best - everyday @ middle, [0.25, 0.5])
    return Nearness(middle.astype(np.float32), float(median + SPREAD * (median - lower)))
