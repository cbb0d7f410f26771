"""HT-Step: which steps of a wikiHow article a video of HowTo100M shows, and when (Afouras et al., NeurIPS 2023).

``annotations.json`` is ``{video: {"subset": "train" or "val_seen", "activity": the article's title, "annotations":
[{"id": number of the step, "segment": [start, end]}, …]}}``; a video is annotated with one variation of its article.
``taxonomy.csv`` has the steps: ``global_step_index``, ``activity``, ``variation``, ``headline``. Labels of the other
subsets are on the challenge's server alone.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..corpus.store import Corpus
from ..errors import CorpusError
from ..model.joint import JointModel
from ..tasks.grounding import detection_precision, ground
from ..tasks.localization import seconds_of_steps, step_recall
from ..ties import first_of_largest
from .annotations import Name, Number, Second, Text, check, check_once, read_json, read_table, shown, wrong
from .benchmark import DEFAULT, Benchmark, Options, annotation_file, features_of

FILE, STEPS = "annotations.json", "taxonomy.csv"
WHERE = "https://github.com/facebookresearch/htstep"
SPLITS = ("val_seen", "train")
IOUS = (0.3, 0.4, 0.5, 0.6, 0.7)
"""Over which mAP is averaged."""


@dataclass(frozen=True)
class Step:
    """A row of the taxonomy."""

    global_step_index: Number
    activity: Text
    variation: Text
    headline: Text


@dataclass(frozen=True)
class Segment:
    """Seconds that show a step."""

    id: Number
    segment: tuple[Second, Second]


@dataclass(frozen=True)
class Video:
    """An entry of the annotations."""

    subset: str
    activity: Text
    annotations: list[Segment]


@dataclass(frozen=True)
class Detected:
    """Spans of the steps of a video's article, and the true ones."""

    activity: str
    spans: np.ndarray  # (P, 2) seconds
    scores: np.ndarray  # (P,)
    steps: list[int]  # (P,)
    truth: dict[int, np.ndarray]  # step -> (G, 2)


def evaluate_htstep(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Article grounding (mAP over articles), and how often a step's best second shows it (R@1).

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, [FILE], WHERE)
    taxonomy = read_taxonomy(annotation_file(data, [STEPS], WHERE))
    videos = read_videos(path, options.split, taxonomy)
    features = features_of(corpus, videos)
    detected, items, left_out = {}, [], {"without_features": len(videos) - len(features), "segments_past_the_end": 0}
    for name, seconds in features.items():
        shows = [one for one in videos[name].annotations if one.segment[0] < len(seconds)]
        left_out["segments_past_the_end"] += len(videos[name].annotations) - len(shows)
        if shows:
            steps = article_of(shows, taxonomy)
            scores = model.video_tokens(seconds).numpy() @ model.encode_text([s.headline for s in steps]).numpy().T
            detected[name] = detect(scores, steps, shows)
            items.append(found_seconds(name, scores, steps, shows))
    if not items:
        raise CorpusError(f"{corpus.path}: none of the segments in {path.name} lies within the features of its video")
    found, of = sum(item["steps_found"] for item in items), sum(item["steps"] for item in items)
    figures = grounding_precision(detected) | {"R@1": found / of, "steps": of, "videos": len(items)}
    return {"step_grounding": figures, "left_out": left_out, "annotations": path.name, "items": items}


def article_of(shows: Sequence[Segment], taxonomy: Mapping[int, Step]) -> list[Step]:
    """The steps of the variation of an article that a video is annotated with, in their order."""
    first = taxonomy[shows[0].id]
    key = (first.activity, first.variation)
    return [step for step in taxonomy.values() if (step.activity, step.variation) == key]


def detect(scores: np.ndarray, steps: Sequence[Step], shows: Sequence[Segment]) -> Detected:
    """Spans of each step by the (T, K) scores of the seconds against it."""
    spans, values, of = [], [], []
    for k, step in enumerate(steps):
        own, how_well = ground(scores[:, k])
        spans.append(own)
        values.append(how_well)
        of += [step.global_step_index] * len(own)
    truth: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for one in shows:
        truth[one.id].append(one.segment)
    right = {step: np.array(segments) for step, segments in truth.items()}
    return Detected(steps[0].activity, np.concatenate(spans), np.concatenate(values), of, right)


def grounding_precision(detected: Mapping[str, Detected]) -> dict[str, float]:
    """mAP at each IoU and over all: average precision among the spans of all videos of an article, mean over articles.

    In the published evaluation a span may find any true one of its video, whichever step that shows. That is ``mAP``;
    in ``mAP_of_right_step`` it must show the same step. Spans of steps that no video of the split shows are left out.
    """
    shown_steps = {step for one in detected.values() for step in one.truth}
    by_article: dict[str, dict[str, Detected]] = defaultdict(dict)
    for video, one in detected.items():
        by_article[one.activity][video] = one
    figures = {}
    for iou in IOUS:
        each = [precision_of_article(videos, shown_steps, iou) for videos in by_article.values()]
        figures[f"mAP@{iou:g}"] = float(np.mean(each))
    strict = [precision_of_article(v, shown_steps, iou, True) for v in by_article.values() for iou in IOUS]
    mean = float(np.mean(list(figures.values())))
    return {"mAP": mean} | figures | {"mAP_of_right_step": float(np.mean(strict))}


def precision_of_article(
    detected: Mapping[str, Detected], shown_steps: set[int], iou: float, is_strict: bool = False
) -> float:
    """Average precision among the spans of the videos of an article.

    Args:
        shown_steps: the steps whose spans count.
        is_strict: a span must show the step that it was found for.
    """
    spans, scores, of = [], [], []
    truth: dict[tuple, list[np.ndarray]] = defaultdict(list)
    for video, one in detected.items():
        kept = [i for i, step in enumerate(one.steps) if step in shown_steps]
        spans.append(one.spans[kept])
        scores.append(one.scores[kept])
        of += [(video, one.steps[i] if is_strict else None) for i in kept]
        for step, right in one.truth.items():
            truth[video, step if is_strict else None].append(right)
    joined = {key: np.concatenate(parts) for key, parts in truth.items()}
    return detection_precision(np.concatenate(spans), np.concatenate(scores), of, joined, iou)


def found_seconds(video: str, scores: np.ndarray, steps: Sequence[Step], shows: Sequence[Segment]) -> dict:
    """The best second of each step of a video, and how many of the steps that it shows were found so."""
    place = {step.global_step_index: k for k, step in enumerate(steps, 1)}
    spans = [(place[one.id], *one.segment) for one in shows]
    located = first_of_largest(scores.T).tolist()
    found, of = step_recall(located, seconds_of_steps(spans, len(steps), len(scores)))
    named = {"video": video, "activity": steps[0].activity, "headlines": [step.headline for step in steps]}
    return named | {"located": located, "shown": spans, "steps_found": found, "steps": of}


def read_taxonomy(path: Path) -> dict[int, Step]:
    """The steps by their number, in the order of the table.

    Raises:
        VideoclipError: a row is of another form, or a step is there twice; names the line.
    """
    rows = read_table(path, Step)
    check_once(path, ((place, step.global_step_index) for place, step in rows), "step")
    return {step.global_step_index: step for _, step in rows}


def read_videos(path: Path, subset: str, taxonomy: Mapping[int, Step]) -> dict[str, Video]:
    """The videos of a subset that show any step; segments that last no time are left out.

    Raises:
        VideoclipError: there are none, or an entry is of another form; names it.
    """
    videos = {}
    for name, entry in read_json(path, dict).items():
        place = f"video {shown(name)}"
        video = check(Video, entry, path, place)
        _check_segments(path, place, video, taxonomy)
        kept = [one for one in video.annotations if one.segment[1] > one.segment[0]]
        if video.subset == subset and kept:
            videos[check(Name, name, path, place)] = Video(subset, video.activity, kept)
    if not videos:
        wrong(path, f"subset {subset}", "no segment is annotated in any of its videos")
    return videos


def _check_segments(path: Path, place: str, video: Video, taxonomy: Mapping[int, Step]) -> None:
    """Raise ``VideoclipError`` if a segment ends before its start, or is not of the same variation as the others."""
    articles = set()
    for i, one in enumerate(video.annotations):
        start, end = one.segment
        if end < start:
            wrong(path, f"{place}: annotations.{i}", f"ends at {end:g} s, before its start at {start:g} s")
        if one.id not in taxonomy:
            wrong(path, f"{place}: annotations.{i}", f"step {one.id} is none of {STEPS}")
        articles.add((taxonomy[one.id].activity, taxonomy[one.id].variation))
    if len(articles) > 1:
        wrong(path, place, "shows steps of more than one variation of an article")


BENCHMARK = Benchmark(evaluate_htstep, splits=SPLITS)
