"""What a benchmark is: what it measures a model with, which options it takes, and what can be trained on it.

Each is a module that reads the annotation files as they are distributed and defines a ``Benchmark``; ``table`` names
them all. Videos without features are left out and counted.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import numpy as np

from ..corpus.rows import NarratedVideo
from ..corpus.store import Corpus
from ..errors import CorpusError, VideoclipError
from ..model.joint import JointModel
from ..tasks.finetune import Example
from ..ties import from_zero, touched


@dataclass(frozen=True)
class Options:
    """How a benchmark is evaluated; ``Benchmark.options`` fills in its defaults and refuses what it does not take."""

    split: str = "test"
    rule: str = "spread"
    """Of segmentation (``tasks.segmentation.RULES``); empty where nothing is segmented."""
    normalization: str = ""
    """Of retrieval scores (``tasks.retrieval.NORMALIZATIONS``); empty: none, as is usual."""


DEFAULT = Options()
Examples = tuple[list[Example], list[Example]]
"""What is trained on, and what is held out to choose the epoch by."""


@dataclass(frozen=True)
class Benchmark:
    """What there is to know of a benchmark; its module defines it and ``table`` gives it a name."""

    run: Callable[[JointModel, Corpus, Path, Options], dict]
    """(model, features, folder of annotations, options) -> metrics, and ``items``: an entry per prediction."""
    splits: tuple[str, ...] = ("test",)
    """The videos that it can be evaluated on; the first is the default."""
    rules: tuple[str, ...] = ()
    """Of segmentation, the default first; empty where nothing is segmented."""
    normalizations: tuple[str, ...] = ()
    """Of retrieval scores, none of which is the default; empty where there is no retrieval."""
    trains: Mapping[str, Callable[[Corpus, Path], Examples]] = field(default_factory=dict)
    """The tasks (of ``tasks.finetune``) that can be trained on it, the default first, and the examples of each."""
    brings_videos: bool = False
    """Whether it has its videos itself: the corpus is where their features are kept, and is made if there is none."""
    trained_split: str = ""
    """The videos that trained models are tested on, where they are not those of the default split."""

    def options(self, name: str, split: str = "", rule: str = "", normalization: str = "") -> Options:
        """The options that are given, and the defaults of those that are not (empty).

        Args:
            name: of the benchmark, for the error.

        Raises:
            VideoclipError: it does not take some of them, or not with these values; names all of them.
        """
        given = (
            (split, self.splits, "split", ""),
            (rule, self.rules, "rule", " of segmentation"),
            (normalization, self.normalizations, "normalization", " of retrieval"),
        )
        wrong = [
            f"has no {what} '{value}'{of}; choose from {', '.join(there)}"
            if there
            else f"takes no {what}{of}; leave '{value}' out"
            for value, there, what, of in given
            if value and value not in there
        ]
        if wrong:
            raise VideoclipError(f"{name} {'; it '.join(wrong)}")
        return Options(split or self.splits[0], rule or next(iter(self.rules), ""), normalization)


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
    """Features of those videos that the corpus holds, by the names that are given: ids, or paths of their files.

    Raises:
        CorpusError: it holds none of them, or there are none.
    """
    return {name: video.features for name, video in videos_of(corpus, videos).items()}


def videos_of(corpus: Corpus, videos: Iterable[str]) -> dict[str, NarratedVideo]:
    """Those of the videos that the corpus holds, as ``features_of`` finds them."""
    videos = list(dict.fromkeys(videos))
    if not videos:
        raise CorpusError(f"{corpus.path}: features of no videos are asked for; the annotations name none")
    row = {}
    for video in videos:
        found = id_in(corpus, video)
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


def id_in(corpus: Corpus, video: str) -> str | None:
    """The id in a corpus of a video that is named by it, or by the path of its file: without suffix and first folders.

    None if it holds no such video.
    """
    parts = PurePath(video).parts
    files = (PurePath(*parts[first:]).with_suffix("").as_posix() for first in range(len(parts)) if parts[first] != "/")
    return next((name for name in (video, *files) if name in corpus), None)


def hold_out(made: Sequence[tuple[str, Example]]) -> Examples:
    """Training examples, each with the id of its video, without those of every tenth video, which are held out.

    For data sets without validation videos: choosing the epoch on the test set, as published scripts do, makes metrics
    look better than they are.
    """
    held = set(sorted({video for video, _ in made})[::10])
    return [e for video, e in made if video not in held], [e for video, e in made if video in held]


def steps_of_seconds(spans: Sequence[tuple[float, float, int]], seconds: int, count: int) -> np.ndarray:
    """Whether a step touches a second, of spans (start, end, step from 0): (seconds, count) bool."""
    holds = np.zeros((seconds, count), bool)
    for start, end, step in spans:
        if not 0 <= step < count:
            raise ValueError(f"step {step} is none of {count}, which are counted from 0")
        holds[slice(*touched(*from_zero(start, end))), step] = True
    return holds
