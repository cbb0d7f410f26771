"""Where a library's videos are now, after they were moved together with it: as a copied folder, or to another computer.

A library notes whole paths. Where a file is no longer there, but one of its size lies at the same place as seen from a
folder around the library, and of its time of change or its contents, it is the same file.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PurePath, PureWindowsPath

from ...storage.places import Place
from .rows import Video

FOLDERS, SEARCHES = 64, 256
"""Folders of which one video each is looked for, to see whether any were moved; and how many are searched for then."""

ROUNDED = 2_000_000_000
"""Nanoseconds by which a time of change differs on another kind of disk, such as a memory card."""
HASHED = 1 << 30
"""Bytes that a reader compares of files with other times of change; an indexing compares all."""


def beside(folder: Place, noted: str, fits: Callable[[Path], bool]) -> Path | None:
    """The same place as seen from a folder around the library: the one that shares most of a noted path's end.

    Args:
        folder: of the library.
        fits: whether what lies at a place is what was noted.
    """
    if not isinstance(folder, Path):
        return None
    around, path = [folder.resolve(), *folder.resolve().parents], pure(noted)
    parts = path.parts[1:] if path.anchor else path.parts
    ends = [parts[i:] for i in range(len(parts))]
    return next((there for end in ends for base in around if fits(there := base.joinpath(*end))), None)


def found_again(videos: dict[int, Video], folder: Place) -> dict[int, Video]:
    """The videos by number, those that were moved together with their library with the paths that they have now."""
    if not isinstance(folder, Path) or not _any_is_gone(videos.values()):
        return videos
    made, changes, searched, left = dict(videos), list[tuple[PurePath, Path]](), 0, HASHED
    taken = {video.path for video in videos.values()}
    for number, video in videos.items():
        if Path(video.path).is_file():
            continue
        now = next((v for old, new in changes if (v := moved(video, old, new)) and is_there(v)), None)
        if now is None and searched < SEARCHES:
            searched += 1
            there = beside(folder, video.path, lambda path, size=video.size: _size(path) == size)
            if there:
                changes.append(_difference(video.path, there))
                now = moved(video, *changes[-1])
        if now and now.path not in taken and (has_its_time(now, video) or left >= video.size):
            left -= 0 if has_its_time(now, video) else video.size
            if is_same(now, video):
                made[number] = now
    return made


def moved(video: Video, old: PurePath, new: Path) -> Video | None:
    """The row of a video that lay below ``old`` and now lies below ``new``, with its file's time there; else None."""
    path = _below(video.path, old, new)
    if path is None:
        return None
    changed = path.stat().st_mtime_ns if path.is_file() else video.modified_ns
    return replace(video, path=str(path), modified_ns=changed, captions=_captions(video.captions, old, new))


def _any_is_gone(videos: Iterable[Video]) -> bool:
    """Whether one of the videos is not where it was, of one in each folder; of some folders, where there are many."""
    first = {os.path.dirname(video.path): video.path for video in videos}
    some = sorted(first.values())
    return not all(Path(path).is_file() for path in some[:: len(some) // FOLDERS + 1])


def _size(path: Path) -> int:
    """Bytes of a file; -1 where there is none."""
    try:
        return path.stat().st_size if path.is_file() else -1
    except OSError:
        return -1


def _captions(noted: str, old: PurePath, new: Path) -> str:
    """How a row notes a caption file that was moved too: ``path:size:time``."""
    path, *state = noted.rsplit(":", 2)
    there = _below(path, old, new) if len(state) == 2 else None
    if there is None or str(_size(there)) != state[0]:
        return noted
    return f"{there}:{state[0]}:{there.stat().st_mtime_ns}"


def _below(path: str, old: PurePath, new: Path) -> Path | None:
    before = pure(path)
    if type(before) is not type(old) or not before.is_relative_to(old):
        return None
    return new.joinpath(*before.relative_to(old).parts)


def _difference(before: str, now: Path) -> tuple[PurePath, Path]:
    """The folders by which two paths of a file differ: what is before their common end."""
    old, new = pure(before), now
    while old.name == new.name and old.name:
        old, new = old.parent, new.parent
    return old, new


def is_windows(path: str) -> bool:
    """Whether a path was noted on Windows, for ``C:\\Users`` is one name elsewhere."""
    return os.name != "nt" and "/" not in path and bool(PureWindowsPath(path).drive)


def pure(path: str) -> PurePath:
    """A noted path, also of another kind of computer."""
    return PureWindowsPath(path) if is_windows(path) else Path(path)


def is_same(now: Video, before: Video) -> bool:
    """Whether the file at a new place is that of the old one: of its size, and of its time of change or contents."""
    if not is_there(now):
        return False
    return has_its_time(now, before) or _digest_then(now.path, now.modified_ns) == before.digest


def has_its_time(now: Video, before: Video) -> bool:
    """Whether a file was last changed when the one at the old place was."""
    return abs(now.modified_ns - before.modified_ns) <= ROUNDED


@lru_cache(4096)
def _digest_then(path: str, modified_ns: int) -> str:
    """The hash of a file as it was last changed then; none of one that cannot be read."""
    try:
        return digest_of(Path(path))
    except OSError:
        return "unreadable"


def digest_of(path: Path, go_on: Callable[[], None] = lambda: None) -> str:
    """A hash of a file's contents."""
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while block := file.read(1 << 22):
            go_on()
            digest.update(block)
    return digest.hexdigest()


def is_there(video: Video) -> bool:
    """Whether a file of the video's size is where its row says."""
    return _size(Path(video.path)) == video.size
