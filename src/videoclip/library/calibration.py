"""Where hits begin: what tells a moment that shows a thing from the one that merely comes closest."""

from dataclasses import dataclass

import numpy as np

from ..ties import TOLERANCE, first_of_largest
from .confidence import Confidence


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
