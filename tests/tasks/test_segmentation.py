import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from videoclip.tasks.segmentation import label_seconds, otsu


@given(st.integers(0, 100))
def test_seconds_that_show_a_label_get_it_and_the_rest_is_background(seed):
    rng = np.random.default_rng(seed)
    labels = np.linalg.qr(rng.standard_normal((32, 3)))[0].T
    truth = np.repeat([-1, 0, -1, 2, 1, -1], 8)
    tokens = 0.1 * rng.standard_normal((48, 32)) + rng.standard_normal(32)
    tokens[truth >= 0] += 2 * labels[truth[truth >= 0]]
    assert np.mean(label_seconds(tokens, labels) == truth) > 0.85


def test_the_threshold_splits_two_groups():
    values = np.array([0.1, 0.2, 0.15, 5.0, 5.2])
    assert 0.2 < otsu(values) < 5.0


def test_a_video_of_one_second_gets_a_label():
    assert label_seconds(np.ones((1, 4)), np.eye(4)[:2]).shape == (1,)
