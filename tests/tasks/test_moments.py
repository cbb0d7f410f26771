import numpy as np
import pytest
from golden_cases import assert_close, documents

from videoclip.tasks.moments import CANDIDATES, iou, moment_scores, rank_moments

CASES = [case for document in documents("tasks*.json") for case in document.get("didemo", [])]


@pytest.mark.parametrize("case", CASES)
def test_golden_didemo(case):
    texts, lengths = np.array(case["pooled_text"]), case["video_lengths"]
    tokens = np.array(case["video_token_hidden"])
    ranked = [rank_moments(t, text, n, paper=True) for t, text, n in zip(tokens, texts, lengths, strict=True)]
    assert [[list(m) for m in moments] for moments in ranked] == case["ranked"]
    figures = moment_scores(ranked, case["times"])
    assert_close(figures.rank_at_1, case["expected"]["rank1"])
    assert_close(figures.rank_at_5, case["expected"]["rank5"])
    assert_close(figures.mean_iou, case["expected"]["miou"])


def test_there_are_21_moments_of_which_6_are_single_chunks():
    assert len(CANDIDATES) == len(set(CANDIDATES)) == 21
    assert CANDIDATES[:6] == [(i, i) for i in range(6)]
    assert all(0 <= first <= last < 6 for first, last in CANDIDATES)


def test_ours_averages_the_videos_seconds_only_and_leaves_out_moments_without_any():
    rng = np.random.default_rng(0)
    tokens, text = rng.standard_normal((13, 4)), rng.standard_normal(4)
    ranked = rank_moments(tokens, text)
    assert set(ranked) == {m for m in CANDIDATES if m[0] < 3}
    padded = np.concatenate([tokens, 1e6 * np.ones((17, 4))])
    assert rank_moments(padded, text, 13) == ranked
    scores = [tokens[5 * a : 5 * b + 5].mean(0) @ text for a, b in ranked]
    assert scores == sorted(scores, reverse=True)


def test_a_moment_that_was_left_out_counts_as_ranked_last():
    figures = moment_scores([[(0, 0), (0, 1)]], [[(5, 5)] * 4])
    assert (figures.rank_at_1, figures.rank_at_5, figures.mean_iou) == (0, 0, 0)


def test_overlap_is_counted_in_chunks():
    for a in CANDIDATES:
        for b in CANDIDATES:
            one, other = set(range(a[0], a[1] + 1)), set(range(b[0], b[1] + 1))
            assert iou(a, b) == pytest.approx(len(one & other) / len(one | other))
