"""What lets a GPU work without waiting for Python: batches come before they are needed, numbers are read later."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from .clips import Batch


def on_device(batches: Iterable[Batch], device: torch.device) -> Iterator[Batch]:
    """Batches on a device. To a GPU each is copied while that still works on the one before."""
    if device.type != "cuda":
        yield from (batch.to(device) for batch in batches)
        return
    beside = torch.cuda.Stream(device)
    for batch in batches:
        with torch.cuda.stream(beside):
            copied = batch.to(device)
        at_work = torch.cuda.current_stream(device)
        at_work.wait_stream(beside)
        yield copied.moved(lambda x, stream=at_work: _used_on(x, stream))


def _used_on(x: Tensor, stream: torch.cuda.Stream) -> Tensor:
    """A tensor whose memory is not given to another one before a stream is done with it."""
    x.record_stream(stream)
    return x


class Later:
    """Numbers that a GPU may still be computing. Who reads them waits for them alone, and not for what came after."""

    def __init__(self, numbers: Tensor):
        self._numbers = numbers.to("cpu", non_blocking=numbers.is_cuda)
        self._there = torch.cuda.Event() if numbers.is_cuda else None
        if self._there:
            self._there.record(torch.cuda.current_stream(numbers.device))

    def read(self) -> Tensor:
        """The numbers, on the CPU."""
        if self._there:
            self._there.synchronize()
        return self._numbers
