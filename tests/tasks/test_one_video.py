from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from painted import COLOURS, Painted

from videoclip.errors import VideoclipError
from videoclip.media.captions import Caption
from videoclip.model.curves import moving_mean
from videoclip.tasks.localization import locate_steps
from videoclip.tasks.one_video import (
    aligned,
    answers,
    part_of,
    read_lines,
    said_within,
    segments,
    steps,
    stretches_of_steps,
)


def shown(*stretches) -> np.ndarray:
    """Features of a video of these colours."""
    rows = [[*(np.array(COLOURS[colour]) / 127.5 - 1), 1.0] for colour, seconds in stretches for _ in range(seconds)]
    return np.array(rows, np.float16)


VIDEO = shown(("white", 10), ("red", 8), ("white", 10), ("blue", 8), ("white", 10))


def test_segments_lie_where_labels_are_shown_and_the_rest_is_background():
    found = segments(Painted(), VIDEO, ["a red one", "a blue one"])
    assert [s.label for s in found] == ["a red one", "a blue one"]
    for part, (start, end) in zip(found, [(10, 18), (28, 36)], strict=True):
        assert abs(part.start - start) <= 1
        assert abs(part.end - end) <= 1


def test_steps_are_found_in_their_order_and_do_not_run_into_each_other():
    found = steps(Painted(), VIDEO, ["red", "blue"])
    assert [(s.start, s.end) for s in found] == [(10, 18), (28, 36)]
    backwards = steps(Painted(), VIDEO, ["blue", "red"])
    assert backwards[0].end <= backwards[1].start


def test_the_answer_that_fits_is_likeliest():
    shares = answers(Painted(), VIDEO[10:18], ["red", "blue", "green"])
    assert shares.index(max(shares)) == 0
    assert sum(shares) == pytest.approx(1)


def test_label_files_that_cannot_be_used_are_named(tmp_path):
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "binary.txt").write_bytes(b"\x89PNG\x00")
    for name in ("empty.txt", "binary.txt", "missing.txt"):
        with pytest.raises(VideoclipError, match=name):
            read_lines(tmp_path / name)
    (tmp_path / "labels.txt").write_text("\ufeffone\n\n two \n")
    assert read_lines(tmp_path / "labels.txt") == ["one", "two"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_labels_are_read_as_editors_save_them(tmp_path, encoding):
    (tmp_path / "labels.txt").write_bytes("slice\r\n\r\npurée\r\n".encode(encoding))
    assert read_lines(tmp_path / "labels.txt") == ["slice", "purée"]


SHORT = VIDEO[8:20]


def test_more_steps_than_seconds_are_impossible_and_as_many_are_not():
    texts = [f"red {i}" for i in range(len(SHORT))]
    found = steps(Painted(), SHORT, texts)
    assert [(s.start, s.end) for s in found] == [(i, i + 1) for i in range(len(SHORT))]
    with pytest.raises(VideoclipError, match="13 steps cannot follow each other in a video of 12 s"):
        steps(Painted(), SHORT, [*texts, "blue"])


def test_what_is_said_after_the_end_is_left_out_and_all_of_it_is_impossible():
    said = [Caption(2, 4, "red"), Caption(11.9, 14, "blue"), Caption(12, 13, "late"), Caption(100, 105, "later")]
    assert said_within(said, len(SHORT)) == said[:2]
    with pytest.raises(VideoclipError, match="its 2 captions begin after its end, at 12 s"):
        said_within(said[2:], len(SHORT))
    with pytest.raises(VideoclipError, match="'late' is said at 12 s, but the video ends at 12 s"):
        aligned(Painted(), SHORT, said)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (5, 2, "end 2 s: choose a second after 5 s"), (5, 5, "end 5 s"), (12, None, "start 12 s: .* ends at 12 s"),
        (0, 99, "end 99 s: .* ends at 12 s"), (-3, None, "start -3 s"), (float("nan"), None, "start nan s"),
        (0, float("nan"), "end nan s"),
    ],
)  # fmt: skip
def test_a_part_that_the_video_does_not_have_is_impossible(start, end, message):
    with pytest.raises(VideoclipError, match=message):
        part_of(SHORT, start, end)


def test_a_part_that_the_video_has_is_that_part():
    assert len(part_of(SHORT, 0, None)) == len(part_of(SHORT, 0, 12.4)) == 12  # a last second that is not whole
    assert len(part_of(SHORT, 5.5, 5.9)) == 1
    assert len(part_of(SHORT, 11, None)) == 1


@pytest.mark.parametrize("texts", [["red", " "], [""], []])
def test_nothing_is_found_for_no_words_or_in_no_time(texts):
    for ask in (segments, steps, answers):
        with pytest.raises(VideoclipError, match=r"empty|at least two"):
            ask(Painted(), SHORT, texts)
        with pytest.raises(VideoclipError, match="no second"):
            ask(Painted(), SHORT[:0], ["red", "blue"])


def test_an_answer_that_is_named_twice_is_refused():
    with pytest.raises(VideoclipError, match="answer 'red' is named twice"):
        answers(Painted(), SHORT, ["red", "blue", "red"])


@settings(max_examples=200)
@given(st.integers(1, 6), st.integers(0, 60), st.integers(0, 2**32 - 1))
def test_steps_keep_their_order_and_each_holds_its_second(count, more, seed):
    rng = np.random.default_rng(seed)
    scores = moving_mean(rng.normal(size=(count + more, count)), 5)
    seconds = locate_steps(scores)
    spans = stretches_of_steps(scores, seconds)
    assert all(start <= second < end for (start, end), second in zip(spans, seconds, strict=True))
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert spans == stretches_of_steps(scores + rng.normal(size=scores.shape) * 1e-9, seconds)


def test_neighbouring_steps_part_where_both_together_score_best():
    scores = np.array([[9, 0], [9, 0], [9, 0], [8, 7], [7, 8], [0, 9], [0, 9], [0, 0]], float)
    assert stretches_of_steps(scores, [1, 5]) == [(0, 4), (4, 7)]
