"""CrossTask: when are the steps of a task done, whose names and order are known? (paper, table 6)"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..corpus.store import Corpus
from ..errors import CorpusError, VideoclipError
from ..model.joint import JointModel
from ..tasks.finetune import Labelled
from ..tasks.localization import locate_steps, seconds_of_steps, step_recall
from ..text import read_text
from .annotations import Name, Number, Span, check, check_once, read_rows, shown, wrong
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
    items, past = [], 0
    for (task, video), steps in annotated.items():
        if video not in features:
            continue
        scores = model.video_tokens(features[video]).numpy() @ texts[task].T
        located = locate_steps(scores).tolist()
        hits, of = step_recall(located, seconds_of_steps(steps, len(tasks[task].steps), len(scores)))
        past += sum(start >= len(scores) for _, start, _ in steps)
        counts[task] += np.array([hits, of])
        items.append({"task": tasks[task].title, "video": video, "located": located, "annotated": steps,
                      "steps_found": hits, "steps": of})  # fmt: skip
    recalls = {tasks[task].title: float(right / of) for task, (right, of) in counts.items() if of}
    if not recalls:
        raise CorpusError(f"{corpus.path}: none of the {past} annotated steps lies within the features of its video")
    without = len(annotated) - len(items)
    left_out = {"without_features": without, "not_annotated": listed - len(annotated), "steps_past_the_end": past}
    return {
        "localization": {"recall": float(np.mean(list(recalls.values()))), "videos": len(items), "by_task": recalls},
        "left_out": left_out,
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
    if not listed:
        wrong(path, "the whole", f"lists no video of the {len(tasks)} primary tasks")
    if split == "train":
        tested = set(_listed(annotation_file(data, [LISTS["test"]], WHERE), tasks))
        listed = [pair for pair in listed if pair not in tested]
    annotated = {
        (task, video): steps
        for task, video in listed
        if (steps := _steps(path.parent, task, video, len(tasks[task].steps)))
    }
    if split.startswith("supervised"):
        training = _drawn(annotated, tasks)
        annotated = {pair: s for pair, s in annotated.items() if (pair in training) == (split == "supervised-train")}
    if not annotated:
        raise VideoclipError(f"{path.parent / 'annotations'}: holds no annotation of the {len(listed)} videos listed")
    return tasks, annotated, len(listed)


def _listed(path: Path, tasks: dict[str, Task]) -> list[tuple[str, str]]:
    listed = []
    for place, row in read_rows(path):
        if len(row) < 2:
            wrong(path, place, f"expected task,video,address (it is {shown(row)})")
        if row[0] in tasks:
            listed.append((row[0], check(Name, row[1], path, f"{place}: video")))
    return list(dict.fromkeys(listed))


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
    numbered = enumerate(read_text(path).splitlines(), 1)
    lines = [(f"line {number}", line.strip()) for number, line in numbered if line.strip()]
    if not lines:
        wrong(path, "line 1", "names no tasks")
    blocks = [lines[i : i + 5] for i in range(0, len(lines), 5)]
    check_once(path, (block[0] for block in blocks), "task")
    tasks = {}
    for block in blocks:
        (place, identity), *others = block
        if len(others) < 4:
            wrong(path, place, f"task {shown(identity)} has {len(block)} lines of id, title, address, count and steps")
        title, _, count, steps = (line for _, line in others)
        names = [step.strip() for step in steps.split(",")]
        if count != str(len(names)):
            wrong(path, place, f"task {shown(identity)} announces {shown(count)} steps and names {len(names)}")
        check(list[Name], names, path, f"{others[-1][0]}: steps")
        tasks[identity] = Task(title, names)
    return tasks


def _steps(folder: Path, task: str, video: str, count: int) -> list[tuple[int, float, float]]:
    """(step from 1 to ``count``, start, end) of a video's annotation; none where there is no such file."""
    path = folder / "annotations" / Path(f"{task}_{video}.csv").name
    if not path.is_file():
        return []
    steps = []
    for place, row in read_rows(path):
        if len(row) != 3:
            wrong(path, place, f"expected lines of step,start,end (it is {shown(row)})")
        step = check(Number, row[0], path, f"{place}: step")
        if not 1 <= step <= count:
            wrong(path, place, f"step {step} is none of the task's {count}, which are counted from 1")
        steps.append((step, *check(Span, row[1:], path, f"{place}: start,end")))
    return steps


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
