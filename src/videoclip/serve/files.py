"""A file of the library is sent only if it is the very file that was indexed, by the descriptor that is looked at."""

import hashlib
import os
import stat
from collections import OrderedDict
from pathlib import Path

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from ..library.store.rows import Video

NO_LINKS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
MOST_DIGESTS = 10_000
NO_WAITING = getattr(os, "O_NONBLOCK", 0)
"""So that opening a pipe of that name does not wait for a writer."""


def is_as_indexed(video: Video) -> bool:
    """Whether a file lies where it was, with the size and the time of change of its indexing; a glance, no promise."""
    try:
        seen = os.stat(video.path)
    except (OSError, ValueError):
        return False
    return _fits(seen, video)


def open_as_indexed(video: Video) -> int | None:
    """A descriptor of the very file that was indexed, or None where another lies in its place.

    No link on the way is followed. The descriptor itself is compared with what was noted, so that nothing can be
    exchanged in between. Where anything has happened to it since (a file put in its place, another name, a link), the
    contents are compared, too: sizes and times of change can be made up, but not when that was done.
    """
    path = Path(video.path)
    try:
        is_link = path.is_symlink()
        descriptor = _opened(path.resolve() if is_link else path)
    except (OSError, ValueError):
        return None
    seen = os.fstat(descriptor)
    is_untouched = not is_link and seen.st_ctime_ns < video.id * 1_000_000  # numbers are milliseconds of indexing
    if _fits(seen, video) and (is_untouched or _digest(descriptor, _identity(seen)) == video.digest):
        return descriptor
    os.close(descriptor)
    return None


def _opened(path: Path) -> int:
    """Open a file from the root on, folder by folder, following no link."""
    if os.open not in os.supports_dir_fd:  # no such calls, as on Windows
        if os.path.realpath(path) != str(path):
            raise FileNotFoundError(path)
        return os.open(path, NO_LINKS | getattr(os, "O_BINARY", 0))
    folder = os.open(path.anchor, NO_LINKS | os.O_DIRECTORY)
    try:
        for name in path.parts[1:-1]:
            inner = os.open(name, NO_LINKS | os.O_DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(path.name, NO_LINKS | NO_WAITING, dir_fd=folder)
    finally:
        os.close(folder)


def _fits(seen: os.stat_result, video: Video) -> bool:
    return stat.S_ISREG(seen.st_mode) and (seen.st_size, seen.st_mtime_ns) == (video.size, video.modified_ns)


def _identity(seen: os.stat_result) -> tuple[int, ...]:
    """What changes whenever the contents of a file may have."""
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


_digests: OrderedDict[tuple[int, ...], str] = OrderedDict()


def _digest(descriptor: int, identity: tuple[int, ...]) -> str:
    """The hash of a file's contents as indexing takes it; computed once for each state of the last files asked for."""
    known = _digests.get(identity)
    if known is None:
        digest = hashlib.blake2b(digest_size=16)
        while block := os.read(descriptor, 1 << 22):
            digest.update(block)
        os.lseek(descriptor, 0, os.SEEK_SET)  # some systems send on from where it was left
        known = _digests[identity] = digest.hexdigest()
        while len(_digests) > MOST_DIGESTS:
            _digests.popitem(last=False)
    return known


class SentFile(FileResponse):
    """A descriptor's file, or the ranges of it that are asked for; closed at the end, whatever the visitor does."""

    def __init__(self, descriptor: int, media_type: str, headers: dict[str, str]):
        self.descriptor = descriptor
        seen = os.fstat(descriptor)
        super().__init__(f"/dev/fd/{descriptor}", media_type=media_type, headers=headers, stat_result=seen)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            os.close(self.descriptor)
