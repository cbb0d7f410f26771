"""Clips with sentences that describe them, which is what most benchmarks are about, and retrieval among them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import CorpusError
from ..model.joint import JointModel
from ..tasks.retrieval import retrieve
from ..ties import touched

MAX_SECONDS = 32
"""Of a clip, as in the paper; what is longer is cut."""


@dataclass(frozen=True)
class Clip:
    """A part of a video, in seconds, and the sentence that describes it."""

    video: str
    text: str
    start: float = 0.0
    end: float = float("inf")

    @property
    def name(self) -> dict:
        """How it is called in a result."""
        part = {} if self.end == float("inf") else {"start": self.start, "end": self.end}
        return {"query": self.text, "video": self.video} | part

    def cut(self, features: np.ndarray) -> np.ndarray:
        """The clip's seconds, at most ``MAX_SECONDS``: (T, F) of the video -> (≤ 32, F); empty past its end."""
        first, last = touched(max(self.start, 0), min(self.end, len(features)))
        return features[first : min(last, first + MAX_SECONDS)]


def available(clips: Sequence[Clip], features: dict[str, np.ndarray]) -> tuple[list[Clip], list[np.ndarray], dict]:
    """Clips of which there are features, those features, and how many clips were left out and why."""
    there = [clip for clip in clips if clip.video in features]
    cut = [clip.cut(features[clip.video]) for clip in there]
    kept = [(clip, part) for clip, part in zip(there, cut, strict=True) if len(part)]
    left_out = {"without_features": len(clips) - len(there), "past_the_end": len(there) - len(kept)}
    if not kept:
        raise CorpusError(f"none of the {len(clips)} clips lies within the features of its video")
    return [clip for clip, _ in kept], [part for _, part in kept], left_out


def retrieve_clips(
    model: JointModel, features: dict[str, np.ndarray], clips: Sequence[Clip], source: str, normalization: str
) -> dict:
    """Text→video and video→text retrieval among clips, each described by its own sentence.

    Args:
        features: of the clips' videos, as ``features_of`` reads them.
        source: the file that says which clips.
    """
    clips, parts, left_out = available(clips, features)
    found = retrieve(model, [clip.text for clip in clips], parts, normalization=normalization)
    items = found.items([clip.name for clip in clips])
    return {"retrieval": found.metrics(), "left_out": left_out, "annotations": source, "items": items}
