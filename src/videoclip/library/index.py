"""Files into a library: found, read once, embedded, and kept up to date.

A file whose size and time of change are as noted is passed over; the others are read (``files``), and what was read is
written now and then, so that it is searched while the work goes on.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from socket import gethostname
from typing import Annotated

from ..encoders.encoder import AnyEncoder
from ..errors import MediaError
from ..media.files import VideoFile, look_for_videos
from ..media.inventory import Inventory, by_reason
from ..media.languages import wanted_language
from ..media.screen_text import Reader
from ..media.speech.weights import Ears
from ..model.joint import JointModel
from ..progress import clock, track
from ..ranges import PROCESSES, Range, ranged
from ..storage.places import Place, write_whole
from .files import ENGLISH, Work, is_same
from .hearing import hear_videos
from .meaning import Sentences, embed_passages
from .moved import note_moves
from .other_model import embed_again, look_again
from .screen import read_screens
from .store.about import About, LibraryError, locked, read_about, write_about
from .store.reading import Store
from .store.rows import Entry, Video
from .store.writing import Writer
from .trials import calibrate

COMMIT_EVERY, COMMIT_SECONDS = 20.0, 4000
"""Seconds after which, and seconds of video of which, what is done is written: what a killed job can lose."""


@dataclass
class Indexed:
    """What an indexing did, in files."""

    added: int = 0
    changed: int = 0
    moved: int = 0
    reworded: int = 0
    """Of which only the captions came, went or changed."""
    present: int = 0
    pruned: int = 0
    heard: int = 0
    """Of which a recogniser heard what is said."""
    seconds: float = 0.0
    missing: list[str] = field(default_factory=list)
    set_aside: dict[str, str] = field(default_factory=dict)
    unheard: dict[str, str] = field(default_factory=dict)
    """Videos whose sound cannot be decoded, with the reason; they are found by sight."""
    read: int = 0
    """Of which the text on the screen was read."""
    unread: dict[str, str] = field(default_factory=dict)
    """Videos whose screen cannot be read, with the reason; they are found by sight and speech."""
    unseen: dict[str, str] = field(default_factory=dict)
    """Videos that could not be looked at anew, with the reason; they are found by what is said."""
    warnings: list[str] = field(default_factory=list)
    inventory: Inventory = field(default_factory=Inventory)
    """What the library holds now of the places that were named."""

    def __str__(self) -> str:
        parts = [f"{self.added} added ({self.seconds / 3600:.2f} h)", f"{self.present} unchanged"]
        more = {
            "changed": self.changed,
            "with other captions": self.reworded,
            "heard": self.heard,
            "read": self.read,
            "moved": self.moved,
            "pruned": self.pruned,
            "set aside": len(self.set_aside),
            "not heard": len(self.unheard),
            "not read": len(self.unread),
            "not looked at anew": len(self.unseen),
        }
        return ", ".join(parts + [f"{count} {what}" for what, count in more.items() if count])


@dataclass(frozen=True)
@ranged
class IndexOptions:
    """How a library is brought up to date."""

    prune: bool = False
    """Remove videos whose files are gone. Without it they are listed, and stay."""
    language: str = ""
    """Captions that are preferred where there are several; by default as asked for last, or English."""
    workers: Annotated[int, PROCESSES] = 0
    """Files that are worked on at the same time; 0: one per core."""
    commit_every: Annotated[float | None, Range(0, 1e6)] = None
    """Seconds after which what is done is written: what a killed job can lose; by default ``COMMIT_EVERY``."""
    look_again: bool = False
    """Whether another encoder than the library's may look at all videos anew; without it, that is an error."""
    ears: Ears | None = None
    """Who hears videos without captions, once all are searched by sight; by default nobody."""
    meaning: Sentences = field(default_factory=Sentences)
    """By which sentence encoder what is said is found by meaning; by default the one that the library has, if any."""
    reader: Callable[[], Reader] | None = None
    """What makes who reads the text on the screen, after that; by default nobody."""


def index(
    places: Sequence[Path],
    folder: Place,
    model: JointModel,
    encoder: AnyEncoder | None,
    options: IndexOptions | None = None,
    told: Callable[[dict], None] = lambda _: None,
) -> Indexed:
    """Bring a library up to date with what lies in these places; goes on where it was interrupted or killed.

    Args:
        model: makes the vectors; the library notes its ``name``, by which searches load it.
        encoder: what makes the features; None where nothing is to be decoded (``places`` is empty).
        told: called with the state of the work, now and then.

    Raises:
        LibraryError: another process writes into the library, or it was made with another encoder.
    """
    options = _remembered(options or IndexOptions(), folder)
    found = look_for_videos(places, language=options.language)
    files = found.videos
    with locked(folder):
        result = Indexed()
        writer = _opened(folder, model, encoder, options, result, told)
        _remember(writer, options.language)
        writer.tidy()
        note_moves(writer)
        _bring_up_to_date(writer, files, places, model, encoder, options, result, told)
        if places and not files:
            result.warnings.append(f"no videos in {', '.join(map(str, places))}")
        if options.prune and result.missing:
            gone = set(result.missing)
            writer.remove([video.id for video in writer.store.noted().values() if video.path in gone])
            result.pruned, result.missing = len(gone), []
        result.warnings += [f"{path}: passed over, {reason}" for path, reason in found.passed_over.items()]
        if result.added or result.changed or result.pruned or result.reworded:
            told({"stage": "finishing"})
            writer.tidy()
            writer.optimize()
            calibrate(writer, model)
        if options.ears:
            _hear(writer, files, options.ears, options.language, result, told)
            if result.heard:
                calibrate(writer, model)
        if reason := embed_passages(writer, options.meaning, told):
            result.warnings.append(reason)
        if options.reader:
            reading = read_screens(writer, files, options.reader, told)
            result.read, result.unread = reading.read, reading.unread
            if reading.read:
                told({"stage": "finishing"})
                writer.optimize()
        result.inventory = _inventory(writer, files, result)
    told({"stage": "idle", "set_aside": result.set_aside, "missing": result.missing, "summary": str(result)})
    return result


# Parameters: the work, and who is told of it.
def _hear(
    writer: Writer,
    files: Sequence[VideoFile],
    ears: Ears,
    language: str,
    result: Indexed,
    told: Callable[[dict], None],
) -> None:
    """Hear videos without captions; what cannot be heard is told in the result."""
    done = hear_videos(writer, files, ears, language, told)
    result.heard, result.unheard = done.heard, done.unheard
    if done.warning:
        result.warnings.append(done.warning)
    if done.heard:
        told({"stage": "finishing"})
        writer.optimize()


def _inventory(writer: Writer, files: Sequence[VideoFile], result: Indexed) -> Inventory:
    there = {video.path: video for video in writer.store.noted().values()}
    spoken = writer.store.spoken()
    inventory = Inventory(set_aside=by_reason(result.set_aside))
    for file in files:
        if video := there.get(str(file.path)):
            inventory.add(video.duration, video.source if video.id in spoken else "")
    return inventory


def _remembered(options: IndexOptions, folder: Place) -> IndexOptions:
    """The same options, with the language that was asked for when the library was last brought up to date."""
    if options.language:
        return replace(options, language=wanted_language(options.language) or ENGLISH)
    try:
        return replace(options, language=read_about(folder).language or ENGLISH)
    except LibraryError:
        return replace(options, language=ENGLISH)


def _remember(writer: Writer, language: str) -> None:
    about = writer.store.about
    if (about.language or ENGLISH) != language:
        write_about(writer.store.folder, replace(about, language=language))
        writer.store.refresh()


# Parameters: the work, by what it is done, and who is told of it.
def _opened(
    folder: Place,
    model: JointModel,
    encoder: AnyEncoder | None,
    options: IndexOptions,
    result: Indexed,
    told: Callable[[dict], None],
) -> Writer:
    """The library of a folder, new or with the vectors of this model."""
    fingerprint = model.fingerprint
    try:
        before = read_about(folder)
    except LibraryError:
        if (folder / "tables").exists():
            raise
        if encoder is None:
            raise
        return Writer.create(folder, About(encoder.kind, model.name, fingerprint, model.size))
    writer = Writer(Store(folder))
    if encoder is not None and encoder.kind != before.encoder:
        if not options.look_again:
            raise LibraryError(
                f"{folder}: holds features of {before.encoder}, not of {encoder.kind}; name that encoder, or look "
                "at all videos anew with --look-again (what is said stays), or make another library (--library)"
            )
        after = replace(
            before, encoder=encoder.kind, model=model.name, fingerprint=fingerprint, size=model.size,
            embedding=before.embedding + 1, encoding=before.encoding + 1,
        )  # fmt: skip
        result.unseen = look_again(writer, after, model, encoder, options.workers, told)
        return writer
    known = replace(before, model=model.name, fingerprint=fingerprint, size=model.size)
    if before.fingerprint != fingerprint:
        result.warnings.append(f"{folder}: searched by {model.name or 'another model'} now, not by {before.model}")
        embed_again(writer, replace(known, embedding=before.embedding + 1), model, told)
    elif before != known:
        write_about(folder, known)
        writer.store.refresh()
    return writer


# Parameters: the work, by what it is done, and who is told of it.
def _bring_up_to_date(
    writer: Writer,
    files: Sequence[VideoFile],
    places: Sequence[Path],
    model: JointModel,
    encoder: AnyEncoder | None,
    options: IndexOptions,
    result: Indexed,
    told: Callable[[dict], None],
) -> None:
    by_path = {video.path: video for video in writer.store.noted().values()}
    result.missing = _missing(by_path, files, places)
    todo: list[VideoFile] = []
    for file in files:
        before = by_path.get(str(file.path))
        if before and is_same(before, file, options.language):
            result.present += 1
        else:
            todo.append(file)
    if not todo or encoder is None:
        return
    work = Work(writer, model, encoder, by_path, options.language)
    work.hears = options.ears is not None
    commit_every = COMMIT_EVERY if options.commit_every is None else options.commit_every
    with track("index", len(files), "videos", len(files) - len(todo)) as advance:
        began, done, ready, written = time.monotonic(), 0, [], time.monotonic()
        searchable = set(by_path)

        def flush() -> None:
            nonlocal written
            writer.add(ready)
            searchable.update(entry.video.path for entry in ready)
            ready.clear()
            written = time.monotonic()

        try:
            for file, outcome in work.outcomes(todo, options.workers):
                done += 1
                if isinstance(outcome, Entry):
                    ready.append(outcome)
                    is_new = outcome.video.path not in by_path
                    result.added, result.changed = result.added + is_new, result.changed + (not is_new)
                    result.seconds += outcome.video.duration
                elif isinstance(outcome, MediaError):
                    result.set_aside[str(file.path)] = str(outcome)
                elif outcome in ("moved", "reworded"):
                    result.moved += outcome == "moved"
                    result.reworded += outcome == "reworded"
                else:
                    result.present += 1
                if time.monotonic() - written > commit_every or sum(len(e.features) for e in ready) > COMMIT_SECONDS:
                    flush()
                found = f"{len(searchable):,} can be searched · " if searchable else ""
                advance(1, f"{found}{file.path.name[:40]}")
                rate = done / max(time.monotonic() - began, 1e-6)
                told(
                    {
                        "stage": "indexing",
                        "done": len(files) - len(todo) + done,
                        "total": len(files),
                        "searchable": len(searchable),
                        "current": file.path.name,
                        "left": clock((len(todo) - done) / rate),
                        "set_aside": result.set_aside,
                    }
                )
        finally:  # what is encoded is kept, whatever stopped the rest
            flush()
    result.warnings += work.warnings
    result.missing = [path for path in result.missing if path not in work.moved]


def _missing(by_path: dict[str, Video], files: Sequence[VideoFile], places: Sequence[Path]) -> list[str]:
    """Videos of the library that are in these places no more; a place that cannot be read says nothing."""
    there, roots = {str(file.path) for file in files}, [place.resolve() for place in places]
    return sorted(
        path
        for path in by_path
        if path not in there and any(Path(path).is_relative_to(root) for root in roots) and not Path(path).is_file()
    )


def note_state(folder: Place) -> Callable[[dict], None]:
    """Write the state of the work into ``progress.json`` of the library, at most twice a second."""
    last = 0.0

    def told(state: dict) -> None:
        nonlocal last
        if state.get("stage") in ("indexing", "hearing", "understanding", "reading") and time.monotonic() - last < 0.5:
            return
        last = time.monotonic()
        content = state | {"at": time.time(), "process": os.getpid(), "host": gethostname()}
        write_whole(folder / "progress.json", json.dumps(content).encode())

    return told


def watch(places: Sequence[Path], run: Callable[[], Indexed], stop: threading.Event | None = None) -> Iterable[Indexed]:
    """Index now, and again whenever something changes in these places; yields what each run did.

    Ctrl-C and SIGTERM end the waiting, when all is done that there was to do; a run they interrupt.
    """
    from watchfiles import watch as changes

    yield run()
    for _ in changes(*places, debounce=2000, step=500, stop_event=stop, raise_interrupt=False):
        yield run()
