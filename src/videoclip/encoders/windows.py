"""For networks that see several seconds together: windows that overlap, and of theirs a vector a second."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np


def windows_of(seconds: Iterable[np.ndarray], size: int) -> Iterator[tuple[range, np.ndarray]]:
    """Windows of ``size`` seconds, each half a length after the one before it, the last at the end.

    Args:
        seconds: frames of each, (fps, H, W, 3).

    Returns:
        The numbers of a window's seconds, and its frames, (size · fps, H, W, 3). A video that is shorter is one window,
        in which each frame is shown longer.
    """
    recent: deque[np.ndarray] = deque(maxlen=size)
    count, due = 0, size
    for count, second in enumerate(seconds, 1):
        recent.append(second)
        if count == due:
            yield range(count - size, count), np.concatenate(recent)
            due += max(size // 2, 1)
    if 0 < count < size:
        frames = np.concatenate(recent)
        shown = np.linspace(0, len(frames) - 1, size * len(recent[0])).round().astype(int)
        yield range(count), frames[shown]
    elif count > due - max(size // 2, 1):  # where the last window ended
        yield range(count - size, count), np.concatenate(recent)


def vector_per_second(
    windows: Iterable[tuple[range, np.ndarray]], embed: Callable[[np.ndarray], np.ndarray], batch: int
) -> np.ndarray:
    """The mean of the vectors of the windows that hold a second, (seconds, F) float32.

    Args:
        embed: frames of up to ``batch`` windows, (N, frames, H, W, 3) -> (N, F).
    """
    windows, total, times = iter(windows), [], []
    while some := list(islice(windows, batch)):
        vectors = embed(np.stack([frames for _, frames in some]))
        for (seconds, _), vector in zip(some, vectors, strict=True):
            for second in seconds:
                if second == len(total):
                    total.append(np.zeros_like(vector))
                    times.append(0)
                total[second] += vector
                times[second] += 1
    return np.stack(total) / np.array(times, np.float32)[:, None]
