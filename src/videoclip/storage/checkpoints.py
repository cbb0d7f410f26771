"""Checkpoints that are whole, or known not to be: what a long job goes on from.

A file's name holds how far the job was and a hash of the contents. It is written under another name, forced to the
disk, and renamed, so that whenever the power fails there is a whole one. The one before it stays: where a disk has
damaged the newest, the job goes on from there, and says so.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from ..errors import UnsafeFileError
from .whole import remove_unfinished, sync, whole

KEPT = 2


class _Hashed:
    """A file that is written front to back, and the hash of what was."""

    def __init__(self, file: Any):
        self._file, self.digest = file, hashlib.blake2b(digest_size=16)

    def write(self, block) -> int:
        self.digest.update(block)
        return self._file.write(block)

    def flush(self) -> None:
        self._file.flush()


def save_checkpoint(folder: Path, number: int, content: dict[str, Any]) -> Path:
    """Write ``content``, which says where the job stands after ``number`` steps; the newest ``KEPT`` files stay.

    Raises:
        OSError: the disk is full, or cannot be written; earlier checkpoints are as they were.
    """
    remove_unfinished(folder)
    written = folder / "checkpoint.whole"  # its name is known when all of it is hashed
    try:
        with whole(written) as new, open(new, "wb") as file:
            hashed = _Hashed(file)
            torch.save(content, hashed)  # pyright: ignore[reportArgumentType]
    except RuntimeError as error:  # PyTorch's own, around that of the file
        raise error.__context__ if isinstance(error.__context__, OSError) else error from None
    path = folder / f"checkpoint-{number:09d}-{hashed.digest.hexdigest()}.pt"
    os.replace(written, path)
    sync(folder)
    for old in _newest_first(folder)[KEPT:]:
        old.unlink()
    return path


def newest_checkpoint(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """The content of the newest whole checkpoint; None where there is none.

    A damaged one is set aside, under a name of its own, and the one before is taken; a line on the screen says so.

    Raises:
        UnsafeFileError: it is whole, and made to run code.
    """
    for path in _newest_first(folder):
        if _digest(path) == path.stem.rpartition("-")[2]:
            try:
                return torch.load(path, map_location=device, weights_only=True)
            except UnpicklingError as error:
                raise UnsafeFileError(
                    f"{path}: holds other things than a checkpoint's; nothing of it was run. Remove it to go on"
                ) from error
        damaged = path.with_suffix(".damaged")
        os.replace(path, damaged)
        before = "the one before it is taken" if _newest_first(folder) else "there is none before it: from the start"
        print(f"warning: {damaged}: this checkpoint is damaged, {before}; check the disk", file=sys.stderr, flush=True)
    return None


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("checkpoint-*-*.pt"), reverse=True)


def _digest(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for block in _blocks(path):
        digest.update(block)
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while block := file.read(1 << 22):
            yield block
