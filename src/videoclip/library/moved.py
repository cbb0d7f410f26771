"""Noting in a library where its videos lie after they were moved; nothing is decoded or embedded anew.

Videos that were moved together with their library are found by readers too (``store.found``).
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from ..encoders.ready_made.load import MARKS, with_frames
from ..model.joint import load_model
from ..progress import track
from ..storage.places import Place
from .store.about import About, LibraryError, locked
from .store.found import beside, is_same, is_windows, moved, pure
from .store.reading import Store
from .store.rows import Video
from .store.writing import Writer


@dataclass
class Moved:
    """What was found at its new place, and the paths of what was not."""

    found: int = 0
    missing: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lost = f", {len(self.missing)} not found there, such as {self.missing[0]}" if self.missing else ""
        return f"{self.found} videos moved{lost}"


def move(folder: Place, old: str, new: Path) -> Moved:
    """Note that what lay below ``old`` lies below ``new``.

    Raises:
        LibraryError: no video of the library lay there, there is no such new folder, or another process writes.
    """
    if not new.is_dir():
        raise LibraryError(f"{new}: no such folder; name the one in which the videos lie now")
    with locked(folder):
        writer = Writer(Store(folder))
        noted = writer.store.noted()
        before = pure(old) if is_windows(old) else Path(os.path.abspath(old))
        wanted = [after for video in noted.values() if (after := moved(video, before, new.resolve()))]
        if not wanted:
            some = next(iter(noted.values()), None)
            raise LibraryError(f"{old}: no video of {folder} was below it{f'; one was {some.path}' if some else ''}")
        return _write(writer, wanted, noted)


def note_moves(writer: Writer) -> int:
    """Write down the paths of videos that were moved together with their library; how many."""
    noted, now = writer.store.noted(), writer.store.videos()
    found = [video for number, video in now.items() if video.path != noted[number].path]
    return _write(writer, found, noted).found


def model_of(about: About, folder: Place) -> str:
    """The name of a library's model; of a folder that was moved together with the library, where it is now.

    What is found so is the very model: its weights have the fingerprint that the library notes.
    """
    source, _ = with_frames(about.model)
    if "://" in source or Path(source).exists():
        return about.model
    there = beside(folder, source, lambda path: any((path / mark).is_file() for mark in MARKS))
    found = about.model.replace(source, str(there))
    return found if there and load_model(found).fingerprint == about.fingerprint else about.model


def _write(writer: Writer, wanted: list[Video], noted: dict[int, Video]) -> Moved:
    """Write rows of videos that are at their new places, and free there."""
    taken, result, rows = {video.path for video in noted.values()}, Moved(), []
    with track("find", len(wanted), "videos") as advance:
        for video in wanted:
            before = noted[video.id]
            if is_same(video, before) and (video.path not in taken or video.path == before.path):
                rows.append(video)
            else:
                result.missing.append(video.path)
            advance()
    writer.note(rows)
    result.found = len(rows)
    return result
