"""The queue before a network: full batches of whichever videos, each result to whom it belongs."""

import threading
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from threads import together

from videoclip.encoders.encoder import Encoder
from videoclip.encoders.queue import DeviceQueue
from videoclip.encoders.s3d import S3D, fast_network
from videoclip.parallel import compute_with

PIECE = (2, 4, 4, 3)


def pieces(first: int, count: int) -> list[np.ndarray]:
    return [np.full(PIECE, number % 256, np.uint8) for number in range(first, first + count)]


def means(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float().mean((2, 3, 4))


@pytest.fixture(params=[1, 2], ids=["waits for each", "as on a GPU"])
def queue_of(request):
    """Queues whose network computes at once, or, as on a GPU, while the next batch is being begun."""

    def made(network, size) -> DeviceQueue:
        queue = DeviceQueue(network, size)
        queue.streams = [nullcontext() for _ in range(request.param)]
        return queue

    return made


def test_each_thread_gets_the_vectors_of_its_own_pieces(queue_of):
    sizes = []

    def network(pixels):
        sizes.append(len(pixels))
        return means(pixels)

    counts = [1, 5, 40, 3, 17, 64, 2, 9]
    with queue_of(network, 8) as queue:
        got = together(lambda n: queue.vectors(iter(pieces(n, counts[n]))), range(len(counts)))
    for n, (count, vectors) in enumerate(zip(counts, got, strict=True)):
        assert vectors.shape == (count, 2)
        assert (vectors[:, 0] == np.arange(n, n + count)).all()
    assert set(sizes) == {8}
    assert sum(sizes) >= sum(counts)


def test_batches_are_of_several_threads(queue_of):
    batches, all_there = [], threading.Barrier(8)

    def network(pixels):
        batches.append(len(pixels))
        return means(pixels)

    def few(number: int):
        all_there.wait()
        yield from pieces(number, 2)
        all_there.wait()  # each has put its own in before anybody waits for a result

    with queue_of(network, 16) as queue:
        together(lambda n: queue.vectors(few(n)), range(8))
    assert batches == [16]


def test_who_waits_alone_is_not_kept_waiting(queue_of):
    with queue_of(means, 1000) as queue:
        for count in (1, 3, 8):
            assert len(queue.vectors(pieces(0, count))) == count


def test_what_the_network_raises_reaches_those_whose_pieces_they_were(queue_of):
    def network(pixels):
        if (pixels == 7).any():
            raise RuntimeError("no memory")
        return means(pixels)

    with queue_of(network, 4) as queue:
        with pytest.raises(RuntimeError, match="no memory"):
            queue.vectors(pieces(6, 3))
        assert len(queue.vectors(pieces(100, 30))) == 30


def test_who_breaks_off_leaves_others_alone(queue_of):
    def broken():
        yield from pieces(0, 3)
        raise KeyboardInterrupt

    with queue_of(means, 8) as queue:
        for _ in range(20):  # more than there are places in all batches
            with pytest.raises(KeyboardInterrupt):
                queue.vectors(broken())
        assert (queue.vectors(pieces(5, 9))[:, 1] == np.arange(5, 14)).all()


def test_who_breaks_off_in_the_middle_of_a_copy_stops_nobody(queue_of):
    with queue_of(means, 4) as queue:
        with pytest.raises(ValueError, match="broadcast"):
            queue.vectors([*pieces(0, 1), np.zeros((3, 3), np.uint8)])
        assert len(queue.vectors(pieces(5, 9))) == 9


@pytest.mark.parametrize("window", [1, 3])
def test_features_hang_on_no_neighbours_in_the_batch(window, monkeypatch):
    """To the last bit, in float32, where kernels treat the last rows of a batch apart."""
    monkeypatch.setenv("VIDEOCLIP_BF16", "0")
    torch.manual_seed(0)
    net = S3D(8, 0.25, 2).eval()
    encoder = Encoder("s", 8, 4, 32, fast_network(net, torch.device("cpu")), batch_seconds=16, window=window)
    shown = np.random.default_rng(0).integers(0, 256, (29, 4 * window, 32, 32, 3), np.uint8)
    with encoder.shared() as shared:
        assert shared.queue
        alone = [shared.queue.vectors(shown[n : n + 1]) for n in range(len(shown))]
        whole = shared.queue.vectors(shown)
    assert np.array_equal(np.concatenate(alone), whole)


def test_a_thread_computes_with_as_many_threads_as_it_was_given():
    """Whatever another thread was given in the meantime."""
    given, other = threading.Event(), threading.Event()

    def mine() -> int:
        compute_with(2)
        given.set()
        other.wait(20)
        torch.ones(100_000).sum()
        return torch.get_num_threads()

    def others() -> int:
        given.wait(20)
        compute_with(1)
        other.set()
        return torch.get_num_threads()

    assert together(lambda work: work(), [mine, others]) == [2, 1]
