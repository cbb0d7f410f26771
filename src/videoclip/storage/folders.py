"""A folder that a command writes into: new, or left by the same command with the same configuration."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import gethostname
from threading import Event, Thread
from typing import Any

from ..errors import ConfigError, VideoclipError
from .places import Place, changed_at, write_whole
from .remote import Remote

LOCK = ".lock"
LEASE = 60.0
"""Seconds for which a lock in an object store counts, unless it is renewed."""


def claim(folder: Path, what: str, values: dict[str, Any], defaults: dict[str, Any] | None = None) -> Path:
    """Make the folder for a ``what`` made with ``values``, noted in ``<what>.json``; or find the same one there.

    Args:
        defaults: what a key means that the note or ``values`` lack: keys come and go between versions. For a
            configuration, ``config.defaults``; a key that is gone can be added to them with its last default.

    Raises:
        ConfigError: the folder holds something else, or a ``what`` made with other values.
    """
    note, values = folder / f"{what}.json", json.loads(json.dumps(values))
    if note.is_file():
        try:
            noted = json.loads(note.read_text())
        except ValueError as error:
            raise ConfigError(f"{note}: is damaged ({error}); choose another folder") from error
        other = sorted(differing(noted, values, defaults))
        if other:
            raise ConfigError(f"{folder}: holds a {what} with other {', '.join(other[:5])}; choose another folder")
    elif folder.exists() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise ConfigError(f"{folder}: is not empty and holds no {what}; choose another folder")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(note, json.dumps(values, indent=1))
    return folder


@contextmanager
def locked(folder: Place, in_use: VideoclipError) -> Iterator[None]:
    """Keep other processes from writing into a folder, which is made if need be. A dead process keeps no one.

    In an object store that is an object which its owner renews, and which counts for ``LEASE`` seconds. Two that begin
    within the same second are not kept apart there.

    Raises:
        VideoclipError: ``in_use``: one is writing.
    """
    if isinstance(folder, Remote):
        with _leased(folder / LOCK, in_use):
            yield
        return
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise in_use from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _leased(lock: Remote, in_use: VideoclipError) -> Iterator[None]:
    me, ended = f"{gethostname()}, process {os.getpid()}", Event()
    if 0 <= time.time() - changed_at(lock) < LEASE:
        raise type(in_use)(f"{in_use} (where it has died, its lock in the object store ends after {LEASE:.0f} s)")

    def renew() -> None:
        while True:
            lock.write_text(me)
            if ended.wait(LEASE / 4):
                return

    lock.write_text(me)
    keeper = Thread(target=renew, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
        lock.unlink(missing_ok=True)


def output_file(path: Path, *inputs: Path) -> Path:
    """A file that is going to be written, its folder made: called before the work whose result it holds.

    Args:
        inputs: what the work reads, which is never written over.

    Raises:
        ConfigError: it is a folder, or its folder cannot be made, or it is one of the inputs.
    """
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; name a file in it")
    if path.exists() and any(given.exists() and path.samefile(given) for given in inputs):
        raise ConfigError(f"{path}: is what is read, and would be written over; choose another name for what is made")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{path}: its folder cannot be made ({error.strerror}); choose another place") from error
    return path


def differing(a: dict, b: dict, defaults: dict | None = None, prefix: str = "") -> Iterator[str]:
    """Dotted names of the values in which two configurations differ, where a missing one means its default.

    A key that one of them lacks and that has no default differs, whatever its value.
    """
    meant: dict = json.loads(json.dumps(defaults or {}))
    for key in a.keys() | b.keys():
        default = meant.get(key, ABSENT)
        x, y = a.get(key, default), b.get(key, default)
        if isinstance(x, dict) and isinstance(y, dict):
            yield from differing(x, y, default if isinstance(default, dict) else None, f"{prefix}{key}.")
        elif x is ABSENT or y is ABSENT or x != y:
            yield f"{prefix}{key}"


ABSENT = object()
"""In place of a value that is neither there nor has a default."""
