"""Processes that are started from any script, be it one without ``if __name__ == "__main__"``."""

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from types import ModuleType

START = "forkserver"
"""Lance does not survive a fork."""
_uses_lance, _is_forked = False, False


def note_lance() -> None:
    """Say that this process uses Lance, from here on."""
    global _uses_lance
    _uses_lance = True


def is_forked() -> bool:
    """Whether this process was forked from one that used Lance, whose threads are gone here: it would hang or end."""
    return _is_forked


def _note_fork() -> None:
    global _is_forked
    _is_forked = _is_forked or _uses_lance


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def process_pool(workers: int) -> ProcessPoolExecutor:
    """A pool of so many processes, which end with this one, however it ends.

    Hand it work within ``apart_from_main``, which starts them.
    """
    return ProcessPoolExecutor(workers, get_context(START), _end_with_parent)


def _end_with_parent() -> None:
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)


@contextmanager
def apart_from_main() -> Iterator[None]:
    """Processes that are started within run this package's functions, and not the script that called it.

    A new process imports the script that the first one runs, to know its functions; where that script has no guard, it
    would start itself again. What is called here lies in modules, so that the script is not needed.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
