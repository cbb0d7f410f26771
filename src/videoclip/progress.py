"""Progress of long work: how much is done, at which rate, and how long it will take."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_is_shown = True


def show_progress(shown: bool) -> None:
    """Whether this process shows progress at all, from here on."""
    global _is_shown
    _is_shown = shown


QUIET_SECONDS = 15.0
"""Seconds between lines where the output is not a terminal."""


@contextmanager
def track(label: str, total: int, unit: str, done: int = 0, shown: bool = True) -> Iterator[Callable[..., None]]:
    """Show progress while the block runs; yields ``advance(n=1, note="")``, which does nothing unless ``shown``.

    On a terminal that is a bar; elsewhere, a line now and then. ``done`` was done before (by an interrupted run) and
    does not count for the rate.
    """
    if not (shown and _is_shown):
        yield lambda *_, **__: None
        return
    show = _on_terminal if sys.stderr.isatty() else _in_lines
    with show(label, total, unit, done) as advance:
        yield advance


@contextmanager
def _on_terminal(label: str, total: int, unit: str, done: int):
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate, note = TextColumn("{task.fields[rate]}"), TextColumn("[dim]{task.fields[note]}")
    columns = ("{task.description:<12}", BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn(), note)
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(label, total=total, completed=done, rate="", note="")
        count, began = 0, time.monotonic()

        def advance(n: int = 1, note: str = "") -> None:
            nonlocal count
            count += n
            speed = count / max(time.monotonic() - began, 1e-6)
            progress.update(task, advance=n, rate=f"{speed:,.1f} {unit}/s")
            if note:
                progress.update(task, note=note)

        yield advance


@contextmanager
def _in_lines(label: str, total: int, unit: str, done: int):
    count, began, last = 0, time.monotonic(), time.monotonic()

    def line(note: str) -> None:
        elapsed = time.monotonic() - began
        speed = count / max(elapsed, 1e-6)
        left = (total - done - count) / speed if speed else 0.0
        left_or_took = f"{clock(left)} left" if left > 0 else f"took {clock(elapsed)}"
        tail = f" · {note}" if note else ""
        print(
            f"{label}: {done + count}/{total} {unit} · {speed:,.1f}/s · {left_or_took}{tail}",
            file=sys.stderr,
            flush=True,
        )

    latest = ""

    def advance(n: int = 1, note: str = "") -> None:
        nonlocal count, last, latest
        count += n
        latest = note or latest
        if time.monotonic() - last >= QUIET_SECONDS:
            last = time.monotonic()
            line(latest)

    yield advance
    if count:
        line(latest)


def clock(seconds: float) -> str:
    """A duration as minutes, hours and seconds; from two days on, in days."""
    if seconds >= 2 * 86400:
        return f"{seconds / 86400:,.1f} days"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
