"""CrossTask: when are the steps of a task done, whose names and order are known? (paper, table 6)"""

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..corpus.store import Corpus
from ..errors import VideoclipError
from ..model.joint import JointModel
from ..tasks.finetune import Labelled
from ..tasks.localization import locate_steps, seconds_of_steps, step_recall
from .benchmark import DEFAULT, Benchmark, Examples, Options, annotation_file, features_of, hold_out, steps_of_seconds

WHERE = "https://github.com/DmZhukov/CrossTask"
ALL = "videos.csv"
LISTS = {"test": "videos_val.csv", "val": "videos_val.csv"}
TRAINING_VIDEOS = 30
"""Of each task that supervised training sees; the others are its test."""

Annotated = dict[tuple[str, str], list[tuple[int, float, float]]]
"""(task, video) -> (step from 1, start, end) in seconds."""


@dataclass(frozen=True)
class Task:
    """A task and its steps, in order."""

    title: str
    steps: list[str]


def evaluate_crosstask(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Recall of the steps' seconds, per task and averaged over the tasks.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    tasks, annotated, listed = read_videos(data, options.split)
    features = features_of(corpus, [video for _, video in annotated])
    texts = {task: model.encode_text(tasks[task].steps).numpy() for task in {task for task, _ in annotated}}
    counts: dict[str, list] = defaultdict(lambda: np.zeros(2, int))  # type: ignore[arg-type]
    items = []
    for (task, video), steps in annotated.items():
        if video not in features:
            continue
        scores = model.video_tokens(features[video]).numpy() @ texts[task].T
        located = locate_steps(scores).tolist()
        hits, of = step_recall(located, seconds_of_steps(steps, len(tasks[task].steps), len(scores)))
        counts[task] += np.array([hits, of])
        items.append({"task": tasks[task].title, "video": video, "located": located, "annotated": steps,
                      "steps_found": hits, "steps": of})  # fmt: skip
    recalls = {tasks[task].title: float(right / max(of, 1)) for task, (right, of) in counts.items()}
    return {
        "localization": {"recall": float(np.mean(list(recalls.values()))), "videos": len(items), "by_task": recalls},
        "left_out": {"without_features": len(annotated) - len(items), "not_annotated": listed - len(annotated)},
        "annotations": LISTS.get(options.split, ALL),
        "items": items,
    }


def read_videos(data: Path, split: str) -> tuple[dict[str, Task], Annotated, int]:
    """The primary tasks, the annotations of a split, and how many videos it lists.

    ``test`` is videos_val.csv and ``train`` the rest of videos.csv. For supervised training all annotated videos are
    divided anew: ``supervised-train`` has 30 of each task, drawn with NumPy's legacy generator and seed 0 in the order
    of the files, and ``supervised-test`` the others.
    """
    tasks = read_tasks(annotation_file(data, ["tasks_primary.txt"], WHERE))
    path = annotation_file(data, [LISTS.get(split, ALL)], WHERE)
    listed = _listed(path, tasks)
    if split == "train":
        tested = set(_listed(annotation_file(data, [LISTS["test"]], WHERE), tasks))
        listed = [pair for pair in listed if pair not in tested]
    annotated = {(task, video): steps for task, video in listed if (steps := _steps(path.parent, task, video))}
    if split.startswith("supervised"):
        training = _drawn(annotated, tasks)
        annotated = {pair: s for pair, s in annotated.items() if (pair in training) == (split == "supervised-train")}
    if not annotated:
        raise VideoclipError(f"{path.parent / 'annotations'}: holds no annotation of the {len(listed)} videos listed")
    return tasks, annotated, len(listed)


def _listed(path: Path, tasks: dict[str, Task]) -> list[tuple[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return [(row[0], row[1]) for row in csv.reader(file) if len(row) > 1 and row[0] in tasks]


def _drawn(annotated: Annotated, tasks: dict[str, Task]) -> set[tuple[str, str]]:
    legacy = np.random.RandomState(0)
    drawn: set[tuple[str, str]] = set()
    for task in tasks:
        pairs = [pair for pair in annotated if pair[0] == task]
        count = min(TRAINING_VIDEOS, len(pairs))
        drawn.update(pairs[i] for i in legacy.choice(len(pairs), count, replace=False))
    return drawn


def read_tasks(path: Path) -> dict[str, Task]:
    """The tasks by id, from blocks of five lines: id, title, address, number of steps, steps with commas between."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    tasks = {}
    for i in range(0, len(lines) - 4, 5):
        identity, title, _, count, steps = lines[i : i + 5]
        names = [step.strip() for step in steps.split(",")]
        if count != str(len(names)):
            raise VideoclipError(f"{path}: task {identity} announces {count} steps and names {len(names)}")
        tasks[identity] = Task(title, names)
    if not tasks:
        raise VideoclipError(f"{path}: names no tasks")
    return tasks


def _steps(folder: Path, task: str, video: str) -> list[tuple[int, float, float]]:
    """(step from 1, start, end) of a video's annotation; none where there is no such file."""
    path = folder / "annotations" / Path(f"{task}_{video}.csv").name
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        try:
            return [(int(row[0]), float(row[1]), float(row[2])) for row in csv.reader(file) if row]
        except (ValueError, IndexError) as error:
            raise VideoclipError(f"{path}: expected lines of step,start,end ({error})") from error


def steps_to_find(corpus: Corpus, data: Path) -> Examples:
    """Annotated videos of the primary tasks that are not among those tested on.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    tasks, annotated, _ = read_videos(data, "supervised-train")
    features = features_of(corpus, [video for _, video in annotated])
    made = []
    for (task, video), steps in annotated.items():
        if video in features:
            names, seconds = tasks[task].steps, features[video]
            holds = steps_of_seconds([(start, end, step - 1) for step, start, end in steps], len(seconds), len(names))
            made.append((video, Labelled(seconds, names, holds)))
    return hold_out(made)


BENCHMARK = Benchmark(
    evaluate_crosstask,
    splits=("test", "val", "train", "supervised-test", "supervised-train"),
    trains={"localization": steps_to_find},
    trained_split="supervised-test",
)
