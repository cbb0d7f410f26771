"""Public benchmarks: each reads the annotation files as they are distributed, and evaluates what features there are.

A benchmark is one function: (model, corpus of features, folder of annotations, options) -> figures and ``items``, one
entry per prediction. Videos without features are left out and counted.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..corpus.store import Corpus, NarratedVideo
from ..errors import CorpusError, VideoclipError
from ..model.joint import JointModel
from ..tasks.retrieval import NORMALIZATIONS, retrieve
from ..tasks.segmentation import RULES


@dataclass(frozen=True)
class Options:
    """How a benchmark is evaluated; the defaults are ours, and what differs from them is named in the result."""

    split: str = "test"
    rule: str = "spread"
    """Of segmentation (``tasks.segmentation.RULES``)."""
    normalization: str = ""
    """Of retrieval scores (``tasks.retrieval.NORMALIZATIONS``); empty: none, as is usual."""

    def __post_init__(self):
        if self.rule not in RULES:
            raise VideoclipError(f"no rule '{self.rule}' of segmentation; choose from {', '.join(RULES)}")
        if self.normalization not in ("", *NORMALIZATIONS):
            raise VideoclipError(
                f"no normalisation '{self.normalization}' of retrieval; choose from {', '.join(NORMALIZATIONS)}"
            )


DEFAULT = Options()
Evaluate = Callable[[JointModel, Corpus, Path, Options], dict]
MAX_SECONDS = 32
"""Of a clip, as in the paper; what is longer is cut."""


def benchmark(name: str) -> Evaluate:
    """The function that evaluates on a benchmark.

    Raises:
        VideoclipError: there is no such benchmark.
    """
    if name == "world":
        from .world import evaluate_folder

        return evaluate_folder
    if name == "youcook2":
        from .youcook2 import evaluate_youcook2

        return evaluate_youcook2
    if name == "msrvtt":
        from .msrvtt import evaluate_msrvtt

        return evaluate_msrvtt
    if name == "msrvtt-mc":
        from .msrvtt import evaluate_msrvtt_questions

        return evaluate_msrvtt_questions
    if name == "didemo":
        from .didemo import evaluate_didemo

        return evaluate_didemo
    if name == "coin":
        from .coin import evaluate_coin

        return evaluate_coin
    if name == "crosstask":
        from .crosstask import evaluate_crosstask

        return evaluate_crosstask
    if name == "htm-align":
        from .htm_align import evaluate_htm_align

        return evaluate_htm_align
    raise VideoclipError(f"no benchmark '{name}'; there are {', '.join(NAMES)}")


NAMES = ("world", "youcook2", "msrvtt", "msrvtt-mc", "didemo", "coin", "crosstask", "htm-align")


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
        first = int(np.floor(self.start))
        last = min(len(features), first + MAX_SECONDS, int(np.ceil(min(self.end, len(features)))))
        return features[first:last]


def annotation_file(folder: Path, names: Sequence[str], where: str) -> Path:
    """The first of these files that lies in the folder or directly below it.

    Raises:
        VideoclipError: none does; says where they are published.
    """
    for name in names:
        for path in (folder / name, *sorted(folder.glob(f"*/{name}"))):
            if path.is_file():
                return path
    raise VideoclipError(f"{folder}: holds no {' and no '.join(names)}; it is published at {where}")


def features_of(corpus: Corpus, videos: Iterable[str]) -> dict[str, np.ndarray]:
    """Features by id of those videos that the corpus holds, with or without the suffix of their file.

    Raises:
        CorpusError: it holds none of them.
    """
    return {name: video.features for name, video in videos_of(corpus, videos).items()}


def videos_of(corpus: Corpus, videos: Iterable[str]) -> dict[str, NarratedVideo]:
    """Those of the videos that the corpus holds, as ``features_of`` finds them."""
    videos = list(dict.fromkeys(videos))
    row = {}
    for video in videos:
        found = next((name for name in (video, Path(video).stem) if name in corpus), None)
        if found is not None:
            row[video] = corpus.row(found)
    if not row:
        raise CorpusError(f"{corpus.path}: holds features of none of the {len(videos)} videos, such as '{videos[0]}'")
    names = list(row)
    found = {}
    for i in range(0, len(names), 64):
        some = names[i : i + 64]
        found |= dict(zip(some, corpus.read([row[name] for name in some]), strict=True))
    return found


def available(clips: Sequence[Clip], features: dict[str, np.ndarray]) -> tuple[list[Clip], list[np.ndarray], dict]:
    """Clips of which there are features, those features, and how many clips were left out and why."""
    there = [clip for clip in clips if clip.video in features]
    cut = [clip.cut(features[clip.video]) for clip in there]
    kept = [(clip, part) for clip, part in zip(there, cut, strict=True) if len(part)]
    left_out = {"without_features": len(clips) - len(there), "past_the_end": len(there) - len(kept)}
    if not kept:
        raise CorpusError(f"none of the {len(clips)} clips lies within the features of its video")
    return [clip for clip, _ in kept], [part for _, part in kept], left_out


def retrieve_clips(model: JointModel, corpus: Corpus, clips: Sequence[Clip], source: str, normalization: str) -> dict:
    """Text→video and video→text retrieval among clips, each described by its own sentence.

    Args:
        source: the file that says which clips.
    """
    model.check_features(corpus.kind, corpus.path)
    clips, parts, left_out = available(clips, features_of(corpus, [clip.video for clip in clips]))
    found = retrieve(model, [clip.text for clip in clips], parts, normalization=normalization)
    items = found.items([clip.name for clip in clips])
    return {"retrieval": found.metrics(), "left_out": left_out, "annotations": source, "items": items}
