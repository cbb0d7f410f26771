"""Which sentences of a narration describe something that is seen, and when (Han et al., CVPR 2022).

Speech runs ahead of the pictures or behind them, and most of it is about nothing that is shown. A sentence's scores
over the video's seconds are compared with the sentence's own mean and with what other sentences score at that second;
a path through the seconds then takes the sentences in their order and may leave out any of them.
"""

from dataclasses import dataclass

import numpy as np

from ..ties import first_of_largest, slack
from .curves import moving_mean, otsu

REACH = 15.0
"""Seconds from when a sentence is spoken in which what it describes is looked for."""


@dataclass(frozen=True)
class Alignment:
    """Where N sentences belong in a video, in seconds."""

    times: np.ndarray
    """(N,) the second that shows it best."""
    spans: np.ndarray
    """(N, 2) start and end of what shows it, around that second."""
    confidence: np.ndarray
    """(N,) how far the best second stands out; larger is surer."""
    probability: np.ndarray
    """(N,) the same between 0 and 1: 0.5 on the line that best divides this video's sentences in two."""
    kept: np.ndarray
    """(N,) bool, whether the path took the sentence."""


def align(
    tokens: np.ndarray, sentences: np.ndarray, spoken: np.ndarray | None = None, reach: float = REACH
) -> Alignment:
    """Align sentences, in the order in which they are spoken, to a video: (T, D), (N, D) -> N places.

    Args:
        spoken: (N, 2) seconds from when to when each is spoken; without them a sentence can be anywhere.
        reach: seconds from the middle of that in which it is looked for.
    """
    gain = alignment_scores(tokens, sentences)
    N, T = gain.shape
    if spoken is not None:
        middle = np.clip(np.asarray(spoken, float).mean(1), 0, T)
        far = np.abs(np.arange(T) + 0.5 - middle[:, None]) > max(reach, 1.0)
        gain = np.where(far, -np.inf, gain)
    confidence = gain.max(1)
    line = otsu(confidence) if N > 1 else 0.0
    # gains are what is left of dot products, whose rounding is that of the vectors' lengths
    within = float(slack(np.linalg.norm(tokens, axis=1)) * np.linalg.norm(sentences, axis=1).max(initial=0))
    kept, seconds = _path(gain - line, within)
    seconds = np.where(kept, seconds, first_of_largest(gain, within))
    spans = np.array([_around(row, second, within) for row, second in zip(gain, seconds, strict=True)], float)
    spread = max(float(gain[np.isfinite(gain)].std()), 1e-9)
    probability = 1 / (1 + np.exp(-(confidence - line) / spread))
    return Alignment(seconds + 0.5, spans.reshape(-1, 2), confidence, probability, kept)


def alignment_scores(tokens: np.ndarray, sentences: np.ndarray, smooth: int = 3) -> np.ndarray:
    """How far each second stands out for each sentence, in the model's units: (T, D), (N, D) -> (N, T)."""
    scores = np.asarray(sentences, np.float64) @ np.asarray(tokens, np.float64).T
    scores -= scores.mean(1, keepdims=True)
    if len(scores) > 1:
        scores -= scores.mean(0, keepdims=True)
    return moving_mean(scores.T, smooth).T


def _path(gain: np.ndarray, within: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """The sentences and seconds, never going back in time, whose gains have the largest sum: (N, T) -> (N,), (N,).

    Of equal paths it is one with few sentences, and early seconds. Gains that are ``within`` of each other are equal.
    """
    N, T = gain.shape
    within = within * N**0.5  # rounding of N gains adds up to about this
    best = np.zeros((N + 1, T))  # of paths through the first sentences that end at each second
    taken = np.zeros((N, T), bool)
    for i, row in enumerate(gain):
        gained = np.maximum.accumulate(best[i]) + row
        taken[i] = gained > best[i] + within
        best[i + 1] = np.where(taken[i], gained, best[i])
    kept, seconds = np.zeros(N, bool), np.zeros(N, int)
    second = int(first_of_largest(best[N], within))
    for i in range(N - 1, -1, -1):
        if taken[i, second]:
            kept[i], seconds[i] = True, second
            second = int(first_of_largest(best[i, : second + 1], within))
    return kept, seconds


def _around(row: np.ndarray, second: int, within: float) -> tuple[int, int]:
    """The seconds around one whose gain is more than half of its own."""
    start, end = second, second + 1
    least = max(row[second] / 2, 0) + within
    while start > 0 and row[start - 1] > least:
        start -= 1
    while end < len(row) and row[end] > least:
        end += 1
    return start, end
