"""Videos and captions into a corpus: decoded while they are encoded, resumable, with bad files set aside."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Full, Queue

import numpy as np

from ..encoders import Encoder, batches
from ..errors import CorpusError, VideoclipError
from ..media.captions import SUFFIXES, Caption, read_captions
from ..media.video import seconds_of
from ..progress import track
from .store import Corpus, NarratedVideo

CONTAINERS = (".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".flv", ".wmv", ".3gp", ".ogv")
APPEND_SECONDS = 2000
"""Seconds of features that are gathered before they are written; what a killed job loses at most."""


@dataclass(frozen=True)
class Source:
    """A video file, its id (path below the folder, without suffix), and its caption file."""

    id: str
    path: Path
    captions: Path | None


@dataclass
class Summary:
    """What an extraction did: videos added, there already, and set aside with the reason."""

    added: int = 0
    seconds: int = 0
    present: int = 0
    silent: int = 0
    set_aside: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        text = f"{self.added} videos added ({self.seconds / 3600:.2f} h), {self.present} were there"
        if self.silent:
            text += f", {self.silent} without captions"
        return text + (f", {len(self.set_aside)} set aside" if self.set_aside else "")


def find_videos(folder: Path, captions: Path | None) -> list[Source]:
    """Every video below ``folder`` with the captions of the same name, which lie in ``captions`` or beside it.

    Raises:
        VideoclipError: no such folder, or no video in it.
    """
    for place in (folder, captions):
        if place is not None and not place.exists():
            raise VideoclipError(f"{place}: no such folder")
    if folder.is_file():
        files, root = [folder], folder.parent
    else:
        root = folder
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in CONTAINERS and p.is_file())
    if not files:
        raise VideoclipError(f"{folder}: no videos in it (looked for {' '.join(CONTAINERS)})")
    by_name = _caption_files(captions or root)
    sources, taken = [], set()
    for path in files:
        name = path.relative_to(root).with_suffix("").as_posix()
        identity = name if name not in taken else path.relative_to(root).as_posix()
        taken.add(identity)
        sources.append(Source(identity, path, by_name.get(name) or by_name.get(path.stem)))
    return sources


def _caption_files(folder: Path) -> dict[str, Path]:
    """Caption files by path below the folder and by bare name, both without suffix and language (``a.en.vtt``)."""
    found: dict[str, Path] = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()):
        name = path.relative_to(folder).with_suffix("")
        for form in (name, name.with_suffix("")):
            found.setdefault(form.as_posix(), path)
            found.setdefault(form.name, path)
    return found


def extract(sources: list[Source], encoder: Encoder, out: Path, silent: bool = False, decoders: int = 1) -> Summary:
    """Encode every source that the corpus ``out`` does not hold yet.

    A file that cannot be read is set aside, listed in the summary and in ``<out>.set-aside.json``, and tried again by
    the next call.

    Args:
        silent: also take videos without captions.
        decoders: files that are decoded at the same time.

    Raises:
        CorpusError: ``out`` is of another encoder, or no video has captions.
    """
    if not silent and not any(source.captions for source in sources):
        raise CorpusError(
            f"no caption file belongs to any of the {len(sources)} videos (a.mp4 goes with a.srt, a.en.vtt, …); "
            "name their folder with --captions, or pass --allow-silent"
        )
    corpus = Corpus.create(out, encoder.kind)
    todo = [source for source in sources if source.id not in corpus]
    summary = Summary(present=len(sources) - len(todo))
    if not silent:
        summary.set_aside |= {
            str(s.path): "no captions; pass --allow-silent to take it" for s in todo if not s.captions
        }
        todo = [source for source in todo if source.captions]
    ready: list[NarratedVideo] = []

    def flush() -> None:
        if ready:
            corpus.append(ready)
            summary.added += len(ready)
            summary.seconds += sum(video.seconds for video in ready)
            summary.silent += sum(not video.captions for video in ready)
            ready.clear()

    try:
        with track("extract", len(todo), "videos") as advance:
            for source, outcome in _encoded(todo, encoder, decoders, summary):
                if isinstance(outcome, NarratedVideo):
                    ready.append(outcome)
                else:
                    summary.set_aside[str(source.path)] = str(outcome)
                if sum(video.seconds for video in ready) >= APPEND_SECONDS:
                    flush()
                advance()
    finally:  # what is encoded is kept, whatever stopped the rest
        flush()
    _list_set_aside(out, summary)
    return summary


def _encoded(
    todo: list[Source], encoder: Encoder, decoders: int, summary: Summary
) -> Iterator[tuple[Source, NarratedVideo | VideoclipError]]:
    """Encode here what threads decode; a bounded queue keeps memory independent of the videos' length."""
    features: dict[Source, list[np.ndarray]] = {}
    with _Decoding(todo, encoder, decoders) as events:
        for source, event in events:
            if isinstance(event, np.ndarray):
                features.setdefault(source, []).append(encoder.encode(event))
                continue
            parts = features.pop(source, [])
            if isinstance(event, VideoclipError):
                yield source, event
                continue
            captions, damage = event
            summary.warnings += damage
            yield source, NarratedVideo(source.id, np.concatenate(parts), captions, str(source.path))


class _Decoding:
    """Threads that decode files and hand over (source, pixels), then (source, captions and warnings) or an error."""

    def __init__(self, todo: list[Source], encoder: Encoder, decoders: int):
        self._left = iter(todo)
        self._count = len(todo)
        self._encoder = encoder
        self._queue: Queue = Queue(maxsize=2 * decoders)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._decode, daemon=True) for _ in range(decoders)]

    def __enter__(self) -> Iterator:
        for thread in self._threads:
            thread.start()
        return self._events()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _events(self) -> Iterator:
        ended = 0
        while ended < self._count:
            try:
                source, event = self._queue.get(timeout=1)
            except Empty:
                continue
            ended += not isinstance(event, np.ndarray)
            if isinstance(event, Exception) and not isinstance(event, VideoclipError):
                raise event
            yield source, event

    def _decode(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                source = next(self._left, None)
            if source is None:
                return
            try:
                captions: list[Caption] = read_captions(source.captions) if source.captions else []
                damage: list[str] = []
                seconds = seconds_of(source.path, self._encoder.fps, self._encoder.frame_size, damage.append)
                for batch in batches(seconds, self._encoder.batch_seconds):
                    self._put(source, batch)
                self._put(source, (captions, damage))
            except Exception as error:  # handed to the main thread, which raises what is not about the file
                self._put(source, error)

    def _put(self, source: Source, event: object) -> None:
        while not self._stop.is_set():
            try:
                return self._queue.put((source, event), timeout=0.5)
            except Full:
                continue


def _list_set_aside(out: Path, summary: Summary) -> None:
    """Write what was set aside beside the corpus, or remove the list of an earlier call."""
    path = Path(f"{out}.set-aside.json")
    if summary.set_aside:
        path.write_text(json.dumps(summary.set_aside, indent=1))
    else:
        path.unlink(missing_ok=True)
