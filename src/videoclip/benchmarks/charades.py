"""Charades-STA: when in a video of a household does what a sentence says happen? (Gao et al., ICCV 2017)

A line of ``charades_sta_test.txt`` is ``3MSZA 24.3 30.4##person turn a light on.``: video, start and end in seconds,
and the sentence. Beside it, ``Charades_v1_test.csv`` of the data set says how long videos are (column ``length``);
moments are cut there, as published evaluations do.
"""

from dataclasses import dataclass
from pathlib import Path

from ..corpus.store import Corpus
from ..model.joint import JointModel
from ..text import read_text
from .annotations import Name, Second, Text, check, read_table, wrong
from .benchmark import DEFAULT, Benchmark, Options, annotation_file, features_of
from .sought import Sought, find, metrics_of, within

FILES = {"test": "charades_sta_test.txt", "train": "charades_sta_train.txt"}
LENGTHS = {"test": "Charades_v1_test.csv", "train": "Charades_v1_train.csv"}
WHERE = "https://github.com/jiyanggao/TALL"


@dataclass(frozen=True)
class Line:
    """What a line says; times are seconds."""

    video: Name
    start: Second
    end: Second
    sentence: Text


@dataclass(frozen=True)
class Length:
    """A row of the data set's own table."""

    id: Name
    length: Second


def evaluate_charades(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """R@1 and R@5 at each IoU, and mean IoU, of the moments that the sentences describe.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, [FILES[options.split]], WHERE)
    lines = read_lines(path)
    lengths = read_lengths(path.with_name(LENGTHS[options.split]))
    sought = []
    for line in lines:
        span = within((line.start, line.end), lengths.get(line.video))
        if span:
            sought.append(Sought(line.video, line.sentence, (span,), lengths.get(line.video)))
    if not sought:
        wrong(path, "the whole", "no line has an end after its start")
    found, left_out = find(model, features_of(corpus, [item.video for item in sought]), sought)
    return {
        "moment_retrieval": metrics_of(found),
        "left_out": left_out | {"without_length": len(lines) - len(sought)},
        "annotations": path.name,
        "items": [{"video": f.sought.video} | f.name for f in found],
    }


def read_lines(path: Path) -> list[Line]:
    """The lines in their order.

    Raises:
        VideoclipError: there are none, or one is of another form; names it.
    """
    lines = [(i, line) for i, line in enumerate(read_text(path).splitlines(), 1) if line.strip()]
    if not lines:
        wrong(path, "the whole", "holds no lines")
    return [_line(path, f"line {i}", line) for i, line in lines]


def _line(path: Path, place: str, line: str) -> Line:
    times, mark, sentence = line.partition("##")
    parts = times.split()
    if not mark or len(parts) != 3:
        wrong(path, place, "is not of the form 'VIDEO START END##SENTENCE'")
    return check(Line, dict(zip(("video", "start", "end"), parts, strict=True)) | {"sentence": sentence}, path, place)


def read_lengths(path: Path) -> dict[str, float]:
    """Seconds of each video, where the data set's table is there; otherwise of none."""
    return {row.id: row.length for _, row in read_table(path, Length)} if path.is_file() else {}


BENCHMARK = Benchmark(evaluate_charades, splits=tuple(FILES))
