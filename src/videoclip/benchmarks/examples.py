"""Labelled training examples of each benchmark, held-out videos for early stopping, and the figure that is improved.

Without validation videos of its own, a data set has every tenth training video held out: choosing the epoch on the
test set, as published scripts do, makes figures look better than they are.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..corpus.store import Corpus
from ..errors import ConfigError, VideoclipError
from ..tasks.finetune import Described, Example, Labelled, Timed, one_label
from ..tasks.segmentation import labels_of_seconds
from . import coin, crosstask, didemo, msrvtt, world, youcook2
from .benchmark import Options, annotation_file, available, features_of

TASKS = {
    "world": ("retrieval", "multiple-choice", "segmentation", "localization"),
    "youcook2": ("retrieval",),
    "msrvtt": ("retrieval",),
    "msrvtt-mc": ("multiple-choice",),
    "didemo": ("moments", "retrieval"),
    "coin": ("segmentation",),
    "crosstask": ("localization",),
}
"""What can be trained on each benchmark; the first is the default."""
FIGURES = {
    "retrieval": ("retrieval", "text_to_video", "R@1"),
    "multiple-choice": ("multiple_choice", "accuracy"),
    "segmentation": ("segmentation", "frame_accuracy"),
    "localization": ("localization", "recall"),
    "moments": ("moments", "rank_at_1"),
}
"""Where the figure of a task stands in a result."""


def task_of(name: str, task: str) -> str:
    """The task to train on a benchmark.

    Raises:
        ConfigError: there is no such benchmark to train on, or it has no such task.
    """
    if name not in TASKS:
        raise ConfigError(f"'{name}' cannot be trained on; choose from {', '.join(TASKS)}")
    if task and task not in TASKS[name]:
        raise ConfigError(f"{name} has no task '{task}' to train; choose from {', '.join(TASKS[name])}")
    return task or TASKS[name][0]


def figure_of(task: str, result: dict) -> float:
    """The figure that training for a task improves."""
    for key in FIGURES[task]:
        result = result[key]
    return float(result)  # type: ignore[arg-type]


def test_options(name: str, task: str, trained: bool) -> Options:
    """How a model is evaluated for a task, before or after it was trained for it."""
    rule = "background" if trained and task == "segmentation" else "spread"
    return Options(split="supervised-test" if name == "crosstask" else "test", rule=rule)


def held_out(videos: Iterable[str]) -> set[str]:
    """Every tenth of the videos, in the order of their ids."""
    return set(sorted(set(videos))[::10])


def training_examples(name: str, task: str, corpus: Corpus, data: Path) -> tuple[list[Example], list[Example]]:
    """Examples to train on and examples to validate on.

    Raises:
        VideoclipError: annotations or features are missing.
    """
    if name == "world":
        truth = world.read_truth(data)
        return _world(task, corpus, truth, "train"), _world(task, corpus, truth, "val")
    if name == "youcook2":
        clips, _ = youcook2.read_clips(data, "train")
        clips, parts, _ = available(clips, features_of(corpus, [clip.video for clip in clips]))
        made = [(c.video, Described(part, [c.text])) for c, part in zip(clips, parts, strict=True)]
    elif name in ("msrvtt", "msrvtt-mc"):
        made = _msrvtt(corpus, data)
    elif name == "didemo":
        made = _didemo(task, corpus, data)
    elif name == "coin":
        made = _coin(corpus, data)
    else:
        made = _crosstask(corpus, data)
    held = held_out(video for video, _ in made)
    return [e for video, e in made if video not in held], [e for video, e in made if video in held]


def _world(task: str, corpus: Corpus, truth: dict, split: str) -> list[Example]:
    wanted = [m for m in world.moments(truth, split) if m.video in corpus]
    features = features_of(corpus, [m.video for m in wanted])
    if task in ("retrieval", "multiple-choice"):
        return [Described(features[m.video][m.seconds], [m.description]) for m in wanted]
    steps = defaultdict(list)
    for m in wanted:
        steps[m.video].append(m)
    examples: list[Example] = []
    for video, some in steps.items():
        texts = list(dict.fromkeys(m.description for m in some))
        spans = [(m.start, m.end, texts.index(m.description)) for m in some]
        count = len(features[video])
        if task == "segmentation":
            examples.append(
                Labelled(features[video], texts, one_label(world.shown_at_the_middle(spans, count), len(texts)))
            )
        else:
            examples.append(Labelled(features[video], texts, _touched(spans, count, len(texts))))
    return examples


def _msrvtt(corpus: Corpus, data: Path) -> list[tuple[str, Example]]:
    path = annotation_file(data, ["MSRVTT_data.json"], msrvtt.WHERE)
    listed = annotation_file(data, ["MSRVTT_train.9k.csv", "MSRVTT_train.7k.csv"], msrvtt.WHERE)
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
    return [(video, Described(seconds, said[video])) for video, seconds in features_of(corpus, said).items()]


def _didemo(task: str, corpus: Corpus, data: Path) -> list[tuple[str, Example]]:
    asked = didemo.read_descriptions(annotation_file(data, didemo.FILES["train"], didemo.WHERE))
    features = features_of(corpus, [item["video"] for item in asked])
    there = [item for item in asked if item["video"] in features]
    if task == "moments":
        times = [[(first, last) for first, last in item["times"]] for item in there]
        return [
            (item["video"], Timed(features[item["video"]][: didemo.LENGTH], item["description"], t))
            for item, t in zip(there, times, strict=True)
        ]
    said = defaultdict(list)
    for item in there:
        said[item["video"]].append(item["description"])
    return [(video, Described(features[video], [" ".join(texts)])) for video, texts in said.items()]


def _coin(corpus: Corpus, data: Path) -> list[tuple[str, Example]]:
    videos, labels = coin.read_segments(annotation_file(data, [coin.FILE], coin.WHERE), "training")
    place = {label: i for i, label in enumerate(labels)}
    made: list[tuple[str, Example]] = []
    for video, seconds in features_of(corpus, videos).items():
        shown = labels_of_seconds([(s, e, place[label]) for s, e, label in videos[video]], len(seconds))
        made.append((video, Labelled(seconds, labels, one_label(shown, len(labels)))))
    return made


def _crosstask(corpus: Corpus, data: Path) -> list[tuple[str, Example]]:
    """Annotated videos of the primary tasks that are not among those tested on."""
    tasks, annotated, _ = crosstask.read_videos(data, "supervised-train")
    features = features_of(corpus, [video for _, video in annotated])
    return [
        (
            video,
            Labelled(
                features[video],
                tasks[task].steps,
                _touched([(s, e, k - 1) for k, s, e in steps], len(features[video]), len(tasks[task].steps)),
            ),
        )
        for (task, video), steps in annotated.items()
        if video in features
    ]


def _touched(spans: list[tuple[float, float, int]], seconds: int, count: int) -> np.ndarray:
    """Whether a step touches a second, of spans (start, end, step): (seconds, count) bool."""
    holds = np.zeros((seconds, count), bool)
    for start, end, step in spans:
        holds[int(np.floor(start)) : int(np.ceil(end)), step] = True
    return holds
