"""Threads that end together, with what each returned."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def together(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """What ``work`` makes of each item, every one in a thread of its own; what one raises is raised."""
    items = list(items)
    with ThreadPoolExecutor(len(items)) as pool:
        return [each.result(60) for each in [pool.submit(work, item) for item in items]]
