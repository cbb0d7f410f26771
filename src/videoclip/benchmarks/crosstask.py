"""CrossTask: when are the steps of a task done, whose names and order are known? (paper, table 6)"""

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..corpus.store import Corpus
from ..errors import VideoclipError
from ..model.joint import JointModel
from ..tasks.localization import locate_steps, seconds_of_steps, step_recall
from . import DEFAULT, Options, annotation_file, features_of

WHERE = "https://github.com/DmZhukov/CrossTask"
LISTS = {"test": "videos_val.csv", "val": "videos_val.csv", "train": "videos.csv"}


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
    tasks = read_tasks(annotation_file(data, ["tasks_primary.txt"], WHERE))
    path = annotation_file(data, [LISTS.get(options.split, "videos_val.csv")], WHERE)
    with open(path, newline="", encoding="utf-8") as file:
        listed = [(row[0], row[1]) for row in csv.reader(file) if len(row) > 1 and row[0] in tasks]
    annotated = {(task, video): steps for task, video in listed if (steps := _steps(path.parent, task, video))}
    if not annotated:
        raise VideoclipError(f"{path.parent / 'annotations'}: holds no annotation of the {len(listed)} videos listed")
    model.check_features(corpus.kind.encoder, corpus.kind.normalized, corpus.path)
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
        "left_out": {"without_features": len(annotated) - len(items), "not_annotated": len(listed) - len(annotated)},
        "annotations": path.name,
        "items": items,
    }


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
