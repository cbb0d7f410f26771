"""QVHighlights: the moments that a sentence describes, and the clips that show it best (Lei et al., NeurIPS 2021).

A line of ``highlight_val_release.jsonl`` is an object: ``qid``, ``query``, ``duration``, ``vid``, which is
``YOUTUBE_START_END``, ``relevant_windows`` in seconds, ``relevant_clip_ids`` of clips of 2 seconds, counted from 0, and
for each of those the ``saliency_scores`` of three people, from 0 to 4. The test queries come without the last three.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from ..corpus.store import Corpus
from ..errors import VideoclipError
from ..model.joint import JointModel
from ..tasks.grounding import detection_precision
from ..tasks.highlights import highlight_hit, highlight_precision
from .annotations import Name, Number, Second, Span, Text, check, check_in, check_once, read_json_lines, wrong
from .benchmark import DEFAULT, Benchmark, Options, annotation_file, features_of
from .clips import named_clip
from .sought import Found, Sought, find, metrics_of

FILES = {"val": "highlight_val_release.jsonl", "train": "highlight_train_release.jsonl"}
UNLABELLED = "highlight_test_release.jsonl"
WHERE = "https://github.com/jayleicn/moment_detr/tree/main/data"
CLIP_SECONDS, RATERS = 2, 3
VERY_GOOD = 4
"""The rating from which a clip is a highlight."""
IOUS = [k / 100 for k in range(50, 100, 5)]
"""Over which mAP is averaged."""

Ratings = Annotated[list[Annotated[Number, Field(ge=0, le=VERY_GOOD)]], Field(min_length=RATERS, max_length=RATERS)]


@dataclass(frozen=True)
class Annotation:
    """A line of the annotations."""

    qid: Number
    query: Text
    vid: Name
    duration: Second
    relevant_windows: Annotated[list[Span], Field(min_length=1)]
    relevant_clip_ids: list[Annotated[Number, Field(ge=0)]]
    saliency_scores: list[Ratings]


def evaluate_qvhighlights(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Moment retrieval (R@n, mAP) and highlight detection (mAP, HIT@1) for the queries of the validation videos.

    Raises:
        VideoclipError: the annotations or the features are missing, or only the test queries are there.
    """
    path = labelled_file(data, options.split)
    queries = {query.qid: query for query in read_queries(path)}
    clips = {query.vid: named_clip(corpus, query.vid) for query in queries.values()}
    whole = features_of(corpus, [clip.video for clip in clips.values()])
    features = {vid: clip.whole(whole[clip.video]) for vid, clip in clips.items() if clip.video in whole}
    sought = {Sought(q.vid, q.query, tuple(q.relevant_windows), q.duration, qid): qid for qid, q in queries.items()}
    found, left_out = find(model, features, list(sought))
    asked = [queries[sought[one.sought]] for one in found]
    return {
        "moment_retrieval": metrics_of(found) | mean_precision(found),
        "highlights": highlights(found, asked),
        "left_out": left_out,
        "annotations": path.name,
        "items": [{"video": q.vid, "qid": q.qid} | one.name for one, q in zip(found, asked, strict=True)],
    }


def labelled_file(data: Path, split: str) -> Path:
    """The annotations of a split.

    Raises:
        VideoclipError: they are not there; says so where only the test queries are, which have no labels.
    """
    try:
        return annotation_file(data, [FILES[split]], WHERE)
    except VideoclipError as error:
        if next(data.glob(f"**/{UNLABELLED}"), None):
            raise VideoclipError(
                f"{data}: {UNLABELLED} has no labels, since the test is judged on a server; put {FILES[split]} there"
            ) from error
        raise


def read_queries(path: Path) -> list[Annotation]:
    """The queries in their order.

    Raises:
        VideoclipError: there are none, or a line is of another form; names it.
    """
    queries = [(place, check(Annotation, entry, path, place)) for place, entry in read_json_lines(path)]
    for place, query in queries:
        for i, span in enumerate(query.relevant_windows):
            check_in(path, f"{place}: relevant_windows.{i}", span, query.duration)
        if len(query.relevant_clip_ids) != len(query.saliency_scores):
            wrong(path, place, "has not as many saliency_scores as relevant_clip_ids")
        if any(clip * CLIP_SECONDS >= query.duration for clip in query.relevant_clip_ids):
            wrong(path, place, f"relevant_clip_ids: the video ends at {query.duration:g} s")
    check_once(path, ((place, query.qid) for place, query in queries), "query")
    return [query for _, query in queries]


def mean_precision(found: Sequence[Found]) -> dict[str, float]:
    """mAP at IoU 0.5 and 0.75 and over ``IOUS``: each query's average precision, and the mean over queries."""
    by_iou = {}
    for iou in IOUS:
        each = [detection_precision(f.spans, f.scores, [0] * len(f.spans), {0: f.truth}, iou) for f in found]
        by_iou[iou] = float(np.mean(each))
    return {"mAP@0.5": by_iou[0.5], "mAP@0.75": by_iou[0.75], "mAP": float(np.mean(list(by_iou.values())))}


def highlights(found: Sequence[Found], queries: Sequence[Annotation]) -> dict[str, float]:
    """mAP and HIT@1 of clips that are very good; a clip scores the mean of its seconds."""
    precisions, hits = [], []
    for one, query in zip(found, queries, strict=True):
        is_good = very_good(query)
        scores = clip_scores(one.curve, len(is_good))
        precisions.append(highlight_precision(scores, is_good))
        hits.append(highlight_hit(scores, is_good))
    return {"mAP": float(np.mean(precisions)), "HIT@1": float(np.mean(hits)), "queries": len(hits)}


def very_good(query: Annotation) -> np.ndarray:
    """Which clips of the whole video each person finds very good: (C, 3) bool."""
    is_good = np.zeros((-int(-query.duration // CLIP_SECONDS), RATERS), bool)
    for clip, ratings in zip(query.relevant_clip_ids, query.saliency_scores, strict=True):
        is_good[clip] = np.array(ratings) >= VERY_GOOD
    return is_good


def clip_scores(curve: np.ndarray, clips: int) -> np.ndarray:
    """The mean score of the seconds of each clip, (T,) -> (C,); clips past the features come last."""
    parts = [curve[i * CLIP_SECONDS : (i + 1) * CLIP_SECONDS] for i in range(clips)]
    return np.array([part.mean() if len(part) else -np.inf for part in parts])


BENCHMARK = Benchmark(evaluate_qvhighlights, splits=tuple(FILES))
