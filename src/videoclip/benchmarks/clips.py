"""Clips with sentences that describe them, which is what most benchmarks are about, and retrieval among them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..corpus.store import Corpus
from ..errors import CorpusError
from ..model.joint import JointModel
from ..tasks.retrieval import Retrieval, retrieve
from ..ties import touched
from .benchmark import id_in

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

    def whole(self, features: np.ndarray) -> np.ndarray:
        """The clip's seconds: (T, F) of the video -> (≤ T, F); empty past its end."""
        first, last = touched(max(self.start, 0), min(self.end, len(features)))
        return features[first:last]

    def cut(self, features: np.ndarray) -> np.ndarray:
        """The clip's seconds, at most ``MAX_SECONDS``: (T, F) of the video -> (≤ 32, F); empty past its end."""
        return self.whole(features)[:MAX_SECONDS]


def named_clip(corpus: Corpus, name: str, text: str = "") -> Clip:
    """The clip ``VIDEO_START_END``: a video of that name in the corpus, or else these seconds of ``VIDEO`` in it."""
    parts = re.fullmatch(r"(.+)_(\d+(?:\.\d+)?)_(\d+(?:\.\d+)?)", name)
    if id_in(corpus, name) or not parts or not id_in(corpus, parts[1]):
        return Clip(name, text)
    return Clip(parts[1], text, float(parts[2]), float(parts[3]))


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


def retrieve_described(
    model: JointModel,
    features: dict[str, np.ndarray],
    clips: Sequence[Clip],
    groups: Sequence[str] | None = None,
    normalization: str = "",
) -> tuple[Retrieval, dict, list[dict]]:
    """Retrieval among clips that may have several texts each: a clip is in the gallery once, each text is a query.

    From a video, the best of its texts counts.

    Args:
        clips: one for each text.
        groups: of each; the clips of a group are right for all of its texts. Empty: a group of its own.

    Returns:
        What was retrieved, how many texts were left out and why, and ``items``.
    """
    grouped = dict(zip(clips, groups or [""] * len(clips), strict=True))
    kept, parts, left_out = available(clips, features)
    places = [(clip.video, clip.start, clip.end) for clip in kept]
    first: dict[tuple, int] = {}
    for i, place in enumerate(places):
        first.setdefault(place, i)
    number = {place: i for i, place in enumerate(first)}
    relevant = np.array([number[place] for place in places])[:, None] == np.arange(len(first))
    members = [grouped[clip] for clip in kept]
    if any(members):
        group = {name: i for i, name in enumerate(dict.fromkeys(filter(None, members)))}
        codes = np.array([group.get(name, -1) for name in members])
        relevant |= (codes[:, None] == codes[list(first.values())]) & (codes >= 0)[:, None]
    texts = [clip.text for clip in kept]
    found = retrieve(model, texts, [parts[i] for i in first.values()], relevant, normalization)
    names = [clip.name for clip in kept]
    return found, left_out, found.items(names, [names[i] for i in first.values()])
