from itertools import combinations

import numpy as np
import pytest
from golden_cases import assert_close, documents
from hypothesis import given
from hypothesis import strategies as st

from videoclip.tasks.localization import locate_steps, log_shares, seconds_of_steps, step_recall
from videoclip.tasks.segmentation import merge_windows

CASES = [case for document in documents("tasks*.json") for case in document.get("crosstask", [])]


@pytest.mark.parametrize("case", CASES)
def test_golden_crosstask(case):
    windows = [np.array(window) for window in case["window_scores"]]
    starts = [i * case["stride"] for i in range(len(windows))]
    scores = merge_windows(windows, starts, case["video_seconds"])
    assert_close(scores, case["merged_scores"])
    shown = seconds_of_steps(case["annotation_step_start_end"], case["steps"], case["video_seconds"])
    assert [sorted(of) for of in shown] == case["ground_truth_seconds_of_step"]
    if case["comparable"]:
        located = locate_steps(scores)
        assert located.tolist() == case["assigned_second_of_step"]
        right, of = step_recall(located.tolist(), shown)
        assert_close(right / of, case["recall"])


@given(st.integers(1, 7), st.integers(1, 4), st.integers(0, 10_000))
def test_no_order_of_seconds_is_better(seconds, steps, seed):
    scores = np.random.default_rng(seed).standard_normal((seconds, steps))
    located = locate_steps(scores)
    gain = scores - np.log(np.exp(scores).sum(1, keepdims=True))

    def value(path) -> float:
        return sum(gain[second, step] for step, second in enumerate(path))

    if seconds >= steps:
        assert (np.diff(located) > 0).all()
        assert value(located) == pytest.approx(
            max(map(value, combinations(range(seconds), steps))), rel=1e-3
        )  # equal ones may be apart
    else:
        assert (np.diff(located) >= 0).all()


def test_as_many_seconds_as_steps_have_one_each():
    assert locate_steps(np.random.default_rng(0).standard_normal((5, 5))).tolist() == [0, 1, 2, 3, 4]


@given(st.integers(0, 1000), st.integers(1, 4))
def test_of_seconds_that_show_a_step_almost_surely_it_is_the_surest(seed, steps):
    rng = np.random.default_rng(seed)
    scores = np.repeat(300 * np.eye(steps), 5, axis=0) + rng.uniform(-20, 20, (5 * steps, steps))
    surest = [5 * k + log_shares(scores)[5 * k : 5 * k + 5, k].argmax() for k in range(steps)]
    assert locate_steps(scores).tolist() == surest


@given(st.integers(0, 1000))
def test_the_logarithms_of_shares_are_those_of_softmax(seed):
    scores = np.random.default_rng(seed).standard_normal((6, 4))
    assert np.allclose(np.exp(log_shares(scores)), np.exp(scores) / np.exp(scores).sum(1, keepdims=True))
