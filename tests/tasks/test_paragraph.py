from itertools import product

import numpy as np
import pytest

from videoclip.tasks.paragraph import paragraph_scores

RNG = np.random.default_rng(0)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def paths(sentences: int, clips: int, free_ends: bool):
    """Every monotone path of pairs, by brute force."""
    starts = [(0, c) for c in range(clips if free_ends else 1)]
    stack = [[start] for start in starts]
    while stack:
        path = stack.pop()
        s, c = path[-1]
        if s == sentences - 1 and (free_ends or c == clips - 1):
            yield path
        for ds, dc in ((1, 1), (0, 1), (1, 0)):
            if s + ds < sentences and c + dc < clips:
                stack.append([*path, (s + ds, c + dc)])


@pytest.mark.parametrize(("measure", "free"), [("dtw", False), ("otam", True)])
def test_the_cheapest_path_is_that_of_all_paths(measure, free):
    for sentences, clips in product((1, 2, 3), (1, 2, 4)):
        video, paragraph = RNG.standard_normal((clips, 5)), RNG.standard_normal((sentences, 5))
        costs = 1 - unit(paragraph) @ unit(video).T
        cheapest = min(sum(costs[pair] for pair in path) for path in paths(sentences, clips, free))
        score = paragraph_scores([video], [paragraph], measure)[0, 0]
        assert score == pytest.approx(-cheapest / (sentences if free else sentences + clips), abs=1e-5)


@pytest.mark.parametrize("measure", ["mean", "dtw", "otam"])
def test_a_score_does_not_depend_on_which_other_videos_there_are(measure):
    videos = [RNG.standard_normal((n, 5)) for n in (2, 7, 4)]
    paragraphs = [RNG.standard_normal((n, 5)) for n in (3, 1)]
    together = paragraph_scores(videos, paragraphs, measure)
    alone = [[paragraph_scores([v], [p], measure)[0, 0] for v in videos] for p in paragraphs]
    assert np.allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("measure", ["dtw", "otam"])
def test_order_counts(measure):
    steps = np.eye(4)
    right, reversed_ = paragraph_scores([steps, steps[::-1]], [steps], measure)[0]
    assert right > reversed_


def test_the_mean_knows_no_order():
    steps = np.eye(4)
    assert np.ptp(paragraph_scores([steps, steps[::-1]], [steps], "mean")) == 0


def test_ordered_alignment_does_not_mind_what_comes_before_and_after():
    steps = np.eye(6)[:3]
    embedded = np.concatenate([np.eye(6)[4:5], steps, np.eye(6)[5:6]])
    assert paragraph_scores([embedded], [steps], "otam")[0, 0] == pytest.approx(0, abs=1e-6)
    assert paragraph_scores([embedded], [steps], "dtw")[0, 0] < -0.1
