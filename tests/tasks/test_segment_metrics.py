import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoclip.tasks.metrics import edit_score, segment_f1, segmentation_metrics, segments

LABELS = st.lists(st.integers(-1, 3), min_size=1, max_size=25)


def test_everything_background_is_found_out():
    truth = [np.array([-1] * 6 + [0] * 2 + [1] * 2)]
    figures = segmentation_metrics([np.full(10, -1)], truth)
    assert figures["frame_accuracy"] == figures["background_accuracy"] == 0.6
    assert figures["labelled_accuracy"] == figures["class_accuracy"] == figures["edit"] == figures["F1@10"] == 0
    assert figures["one_label"]


def test_a_perfect_prediction_has_full_marks():
    truth = [np.array([-1, 0, 0, 1, 1, -1, 2]), np.array([3, 3, -1])]
    figures = segmentation_metrics(truth, truth)
    names = ("frame_accuracy", "labelled_accuracy", "class_accuracy", "edit", "F1@10", "F1@25", "F1@50")
    assert [figures[name] for name in names] == [1] * 7
    assert not figures["one_label"]


def test_classes_count_the_same_however_long_they_are():
    truth, predicted = np.array([0] * 9 + [1]), np.array([0] * 10)
    figures = segmentation_metrics([predicted], [truth])
    assert figures["labelled_accuracy"] == pytest.approx(0.9)
    assert figures["class_accuracy"] == pytest.approx(0.5)


@given(LABELS)
def test_segments_are_the_runs_of_labels(labels):
    rebuilt = np.full(len(labels), -1)
    for label, start, end in segments(np.array(labels)):
        assert start < end
        rebuilt[start:end] = label
    assert rebuilt.tolist() == labels


def slow_distance(a, b) -> int:
    if not a or not b:
        return len(a) + len(b)
    cost = slow_distance(a[1:], b[1:]) + (a[0] != b[0])
    return min(cost, slow_distance(a[1:], b) + 1, slow_distance(a, b[1:]) + 1)


@given(st.lists(st.integers(0, 3), max_size=5), st.lists(st.integers(0, 3), max_size=5))
def test_edit_score_is_the_levenshtein_distance(a, b):
    longest = max(len(a), len(b))
    assert edit_score(a, b) == pytest.approx(1 - slow_distance(a, b) / longest if longest else 1)


def test_f1_counts_each_true_segment_once_and_only_with_enough_overlap():
    truth = [(0, 0, 10)]
    assert segment_f1([([(0, 0, 10), (0, 10, 12)], truth)], 0.5) == pytest.approx(2 / 3)
    assert segment_f1([([(0, 0, 4)], truth)], 0.5) == 0
    assert segment_f1([([(0, 0, 4)], truth)], 0.25) == 1
    assert segment_f1([([(1, 0, 10)], truth)], 0.1) == 0
    assert segment_f1([([(0, 0, 5), (0, 5, 10)], truth)], 0.5) == pytest.approx(2 / 3)


@given(LABELS, st.integers(0, 1000))
def test_figures_are_fractions_and_fall_with_the_overlap_that_is_asked_for(labels, seed):
    predicted = np.random.default_rng(seed).integers(-1, 4, len(labels))
    figures = segmentation_metrics([predicted], [np.array(labels)])
    assert 0 <= figures["F1@50"] <= figures["F1@25"] <= figures["F1@10"] <= 1
    assert 0 <= figures["edit"] <= 1
