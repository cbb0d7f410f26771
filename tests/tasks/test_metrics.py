import numpy as np
import pytest
from golden_cases import assert_close, documents
from hypothesis import given
from hypothesis import strategies as st

from videoclip.tasks.metrics import chance_recall, ranks, retrieval_metrics
from videoclip.tasks.multiple_choice import choose
from videoclip.tasks.retrieval import normalized_scores


def golden(task: str) -> list[dict]:
    return [case for document in documents("tasks*.json") for case in document.get(task, [])]


@pytest.mark.parametrize("case", golden("retrieval"), ids=lambda c: c["kind"])
def test_golden_retrieval_metrics(case):
    scores = np.array(case["scores"])
    figures = retrieval_metrics(ranks(scores))
    tied = any(len(set(row)) < len(row) for row in case["scores"])
    if tied:
        assert all(
            abs(r - brute_force_rank(row, i)) < 1e-12
            for i, (row, r) in enumerate(zip(scores, ranks(scores), strict=True))
        )
    else:
        for ours, theirs in (("R@1", "R1"), ("R@5", "R5"), ("R@10", "R10"), ("median_rank", "MR")):
            assert_close(figures[ours], case["expected"][theirs], within=1e-9, what=ours)


def brute_force_rank(row: np.ndarray, right: int) -> float:
    """Mean place of the right answer over all orders of those that tie with it."""
    places = [sum(x > row[right] for x in row) + 1 + k for k in range(sum(x == row[right] for x in row))]
    return sum(places) / len(places)


@pytest.mark.parametrize("case", golden("qa"))
def test_golden_qa_predictions(case):
    video, text = np.array(case["pooled_video"]), np.array(case["pooled_text"])
    predicted = choose(video, text)
    assert predicted.tolist() == case["predictions"]
    assert_close(np.mean(predicted == np.array(case["answers"])), case["accuracy"])


@given(st.integers(1, 30), st.integers(0, 3), st.integers(0, 1000))
def test_ranks_are_mean_ranks_whatever_ties(n, levels, seed):
    scores = np.random.default_rng(seed).integers(0, levels + 1, (n, n)).astype(float)
    expected = [brute_force_rank(row, i) for i, row in enumerate(scores)]
    assert ranks(scores).tolist() == expected


def test_constant_scores_give_the_middle_rank_and_never_more_than_everything():
    figures = retrieval_metrics(ranks(np.zeros((101, 101))))
    assert figures == {"R@1": 0.0, "R@5": 0.0, "R@10": 0.0, "median_rank": 51.0, "mean_rank": 51.0}


def test_any_of_several_right_answers_counts():
    scores = np.array([[0.1, 0.9, 0.5], [0.2, 0.8, 0.3], [0.9, 0.1, 0.0]])
    relevant = np.array([[True, False, True], [False, True, False], [True, False, True]])
    assert ranks(scores, relevant).tolist() == [2, 1, 1]


def test_chance_is_what_random_orders_give():
    rng = np.random.default_rng(0)
    relevant = np.eye(40, dtype=bool) | (rng.random((40, 40)) < 0.05)
    for k in (1, 5):
        trials = [(ranks(rng.random((40, 40)), relevant) <= k).mean() for _ in range(2000)]
        assert chance_recall(relevant, k) == pytest.approx(np.mean(trials), abs=0.005)


def test_a_popular_clip_loses_its_advantage_by_normalisation():
    scores = np.array([[2.0, 1.0, 3.0], [0.0, 2.0, 3.0], [0.0, 1.0, 3.2]])
    assert scores.argmax(1).tolist() == [2, 2, 2]
    over_queries = np.exp(scores) / np.exp(scores).sum(0)
    over_clips = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    assert np.allclose(np.exp(normalized_scores(scores, "query-bank")), over_queries)
    assert np.allclose(np.exp(normalized_scores(scores, "dual-softmax")), over_queries * over_clips)
    assert normalized_scores(scores, "query-bank").argmax(1).tolist() == [0, 1, 2]
