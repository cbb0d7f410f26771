"""Processes that are started from any script, be it one without ``if __name__ == "__main__"``."""

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from types import ModuleType

START = "forkserver"
"""Lance does not survive a fork."""


def process_pool(workers: int) -> ProcessPoolExecutor:
    """A pool of so many processes; hand it work within ``apart_from_main``, which starts them."""
    return ProcessPoolExecutor(workers, mp_context=get_context(START))


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
