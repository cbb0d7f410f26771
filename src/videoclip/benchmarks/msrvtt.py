"""MSR-VTT: the 1,000 videos of the JSFusion split by a sentence each, and questions with five answers (paper, 5.1)."""

import csv
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from ..corpus.store import Corpus
from ..errors import VideoclipError
from ..model.joint import JointModel
from ..tasks.finetune import Described
from ..tasks.multiple_choice import answer
from ..tasks.retrieval import NORMALIZATIONS
from .benchmark import DEFAULT, Benchmark, Examples, Options, annotation_file, features_of, hold_out
from .clips import Clip, available, retrieve_clips

PAIRS_FILE, QUESTIONS_FILE = "MSRVTT_JSFUSION_test.csv", "MSR_MC_test.csv"
SENTENCES_FILE, TRAINING_FILES = "MSRVTT_data.json", ["MSRVTT_train.9k.csv", "MSRVTT_train.7k.csv"]
WHERE = "https://github.com/yj-yu/lsmdc (the split of JSFusion)"
CHOICES = 5


def evaluate_msrvtt(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Text→video and video→text retrieval among the videos of the test split.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, [PAIRS_FILE], WHERE)
    clips = [Clip(row["video_id"], row["sentence"]) for row in _rows(path, ",", ("video_id", "sentence"))]
    features = features_of(corpus, [clip.video for clip in clips])
    return retrieve_clips(model, features, clips, path.name, options.normalization)


def evaluate_msrvtt_questions(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Which of five sentences describes the video?

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, [QUESTIONS_FILE], WHERE)
    answers = [f"a{i + 1}" for i in range(CHOICES)]
    rows = _rows(path, "\t", ("vid_key", "answer", *answers))
    asked = {Clip(row["vid_key"].replace("msr", "video"), str(i)): row for i, row in enumerate(rows)}
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


def videos_to_describe(corpus: Corpus, data: Path) -> Examples:
    """The training videos, each with its twenty sentences.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, [SENTENCES_FILE], WHERE)
    listed = annotation_file(data, TRAINING_FILES, WHERE)
    with open(listed, newline="", encoding="utf-8") as file:
        ids = {row["video_id"] for row in csv.DictReader(file)}
    said = defaultdict(list)
    try:
        for sentence in json.loads(path.read_text(encoding="utf-8"))["sentences"]:
            if sentence["video_id"] in ids:
                said[sentence["video_id"]].append(str(sentence["caption"]))
    except (ValueError, KeyError, TypeError) as error:
        raise VideoclipError(f"{path}: expected 'sentences' with video_id and caption ({error})") from error
    if not said:
        raise VideoclipError(f"{path}: has no sentences of the videos of {listed.name}")
    return hold_out([(video, Described(seconds, said[video])) for video, seconds in features_of(corpus, said).items()])


RETRIEVAL = Benchmark(evaluate_msrvtt, normalizations=NORMALIZATIONS, trains={"retrieval": videos_to_describe})
QUESTIONS = Benchmark(evaluate_msrvtt_questions, trains={"multiple-choice": videos_to_describe})
