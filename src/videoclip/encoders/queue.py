"""One queue before a network: what several threads decode goes through it together, in full batches.

Files end anywhere, but a network is fastest in full batches; and whoever computes should not wait for whoever decodes.
So many threads put seconds of their videos in, and one takes batches out, of whichever videos they are. On a GPU the
copies from locked memory run beside the batch before.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ..parallel import compute_with

BUFFERS = 3
"""Batches in memory: one that is being filled, one that waits, one in the network; a GPU has two."""
STEP = 8
"""An incomplete batch is filled up to a multiple of it: then a row's result is the same to the last bit, whatever is
beside it. (Kernels for float32 treat the rows beyond such a multiple apart.)"""


class DeviceQueue:
    """Pieces of video, (frames, H, W, 3) uint8 and all of one shape, to vectors; used in a ``with`` block.

    Args:
        network: (N, frames, H, W, 3) uint8 -> (N, F), called by a thread of the queue alone.
        size: pieces of a batch.
    """

    def __init__(self, network: Callable[[torch.Tensor], torch.Tensor], size: int):
        self.network, self.size = network, size
        self.threads = torch.get_num_threads()
        self.changed = threading.Condition()
        self.free: deque[torch.Tensor | None] = deque([None] * (BUFFERS + torch.cuda.is_available()))
        self.filling: _Batch | None = None
        self.full: deque[_Batch] = deque()
        self.awaited, self.is_closed = 0, False
        self.streams: list[AbstractContextManager[Any]] = [nullcontext()]
        self.worker = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "DeviceQueue":
        self.worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self.changed:
            self.is_closed = True
            self.changed.notify_all()
        self.worker.join()

    def vectors(self, pieces: Iterable[np.ndarray]) -> np.ndarray:
        """Of each of N pieces its vector, (N, F) float32, in their order; what the network raises is raised."""
        rows = [self._put(piece) for piece in pieces]
        with self.changed:
            self.awaited += 1
            self.changed.notify_all()
        try:
            return np.stack([batch.vectors.result()[place] for batch, place in rows])
        finally:
            with self.changed:
                self.awaited -= 1

    def _put(self, piece: np.ndarray) -> "tuple[_Batch, int]":
        """Copy a piece into a batch, waiting for room; its batch, and its place there."""
        with self.changed:
            self.changed.wait_for(lambda: self.filling or self.free)
            if self.filling is None:
                self.filling = _Batch(_room(self.free.popleft(), (self.size, *piece.shape)))
            batch, place = self.filling, self.filling.begun
            batch.begun += 1
            if batch.begun == self.size:
                self.filling = None
        try:
            batch.array[place] = piece  # by several threads at a time
        finally:
            with self.changed:
                batch.done += 1
                if batch.done == self.size:
                    self.full.append(batch)
                self.changed.notify_all()
        return batch, place

    def _next(self, is_idle: bool) -> "_Batch | None":
        """A batch that is due: a full one, or what there is if somebody waits for it and nothing else is to be done."""
        with self.changed:
            if is_idle:
                self.changed.wait_for(lambda: self.full or self._is_awaited() or self.is_closed)
            if self.full:
                return self.full.popleft()
            if not is_idle or not self._is_awaited():
                return None
            batch, self.filling = self.filling, None
            return batch

    def _is_awaited(self) -> bool:
        return self.awaited > 0 and self.filling is not None and self.filling.begun == self.filling.done > 0

    def _work(self) -> None:
        compute_with(self.threads)
        running: tuple[_Batch, Any] | None = None
        while not self.is_closed or running:
            batch = self._next(is_idle=running is None)
            before, running = running, None
            if batch:
                running = batch, self._started(batch)
            if before:
                self._finish(*before)
            if running and len(self.streams) == 1:
                self._finish(*running)
                running = None

    @torch.inference_mode()
    def _started(self, batch: "_Batch") -> "torch.Tensor | BaseException":
        """The vectors of a batch, which on a GPU are still being computed."""
        count = min(-(-batch.done // STEP) * STEP, self.size)
        batch.stream = self.streams[0]
        self.streams.reverse()
        try:
            with batch.stream:
                return self.network(batch.pixels[:count])
        except BaseException as error:  # told to those whose pieces they were
            return error

    @torch.inference_mode()
    def _finish(self, batch: "_Batch", vectors: "torch.Tensor | BaseException") -> None:
        try:
            if isinstance(vectors, BaseException):
                raise vectors
            with batch.stream:
                batch.vectors.set_result(vectors[: batch.done].float().cpu().numpy())
            if vectors.is_cuda and len(self.streams) == 1:
                self.streams = [_stream(vectors.device) for _ in range(2)]
        except BaseException as error:
            batch.vectors.set_exception(error)
        with self.changed:
            self.free.append(batch.pixels)
            self.changed.notify_all()


@dataclass
class _Batch:
    """Pieces in memory, of which ``done`` are there, and a promise of their vectors, (done, F) float32."""

    pixels: torch.Tensor
    begun: int = 0
    done: int = 0
    vectors: "Future[np.ndarray]" = field(default_factory=Future)
    stream: AbstractContextManager[Any] = field(default_factory=nullcontext)

    def __post_init__(self) -> None:
        self.array = self.pixels.numpy()


def _room(before: torch.Tensor | None, shape: tuple[int, ...]) -> torch.Tensor:
    if before is not None and before.shape == shape:
        return before
    return torch.zeros(shape, dtype=torch.uint8, pin_memory=torch.cuda.is_available())


def _stream(device: torch.device) -> AbstractContextManager[Any]:
    """A stream of its own, on which what was computed before can be used."""
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    return torch.cuda.stream(stream)
