"""When each of a task's steps is shown, knowing which steps there are and in which order (paper, section 5.1).

Each step gets one second, later than the step's before it, so that the sum of the seconds' log-probabilities of their
steps is largest: a monotone path, found by dynamic programming.
"""

from collections.abc import Sequence

import numpy as np

from ..ties import first_of_largest, from_zero, slack, touched


def locate_steps(scores: np.ndarray) -> np.ndarray:
    """The second of each of K ordered steps: (T, K) scores -> (K,) int, increasing.

    Scores are passed through a log-softmax over the steps first. Where there are fewer seconds than steps, steps share.
    Of equal paths it is the one whose last step is earliest, then the one before it, and so on.
    """
    scores = np.asarray(scores, np.float64)
    T, K = scores.shape
    gain = log_shares(scores)
    apart = 1 if T >= K else 0
    best = np.full((K, T), -np.inf)  # of paths whose step k is at second t
    best[0] = gain[:, 0]
    for k in range(1, K):
        best[k, apart:] = np.maximum.accumulate(best[k - 1])[: T - apart] + gain[apart:, k]
    seconds = np.empty(K, int)
    for k in range(K - 1, -1, -1):
        end = seconds[k + 1] + 1 - apart if k + 1 < K else T
        seconds[k] = first_of_largest(best[k, :end], slack(scores) * K**0.5)
    for k in range(K - 1, -1, -1):  # what is equal in sum need not be so for the step alone
        start = seconds[k - 1] + apart if k else 0
        end = seconds[k + 1] + 1 - apart if k + 1 < K else T
        own = gain[start:end, k]
        seconds[k] = start + first_of_largest(own, slack(scores) * min(-own.max(), 1.0))
    return seconds


def log_shares(scores: np.ndarray) -> np.ndarray:
    """The log-softmax over the last axis, also of shares that a float cannot tell from 1: (T, K) -> (T, K).

    The rounding of scores moves it by as much, times its distance from 0 where that is smaller than 1.
    """
    others = [np.logaddexp.reduce(np.delete(scores, k, 1), axis=1) - scores[:, k] for k in range(scores.shape[1])]
    return -np.logaddexp(0, np.column_stack(others))


def seconds_of_steps(steps: Sequence[tuple[int, float, float]], count: int, seconds: int) -> list[set[int]]:
    """The seconds that each of ``count`` steps touches, from annotations (step from 1, start, end) in seconds.

    Raises:
        ValueError: there is no such step, or a time is before the video.
    """
    shown: list[set[int]] = [set() for _ in range(count)]
    for step, start, end in steps:
        if not 1 <= step <= count:
            raise ValueError(f"step {step} is none of {count}, which are counted from 1")
        first, last = touched(*from_zero(start, end))
        shown[step - 1] |= set(range(first, min(last, seconds)))
    return shown


def step_recall(located: Sequence[int], shown: Sequence[set[int]]) -> tuple[int, int]:
    """(steps whose second is right, steps that are shown at all) of one video; CrossTask's recall is their ratio."""
    return sum(second in of for second, of in zip(located, shown, strict=True)), sum(bool(of) for of in shown)
