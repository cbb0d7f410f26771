"""For networks that see several seconds together: windows that overlap, and of theirs a vector a second."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

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


def mean_per_second(spans: Sequence[range], vectors: np.ndarray) -> np.ndarray:
    """The mean of the vectors, one for each of these spans of seconds, that hold a second: (N, F) -> (seconds, F)."""
    total = np.zeros((spans[-1].stop, vectors.shape[1]), np.float32)
    times = np.zeros((len(total), 1), np.float32)
    for span, vector in zip(spans, vectors, strict=True):
        total[span.start : span.stop] += vector
        times[span.start : span.stop] += 1
    return total / times
