"""Files that ``torch.save`` wrote, of which only the tensors are read, and those only when they are asked for.

A training checkpoint holds an optimiser's state and a framework's objects beside the weights. The objects become
inert (``pickles``); the tensors stay where they lie in the file, so that a checkpoint of any size is read in the memory
of what is taken from it. Both of PyTorch's forms are known: the archive of today, and the plain file before 1.6.
"""

import math
import os
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from ..errors import UnsafeFileError, WeightsError
from .pickles import InertUnpickler

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_DAMAGED = (OSError, zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, RuntimeError, EOFError, struct.error)
"""What reading a damaged archive ends in; names that are no text and records marked as encrypted among it."""
_STORAGES = {
    "BFloat16Storage": torch.bfloat16,
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
    "CharStorage": torch.int8,
    "ComplexDoubleStorage": torch.complex128,
    "ComplexFloatStorage": torch.complex64,
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
    "QInt32Storage": torch.int32,
    "QInt8Storage": torch.int8,
    "QUInt8Storage": torch.uint8,
    "ShortStorage": torch.int16,
    "UntypedStorage": torch.uint8,
}


@dataclass
class Storage:
    """A run of ``numel`` numbers in a file, from byte ``begin`` on."""

    path: Path
    dtype: torch.dtype
    numel: int
    begin: int = -1  # of files before version 1.6, known once the pickle is read


@dataclass(frozen=True)
class StoredTensor:
    """A tensor that still lies in its file."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def read(self) -> Tensor:
        """Its numbers, in memory of their own."""
        storage, size = self.storage, self.storage.dtype.itemsize
        extent = _extent(self.shape, self.stride)
        if not extent:
            return torch.empty(self.shape, dtype=storage.dtype)
        content = np.fromfile(storage.path, np.uint8, extent * size, offset=storage.begin + self.offset * size)
        if len(content) < extent * size:
            raise WeightsError(f"{storage.path}: ends in the middle of a tensor; get the file again")
        return torch.from_numpy(content).view(storage.dtype).as_strided(self.shape, self.stride).contiguous()


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds: ``content`` with ``StoredTensor``s in it, and the names of what became inert."""

    content: Any
    inert: frozenset[str]


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a file of ``torch.save`` without running anything in it.

    Raises:
        UnsafeFileError: the file is made to run code, or its tensors reach beyond its data.
        WeightsError: there is no such file, or it is not one of ``torch.save``.
    """
    try:
        with open(path, "rb") as file:
            is_archive = file.read(4) == b"PK\x03\x04"
            file.seek(0)
            return (_read_archive if is_archive else _read_legacy)(file, path)
    except _DAMAGED as error:
        raise WeightsError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _read_archive(file: BinaryIO, path: Path) -> Checkpoint:
    with zipfile.ZipFile(file) as archive:
        records = {info.filename: info for info in archive.infolist()}
        pickled = [name for name in records if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickled) != 1:
            raise WeightsError(f"{path}: is an archive, but not one of torch.save (no data.pkl in it)")
        root = pickled[0].removesuffix("data.pkl")
        if f"{root}byteorder" in records and archive.read(f"{root}byteorder") != b"little":
            raise WeightsError(f"{path}: was written on a big-endian machine; save it again on another one")

        def storage(dtype: torch.dtype, key: str, numel: int) -> Storage:
            record = records.get(f"{root}data/{key}")
            stored = record is not None and record.compress_type == zipfile.ZIP_STORED
            if record is None or not stored or record.file_size < numel * dtype.itemsize:
                raise UnsafeFileError(f"{path}: has a tensor of {numel} numbers whose data are not in the file")
            return Storage(path, dtype, numel, _data_begin(file, record))

        pickle = BytesIO(archive.read(pickled[0]))  # whole, since its checksum is compared at its end
        reader = _TensorUnpickler(pickle, path, storage)
        return Checkpoint(reader.read(), frozenset(reader.inert))


def _data_begin(file: BinaryIO, record: zipfile.ZipInfo) -> int:
    """Where a record's data begin: after its local header, whose length is not that in the directory."""
    back = file.tell()
    file.seek(record.header_offset + 26)
    name, extra = struct.unpack("<HH", file.read(4))
    file.seek(back)
    return record.header_offset + 30 + name + extra


def _read_legacy(file: BinaryIO, path: Path) -> Checkpoint:
    """Four pickles (magic number, protocol, machine, content), the keys of the storages, and their data."""
    found: dict[str, Storage] = {}

    def storage(dtype: torch.dtype, key: str, numel: int) -> Storage:
        known = found.setdefault(key, Storage(path, dtype, numel))
        if known.dtype != dtype or known.numel != numel:
            raise UnsafeFileError(f"{path}: describes one storage in two ways")
        return known

    def next_pickle() -> Any:
        return InertUnpickler(file, str(path)).read()

    if next_pickle() != _LEGACY_MAGIC:
        raise WeightsError(f"{path}: is a pickle, but not a file of torch.save")
    if next_pickle() != _LEGACY_PROTOCOL:
        raise WeightsError(f"{path}: is of a version of torch.save that is not known")
    next_pickle()  # about the machine that wrote it
    reader = _TensorUnpickler(file, path, storage)
    content, keys = reader.read(), next_pickle()
    if not isinstance(keys, list) or not {*found} <= {*keys}:
        raise UnsafeFileError(f"{path}: has tensors whose data are not in the file")
    position, end = file.tell(), os.fstat(file.fileno()).st_size
    for key in keys:
        file.seek(position)
        (numel,) = struct.unpack("<q", file.read(8).ljust(8, b"\0"))
        if key not in found or numel != found[key].numel:
            raise UnsafeFileError(f"{path}: describes a storage of {numel} numbers otherwise than its data")
        found[key].begin = position + 8
        position += 8 + numel * found[key].dtype.itemsize
        if position > end:
            raise WeightsError(f"{path}: ends before its last tensor; get the file again")
    return Checkpoint(content, frozenset(reader.inert))


class _TensorUnpickler(InertUnpickler):
    """An unpickler to which tensors mean something: where they lie."""

    def __init__(self, file: BinaryIO, path: Path, storage: Callable[[torch.dtype, str, int], Storage]):
        meanings: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor"): self._tensor,
            ("torch._utils", "_rebuild_tensor_v2"): self._tensor,
            ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
        }
        for name, dtype in _STORAGES.items():
            meanings["torch", name] = meanings["torch.cuda", name] = meanings["torch.storage", name] = dtype
        super().__init__(file, str(path), meanings)
        self.path, self._storage = path, storage

    def persistent_load(self, pid: Any) -> Storage:
        """A storage, from ("storage", type, key, device, numel[, view])."""
        well_formed = isinstance(pid, tuple) and len(pid) in (5, 6) and pid[0] == "storage"
        if not well_formed or not isinstance(pid[1], torch.dtype) or not _is_count(pid[4]) or (pid[5:] or (None,))[0]:
            raise UnsafeFileError(f"{self.path}: has a tensor whose storage is not one; nothing of it was run")
        return self._storage(pid[1], str(pid[2]), pid[4])

    def _tensor(self, storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> StoredTensor:
        fits = isinstance(storage, Storage) and _is_count(offset) and isinstance(shape, tuple)
        fits = fits and isinstance(stride, tuple) and len(stride) == len(shape)
        fits = fits and all(map(_is_count, (*shape, *stride)))
        if not fits or max(offset + _extent(shape, stride), math.prod(shape)) > storage.numel:
            raise UnsafeFileError(f"{self.path}: has a tensor that reaches beyond its data")
        return StoredTensor(storage, offset, tuple(shape), tuple(stride))


def _extent(shape: tuple[int, ...], stride: tuple[int, ...]) -> int:
    """How many numbers of its storage lie between a tensor's first and last, both included."""
    return 1 + sum((n - 1) * s for n, s in zip(shape, stride, strict=True)) if math.prod(shape) else 0


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
