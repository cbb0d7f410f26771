"""MSR-VTT: the 1,000 videos of the JSFusion split by a sentence each, and questions with five answers (paper, 5.1)."""

import csv
from pathlib import Path

import numpy as np

from ..corpus.store import Corpus
from ..errors import VideoclipError
from ..model.joint import JointModel
from ..tasks.multiple_choice import answer
from .benchmark import DEFAULT, Clip, Options, annotation_file, available, features_of, retrieve_clips

RETRIEVAL, QUESTIONS = "MSRVTT_JSFUSION_test.csv", "MSR_MC_test.csv"
WHERE = "https://github.com/yj-yu/lsmdc (the split of JSFusion)"
CHOICES = 5


def evaluate_msrvtt(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Text→video and video→text retrieval among the videos of the test split.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, [RETRIEVAL], WHERE)
    clips = [Clip(row["video_id"], row["sentence"]) for row in _rows(path, ",", ("video_id", "sentence"))]
    return retrieve_clips(model, corpus, clips, path.name, options.normalization)


def evaluate_msrvtt_questions(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Which of five sentences describes the video?

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, [QUESTIONS], WHERE)
    answers = [f"a{i + 1}" for i in range(CHOICES)]
    rows = _rows(path, "\t", ("vid_key", "answer", *answers))
    asked = {Clip(row["vid_key"].replace("msr", "video"), str(i)): row for i, row in enumerate(rows)}
    model.check_features(corpus.kind, corpus.path)
    clips, parts, left_out = available(list(asked), features_of(corpus, [clip.video for clip in asked]))
    choices = [[asked[clip][name] for name in answers] for clip in clips]
    right = np.array([int(asked[clip]["answer"]) for clip in clips])
    first: dict[str, int] = {}
    for i, clip in enumerate(clips):
        first.setdefault(clip.video, i)
    place = {video: i for i, video in enumerate(first)}
    chosen = answer(model, [parts[i] for i in first.values()], choices, [place[clip.video] for clip in clips])
    items = [
        {"video": clip.video, "choices": texts, "answer": int(a), "right_answer": int(r)}
        for clip, texts, a, r in zip(clips, choices, chosen, right, strict=True)
    ]
    figures = {"accuracy": float((chosen == right).mean()), "chance": 1 / CHOICES, "questions": len(clips)}
    return {"multiple_choice": figures, "left_out": left_out, "annotations": path.name, "items": items}


def _rows(path: Path, delimiter: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter=delimiter))
    if not rows or any(row.get(column) is None for row in rows for column in columns):
        raise VideoclipError(f"{path}: expected a table with columns {', '.join(columns)}")
    return rows
