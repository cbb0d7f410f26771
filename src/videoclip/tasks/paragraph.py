"""Video-paragraph retrieval: a whole video against all of its sentences, in order (Yang et al., TempCLR, 2023).

A video is a sequence of clips, a paragraph a sequence of sentences; what is compared is their matrix of costs, one
minus the cosine. Three ways to make one score of it: the mean over sentences of the best clip (which knows no order),
dynamic time warping, and ordered temporal alignment (OTAM, Cao et al., 2020), which may leave out the video's ends.
"""

from collections.abc import Sequence

import numpy as np

from ..ties import MOMENT, touched
from .metrics import ranks, retrieval_metrics

MEASURES = ("mean", "dtw", "otam")
MAX_SECONDS = 32
"""Of a clip, as in the paper; what is longer is cut."""


def paragraph_scores(
    videos: Sequence[np.ndarray], paragraphs: Sequence[np.ndarray], measure: str = "dtw"
) -> np.ndarray:
    """How well each paragraph fits each video, larger is better: N of (clips, D), M of (sentences, D) -> (M, N).

    Args:
        measure: ``mean``, ``dtw`` or ``otam``.
    """
    longest = max(map(len, videos))
    clips = np.zeros((len(videos), longest, videos[0].shape[1]), np.float32)
    for i, video in enumerate(videos):
        clips[i, : len(video)] = _unit(video)
    lengths = np.array([len(video) for video in videos])
    padding = np.arange(longest) >= lengths[:, None]
    score = {"mean": _mean, "dtw": _dtw, "otam": _otam}[measure]
    scores = []
    for paragraph in paragraphs:
        costs = 1 - np.einsum("sd,ncd->nsc", _unit(paragraph), clips)
        costs[np.broadcast_to(padding[:, None], costs.shape)] = np.inf
        scores.append(score(costs, lengths))
    return np.array(scores)


def paragraph_retrieval(
    paragraphs: Sequence[np.ndarray], removed: Sequence[np.ndarray], kept: Sequence[np.ndarray]
) -> dict:
    """Paragraph→video retrieval by each measure, N paragraphs against N videos, background removed and kept."""
    rows = {"background_removed": removed, "background_kept": kept}
    figures = {
        name: {m: retrieval_metrics(ranks(paragraph_scores(videos, paragraphs, m))) for m in MEASURES}
        for name, videos in rows.items()
    }
    return {"gallery": len(paragraphs), **figures}


def with_background(spans: Sequence[tuple[float, float]], seconds: int) -> list[tuple[float, float]]:
    """The spans and the stretches of at least a second between, before and after them, in order."""
    whole, now = [], 0.0
    for start, end in sorted(spans):
        if start - now >= 1 - MOMENT:
            whole.append((now, start))
        whole.append((start, end))
        now = max(now, end)
    return [*whole, (now, float(seconds))] if seconds - now >= 1 - MOMENT else whole


def cut_spans(features: np.ndarray, spans: Sequence[tuple[float, float]]) -> list[np.ndarray]:
    """The whole seconds that each span touches, at most ``MAX_SECONDS``: (T, F) -> clips of (≤ 32, F).

    Spans past the end of the features are left out.
    """
    clips = [features[a : min(b, a + MAX_SECONDS)] for a, b in (touched(start, end) for start, end in spans)]
    return [clip for clip in clips if len(clip)]


def _mean(costs: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    return -costs.min(2).mean(1)


def _dtw(costs: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Minus the cost of the cheapest monotone path from the first pair to the last, in which all take part.

    Divided by sentences plus clips, so that long videos are not at a disadvantage: (N, S, C), (N,) -> (N,).
    """
    N, S, C = costs.shape
    path = np.full((N, S + 1, C + 1), np.inf)
    path[:, 0, 0] = 0
    for s in range(S):
        for c in range(C):
            best = np.minimum(np.minimum(path[:, s, c], path[:, s, c + 1]), path[:, s + 1, c])
            path[:, s + 1, c + 1] = costs[:, s, c] + best
    return -path[np.arange(N), S, lengths] / (S + lengths)


def _otam(costs: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """As ``_dtw`` without a cost for clips before the first sentence's and after the last's, per sentence.

    Every sentence is matched; inside, a clip belongs to the sentence that it continues or to the next.
    """
    N, S, C = costs.shape
    path = np.zeros((N, C + 1))
    for s in range(S):
        row = np.full((N, C + 1), np.inf)
        for c in range(C):
            row[:, c + 1] = costs[:, s, c] + np.minimum(np.minimum(path[:, c], path[:, c + 1]), row[:, c])
        path = row
    return -path.min(1) / S


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
