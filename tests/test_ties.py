"""No answer hangs on the last bit: whatever chooses gives the same answer when noise of 1e-6 is added to its input."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from videoclip.corpus.rows import NarratedVideo
from videoclip.library.calibration import Calibration, calibrated
from videoclip.library.ranking import Hit, distinct, joined
from videoclip.media.captions import Caption
from videoclip.pretrain.diagnostics import speech_lag
from videoclip.pretrain.neighbours import BatchConfig, nearest
from videoclip.tasks.alignment import align, roc_auc
from videoclip.tasks.boundaries import boundaries
from videoclip.tasks.localization import locate_steps, seconds_of_steps
from videoclip.tasks.metrics import ranks
from videoclip.tasks.moments import rank_moments
from videoclip.tasks.multiple_choice import choose
from videoclip.tasks.paragraph import cut_spans, with_background
from videoclip.tasks.retrieval import Retrieval
from videoclip.tasks.segmentation import (
    best_path,
    label_seconds,
    label_seconds_against,
    label_seconds_as_published,
    labels_of_seconds,
    otsu,
)
from videoclip.ties import TOLERANCE, first_of_largest, ranked_first, ranking, touched

NOISE = 1e-6
DRAWS = 30
RNG = np.random.default_rng(5)


def levels(*stretches: tuple[float, int]) -> np.ndarray:
    return np.concatenate([np.full(seconds, level, float) for level, seconds in stretches])


def _named(count: int) -> list[dict]:
    return [{"n": i} for i in range(count)]


def _aligned(tokens, sentences) -> list:
    return _places(align(tokens, sentences))


def _places(found) -> list:
    return [found.times.tolist(), found.spans.tolist(), found.kept.tolist()]


def _hits(scores, windows) -> list[Hit]:
    return [Hit(int(s > 1.5), "", start, end, s, None, None) for s, (start, end) in zip(scores, windows, strict=True)]


def _order(hits) -> list:
    return [(hit.video, round(hit.start), round(hit.end)) for hit in hits]


def _is_certain(calibration: Calibration, moments, scores) -> list[bool]:
    sure = 1 / (1 + np.exp(-calibration.evidence(moments, scores)))
    return [Hit(0, "", 0.0, 4.0, 1.0, sight, None).is_certain for sight in sure.tolist()]


def _nearest(vectors) -> list:
    return nearest(vectors.astype(np.float32), vectors.astype(np.float32), 5, BatchConfig()).tolist()


def _lag(tokens) -> float:
    said = [Caption(t, t, "said") for t in range(25, 35)]
    shown = torch.from_numpy(tokens).float()
    model = SimpleNamespace(encode_text=lambda texts: torch.ones(len(texts), 2), video_tokens=lambda _: shown)
    return speech_lag(model, [NarratedVideo("v", np.zeros((60, 2), np.float16), said)])  # type: ignore[arg-type]


UNIT = np.eye(4)
SHOWN = np.repeat([3, 0, 3, 1, 3, 0, 3], 8)
"""Which of the unit vectors each second of a video is: two labels, one of them twice, and a third that is none."""
GENERIC = RNG.standard_normal((40, 4))
TWO_LEVELS = levels((0, 10), (1, 8), (0, 10))
SYMMETRIC = np.array([0.0, 0, 1, 1, 2, 2])

CASES = {
    "boundaries of two levels, from each second": (
        lambda s: [boundaries(s, t, t + 1) for t in range(28)],
        [TWO_LEVELS],
        None,
    ),
    "boundaries of a constant": (lambda s: boundaries(s, 3, 7), [np.ones(20)], (3, 4)),
    "boundaries of a second exactly halfway": (
        lambda s: boundaries(s, 12, 16), [levels((0, 10), (0.5, 3), (1, 6), (0, 10))], (12, 19)
    ),
    "a threshold between three levels": (lambda s: round(otsu(s), 3), [SYMMETRIC], 0.5),
    "seconds by labels": (lambda t: label_seconds(t, UNIT[:3]), [UNIT[SHOWN]], None),
    "seconds by labels that all occur": (lambda t: label_seconds(t, UNIT[:2], True), [UNIT[SHOWN]], None),
    "seconds by the same label twice": (
        label_seconds, [UNIT[SHOWN], UNIT[[0, 0, 1]]], np.repeat([-1, 0, -1, 2, -1, 0, -1], 8)
    ),
    "seconds of a video that does not change": (
        lambda t: label_seconds(t, UNIT[:2], True), [np.ones((20, 4))], np.full(20, -1)
    ),
    "seconds by labels, generic": (lambda t: label_seconds(t, UNIT), [GENERIC], None),
    "a path of equal scores": (lambda s: best_path(s, 0.25), [np.ones((30, 3))], np.zeros(30)),
    "a path whose change is worth what it costs": (
        lambda s: best_path(s, 0.5), [np.column_stack([levels((0.5, 2), (0, 1)), levels((0, 2), (0.5, 1))])], [0, 0, 0]
    ),
    "a path that can change at several seconds": (
        lambda s: best_path(s, 0.5),
        [np.column_stack([levels((2, 5), (1, 5), (0, 5)), levels((0, 5), (1, 5), (2, 5))])],
        [*[0] * 5, *[1] * 10],
    ),
    "the paper's rule, a score that equals the threshold": (
        label_seconds_as_published,
        [np.array([[0.5, 0.2], [0.6, 0.6], [0.1, 0.7]]), np.array([[1, 0], [0.5, 0.75**0.5]])],
        [-1, 0, 1],
    ),
    "the text for background fits as well as a label": (
        label_seconds_against,
        [np.array([[1.0, 0, 1], [1, 1, 0], [0, 0, 1]]), np.eye(3)[:2], np.eye(3)[2]],
        [-1, 0, -1],
    ),
    "steps that are shown for several seconds": (
        locate_steps, [8 * UNIT[SHOWN][:, :3]], None
    ),
    "steps of which a model is all but sure": (
        locate_steps, [np.log(np.clip(UNIT[SHOWN][:, :2] + np.eye(56, 2, -10), 1e-30, None)) + 80], [10, 24]
    ),
    "steps of equal scores": (locate_steps, [np.ones((9, 3))], [0, 1, 2]),
    "more steps than seconds": (locate_steps, [np.ones((2, 3))], [0, 0, 0]),
    "steps, generic": (locate_steps, [GENERIC], None),
    "sentences of which one is said twice": (
        _aligned, [UNIT[SHOWN], UNIT[[0, 1, 1, 0, 2]]], None
    ),
    "sentences near their speech": (
        lambda t, n: _places(align(t, n, np.array([[4.0, 8], [20, 24], [44, 48]]))),
        [UNIT[SHOWN], UNIT[[0, 1, 0]]],
        None,
    ),
    "sentences of a video that does not change": (
        _aligned, [np.ones((20, 4)), UNIT[:3]], None
    ),
    "sentences, generic": (_aligned, [GENERIC, RNG.standard_normal((5, 4))], None),
    "area under the curve of equal scores": (
        lambda s: roc_auc(s, np.array([True, False, True, False])), [np.array([1.0, 1, 2, 2])], 0.5
    ),
    "moments of a video that does not change": (
        lambda t: rank_moments(t, np.array([1.0, 0.5])), [np.ones((30, 2))], None
    ),
    "moments of two looks": (
        lambda t: rank_moments(t, np.array([1.0, 0.5])), [np.eye(2)[np.repeat([0, 1, 0], 10)]], None
    ),
    "ranks with equal clips": (ranks, [np.array([[1.0, 1, 0], [2, 1, 1], [0.3, 0.3, 0.3]])], [1.5, 2.5, 2]),
    "ranks, generic": (ranks, [RNG.standard_normal((20, 20))], None),
    "what is found first of equal clips": (
        lambda s: [[f["n"] for f in item["found"]] for item in Retrieval(s, np.eye(4) > 0).items(_named(4))],
        [np.array([[1.0, 2, 2, 1], [5, 5, 5, 5], [3, 3, 3, 4], [1, 2, 1, 2]])],
        [[1, 2, 0, 3], [0, 1, 2, 3], [3, 0, 1, 2], [1, 3, 0, 2]],
    ),
    "equal choices": (
        choose, [np.eye(2), np.array([[[1.0, 2], [1, 0], [0, 3]], [[0, 1], [0, 2], [1, 2]]])], [0, 1]
    ),
    "labels of whole seconds": (
        lambda t: labels_of_seconds([(*t[0], 0), (*t[1], 1)], 12), [np.array([[1.0, 3], [5, 9]])], None
    ),
    "seconds of steps": (
        lambda t: seconds_of_steps([(1, *t[0]), (2, *t[1])], 2, 12), [np.array([[1.0, 3], [5, 9]])],
        [{1, 2}, {5, 6, 7, 8}],
    ),
    "clips of whole seconds": (
        lambda t: [len(clip) for clip in cut_spans(np.zeros((12, 1)), t)], [np.array([[1.0, 3], [5, 9]])], [2, 4]
    ),
    "background of a whole second": (
        lambda t: len(with_background(t.tolist(), 10)), [np.array([[1.0, 3], [4, 9]])], 5
    ),
    "hits of which several score the same": (
        lambda s, w: _order(distinct(_hits(s, w))),
        [np.array([1.0, 2, 2, 1, 1]), np.array([[30.0, 34], [8, 12], [2, 6], [3, 7], [20, 28]])],
        [(1, 2, 6), (1, 8, 12), (0, 3, 7), (0, 20, 28), (0, 30, 34)],
    ),
    "hits that share just the least that counts": (
        lambda w: _order(distinct(_hits([1.4, 1.3], w))), [np.array([[0.0, 4], [3, 7]])], [(0, 0, 4), (0, 3, 7)]
    ),
    "passages just as far from a moment as counts, and equal ones": (
        lambda s, w: _order(joined(_hits([1.0], [(10, 14)]), {"speech": _hits(s, w)})),
        [np.array([1.0, 1.0, 1.0]), np.array([[0.0, 4], [20, 24], [8, 10]])],
        [(0, 10, 14), (0, 0, 4), (0, 20, 24)],
    ),
    "hits on the line where hits begin": (
        lambda m, s: _is_certain(Calibration(np.eye(2), 0.5 - np.log(2)), m, s),
        [np.zeros((3, 2)), np.array([0.5, 0.4, 0.6])],
        [True, False, True],
    ),
    "a threshold of equal moments": (
        lambda b, m: _is_certain(calibrated(b, m), m[:1], b[2:3] @ m[0]),
        [np.eye(11), np.concatenate([np.eye(11), np.eye(11)])],
        [False],
    ),
    "neighbours that are equally near": (
        _nearest, [np.array([[i % 4, i // 4] for i in range(16)] + [[0, 0], [3, 3]], float) + 10], None
    ),
    "neighbours, generic": (_nearest, [GENERIC], None),
    "the lag of speech of a video that does not change": (_lag, [np.ones((60, 2))], 0.0),
    "the lag of speech of a long stretch": (_lag, [np.eye(2)[np.repeat([0, 1, 0], 20)] * [1, 3]], None),
}  # fmt: skip
"""Name: what chooses, its inputs, and the answer by rule where that is plain."""


def plain(answer):
    """An answer as lists, to be compared."""
    if isinstance(answer, list | tuple):
        return [plain(part) for part in answer]
    return answer.tolist() if isinstance(answer, np.ndarray | np.generic) else answer


@pytest.mark.parametrize("name", CASES)
def test_noise_of_rounding_changes_no_answer(name):
    choice, inputs, expected = CASES[name]
    inputs = [np.asarray(x, float) for x in inputs]
    answer = plain(choice(*inputs))
    assert expected is None or answer == plain(expected)
    rng = np.random.default_rng(0)
    for _ in range(DRAWS):
        noisy = [x + NOISE * np.abs(x).max(-1, keepdims=True) * rng.uniform(-1, 1, x.shape) for x in inputs]
        assert plain(choice(*noisy)) == answer


@given(st.integers(0, 1000), st.integers(1, 8))
def test_real_differences_stay(seed, count):
    scores = np.random.default_rng(seed).permutation(count) * 4 * TOLERANCE + 1.0
    assert ranking(scores).tolist() == np.argsort(-scores).tolist()
    assert first_of_largest(scores) == scores.argmax()
    assert ranks(scores[None], [count // 2])[0] == (scores >= scores[count // 2]).sum()


@given(st.integers(0, 1000), st.integers(1, 12), st.integers(1, 4))
def test_equal_scores_are_ranked_in_their_own_order(seed, count, kinds):
    rng = np.random.default_rng(seed)
    scores = rng.integers(1, kinds + 1, (3, count)).astype(float)
    noisy = scores + NOISE * rng.uniform(-1, 1, scores.shape)
    assert ranking(noisy).tolist() == np.argsort(-scores, axis=-1, kind="stable").tolist()
    assert first_of_largest(noisy).tolist() == scores.argmax(-1).tolist()
    for row in noisy:
        assert ranked_first(row, 3).tolist() == ranking(row)[:3].tolist()


def test_a_slow_slope_is_no_tie():
    slope = 1 + np.arange(1000) * TOLERANCE / 4
    assert slope[first_of_largest(slope)] > slope.max() - 2 * TOLERANCE
    assert (np.diff(slope[ranking(slope)]) < 2 * TOLERANCE).all()
    assert slope[ranking(slope)][-1] < slope[0] + 2 * TOLERANCE


def test_scores_that_are_minus_infinity_are_last_and_have_no_scale():
    scores = np.array([-np.inf, 1.0, -np.inf, 1.0])
    assert first_of_largest(scores) == 1
    assert ranking(scores).tolist() == [1, 3, 0, 2]
    assert first_of_largest(np.full(3, -np.inf)) == 0


def test_a_span_that_ends_on_a_second_by_arithmetic_does_not_touch_the_next():
    assert touched(0.1 + 0.2 + 0.7, 2.1 + 0.9 + 1e-12) == (1, 3)
    assert touched(1.4, 2.6) == (1, 3)
