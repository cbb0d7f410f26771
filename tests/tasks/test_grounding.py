"""Spans of a video by the scores of its seconds: against brute force, and cases that are counted by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videoclip.tasks.grounding import (
    average_precision,
    chance_of_span,
    detection_precision,
    distinct,
    ground,
    moment_metrics,
    temporal_iou,
    windows,
)
from videoclip.tasks.highlights import highlight_hit, highlight_precision


def test_overlap_counts_the_seconds_of_either():
    shared = temporal_iou(np.array([[0, 10], [5, 15], [20, 30]]), np.array([[0, 10], [8, 12]]))
    assert shared == pytest.approx(np.array([[1, 2 / 12], [5 / 15, 4 / 10], [0, 0]]))


def test_what_is_shown_once_is_found_first_whatever_its_length():
    for start, end in ((3, 8), (20, 31), (40, 100), (0, 12), (110, 120)):
        scores = np.zeros(120)
        scores[start:end] = 1
        spans, values = ground(scores + np.random.default_rng(0).normal(0, 1e-6, 120))
        assert abs(spans[0] - (start, end)).max() <= 1
        assert (np.diff(values) <= 1e-6).all()


def test_both_of_two_moments_are_found_and_no_third_like_them():
    scores = np.zeros(90)
    scores[10:20], scores[50:62] = 1.0, 0.8
    spans, _ = ground(scores)
    assert temporal_iou(spans[:2], np.array([[10, 20], [50, 62]])).diagonal().min() > 0.8
    overlaps = temporal_iou(spans, spans) - np.eye(len(spans))
    assert overlaps.max() <= 0.5 + 1e-4


def test_of_spans_that_overlap_the_better_stays():
    spans = np.array([[0, 10], [0, 9], [5, 15], [0, 5], [20, 25]])
    assert distinct(spans) == [0, 2, 3, 4]  # 9/10 is too much; 5/15 is not, and 1/2 is just reached
    assert distinct(spans, 0.2) == [0, 4]


def test_spans_do_not_hang_on_the_last_bit():
    rng = np.random.default_rng(1)
    for _ in range(50):
        scores = rng.integers(0, 4, 60).astype(float)
        spans, _ = ground(scores)
        again, _ = ground(scores + rng.normal(0, 1e-6, 60))
        assert spans.tolist() == again.tolist()


@settings(deadline=None)
@given(st.integers(1, 300))
def test_windows_cover_a_video_and_stay_in_it(seconds):
    assert {second for start, end in windows(seconds) for second in range(start, end)} == set(range(seconds))


def test_a_moment_is_found_at_the_overlap_that_it_just_reaches():
    found = [np.array([[0, 5], [0, 10]]), np.array([[30, 40]])]
    figures = moment_metrics(found, [np.array([[0, 10]]), np.array([[0, 9], [31, 38]])])
    assert figures["R1@0.5"] == 1.0  # 5/10, and 7/10 with the second of two true ones
    assert figures["R1@0.7"] == 0.5
    assert figures["R5@0.7"] == 1.0
    assert figures["mIoU"] == pytest.approx((0.5 + 0.7) / 2)


def test_chance_is_the_share_of_spans_that_would_do():
    # of 0-1, 0-2, 0-3, 1-2, 1-3, 2-3 against 0-2: 1/2, 1, 2/3, 1/2, 1/3, 0
    assert chance_of_span(np.array([[0, 2]]), 3) == pytest.approx(np.array([5, 4, 1]) / 6)
    truth = np.array([[3, 700], [1200, 1500]])  # more spans than are compared at a time
    starts, ends = np.triu_indices(1800)
    ious = temporal_iou(np.stack([starts, ends + 1], 1), truth).max(1)
    assert chance_of_span(truth, 1800)[1] == pytest.approx((ious >= 0.5).mean(), abs=1e-5)


def test_average_precision_by_hand():
    # right, wrong, right: precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1
    assert average_precision(np.array([3, 2, 1]), np.array([1, 0, 1])) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    # wrong, right, right: precision 0, 1/2, 2/3, of which the best that follows counts
    assert average_precision(np.array([3, 2, 1]), np.array([0, 1, 1])) == pytest.approx(2 / 3)
    assert average_precision(np.array([3, 2, 1]), np.array([1, 0, 1]), positives=4) == pytest.approx(
        0.25 + 0.25 * 2 / 3
    )
    assert average_precision(np.ones(10), np.arange(10) < 3) == pytest.approx(0.3)  # equal ones come at once
    assert average_precision(np.array([1.0]), np.array([False])) == 0


def test_average_precision_agrees_with_every_threshold_tried():
    rng = np.random.default_rng(0)
    for _ in range(50):
        scores, right = rng.integers(0, 6, 20).astype(float), rng.random(20) < 0.4
        if not right.any():
            continue
        points = []
        for threshold in np.unique(scores):
            taken = scores >= threshold
            points.append(((right & taken).sum() / right.sum(), (right & taken).sum() / taken.sum()))
        reached = sorted({recall for recall, _ in points})
        steps = np.diff([0, *reached])
        area = sum(w * max(p for r, p in points if r >= recall) for w, recall in zip(steps, reached, strict=True))
        assert average_precision(scores, right) == pytest.approx(area)


def test_a_true_span_is_found_once_and_only_in_its_own_video():
    truth = {"a": np.array([[0, 10], [20, 30]]), "b": np.array([[0, 10]])}
    spans = np.array([[0, 10], [1, 10], [20, 30], [0, 10], [0, 10]])
    of = ["a", "a", "b", "b", "gone"]
    scores = np.array([5, 4, 3, 2, 1])
    # right, double, elsewhere, right, unknown: precision 1 at recall 1/3, 2/4 at 2/3
    assert detection_precision(spans, scores, of, truth, 0.5) == pytest.approx(1 / 3 + 1 / 3 * 0.5)
    assert detection_precision(spans[:0], scores[:0], [], truth, 0.5) == 0


def test_highlights_by_hand():
    good = np.array([[1, 0, 0], [0, 0, 0], [1, 1, 0], [0, 0, 0]], bool)
    scores = np.array([4.0, 3.0, 2.0, 1.0])
    # first rater: right, wrong, right; second: third place; third: nothing
    assert highlight_precision(scores, good) == pytest.approx(((0.5 + 0.5 * 2 / 3) + 1 / 3 + 0) / 3)
    assert highlight_hit(scores, good) == 1
    assert highlight_hit(-scores, good) == 0
    assert highlight_hit(np.ones(4), good) == 0.5
