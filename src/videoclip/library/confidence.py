"""How often hits are right: a share that is fitted to what the library itself knows of (``trials``)."""

from dataclasses import dataclass

import numpy as np

ITERATIONS = 50
PRIOR = 1.0
"""Precision of the normal prior of each weight, of features that have a variance of 1."""
LEAST = 40
"""Sentences, looked for in the library, that a curve needs."""
SURPLUS = 3.0
"""Standard deviations by which right hits must exceed what chance makes of wrong ones; else nothing was learnt."""


@dataclass(frozen=True)
class Confidence:
    """The share of hits that are right, by what is known of each: a logistic curve.

    Args:
        moments: (S, D), some of the library's moments, beside which a hit is seen.
        middle, scale: (F,), mean and standard deviation of the features that it was fitted to.
        weights: (F + 1,), the constant last.
    """

    moments: np.ndarray
    middle: np.ndarray
    scale: np.ndarray
    weights: np.ndarray

    def share(self, features: np.ndarray) -> np.ndarray:
        """(K, F) of hits, as ``known`` makes them -> (K,): how many of such hits are right, from 0 to 1."""
        return _sigmoid(_with_constant((features - self.middle) / self.scale) @ self.weights)


def known(scores: np.ndarray, beside: np.ndarray) -> np.ndarray:
    """What tells right hits from wrong ones, of the hits for one text, best first: (K, 2).

    How far a moment stands out for the text among other moments, and its place. How far a text stands out among others
    would tell more, but differs between what people say and what they ask for.

    Args:
        scores: (K,) of the text with each hit.
        beside: (S,) of the text with other moments. Words that name nothing fit many of them equally well.
    """
    typical = np.logaddexp.reduce(beside) - np.log(len(beside))
    return np.stack([scores - typical, np.log(1 + np.arange(len(scores)))], axis=1)


def learnt(moments: np.ndarray, features: list[np.ndarray], labels: list[np.ndarray]) -> Confidence | None:
    """The curve that fits hits of known texts, of each text (K, F) and (K,); None where they are too few to tell.

    Args:
        labels: of which only sums count: 1 for what is right or by chance looks so, 0 or less for what is not, so much
            less that both sum up to 0 where hits are drawn by chance.
    """
    if len(features) < LEAST:
        return None
    found, right = np.concatenate(features), np.concatenate(labels)
    if right.sum() < SURPLUS * np.sqrt((right**2).sum()):
        return None
    return Confidence(moments, *fitted(found, right))


def fitted(features: np.ndarray, labels: np.ndarray, prior: float = PRIOR) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middle, scale and weights of the logistic curve of (N, F) features that fits (N,) labels best, by Newton."""
    middle, scale = features.mean(0), np.maximum(features.std(0), 1e-9)
    inputs = _with_constant((features - middle) / scale)
    precision = np.diag(np.append(np.full(features.shape[1], prior), 1e-6))
    weights = np.zeros(inputs.shape[1])
    for _ in range(ITERATIONS):
        share = _sigmoid(inputs @ weights)
        slope = inputs.T @ (share - labels) + precision @ weights
        curvature = (inputs * (share * (1 - share))[:, None]).T @ inputs + precision
        step = np.linalg.solve(curvature, slope)
        weights -= step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-9))
        if np.abs(step).max() < 1e-8:
            break
    return middle, scale, weights


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * values))  # which never overflows


def _with_constant(inputs: np.ndarray) -> np.ndarray:
    return np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)
