"""MSVD: short clips of YouTube by each of their many captions (Chen and Dolan, ACL 2011).

``AllVideoDescriptions.txt`` has a clip and a caption on each line, ``-4wsuPCjDBc_5_15 a squirrel is eating a peanut``,
below a head of lines with ``#``; or the data set's table, in which the English rows count. Which clips are tested is in
``test_list.txt``, an id a line (1,200 clips for training, 100 for validation, 670 for the test, as all publications
divide them). The features are of the clip, or of the whole video, of which its seconds are taken.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ..corpus.store import Corpus
from ..model.joint import JointModel
from ..tasks.retrieval import NORMALIZATIONS
from ..text import read_text
from .annotations import Name, Number, Text, check, read_list, read_table, wrong
from .benchmark import DEFAULT, Benchmark, Options, annotation_file, features_of
from .clips import named_clip, retrieve_described

CAPTIONS = "AllVideoDescriptions.txt"
TABLES = ["MSR Video Description Corpus.csv", "video_corpus.csv"]
LISTS = {"test": "test_list.txt", "val": "val_list.txt", "train": "train_list.txt"}
WHERE = "https://www.cs.utexas.edu/~ml/clamp/videoDescription"


@dataclass(frozen=True)
class Row:
    """A row of the data set's table; a clip is ``VIDEO_START_END``."""

    VideoID: Name
    Start: Number
    End: Number
    Language: str
    Description: str


@dataclass(frozen=True)
class Line:
    """A line of the captions."""

    clip: Name
    caption: Text


def evaluate_msvd(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Text→video retrieval by each caption, and video→text, where the best of a clip's captions counts.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, [CAPTIONS, *TABLES], WHERE)
    captions = read_captions(path)
    listed = annotation_file(data, [LISTS[options.split]], WHERE)
    clips = []
    for place, name in read_list(listed):
        if name not in captions:
            wrong(listed, place, f"names {name}, of which {path.name} has no caption")
        clips += [named_clip(corpus, name, text) for text in captions[name]]
    features = features_of(corpus, [clip.video for clip in clips])
    found, left_out, items = retrieve_described(model, features, clips, normalization=options.normalization)
    return {"retrieval": found.metrics(), "left_out": left_out, "annotations": listed.name, "items": items}


def read_captions(path: Path) -> dict[str, list[str]]:
    """The captions of each clip, in their order.

    Raises:
        VideoclipError: a line is of another form; names it.
    """
    captions: dict[str, list[str]] = defaultdict(list)
    for clip, text in _lines(path) if path.name == CAPTIONS else _rows(path):
        captions[clip].append(text)
    if not captions:
        wrong(path, "the whole", "holds no captions")
    return dict(captions)


def _lines(path: Path) -> list[tuple[str, str]]:
    made = []
    for i, line in enumerate(read_text(path).splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            clip, _, caption = line.strip().partition(" ")
            read = check(Line, {"clip": clip, "caption": caption}, path, f"line {i}")
            made.append((read.clip, read.caption))
    return made


def _rows(path: Path) -> list[tuple[str, str]]:
    rows = [row for _, row in read_table(path, Row) if row.Language == "English" and row.Description]
    return [(f"{row.VideoID}_{row.Start}_{row.End}", row.Description) for row in rows]


BENCHMARK = Benchmark(evaluate_msvd, splits=tuple(LISTS), normalizations=NORMALIZATIONS)
