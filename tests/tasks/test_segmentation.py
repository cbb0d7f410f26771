from itertools import pairwise, product

import numpy as np
import pytest
from golden_cases import assert_close, documents
from hypothesis import given
from hypothesis import strategies as st

from videoclip.tasks.segmentation import (
    best_path,
    label_seconds,
    label_seconds_as_published,
    labels_of_seconds,
    largest_similarity,
    merge_windows,
    otsu,
    segment,
)
from videoclip.ties import slack

CASES = [case for document in documents("tasks*.json") for case in document.get("coin_zero_shot", [])]


@pytest.mark.parametrize("case", CASES)
def test_golden_coin_zero_shot(case):
    labels = np.array(case["label_embeddings"])
    windows = [np.array(hidden) @ labels.T for hidden in case["window_token_hidden"]]
    scores = merge_windows(windows, case["window_starts"], case["video_seconds"])
    assert_close(scores, case["merged_logits"], within=1e-4)  # given to 5 decimals, of rounded inputs
    assert_close(largest_similarity(labels), case["threshold"])
    predicted = label_seconds_as_published(scores, labels)
    assert (predicted + 1).tolist() == case["predictions"]
    segments = [(start, end, label - 1) for start, end, label in case["segments_start_end_label"]]
    targets = labels_of_seconds(segments, case["video_seconds"])
    assert (targets + 1).tolist() == case["frame_targets"]
    assert_close((predicted == targets).mean(), case["frame_accuracy"])


@given(st.integers(0, 100))
def test_seconds_that_show_a_label_get_it_and_the_rest_is_background(seed):
    rng = np.random.default_rng(seed)
    labels = np.linalg.qr(rng.standard_normal((32, 3)))[0].T
    truth = np.repeat([-1, 0, -1, 2, 1, -1], 8)
    tokens = 0.1 * rng.standard_normal((48, 32)) + rng.standard_normal(32)
    tokens[truth >= 0] += 2 * labels[truth[truth >= 0]]
    assert np.mean(label_seconds(tokens, labels) == truth) > 0.85


def test_a_label_does_not_win_by_its_mean_or_its_scale():
    rng = np.random.default_rng(0)
    truth = np.repeat([-1, 0, -1, 1, -1, 2, -1], 6)
    labels = np.eye(8)[:3]
    tokens = 0.05 * rng.standard_normal((len(truth), 8))
    tokens[truth >= 0] += labels[truth[truth >= 0]]
    louder = labels * np.array([1, 5, 25])[:, None]
    constant = np.concatenate([tokens, np.ones((len(truth), 1))], 1)
    shifted = np.concatenate([louder, [[0], [50], [-50]]], 1)
    for given_steps in (True, False):
        assert np.mean(label_seconds(tokens, labels, given_steps) == truth) > 0.9
    assert np.mean(label_seconds(constant, shifted, True) == truth) > 0.9
    assert np.mean(label_seconds_as_published(constant @ shifted.T, shifted) == truth) < 0.5


def test_labels_that_do_not_occur_are_not_blown_up():
    rng = np.random.default_rng(0)
    truth = np.repeat([-1, 0, -1, 1, -1], 8)
    labels = np.eye(40)[:30]
    tokens = 0.1 * rng.standard_normal((len(truth), 40))
    tokens[truth >= 0] += labels[truth[truth >= 0]]
    assert np.mean(label_seconds(tokens, labels) == truth) > 0.85
    assert np.mean(label_seconds(tokens, labels) == truth) > np.mean(label_seconds(tokens, labels, True) == truth)


def test_the_threshold_splits_two_groups():
    values = np.array([0.1, 0.2, 0.15, 5.0, 5.2])
    assert 0.2 < otsu(values) < 5.0


def test_a_video_of_one_second_gets_a_label():
    assert label_seconds(np.ones((1, 4)), np.eye(4)[:2]).shape == (1,)


@given(st.integers(0, 300), st.floats(0, 2))
def test_the_path_is_the_best_of_all(seed, change):
    scores = np.random.default_rng(seed).standard_normal((4, 3))
    path = best_path(scores, change)

    def total(states) -> float:
        changes = sum(a != b for a, b in pairwise(states))
        return sum(scores[t, s] for t, s in enumerate(states)) - change * changes

    equal = 4 * 4**0.5 * slack(scores).item()  # paths that differ by less are equal at each of four seconds
    assert total(path) == pytest.approx(max(total(states) for states in product(range(3), repeat=4)), abs=equal)


def test_the_background_text_takes_the_seconds_that_it_fits_best():
    tokens = np.eye(3)
    assert segment(tokens, np.eye(3)[:2], "background", np.eye(3)[2]).tolist() == [0, 1, -1]
    with pytest.raises(ValueError, match="needs the vector of its text"):
        segment(tokens, np.eye(3)[:2], "background")
