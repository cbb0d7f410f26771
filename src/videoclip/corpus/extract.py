"""Videos and captions into a corpus: several files at a time, resumable, with bad files set aside."""

import json
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from ..encoders.encoder import AnyEncoder
from ..errors import CorpusError, MediaError, VideoclipError
from ..media.captions import SUFFIXES, Caption, howto100m_captions, read_captions, stream_captions
from ..progress import track
from ..storage.places import Place, place
from .store import Corpus, NarratedVideo, is_finite

CONTAINERS = (".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".flv", ".wmv", ".3gp", ".ogv")
APPEND_SECONDS, APPEND_EVERY = 2000, 30.0
"""Seconds of features that are gathered, and seconds for which, before they are written: what a killed job can lose."""


@dataclass(frozen=True)
class Source:
    """A video file, its id (path below the folder, without suffix), and its captions, or the file that holds them."""

    id: str
    path: Path
    captions: Path | list[Caption] | None


@dataclass
class Summary:
    """What an extraction did: videos added, there already, and set aside with the reason."""

    added: int = 0
    seconds: int = 0
    present: int = 0
    silent: int = 0
    set_aside: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def and_then(self, other: "Summary") -> "Summary":
        """Both, where the second was of what the first had left."""
        return Summary(
            self.added + other.added,
            self.seconds + other.seconds,
            self.present,
            self.silent + other.silent,
            self.set_aside | other.set_aside,
            self.warnings + other.warnings,
        )

    def __str__(self) -> str:
        text = f"{self.added} videos added ({self.seconds / 3600:.2f} h), {self.present} were there"
        if self.silent:
            text += f", {self.silent} without captions"
        return text + (f", {len(self.set_aside)} set aside" if self.set_aside else "")


def find_videos(folder: Path, captions: Path | None) -> list[Source]:
    """Every video below ``folder`` with the captions of the same name, which lie in ``captions`` or beside it.

    Args:
        captions: a folder of caption files, or HowTo100M's ``raw_caption.json``.

    Raises:
        VideoclipError: no such folder, or no video in it.
    """
    for given in (folder, captions):
        if given is not None and not given.exists():
            raise VideoclipError(f"{given}: no such folder")
    if folder.is_file():
        files, root = [folder], folder.parent
    else:
        root = folder
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in CONTAINERS and p.is_file())
    if not files:
        raise VideoclipError(f"{folder}: no videos in it (looked for {' '.join(CONTAINERS)})")
    names = [path.relative_to(root).with_suffix("").as_posix() for path in files]
    by_path, by_name = _captions_of(captions or root, {*names, *(path.stem for path in files)})
    stems = Counter(path.stem for path in files)
    sources, taken = [], set()
    for name, path in zip(names, files, strict=True):
        identity = name if name not in taken else path.relative_to(root).as_posix()
        taken.add(identity)
        elsewhere = by_name.get(path.stem) if stems[path.stem] == 1 else None
        sources.append(Source(identity, path, by_path.get(name) or elsewhere))
    return sources


def _captions_of(place: Path, names: set[str]) -> tuple[dict, dict]:
    """Captions by path and by bare name: files of a folder, or, for these names, what one large JSON file holds."""
    if place.is_dir():
        return caption_files(place)
    said = {video: howto100m_captions(entry) for video, entry in stream_captions(place) if video in names}
    return said, said


def caption_files(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Caption files by path below the folder, and by bare name where only one has it.

    Names are without suffix, and without a language (``a.en.vtt``) unless there is a file without one.
    """
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    names = [path.relative_to(folder).with_suffix("") for path in files]
    by_path = {name.with_suffix("").as_posix(): path for name, path in reversed(list(zip(names, files, strict=True)))}
    by_path |= {name.as_posix(): path for name, path in zip(names, files, strict=True)}
    by_name = {Path(name).name: path for name, path in by_path.items()}
    often = Counter(Path(name).name for name in by_path)
    return by_path, {name: path for name, path in by_name.items() if often[name] == 1}


def extract(
    sources: list[Source],
    encoder: AnyEncoder,
    out: Place,
    silent: bool = False,
    workers: int = 0,
    reuse: Corpus | None = None,
    engine: "Engine | None" = None,
) -> Summary:
    """Encode every source that the corpus ``out`` does not hold yet.

    A file that cannot be read is set aside, listed in the summary and in ``<out>.set-aside.json``, and tried again by
    the next call. Where ``out`` holds features of some of a combined encoder's parts, the others are added to it.

    Args:
        silent: also take videos without captions.
        workers: files that are worked on at the same time; 0: one per core.
        reuse: a corpus whose features, and captions where a source has none, are taken over instead of made again.
        engine: works on the files elsewhere than in threads of this process (``cluster``), from scratch.

    Raises:
        CorpusError: ``out`` is of another encoder, or no video has captions.
    """
    if isinstance(out, Path):
        _finish_widening(out)
    if out.exists() and reuse is None and (before := Corpus(out)).kind.parts.keys() < encoder.kind.parts.keys():
        if engine or not isinstance(out, Path):
            raise CorpusError(
                f"{out}: features of more encoders are added by this machine alone, to corpora that lie on it; copy "
                "it here, and leave out --ray"
            )
        widened = _widen(before, sources, encoder, out, workers)
        if Corpus(out).kind == before.kind or all(source.id in before for source in sources):
            return widened
        return widened.and_then(extract(sources, encoder, out, silent, workers))
    spoken = {reuse.ids[row] for row in reuse.rows_with_captions()} if reuse else set()
    if not silent and not any(source.captions or source.id in spoken for source in sources):
        raise CorpusError(
            f"no caption file belongs to any of the {len(sources)} videos (a.mp4 goes with a.srt, a.en.vtt, …); "
            "name their folder with --captions, or pass --allow-silent"
        )
    corpus = Corpus.create(out, encoder.kind)
    with corpus.writing():
        todo = [source for source in sources if source.id not in corpus]
        summary = Summary(present=len(sources) - len(todo))
        if not silent:
            mute = [source for source in todo if not source.captions and source.id not in spoken]
            summary.set_aside |= {str(s.path): "no captions; pass --allow-silent to take it" for s in mute}
            todo = [source for source in todo if source.captions or source.id in spoken]
        ready: list[NarratedVideo] = []
        written = time.monotonic()

        def flush() -> None:
            nonlocal written
            written = time.monotonic()
            if ready:
                corpus.append(ready)
                summary.added += len(ready)
                summary.seconds += sum(video.seconds for video in ready)
                summary.silent += sum(not video.captions for video in ready)
                ready.clear()

        try:
            with track("extract", len(todo), "videos") as advance:
                work = engine(todo) if engine else _outcomes(todo, encoder, reuse, workers or os.cpu_count() or 1)
                for source, (outcome, damage) in work:
                    summary.warnings += damage
                    if isinstance(outcome, NarratedVideo):
                        ready.append(outcome)
                    else:
                        summary.set_aside[str(source.path)] = str(outcome)
                    gathered = sum(video.seconds for video in ready)
                    if gathered >= APPEND_SECONDS or time.monotonic() - written > APPEND_EVERY:
                        flush()
                    advance()
        finally:  # what is encoded is kept, whatever stopped the rest
            flush()
        list_set_aside(out, summary.set_aside)
        return summary


def _widen(before: Corpus, sources: list[Source], encoder: AnyEncoder, out: Path, workers: int) -> Summary:
    """Add the features of more encoders to a corpus: into a second one beside it, which takes its place when whole."""
    known = {source.id for source in sources}
    lost = [video for video in before.ids if video not in known]
    if lost:
        raise CorpusError(
            f"{out}: holds {len(lost)} videos that are not among those named here, such as '{lost[0]}', so that their "
            "features cannot be added; make another corpus with --out and take over from this one with --reuse"
        )
    beside, held = Path(f"{out}.wider"), set(before.ids)
    summary = extract([s for s in sources if s.id in held], encoder, beside, True, workers, reuse=before)
    if missing := len(before) - len(Corpus(beside)):
        summary.warnings.append(
            f"{out} is as it was, since {missing} of its videos could not be encoded by {encoder.name}; what could be "
            f"is in {beside}, and the same command goes on from there"
        )
        return summary
    out.rename(f"{out}.narrower")
    _finish_widening(out)
    return summary


def _finish_widening(out: Path) -> None:
    """Put the wider corpus in the place of the one it was made from, which was moved away when it was whole."""
    narrower, wider = Path(f"{out}.narrower"), Path(f"{out}.wider")
    if narrower.exists() and not out.exists():
        wider.rename(out)
        Path(f"{wider}.set-aside.json").unlink(missing_ok=True)
    if narrower.exists():
        shutil.rmtree(narrower)


def _outcomes(
    todo: list[Source], encoder: AnyEncoder, reuse: Corpus | None, workers: int
) -> Iterator[tuple[Source, "Outcome"]]:
    """Each source with what became of it, as they are done; each worker decodes and encodes a file of its own."""
    stop, waiting = threading.Event(), iter(todo)
    with ThreadPoolExecutor(workers, initializer=_share_cores, initargs=(workers,)) as pool:

        def start(count: int) -> dict:
            some = islice(waiting, count)
            return {pool.submit(outcome_of, s, encoder, _taken_over(s, reuse), stop): s for s in some}

        try:
            running = start(2 * workers)
            while running:
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(done), done.result()
                    running |= start(1)
        finally:
            stop.set()


def _taken_over(source: Source, reuse: Corpus | None) -> NarratedVideo | None:
    return reuse[source.id] if reuse and source.id in reuse else None


def outcome_of(
    source: Source,
    encoder: AnyEncoder,
    before: NarratedVideo | None = None,
    stop: threading.Event | None = None,
) -> "Outcome":
    """The encoded video and warnings about it, or why it cannot be had; between batches, ``stop`` is looked at."""
    damage: list[str] = []

    def between() -> None:
        if stop and stop.is_set():
            raise MediaError(f"{source.path}: interrupted")

    try:
        captions = read_captions(source.captions) if isinstance(source.captions, Path) else source.captions
        captions = captions or (before.captions if before else [])
        features = encoder.encode_file(source.path, damage.append, between, _parts(before))
    except MediaError as error:
        return error, []
    if not is_finite(features):
        return MediaError(f"{source.path}: the encoder's features of it are not numbers"), []
    return NarratedVideo(source.id, features, captions, str(source.path)), damage


def _parts(video: NarratedVideo | None) -> dict[str, np.ndarray]:
    """A video's features by encoder."""
    kind = getattr(video.features, "kind", None) if video else None
    return {name: video.features[:, place] for name, place in kind.parts.items()} if video and kind else {}


Outcome = tuple[NarratedVideo | MediaError, list[str]]
Engine = Callable[[list[Source]], Iterator[tuple[Source, Outcome]]]


def _share_cores(workers: int) -> None:
    """Several files on one core each are done sooner than one file after another on all of them."""
    import torch

    torch.set_num_threads(max((os.cpu_count() or 1) // workers, 1))


def list_set_aside(out: Place, set_aside: dict[str, str]) -> None:
    """Write what was set aside, with the reasons, beside the corpus; or remove the list of an earlier call."""
    path = place(f"{out}.set-aside.json")
    if set_aside:
        path.write_text(json.dumps(set_aside, indent=1))
    else:
        path.unlink(missing_ok=True)
