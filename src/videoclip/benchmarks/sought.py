"""Sentences whose moments are sought in one video each, which several benchmarks ask for."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CorpusError
from ..model.joint import JointModel
from ..tasks.grounding import THRESHOLDS, chance_of_span, ground, moment_metrics, temporal_iou

SHOWN = 5
"""Found spans that are kept of each sentence."""


@dataclass(frozen=True)
class Sought:
    """A sentence, and the spans of a video that it describes, in seconds; they lie before the video's end."""

    video: str
    text: str
    spans: tuple[tuple[float, float], ...]
    duration: float | None = None
    """Of the video; None where the annotations do not say."""
    number: int = 0
    """Tells sentences apart that ask for the same."""


@dataclass(frozen=True)
class Found:
    """Where a sentence was found: spans best first, and the scores of the video's seconds."""

    sought: Sought
    spans: np.ndarray  # (P, 2) seconds
    scores: np.ndarray  # (P,)
    curve: np.ndarray  # (T,)

    @property
    def truth(self) -> np.ndarray:
        """The true spans, (G, 2) seconds."""
        return np.array(self.sought.spans, np.float64)

    @property
    def name(self) -> dict[str, Any]:
        """The prediction in a result."""
        spans = np.round(self.spans[:SHOWN], 3).tolist()
        iou = float(temporal_iou(self.spans[:1], self.truth).max())
        return {"query": self.sought.text, "times": [list(s) for s in self.sought.spans], "found": spans, "iou": iou}


def within(span: tuple[float, float], duration: float | None) -> tuple[float, float] | None:
    """The part of a span before the video's end, as published evaluations cut it; None if there is none."""
    start, end = span[0], span[1] if duration is None else min(span[1], duration)
    return (start, end) if end > start else None


def find(
    model: JointModel, features: dict[str, np.ndarray], sought: Sequence[Sought]
) -> tuple[list[Found], dict[str, int]]:
    """Look for each sentence in its video; what was found, in the order of the sentences, and what was left out.

    Args:
        features: of the videos, as ``features_of`` reads them.

    Raises:
        CorpusError: no moment lies within the features of its video.
    """
    there = [item for item in sought if item.video in features]
    kept = [item for item in there if min(start for start, _ in item.spans) < len(features[item.video])]
    if not kept:
        raise CorpusError(f"none of the {len(sought)} moments lies within the features of its video")
    texts = model.encode_text([item.text for item in kept]).numpy()
    by_video: dict[str, list[int]] = defaultdict(list)
    for i, item in enumerate(kept):
        by_video[item.video].append(i)
    found: dict[int, Found] = {}
    for video, rows in by_video.items():
        tokens = model.video_tokens(features[video]).numpy()
        for i in rows:
            found[i] = _found(kept[i], tokens @ texts[i])
    left_out = {"without_features": len(sought) - len(there), "past_the_end": len(there) - len(kept)}
    return [found[i] for i in range(len(kept))], left_out


def _found(sought: Sought, curve: np.ndarray) -> Found:
    spans, scores = ground(curve)
    return Found(sought, np.minimum(spans, sought.duration or np.inf), scores, curve)


def metrics_of(found: Sequence[Found]) -> dict[str, Any]:
    """Moment retrieval over N sentences, and how often a span that is drawn at random would do."""
    drawn = np.mean([chance_of_span(f.truth, len(f.curve)) for f in found], axis=0)
    chance = {f"chance_R1@{iou:g}": float(share) for iou, share in zip(THRESHOLDS, drawn, strict=True)}
    return moment_metrics([f.spans for f in found], [f.truth for f in found]) | chance | {"queries": len(found)}
