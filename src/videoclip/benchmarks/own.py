"""Data of one's own, in tables: clips with texts that describe them, questions with answers, labelled parts of videos.

Videos are named by the ids of the corpus, or by the paths of their files, whose features are then looked for by the
path as it stands, without its suffix, and by the file's name alone.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from ..corpus.store import Corpus
from ..errors import VideoclipError
from ..model.joint import JointModel
from ..tasks.multiple_choice import answer
from ..tasks.retrieval import NORMALIZATIONS, retrieve
from ..tasks.segmentation import RULES
from .annotations import Name, Second, Text, read_rows, read_table, wrong
from .benchmark import DEFAULT, Benchmark, Options, features_of, id_in
from .clips import Clip, available, retrieve_described
from .labelled import segment_videos

WRONG = "wrong"
"""How the columns of a question's other answers begin, of which there are as many as one likes."""


def _seconds(value: Any) -> Any:
    """``1:02:03.5`` and ``2:03.5`` as seconds; anything else as it is."""
    parts = str(value).split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        return value
    if not 1 < len(parts) <= 3 or any(number >= 60 for number in numbers[1:]) or min(numbers) < 0:
        return value
    return sum(number * 60.0**power for power, number in enumerate(reversed(numbers)))


def _optional(value: Any) -> Any:
    return None if value == "" else _seconds(value)


Moment = Annotated[Second, BeforeValidator(_seconds)]
Open = Annotated[Second | None, BeforeValidator(_optional)]
"""A time, or nothing for the beginning or the end of the video."""


@dataclass(frozen=True)
class Pair:
    """A row of ``pairs.csv``: a text, and the part of a video that it describes; without times the whole video.

    Texts of one ``group`` describe the same: any clip of the group is right for each of them.
    """

    video: Name
    text: Text
    start: Open = None
    end: Open = None
    group: str = ""


@dataclass(frozen=True)
class Question:
    """A row of ``choices.csv`` beside its wrong answers, of which each has a column."""

    video: Name
    right: Text
    start: Open = None
    end: Open = None


@dataclass(frozen=True)
class Labelled:
    """A row of ``segments.csv``: a part of a video, and what it shows."""

    video: Name
    start: Moment
    end: Moment
    label: Name


def evaluate_pairs(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Retrieval of clips by the texts that describe them, and of the whole videos that they are from.

    Raises:
        VideoclipError: the table or the features are missing, or a row is not as it should be.
    """
    path = table_of(data, "pairs.csv")
    rows = read_table(path, Pair)
    clips = [_clip(corpus, path, place, row, row.text) for place, row in rows]
    groups = [row.group for _, row in rows]
    features = features_of(corpus, [clip.video for clip in clips])
    found, left_out, items = retrieve_described(model, features, clips, groups, options.normalization)
    kept, _, _ = available(clips, features)
    videos = list(dict.fromkeys(clip.video for clip in kept))
    of_video = np.array([[clip.video == video for video in videos] for clip in kept])
    texts = [clip.text for clip in kept]
    whole = retrieve(model, texts, [features[video] for video in videos], of_video, options.normalization)
    return {
        "retrieval": found.metrics(),
        "retrieval_by_video": whole.metrics(),
        "left_out": left_out,
        "annotations": path.name,
        "items": items,
    }


def evaluate_choices(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Which of the answers of a row describes its clip? Rows may differ in how many they have.

    Raises:
        VideoclipError: the table or the features are missing, or a row is not as it should be.
    """
    path = table_of(data, "choices.csv")
    asked = {}
    for number, (place, row, others) in enumerate(_questions(path)):
        # in an order of their own, so that a model which prefers the first of equal ones gains nothing by it
        choices = [row.right, *others]
        random.Random(f"{number} {row.right}").shuffle(choices)
        asked[_clip(corpus, path, place, row, str(number))] = choices, choices.index(row.right)
    clips, parts, left_out = available(list(asked), features_of(corpus, [clip.video for clip in asked]))
    by_count = defaultdict(list)
    for i, clip in enumerate(clips):
        by_count[len(asked[clip][0])].append(i)
    chosen = np.zeros(len(clips), int)
    for rows in by_count.values():
        chosen[rows] = answer(model, [parts[i] for i in rows], [asked[clips[i]][0] for i in rows])
    right = np.array([asked[clip][1] for clip in clips])
    items = [
        clip.name | {"query": "", "choices": asked[clip][0], "answer": int(a), "right_answer": int(r)}
        for clip, a, r in zip(clips, chosen, right, strict=True)
    ]
    chance = float(np.mean([1 / len(asked[clip][0]) for clip in clips]))
    figures = {"accuracy": float((chosen == right).mean()), "chance": chance, "questions": len(clips)}
    return {"multiple_choice": figures, "left_out": left_out, "annotations": path.name, "items": items}


def evaluate_segments(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """What each second shows, of all labels of the table; seconds in none of its rows are background.

    Raises:
        VideoclipError: the table or the features are missing, or a row is not as it should be.
    """
    path = table_of(data, "segments.csv")
    shown: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    for place, row in read_table(path, Labelled):
        if row.end <= row.start:
            wrong(path, place, f"ends at {row.end:g} s, which is not after its start at {row.start:g} s")
        shown[id_in(corpus, row.video) or row.video].append((row.start, row.end, row.label))
    labels = sorted({label for parts in shown.values() for _, _, label in parts})
    segmented = segment_videos(model, features_of(corpus, shown), shown, labels, (options.rule,))
    segmented.check(f"{corpus.path}: none of the parts in {path.name} lies within the features of its video")
    return {
        "segmentation": {"rule": options.rule} | segmented.metrics(options.rule),
        "left_out": segmented.left_out,
        "annotations": path.name,
        "classes": labels,
        "items": segmented.items(options.rule),
    }


def table_of(data: Path, name: str) -> Path:
    """The table itself, or the one of that name in a folder.

    Raises:
        VideoclipError: there is none.
    """
    path = data / name if data.is_dir() else data
    if not path.is_file():
        raise VideoclipError(f"{path}: no such file; --data names a table, or a folder with {name} in it")
    return path


def _clip(corpus: Corpus, path: Path, place: str, row: Pair | Question, text: str) -> Clip:
    start, end = row.start or 0.0, float("inf") if row.end is None else row.end
    if end <= start:
        wrong(path, place, f"ends at {end:g} s, which is not after its start at {start:g} s")
    return Clip(id_in(corpus, row.video) or row.video, text, start, end)


def _questions(path: Path) -> Iterable[tuple[str, Question, Sequence[str]]]:
    """The rows of questions, each with its place and its wrong answers."""
    rows = read_rows(path)
    heading = rows[0][1] if rows else []
    columns = [i for i, name in enumerate(heading) if name.startswith(WRONG)]
    if not columns:
        wrong(path, "heading", f"names no column that begins with '{WRONG}', such as wrong1, for other answers")
    cells = dict(rows)
    for place, row in read_table(path, Question):
        others = [cells[place][i].strip() for i in columns if cells[place][i].strip()]
        if not others:
            wrong(path, place, "has no wrong answer, so that there is nothing to choose")
        if row.right in others or len(set(others)) < len(others):
            wrong(path, place, "has the same answer twice")
        yield place, row, others


PAIRS = Benchmark(evaluate_pairs, normalizations=NORMALIZATIONS)
CHOICES = Benchmark(evaluate_choices)
SEGMENTS = Benchmark(evaluate_segments, rules=RULES)
