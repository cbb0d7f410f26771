"""Several processes that train one model: who does what, and how they agree.

``torchrun`` starts them. The batches of an update are divided among them, gradients are averaged by PyTorch's DDP, and
what one of them decides for all (the plan of an epoch, when to stop) is told to the others. One process alone is the
same thing with nobody to talk to.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from weakref import WeakSet

import numpy as np
import torch
import torch.distributed as dist

# DDP imports this one, by way of torch._dynamo. Its functions have as default arguments the process group that there is
# at that time, and would keep it for good (``_leave``): so it is imported while there is none.
import torch.distributed.nn.functional
from torch import Tensor
from torch._C._distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from ..errors import ConfigError, VideoclipError
from ..hardware import device_of

if TYPE_CHECKING:
    from ..model.videoclip import VideoCLIP

PATIENCE = timedelta(minutes=60)
"""How long processes wait for each other: what building the neighbours of an epoch may take in the first of them."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together."""

    rank: int = 0
    size: int = 1
    averaged: WeakSet[DistributedDataParallel] = field(default_factory=WeakSet, repr=False, compare=False)
    """What ``averaging`` returned: usable while the processes are ``joined``, and emptied then."""

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run's files."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """Which of ``count`` pieces of work are this process's."""
        return range(self.rank, count, self.size)

    def per_process(self, batches: int) -> int:
        """How many of an update's batches each process takes; 0 stands for one each.

        Raises:
            ConfigError: they cannot be divided evenly.
        """
        if batches % self.size:
            raise ConfigError(
                f"batches.per_update is {batches}, which {self.size} processes cannot divide evenly; set it to a "
                f"multiple of {self.size}, or to 0 for one each"
            )
        return max(batches // self.size, 1)

    def gathered(self, x: Tensor) -> Tensor:
        """The rows of all processes, in their order: (N, …) of each -> (size × N, …). Differentiable.

        Each process is to compute the same loss from the gathered rows. Its gradient is then known to each without
        asking, and DDP averages what is summed here, so that own rows get it ``size``-fold.
        """
        return x if self.size == 1 else _Gathered.apply(x, self.rank, self.size)  # type: ignore[return-value]

    def shared(self, x: Tensor) -> Tensor:
        """As ``gathered``, where each process computes a loss of its own, and the loss is their mean.

        A gradient is the sum of all processes', so that it has to be asked for.
        """
        return x if self.size == 1 else _Shared.apply(x, self.rank, self.size)  # type: ignore[return-value]

    def sum(self, x: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(x)
        return x

    def told(self, x: np.ndarray | None) -> np.ndarray:
        """What the first process has, int64, of any shape; the others pass None."""
        if self.size == 1:
            assert x is not None
            return x
        shape = torch.zeros(9, dtype=torch.int64)
        if x is not None:
            shape[0], shape[1 : 1 + x.ndim] = x.ndim, torch.tensor(x.shape)
        dist.broadcast(shape, 0)
        content = torch.empty(shape[1 : 1 + shape[0]].tolist(), dtype=torch.int64)
        if x is not None:
            content.copy_(torch.from_numpy(x))
        dist.broadcast(content, 0)
        return content.numpy()

    def averaging(self, model: "VideoCLIP") -> "VideoCLIP | DistributedDataParallel":
        """The model, with gradients that are the mean over all processes, and the first one's weights in all.

        It is for use inside of ``joined``; the model itself stays whole.
        """
        if self.size == 1:
            return model
        trained = DistributedDataParallel(model, gradient_as_bucket_view=True)
        self.averaged.add(trained)
        return trained

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """The block runs in the first process, and when it is done there, in the others."""
        if not self.is_first:
            self.wait()
        yield
        if self.is_first:
            self.wait()

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            dist.barrier()


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, rank: int, size: int) -> Tensor:  # type: ignore[override]
        ctx.place, ctx.size = slice(rank * len(x), (rank + 1) * len(x)), size
        return _all_rows(x, size)

    @staticmethod
    def backward(ctx, gradient: Tensor):  # type: ignore[override]
        return gradient[ctx.place] * ctx.size, None, None


class _Shared(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, rank: int, size: int) -> Tensor:  # type: ignore[override]
        ctx.place = slice(rank * len(x), (rank + 1) * len(x))
        return _all_rows(x, size)

    @staticmethod
    def backward(ctx, gradient: Tensor):  # type: ignore[override]
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total[ctx.place], None, None


def _all_rows(x: Tensor, size: int) -> Tensor:
    everyone = x.new_empty(size * len(x), *x.shape[1:])
    dist.all_gather(list(everyone.chunk(size)), x.contiguous())
    return everyone


def device_here() -> torch.device:
    """The GPU of this process, or the CPU."""
    if (wanted := device_of()).type != "cuda" or wanted.index is not None:
        return wanted
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


@contextmanager
def joined() -> Iterator[Ranks]:
    """Join the processes that ``torchrun`` started, if it did, for as long as the block runs.

    Raises:
        VideoclipError: another process of the training ended.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Ranks()
        return
    store, rank, size = next(rendezvous("env://", timeout=PATIENCE))
    # After a restart the same store may hold where processes that are gone were to be found.
    store = PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)
    ranks = Ranks(rank, size)
    try:
        yield ranks
    except RuntimeError as error:
        if not _is_broken_connection(error):
            raise
        raise VideoclipError(
            f"process {ranks.rank} of {size}: another process of this training has ended (its own message is above or "
            "below); start again to go on from the last checkpoint, or let torchrun do so with --max-restarts"
        ) from error
    finally:
        _leave(ranks)


def _leave(ranks: Ranks) -> None:
    """End the process group, and wait for its threads.

    A thread of Gloo lets go of a finished work after it has woken whoever waits for it, and may need Python's lock to
    do so, for the tensors in it. If Python is shutting down by then, it ends the thread instead, amid a destructor, and
    C++ aborts the whole process ("terminate called without an active exception"), although its work is done. The group
    joins its threads when nothing refers to it any more. DDP does, and is part of cycles, and a variable of whoever
    called: so everything in it is let go of. That comes first: the group gives Python's lock away while it waits for
    its threads, but DDP's C++ part, were it the last to refer to the group, would not.
    """
    for trained in ranks.averaged:
        vars(trained).clear()
    dist.destroy_process_group()


def _is_broken_connection(error: RuntimeError) -> bool:
    """Whether a collective failed since another process is gone."""
    return isinstance(error, dist.DistError) or "Connection" in str(error) or "gloo" in str(error)
