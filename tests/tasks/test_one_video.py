import numpy as np
import pytest
from painted import COLOURS, Painted

from videoclip.errors import VideoclipError
from videoclip.tasks.one_video import answers, read_lines, segments, steps


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
