import os
import threading

import pytest

from videoclip.parallel import cores, in_parallel


def test_every_item_comes_once_with_its_outcome_whatever_the_workers():
    for workers in (0, 1, 3):
        assert sorted(in_parallel(lambda n, _: n * n, range(50), workers)) == [(n, n * n) for n in range(50)]
    assert list(in_parallel(lambda n, _: n, [], 2)) == []


def test_few_items_are_taken_ahead_of_the_outcomes():
    """A list of a million files is not started as a whole."""
    taken = 0

    def items():
        nonlocal taken
        for n in range(1000):
            taken += 1
            yield n

    done = in_parallel(lambda n, _: n, items(), 2)
    next(done)
    assert taken <= 6
    done.close()


def test_who_leaves_early_tells_the_workers_and_an_error_reaches_the_caller():
    seen: list[threading.Event] = []

    def work(n: int, stop: threading.Event) -> int:
        seen.append(stop)
        return 1 // n

    with pytest.raises(ZeroDivisionError):
        list(in_parallel(work, [1, 0, 1], 1))
    assert seen[0].is_set()


def test_workers_share_the_cores_and_nobody_else_does():
    shares = {share for _, share in in_parallel(lambda n, _: cores(), range(4), 2)}
    assert shares == {max((os.cpu_count() or 1) // 2, 1)}
    assert cores() == (os.cpu_count() or 1)
