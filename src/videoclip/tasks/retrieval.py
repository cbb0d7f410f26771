"""Text→video and video→text retrieval (paper, section 5.1): rank every candidate by its dot product with the query."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..model.joint import JointModel
from .metrics import chance_recall, ranks, retrieval_metrics

SHOWN = 5
"""Found clips that are kept of each query."""


@dataclass(frozen=True)
class Retrieval:
    """Scores of N texts (rows) against N videos (columns), and which pairs are right."""

    scores: np.ndarray  # (N, N) float32
    relevant: np.ndarray  # (N, N) bool, with the diagonal

    def metrics(self) -> dict:
        """Both directions, the size of the gallery, and chance."""
        return {
            "gallery": self.scores.shape[1],
            "chance_R@1": chance_recall(self.relevant, 1),
            "text_to_video": retrieval_metrics(self.ranks()),
            "video_to_text": retrieval_metrics(ranks(self.scores.T, self.relevant.T)),
        }

    def items(self, names: Sequence[dict]) -> list[dict]:
        """Every query with its rank and what was found first; ``names`` describes the N pairs."""
        best = np.argsort(-self.scores, axis=1, kind="stable")[:, :SHOWN]
        return [
            name
            | {
                "rank": float(rank),
                "found": [
                    names[j] | {"score": round(float(self.scores[i, j]), 3), "right": bool(self.relevant[i, j])}
                    for j in best[i]
                ],
            }
            for i, (name, rank) in enumerate(zip(names, self.ranks(), strict=True))
        ]

    def ranks(self) -> np.ndarray:
        """Rank of the best right video of each text, (N,)."""
        return ranks(self.scores, self.relevant)


def retrieve(
    model: JointModel, texts: Sequence[str], clips: Sequence[np.ndarray], relevant: np.ndarray | None = None
) -> Retrieval:
    """Score N texts against N clips, each (seconds, F); text i describes clip i.

    Args:
        relevant: (N, N) bool where others than the diagonal are right too.
    """
    scores = model.encode_text(texts) @ model.encode_video(clips).T
    return Retrieval(scores.numpy(), np.eye(len(texts), dtype=bool) if relevant is None else relevant)
