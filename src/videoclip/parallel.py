"""The same work on many items, several at a time, in threads that share the cores."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

_here = threading.local()
Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def in_parallel(
    work: Callable[[Item, threading.Event], Outcome], items: Iterable[Item], workers: int = 0
) -> Iterator[tuple[Item, Outcome]]:
    """Each item with what ``work`` made of it, as they are done; what it raises ends the iteration.

    Args:
        work: also takes an event that is set when nobody waits for its outcome any more, so that it can end early.
        workers: items that are worked on at the same time; 0: one per core. Few more are taken from ``items`` ahead.
    """
    workers, stop, waiting = workers or os.cpu_count() or 1, threading.Event(), iter(items)
    with ThreadPoolExecutor(workers, initializer=share_cores, initargs=(workers,)) as pool:

        def start(count: int) -> dict:
            return {pool.submit(work, item, stop): item for item in islice(waiting, count)}

        try:
            running = start(2 * workers)
            while running:
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(done), done.result()
                    running |= start(1)
        finally:
            stop.set()


def cores() -> int:
    """Cores that work of this thread may use: its share among the workers of ``in_parallel``, else all."""
    return getattr(_here, "cores", os.cpu_count() or 1)


def share_cores(workers: int) -> None:
    """Let this thread use its share of the cores.

    Several files on one core each are done sooner than one file after another on all of them.
    """
    _here.cores = max((os.cpu_count() or 1) // workers, 1)
    compute_with(_here.cores)


def compute_with(threads: int) -> None:
    """Let what this thread computes use so many threads."""
    import torch

    torch.get_num_threads()  # a thread that was never asked takes the number that any other was given last
    torch.set_num_threads(threads)
