from types import SimpleNamespace

import pytest
from listed_skips import LIST, ListedSkips, allowed


def skipped(test: str, reason: str) -> SimpleNamespace:
    return SimpleNamespace(nodeid=test, skipped=True, longrepr=("file.py", 3, f"Skipped: {reason}"))


def ended(*reports) -> tuple[int, list[str]]:
    """The exit status of a run with such reports, and what is said at its end."""
    watching, session, said = ListedSkips(allowed("needs a GPU | few have one")), SimpleNamespace(exitstatus=0), []
    for report in reports:
        watching.pytest_runtest_logreport(report)
    watching.pytest_sessionfinish(session)
    watching.pytest_terminal_summary(SimpleNamespace(section=lambda title, **_: said.append(title), line=said.append))
    return session.exitstatus, said


def test_a_skip_with_a_reason_on_the_list_passes_and_another_fails_the_run_by_name():
    assert ended(SimpleNamespace(skipped=False), skipped("a", "needs a GPU")) == (0, [])
    status, said = ended(skipped("a", "needs a GPU"), skipped("b", "no browser here"))
    assert status == 1
    assert "b: Skipped: no browser here" in said
    assert not any(line.startswith("a:") for line in said)


def test_the_list_can_be_read_and_lines_without_a_reason_are_refused():
    assert allowed(LIST.read_text())
    with pytest.raises(AssertionError, match=r"pattern \| reason"):
        allowed("needs a GPU")
