"""MSR-VTT: the 1,000 videos of the JSFusion split by a sentence each, and questions with five answers (paper, 5.1)."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import AfterValidator

from ..corpus.store import Corpus
from ..model.joint import JointModel
from ..tasks.finetune import Described
from ..tasks.multiple_choice import answer
from ..tasks.retrieval import NORMALIZATIONS
from .annotations import Name, Number, Text, check, check_once, read_json, read_table, wrong
from .benchmark import DEFAULT, Benchmark, Examples, Options, annotation_file, features_of, hold_out
from .clips import Clip, available, retrieve_clips

PAIRS_FILE, QUESTIONS_FILE = "MSRVTT_JSFUSION_test.csv", "MSR_MC_test.csv"
SENTENCES_FILE, TRAINING_FILES = "MSRVTT_data.json", ["MSRVTT_train.9k.csv", "MSRVTT_train.7k.csv"]
WHERE = "https://github.com/yj-yu/lsmdc (the split of JSFusion)"
CHOICES = 5


@dataclass(frozen=True)
class Pair:
    """A row of the test list."""

    video_id: Name
    sentence: Text


def _of_choices(number: int) -> int:
    if not 0 <= number < CHOICES:
        raise ValueError(f"is none of the {CHOICES} choices, which are counted from 0")
    return number


@dataclass(frozen=True)
class Question:
    """A row of the questions; ``answer`` counts the choices from 0."""

    vid_key: Name
    a1: Text
    a2: Text
    a3: Text
    a4: Text
    a5: Text
    answer: Annotated[Number, AfterValidator(_of_choices)]

    @property
    def video(self) -> str:
        """As the other lists call it: ``msr7010`` is ``video7010``."""
        return re.sub(r"^msr(?=\d+$)", "video", self.vid_key)

    @property
    def choices(self) -> list[str]:
        return [self.a1, self.a2, self.a3, self.a4, self.a5]


@dataclass(frozen=True)
class Sentence:
    """An entry of ``sentences``."""

    video_id: Name
    caption: Text


@dataclass(frozen=True)
class Listed:
    """A row of a list of videos."""

    video_id: Name


def evaluate_msrvtt(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Text→video and video→text retrieval among the videos of the test split.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, [PAIRS_FILE], WHERE)
    rows = read_table(path, Pair)
    check_once(path, ((place, row.video_id) for place, row in rows), "video")  # its other sentence would be right too
    clips = [Clip(row.video_id, row.sentence) for _, row in rows]
    features = features_of(corpus, [clip.video for clip in clips])
    return retrieve_clips(model, features, clips, path.name, options.normalization)


def evaluate_msrvtt_questions(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Which of five sentences describes the video?

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, [QUESTIONS_FILE], WHERE)
    rows = read_table(path, Question)
    check_once(path, rows, "question")
    asked = {Clip(row.video, str(i)): row for i, (_, row) in enumerate(rows)}
    clips, parts, left_out = available(list(asked), features_of(corpus, [clip.video for clip in asked]))
    choices = [asked[clip].choices for clip in clips]
    right = np.array([asked[clip].answer for clip in clips])
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


def videos_to_describe(corpus: Corpus, data: Path) -> Examples:
    """The training videos, each with its twenty sentences.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, [SENTENCES_FILE], WHERE)
    listed = annotation_file(data, TRAINING_FILES, WHERE)
    ids = {row.video_id for _, row in read_table(listed, Listed)}
    entries = check(list, read_json(path, dict).get("sentences"), path, "sentences")
    said = defaultdict(list)
    for i, entry in enumerate(entries):
        sentence = check(Sentence, entry, path, f"sentences.{i}")
        if sentence.video_id in ids:
            said[sentence.video_id].append(sentence.caption)
    if not said:
        wrong(path, "sentences", f"has none of the videos of {listed.name}")
    return hold_out([(video, Described(seconds, said[video])) for video, seconds in features_of(corpus, said).items()])


RETRIEVAL = Benchmark(evaluate_msrvtt, normalizations=NORMALIZATIONS, trains={"retrieval": videos_to_describe})
QUESTIONS = Benchmark(evaluate_msrvtt_questions, trains={"multiple-choice": videos_to_describe})
