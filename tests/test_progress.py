import pytest

from videoclip import progress
from videoclip.progress import track


def test_progress_that_is_not_on_a_terminal_is_lines_with_rate_and_time_left(capsys, monkeypatch):
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    with track("extract", 4, "videos", done=1) as advance:
        for _ in range(3):
            advance(1, "loss 2.0")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("extract: 2/4 videos · ")
    assert " left" in lines[0]
    assert "loss 2.0" in lines[0]
    assert lines[-1].startswith("extract: 4/4 videos")
    assert "took" in lines[-1]


def test_an_error_passes_through_a_progress_bar(monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with pytest.raises(KeyError), track("x", 2, "videos") as advance:
        advance({}["missing"])
