"""Text→video and video→text retrieval (paper, section 5.1): rank every candidate by its dot product with the query."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..model.joint import JointModel
from ..ties import ranked_first
from .metrics import chance_recall, ranks, retrieval_metrics

NORMALIZATIONS = ("dual-softmax", "query-bank")
"""Ways to take a clip's popularity out of its scores. Both look at all queries at once, which a search cannot."""
SHOWN = 5
"""Found clips that are kept of each query."""


@dataclass(frozen=True)
class Retrieval:
    """Scores of N texts (rows) against M videos (columns), and which pairs are right: of every text at least one."""

    scores: np.ndarray  # (N, M) float32
    relevant: np.ndarray  # (N, M) bool; of pairs, N is M, and the diagonal is right
    normalization: str = ""

    def metrics(self) -> dict:
        """Both directions, the size of the gallery, and chance."""
        named = {"normalization": self.normalization} if self.normalization else {}
        described = self.relevant.any(0)  # a video without a text is found by none, and asks for none
        return named | {
            "gallery": self.scores.shape[1],
            "chance_R@1": chance_recall(self.relevant, 1),
            "text_to_video": retrieval_metrics(self.ranks()),
            "video_to_text": retrieval_metrics(ranks(self.scores.T[described], self.relevant.T[described])),
        }

    def items(self, names: Sequence[dict], videos: Sequence[dict] | None = None) -> list[dict]:
        """Every query with its rank and what was found first.

        Args:
            names: describe the N pairs, or the N texts.
            videos: describe the M videos, where these are not those of the pairs.
        """
        videos = names if videos is None else videos
        best = [ranked_first(row, SHOWN) for row in self.scores]
        return [
            name
            | {
                "rank": float(rank),
                "found": [
                    videos[j] | {"score": round(float(self.scores[i, j]), 3), "right": bool(self.relevant[i, j])}
                    for j in best[i]
                ],
            }
            for i, (name, rank) in enumerate(zip(names, self.ranks(), strict=True))
        ]

    def ranks(self) -> np.ndarray:
        """Rank of the best right video of each text, (N,)."""
        return ranks(self.scores, self.relevant)


def retrieve(
    model: JointModel,
    texts: Sequence[str],
    clips: Sequence[np.ndarray],
    relevant: np.ndarray | None = None,
    normalization: str = "",
) -> Retrieval:
    """Score N texts against N clips, each (seconds, F); text i describes clip i.

    Args:
        relevant: (N, N) bool where others than the diagonal are right too.
        normalization: of the scores (``NORMALIZATIONS``); by default none.
    """
    scores = (model.encode_text(texts) @ model.encode_video(clips).T).numpy()
    if normalization:
        scores = normalized_scores(scores, normalization)
    return Retrieval(scores, np.eye(len(texts), dtype=bool) if relevant is None else relevant, normalization)


def normalized_scores(scores: np.ndarray, rule: str) -> np.ndarray:
    """Scores with each clip's popularity among the queries taken out: (Q, N) -> (Q, N).

    ``dual-softmax`` (Cheng et al., 2021): the logarithm of softmax over clips times softmax over queries.
    ``query-bank`` (Bogolin et al., 2022): inverted softmax, softmax over queries, with the queries as their own bank.
    """
    over_queries = scores - _logsumexp(scores, 0)
    if rule == "query-bank":
        return over_queries
    return over_queries + scores - _logsumexp(scores, 1)


def _logsumexp(scores: np.ndarray, axis: int) -> np.ndarray:
    return np.logaddexp.reduce(scores.astype(np.float64), axis=axis, keepdims=True).astype(scores.dtype)
