"""A skipped test is a property that nobody checks: --only-listed-skips fails a run on one that no reason allows."""

import re
from pathlib import Path

LIST = Path(__file__).with_name("allowed_skips.txt")


def allowed(text: str) -> list[re.Pattern]:
    """The patterns of a list with lines of ``pattern | reason``."""
    rows = [line.rpartition(" | ") for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert all(pattern and reason for pattern, _, reason in rows), "each line is: pattern | reason"
    return [re.compile(pattern) for pattern, _, _ in rows]


class ListedSkips:
    """Watches the reports of a run, of tests and of modules that skip as a whole."""

    def __init__(self, patterns: list[re.Pattern]):
        self.patterns, self.others = patterns, {}

    def _look(self, report) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            if not any(pattern.search(reason) for pattern in self.patterns):
                self.others[report.nodeid] = reason

    pytest_runtest_logreport = pytest_collectreport = _look

    def pytest_sessionfinish(self, session) -> None:
        if self.others and session.exitstatus == 0:
            session.exitstatus = 1

    def pytest_terminal_summary(self, terminalreporter) -> None:
        if self.others:
            terminalreporter.section(f"skips that {LIST.name} does not allow", red=True)
        for test, reason in self.others.items():
            terminalreporter.line(f"{test}: {reason}")
