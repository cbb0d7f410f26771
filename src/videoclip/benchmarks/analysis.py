"""What single predictions say of a result: how sure its figures are, and what is confused with what."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..tasks.grounding import THRESHOLDS, reaches
from ..tasks.metrics import BACKGROUND, RANKS, bootstrap

Interval = tuple[float, float]


def intervals(result: dict) -> dict[str, Interval]:
    """95 % bootstrap intervals of the figures that are means over items or videos, by name."""
    found: dict[str, Interval] = {}
    items, videos = result.get("items", []), per_video(result)
    if items and "rank" in items[0]:
        found |= {f"retrieval R@{k}": bootstrap([item["rank"] <= k for item in items]) for k in RANKS}
    if items and "right_answer" in items[0]:
        found["multiple choice accuracy"] = bootstrap([item["answer"] == item["right_answer"] for item in items])
    if items and "rank_of_moment" in items[0]:
        means = [item["rank_of_moment"] for item in items]
        found |= {f"moments rank@{k}": bootstrap([mean <= k for mean in means]) for k in (1, 5)}
    if sought := [m for item in items for m in item.get("moments", [item]) if "iou" in m]:
        for iou in THRESHOLDS:
            found[f"moments R1@{iou:g}"] = bootstrap([bool(reaches(m["iou"], iou)) for m in sought])
    if videos and "prediction" in videos[0]:
        pairs = [(np.array(v["prediction"]), np.array(v["truth"])) for v in videos]
        shown = [t != BACKGROUND for _, t in pairs]
        hits = [p == t for p, t in pairs]
        found["segmentation frame accuracy"] = bootstrap([h.sum() for h in hits], [len(h) for h in hits])
        labelled = [(h & s).sum() for h, s in zip(hits, shown, strict=True)]
        found["segmentation labelled accuracy"] = bootstrap(labelled, [s.sum() for s in shown])
    if videos and "steps_found" in videos[0] and "by_task" not in result.get("localization", {}):
        name = "step R@1" if "step_grounding" in result else "localization recall"
        found[name] = bootstrap([v["steps_found"] for v in videos], [v["steps"] for v in videos])
    return found


def per_video(result: dict) -> list[dict]:
    """The predictions for whole videos, which are the items of a benchmark that has no others."""
    return result.get("videos", result.get("items", []))


@dataclass(frozen=True)
class ClassFigures:
    """How the seconds of one class were labelled."""

    name: str
    seconds: int
    recall: float
    precision: float
    mistaken_for: str
    """The class that most of its other seconds were given; empty if there are none."""


@dataclass(frozen=True)
class Confusion:
    """Seconds of each true class (rows) by what they were labelled as (columns); the last class is background."""

    classes: list[str]
    seconds: np.ndarray  # (C, C) int

    def by_class(self) -> list[ClassFigures]:
        """Figures of each class that occurs, largest first, background last."""
        own, shown, predicted = self.seconds.diagonal(), self.seconds.sum(1), self.seconds.sum(0)
        figures = []
        for i, name in enumerate(self.classes):
            if not shown[i]:
                continue
            others = self.seconds[i].copy()
            others[i] = 0
            mistaken = self.classes[int(others.argmax())] if others.any() else ""
            precision = own[i] / predicted[i] if predicted[i] else 0.0
            figures.append(ClassFigures(name, int(shown[i]), float(own[i] / shown[i]), float(precision), mistaken))
        return sorted(figures, key=lambda f: (f.name == BACKGROUND_NAME, -f.seconds))

    def largest(self, count: int) -> "Confusion":
        """The same of the classes with the most seconds and background; the others are left out."""
        shown = self.seconds[:-1].sum(1)
        rows = sorted(np.argsort(-shown, kind="stable")[: min(count, int((shown > 0).sum()))].tolist())
        rows.append(len(self.classes) - 1)
        return Confusion([self.classes[i] for i in rows], self.seconds[np.ix_(rows, rows)])


BACKGROUND_NAME = "background"


def confusion(result: dict) -> Confusion | None:
    """What the seconds of each class were labelled as; None where nothing was segmented.

    Labels that are the same everywhere are classes themselves (``classes`` of the result); labels of a video alone have
    their class in the video's ``classes``. Two labels of a class that are confused then count as right.
    """
    videos = [video for video in per_video(result) if "prediction" in video]
    if not videos:
        return None
    names = result.get("classes") or sorted({name for video in videos for name in video["classes"]})
    place = {name: i for i, name in enumerate([*names, BACKGROUND_NAME])}
    seconds = np.zeros((len(place), len(place)), int)
    for video in videos:
        own = np.array([place[name] for name in video.get("classes", names)] + [len(names)])  # label -1 is the last
        np.add.at(seconds, (own[np.array(video["truth"])], own[np.array(video["prediction"])]), 1)
    return Confusion(list(place), seconds)


def extremes(items: Sequence[dict], count: int = 6) -> dict[str, list[dict]]:
    """Queries that went best, evenly drawn from those with the right answer first, and those that went worst."""
    right = [item for item in items if item.get("rank", 2) <= 1]
    wrong = sorted((item for item in items if item.get("rank", 1) > 1), key=lambda item: -item["rank"])
    step = max(len(right) // count, 1)
    return {"found at once": right[::step][:count], "found last": wrong[:count]}
