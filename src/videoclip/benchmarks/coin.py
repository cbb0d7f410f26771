"""COIN: what is done in each second of a video, of 778 steps (paper, table 5).

Zero-shot. The figures of the paper's rule stand beside ours: with the published weights that rule calls everything
background, and its frame accuracy is the share of background.
"""

from dataclasses import dataclass
from pathlib import Path

from ..corpus.store import Corpus
from ..errors import VideoclipError
from ..model.joint import JointModel
from ..tasks.finetune import Example, Labelled, one_label
from ..tasks.segmentation import RULES, labels_of_seconds
from .annotations import Name, Second, Span, check_in, read_database, wrong
from .benchmark import DEFAULT, Benchmark, Examples, Options, annotation_file, features_of, hold_out
from .labelled import segment_videos

FILE, WHERE = "COIN.json", "https://coin-dataset.github.io"
SUBSETS = {"test": "testing", "train": "training"}
PAPERS = "paper"
"""The rule of the paper."""


@dataclass(frozen=True)
class Segment:
    """A part of a video as the annotations have it, in seconds, and its step."""

    segment: Span
    label: Name


@dataclass(frozen=True)
class Video:
    """An entry of the annotations."""

    subset: str
    annotation: list[Segment]
    duration: Second | None = None


def evaluate_coin(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Segmentation of the testing (or training) videos, with every label of the data set as a candidate.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, [FILE], WHERE)
    videos, labels = read_segments(path, SUBSETS[options.split])
    rules = dict.fromkeys((options.rule, PAPERS))
    segmented = segment_videos(model, features_of(corpus, videos), videos, labels, tuple(rules))
    segmented.check(f"{corpus.path}: none of the segments in {path.name} lies within the features of its video")
    return {
        "segmentation": {"rule": options.rule} | segmented.metrics(options.rule),
        "segmentation_by_the_papers_rule": segmented.metrics(PAPERS),
        "left_out": segmented.left_out,
        "annotations": path.name,
        "classes": labels,
        "items": segmented.items(options.rule),
    }


def read_segments(path: Path, subset: str) -> tuple[dict[str, list[tuple[float, float, str]]], list[str]]:
    """Segments (start, end, label) of each video of a subset, and the labels of all videos in order."""
    chosen, labels = {}, set()
    for place, name, video in read_database(path, Video):
        for i, shown in enumerate(video.annotation):
            check_in(path, f"{place}: annotation.{i}.segment", shown.segment, video.duration)
        labels |= {shown.label for shown in video.annotation}
        if video.subset == subset:
            chosen[name] = [(*shown.segment, shown.label) for shown in video.annotation]
    if not chosen:
        raise VideoclipError(f"{path}: no videos of subset '{subset}'")
    if not any(chosen.values()):
        wrong(path, f"subset {subset}", f"no segment is annotated in any of its {len(chosen)} videos")
    return chosen, sorted(labels)


def seconds_to_label(corpus: Corpus, data: Path) -> Examples:
    """Training videos, every second with its label or none.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    videos, labels = read_segments(annotation_file(data, [FILE], WHERE), SUBSETS["train"])
    place = {label: i for i, label in enumerate(labels)}
    made: list[tuple[str, Example]] = []
    for video, seconds in features_of(corpus, videos).items():
        shown = labels_of_seconds([(s, e, place[label]) for s, e, label in videos[video]], len(seconds))
        made.append((video, Labelled(seconds, labels, one_label(shown, len(labels)))))
    return hold_out(made)


BENCHMARK = Benchmark(evaluate_coin, splits=tuple(SUBSETS), rules=RULES, trains={"segmentation": seconds_to_label})
