"""What this machine can do, and what must be asked of it, to be fast."""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

from .errors import ConfigError

if TYPE_CHECKING:
    import torch

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
"""Numbers of the settings in glibc's malloc.h."""

LEAST_PARAMETERS = 10_000_000
"""Of a network that is faster in bfloat16."""


def device_of(name: str = "") -> "torch.device":
    """A device by name, such as ``cpu``, ``cuda:1`` or ``mps``.

    By default it is the one that ``VIDEOCLIP_DEVICE`` in the environment names, or the GPU if there is one.

    Raises:
        ConfigError: there is no such device here.
    """
    import torch

    name = name or os.environ.get("VIDEOCLIP_DEVICE", "")
    if not name:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(f"device '{name}': is not here ({str(error).splitlines()[0][:100]}); choose cpu") from error
    return device


def has_bf16(device: "torch.device") -> bool:
    """Whether the device multiplies bfloat16 natively; elsewhere it is emulated, several times slower than float32.

    ``VIDEOCLIP_BF16=0`` or ``1`` in the environment answers in the device's place, to repeat what was computed on
    another machine.
    """
    import torch

    if said := os.environ.get("VIDEOCLIP_BF16"):
        return said != "0"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


def fast_numbers(device: "torch.device", parameters: int) -> "torch.autocast":
    """A block in which matrix products are of bfloat16, where the device multiplies it natively.

    A network of few parameters stays exact: it would gain nothing.
    """
    import torch

    return torch.autocast(device.type, torch.bfloat16, enabled=parameters >= LEAST_PARAMETERS and has_bf16(device))


def has_compiler() -> bool:
    """Whether ``torch.compile`` can make kernels for a GPU."""
    from importlib.util import find_spec

    return find_spec("triton") is not None


def user_cache() -> Path:
    """The folder in which programs of this user keep what they can make or fetch again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """``torch.compile``, whose code is kept in the user's own cache for later processes.

    By default PyTorch keeps it in the system's folder for temporary files, where it is gone with the next start, and
    where somebody else could have put it.
    """
    import torch

    chosen = os.environ.get("TORCHINDUCTOR_CACHE_DIR", "")
    if not chosen or chosen.startswith(os.path.join(gettempdir(), "torchinductor_")):  # which PyTorch sets by itself
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(user_cache() / "videoclip" / "compiled")
    return torch.compile(function, **options)


@contextmanager
def tensor_cores(device: "torch.device", allowed: bool = True) -> Iterator[None]:
    """A block in which products in float32 may be made of TF32 numbers on a GPU, three to eight times as fast.

    These have ten bits behind the point. Nothing changes for other devices.

    Args:
        allowed: False for a block in which products must be exact, whatever is allowed around it.
    """
    import torch

    if device.type != "cuda":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether PyTorch found no memory, on a GPU or a CPU."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def sleep_early() -> None:
    """Have the threads of a product sleep soon where they wait for each other, so that others can use their cores.

    By itself GNU's OpenMP lets them spin for milliseconds, which is best where nothing else is to be done; beside
    threads that decode it took a fifth of S3D's rate in some runs. Must come before PyTorch is imported; a number that
    is set already stays.
    """
    if "torch" not in sys.modules:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")


@cache
def keep_memory() -> None:
    """Keep memory that was freed for what is allocated next, instead of giving it back to the system.

    glibc gives large blocks back at once. The activations of a wide network on a CPU are such blocks, so that each
    layer waits for the system to clear its output page by page: a third of the time of S3D. All threads share one heap,
    since those of other threads cannot hold such blocks. The process then stays as large as it was at its largest. Does
    nothing where there is no glibc.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_ARENA_MAX, 1)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
