import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoclip.model.alignment import _path
from videoclip.tasks.alignment import align, alignment_metrics, roc_auc

RNG = np.random.default_rng(0)


def narrated(sentences: int = 8, seconds: int = 60):
    """A video in which every second sentence is shown, seven seconds each, some of them after it was said."""
    labels = np.linalg.qr(RNG.standard_normal((40, sentences)))[0].T
    tokens = 0.1 * RNG.standard_normal((seconds, 40)) + RNG.standard_normal(40)
    spoken = np.array([(7.0 * i, 7.0 * i + 2) for i in range(sentences)])
    truth = [(7.0 * i + 4, 7.0 * i + 10) if i % 2 == 0 else None for i in range(sentences)]
    for label, span in zip(labels, truth, strict=True):
        if span:
            tokens[int(span[0]) : int(span[1])] += 2 * label
    return tokens, labels, spoken, truth


def test_what_is_shown_is_found_and_what_is_not_is_left_out():
    tokens, labels, spoken, truth = narrated()
    found = align(tokens, labels, spoken)
    assert found.kept.tolist() == [span is not None for span in truth]
    scores = alignment_metrics(found.times, found.confidence, spoken, truth)
    assert scores.recall == scores.auc == 1.0
    assert scores.spoken_recall == 0.0
    for span, wanted in zip(found.spans, truth, strict=True):
        assert wanted is None or np.abs(span - wanted).max() <= 2
    assert (found.probability[found.kept] > 0.5).all()


def test_without_times_of_speech_the_whole_video_is_searched():
    tokens, labels, spoken, truth = narrated()
    found = align(tokens, labels)
    assert alignment_metrics(found.times, found.confidence, spoken, truth).recall == 1.0


def test_a_sentence_is_looked_for_near_its_speech_only():
    tokens, labels, spoken, _ = narrated()
    found = align(tokens, labels, np.roll(spoken, 4, 0), reach=5)
    assert (np.abs(found.times - np.roll(spoken, 4, 0).mean(1)) <= 6).all()


def test_speech_after_the_end_of_the_video_and_a_single_sentence_do_no_harm():
    tokens, labels, _, _ = narrated()
    found = align(tokens, labels[:1], np.array([[400.0, 402.0]]))
    assert 0 <= found.times[0] <= 60
    assert len(found.spans) == 1


@given(st.integers(0, 200))
def test_the_path_is_the_best_of_all_that_never_go_back(seed):
    gain = np.random.default_rng(seed).standard_normal((4, 4))
    kept, seconds = _path(gain)
    taken = seconds[kept]
    assert (np.diff(taken) >= 0).all()

    def best(i: int, earliest: int) -> float:
        if i == len(gain):
            return 0.0
        return max([best(i + 1, earliest), *(gain[i, t] + best(i + 1, t) for t in range(earliest, 4))])

    assert gain[np.flatnonzero(kept), taken].sum() == pytest.approx(best(0, 0))


def test_roc_auc_is_the_share_of_pairs_in_the_right_order():
    scores, right = RNG.integers(0, 5, 60), RNG.random(60) < 0.4
    pairs = [(a > b) + (a == b) / 2 for a in scores[right] for b in scores[~right]]
    assert roc_auc(scores, right) == pytest.approx(np.mean(pairs))
    assert roc_auc(scores, np.ones(60, bool)) == 0.5
