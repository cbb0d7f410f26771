"""Files that are whole: under their name lies what was there before, or all of the new, whenever the power fails."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

UNFINISHED = ".new"
_STREAMS = (Path("/dev"), Path("/dev/fd"))


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Another name to write a file under, which has ``path`` when the block has ended without an exception.

    The name is hidden, and a random one: two processes do not meet in it, and no link can wait there to lead elsewhere.
    What is no file, such as ``/dev/stdout`` or a pipe, is written as it is.
    """
    if path.parent in _STREAMS or (path.exists() and not path.is_file() and not path.is_dir()):
        yield path
        return
    new = path.with_name(f".{token_hex(6)}{UNFINISHED}")
    try:
        yield new
        with open(new, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def share(path: Path) -> None:
    """Give a file the mode that any other new file has: safetensors keeps its own to their owner."""
    probe = path.with_name(f".{token_hex(6)}{UNFINISHED}")
    probe.touch()
    mode = probe.stat().st_mode
    probe.unlink()
    path.chmod(mode)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left half written in a folder; for those who know that no one writes into it."""
    for left in folder.glob(f".*{UNFINISHED}"):
        left.unlink(missing_ok=True)


def sync(folder: Path) -> None:
    """Have the disk hold a folder's names as they are now."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
