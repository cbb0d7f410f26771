"""Videos and captions into a corpus: several files at a time, resumable, with bad files set aside."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np

from ..encoders.encoder import AnyEncoder
from ..errors import CorpusError, MediaError
from ..media.belonging import VIDEO_SUFFIXES
from ..media.captions import Caption
from ..media.container import has_captions
from ..media.files import VideoFile
from ..media.inventory import Inventory, by_reason
from ..media.narration import BESIDE, HEARD, INSIDE, narration_of
from ..media.speech.weights import Ears
from ..parallel import in_parallel
from ..progress import track
from ..ranges import PROCESSES, Range, ranged
from ..storage.names import noted
from ..storage.places import Place, place, write_whole
from .hearing import Listener
from .rows import NarratedVideo, is_finite
from .store import Corpus

APPEND_SECONDS, APPEND_EVERY = 2000, 30.0
"""Seconds of features that are gathered, and seconds for which, before they are written: what a killed job can lose."""


READ_TOGETHER, ROUNDED = 512, 1e-6
"""Videos whose captions are read at a time, and how far stored times are off, as a share."""


@dataclass(frozen=True)
@ranged
class ExtractOptions:
    """How videos are taken into a corpus."""

    silent: bool = False
    """Also take videos without captions."""
    language: str = "en"
    """Of the subtitle track that is preferred where a video without a caption file has several."""
    workers: Annotated[int, PROCESSES] = 0
    """Files that are worked on at the same time; 0: one per core."""
    append_every: Annotated[float | None, Range(0, 1e6)] = None
    """Seconds after which what is encoded is written: what a killed job can lose; by default ``APPEND_EVERY``."""
    ears: Ears | None = None
    """Who hears videos without captions; by default nobody."""


@dataclass
class Summary:
    """What an extraction did: videos added, there already, and set aside with the reason."""

    added: int = 0
    seconds: int = 0
    present: int = 0
    silent: int = 0
    captioned: int = 0
    """Videos that were there, and got captions, or others."""
    set_aside: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    inventory: Inventory = field(default_factory=Inventory)
    """What the corpus holds now of the files that were named."""

    def and_then(self, other: "Summary") -> "Summary":
        """Both, where the second was of what the first had left."""
        return Summary(
            self.added + other.added,
            self.seconds + other.seconds,
            self.present,
            self.silent + other.silent,
            self.captioned + other.captioned,
            self.set_aside | other.set_aside,
            self.warnings + other.warnings,
            other.inventory,
        )

    def __str__(self) -> str:
        text = f"{self.added} videos added ({self.seconds / 3600:.2f} h), {self.present} were there"
        if self.captioned:
            text += f", {self.captioned} of them with new captions"
        if self.silent:
            text += f", {self.silent} without captions"
        return text + (f", {len(self.set_aside)} set aside" if self.set_aside else "")


def extract(
    sources: Sequence[VideoFile],
    encoder: AnyEncoder,
    out: Place,
    options: ExtractOptions | None = None,
    reuse: Corpus | None = None,
    engine: "Engine | None" = None,
) -> Summary:
    """Encode every source that the corpus ``out`` does not hold yet.

    A file that cannot be read is set aside, listed in the summary and in ``<out>.set-aside.json``, and tried again by
    the next call. Where ``out`` holds features of some of a combined encoder's parts, the others are added to it.

    Args:
        reuse: a corpus whose features, and captions where a source has none, are taken over instead of made again.
        engine: works on the files elsewhere than in threads of this process (``cluster``), from scratch.

    Raises:
        CorpusError: ``out`` is of another encoder, or no video has captions.
    """
    options = options or ExtractOptions()
    if isinstance(out, Path):
        _finish_widening(out)
    if out.exists() and reuse is None and (before := Corpus(out)).kind.parts.keys() < encoder.kind.parts.keys():
        if engine or not isinstance(out, Path):
            raise CorpusError(
                f"{out}: features of more encoders are added by this machine alone, to corpora that lie on it; copy "
                "it here, and leave out --ray"
            )
        widened = _widen(before, sources, encoder, out, options)
        if Corpus(out).kind == before.kind or all(source.id in before for source in sources):
            return widened
        return widened.and_then(extract(sources, encoder, out, options))
    spoken = {reuse.ids[row] for row in reuse.rows_with_captions()} if reuse else set()
    listener = Listener(options.ears, out, options.language)
    if not options.silent and not _are_told(sources, spoken) and listener.transcriber() is None:
        raise CorpusError(
            f"no caption file belongs to any of the {len(sources)} videos (a.mp4 goes with a.srt, a.en.vtt, …), and "
            "none has a subtitle track; name the captions' folder with --captions, or pass --allow-silent"
            + (f"; {listener.warning}" if listener.warning else "")
        )
    corpus = Corpus.create(out, encoder.kind)
    with corpus.writing():
        sources = _identified(sources, corpus)
        todo = [source for source in sources if source.id not in corpus]
        summary = Summary(present=len(sources) - len(todo))
        if reuse is None:
            _take_captions([s for s in sources if s.id in corpus], corpus, options, listener, summary)
        ready: list[NarratedVideo] = []
        written = time.monotonic()
        append_every = APPEND_EVERY if options.append_every is None else options.append_every

        def flush() -> None:
            nonlocal written
            written = time.monotonic()
            ready[:] = [video for video in ready if video.id not in corpus]  # a signal can come when they are written
            if ready:
                corpus.append(ready)
                listener.settle(video.id for video in ready)
                summary.added += len(ready)
                summary.seconds += sum(video.seconds for video in ready)
                summary.silent += sum(not video.captions for video in ready)
                ready.clear()

        try:
            with track("extract", len(todo), "videos") as advance:
                work = engine(todo, options) if engine else _outcomes(todo, encoder, options, reuse, listener)
                for source, (outcome, damage) in work:
                    summary.warnings += damage
                    if isinstance(outcome, NarratedVideo):
                        ready.append(outcome)
                    else:
                        summary.set_aside[str(source.path)] = str(outcome)
                    gathered = sum(video.seconds for video in ready)
                    if gathered >= APPEND_SECONDS or time.monotonic() - written > append_every:
                        flush()
                    advance()
        finally:  # what is encoded is kept, whatever stopped the rest
            flush()
        list_set_aside(out, summary.set_aside)
        summary.warnings += [listener.warning] if listener.warning else []
        summary.inventory = _inventory(sources, corpus, summary, listener.heard)
        return summary


def _are_told(sources: Sequence[VideoFile], spoken: set[str]) -> bool:
    """Whether any video has captions: ``spoken`` are ids of those that have them elsewhere."""
    return any(source.captions or source.id in spoken or _has_captions(source.path) for source in sources)


def _inventory(sources: Sequence[VideoFile], corpus: Corpus, summary: "Summary", heard: set[str]) -> Inventory:
    spoken, durations = corpus.rows_with_captions(), corpus.durations
    inventory = Inventory(set_aside=by_reason(summary.set_aside))
    for source in sources:
        if source.id in corpus:
            row = corpus.row(source.id)
            told = HEARD if source.id in heard else BESIDE if source.captions else INSIDE
            inventory.add(durations[row], told if row in spoken else "")
    return inventory


def _identified(sources: Sequence[VideoFile], corpus: Corpus) -> list[VideoFile]:
    """The same files, with their suffix in the id where the corpus has that id from another file that still lies there.

    So an id does not change with what else lies in a folder. A file that was converted, or moved, keeps its id.
    """
    files = dict(zip(corpus.ids, corpus.paths, strict=True))
    return [replace(source, id=_identity(source, files)) for source in sources]


def _identity(source: VideoFile, files: Mapping[str, str]) -> str:
    """A file's id, by the files that the corpus has each id from."""
    suffix, name = noted(source.path.suffix), source.id.rpartition("/")[2]
    short = source.id.removesuffix(suffix) if name == noted(source.path.name) else source.id
    if short.rpartition("/")[2] != noted(source.path.stem) or not files.get(short):
        return source.id
    before = Path(files[short])
    if before.name == source.path.name:
        return short
    other = before.suffix.lower() in VIDEO_SUFFIXES and before.suffix != source.path.suffix
    return f"{short}{suffix}" if other and before.is_file() else source.id


def _take_captions(
    sources: Sequence[VideoFile], corpus: Corpus, options: ExtractOptions, listener: Listener, summary: "Summary"
) -> None:
    """Take captions that came after their videos, or are others now; the videos are not decoded again.

    Those that are gone stay: they may have been named by ``--captions`` alone. Videos without any are heard.
    """
    spoken = {corpus.ids[row] for row in corpus.rows_with_captions()}
    looked_for = [source for source in sources if source.captions is not None or source.id not in spoken]
    changed: list[tuple[str, Sequence[Caption]]] = []
    for start in range(0, len(looked_for), READ_TOGETHER):
        part = looked_for[start : start + READ_TOGETHER]
        for source, before in zip(part, corpus.said([source.id for source in part]), strict=True):
            try:
                said = narration_of(source, options.language).captions
                if not said and not before:
                    said = _heard(source, listener, lambda: None, summary.warnings)
            except MediaError as error:
                if before:
                    summary.warnings.append(f"{error}; the captions that were taken before stay")
                else:
                    summary.set_aside[str(source.path)] = str(error)
                continue
            if said and not _is_same(said, before):
                changed.append((source.id, said))
    for video, said in changed:
        corpus.replace(replace(corpus[video], captions=list(said)))
        summary.captioned += 1
    listener.settle(video for video, _ in changed)
    told = spoken - listener.heard
    gone = [s for s in sources if s.captions is None and s.id in told and not _has_captions(s.path)]
    if gone:
        summary.warnings.append(
            f"{len(gone)} videos, such as {gone[0].path}, keep captions whose files are not here any more"
        )


def _is_same(said: Sequence[Caption], before: Sequence[Caption]) -> bool:
    """Whether captions are those that were stored, whose times are rounded."""
    return len(said) == len(before) and all(
        new.text == old.text and max(abs(new.start - old.start), abs(new.end - old.end)) <= ROUNDED * (1 + old.end)
        for new, old in zip(said, before, strict=True)
    )


def _has_captions(path: Path) -> bool:
    try:
        return has_captions(path)
    except MediaError:  # which will be said of it in its turn
        return False


def _widen(
    before: Corpus, sources: Sequence[VideoFile], encoder: AnyEncoder, out: Path, options: ExtractOptions
) -> Summary:
    """Add the features of more encoders to a corpus: into a second one beside it, which takes its place when whole."""
    known = {source.id for source in sources}
    lost = [video for video in before.ids if video not in known]
    if lost:
        raise CorpusError(
            f"{out}: holds {len(lost)} videos that are not among those named here, such as '{lost[0]}', so that their "
            "features cannot be added; make another corpus with --out and take over from this one with --reuse"
        )
    beside, held = Path(f"{out}.wider"), set(before.ids)
    summary = extract(
        [s for s in sources if s.id in held], encoder, beside, replace(options, silent=True, ears=None), before
    )
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
    todo: Sequence[VideoFile], encoder: AnyEncoder, options: ExtractOptions, reuse: Corpus | None, listener: Listener
) -> "Iterator[tuple[VideoFile, Outcome]]":
    """Each source with what became of it, as they are done; each worker decodes a file of its own."""
    with encoder.shared() as shared:

        def work(source: VideoFile, stop: threading.Event) -> "Outcome":
            before = reuse[source.id] if reuse and source.id in reuse else None
            return outcome_of(source, shared, options, before, stop, listener)

        yield from in_parallel(work, todo, options.workers)


def outcome_of(
    source: VideoFile,
    encoder: AnyEncoder,
    options: ExtractOptions,
    before: NarratedVideo | None = None,
    stop: threading.Event | None = None,
    listener: Listener | None = None,
) -> "Outcome":
    """The encoded video and warnings about it, or why it cannot be had; between batches, ``stop`` is looked at.

    Args:
        listener: hears what is said, where there are no captions.
    """
    damage: list[str] = []

    def between() -> None:
        if stop and stop.is_set():
            raise MediaError(f"{source.path}: interrupted")

    try:
        captions = narration_of(source, options.language).captions or (before.captions if before else [])
        if not captions and listener is not None:
            captions = _heard(source, listener, between, damage)
        if not captions and not options.silent:
            why = damage[0] if damage else f"{source.path}: no captions"
            return MediaError(f"{why}; pass --allow-silent to take it"), []
        features = encoder.encode_file(source.path, damage.append, between, _parts(before))
    except MediaError as error:
        return error, []
    except OSError as error:  # a disk that fails, a folder that may not be read
        return MediaError(f"{source.path}: cannot be read ({error.strerror or error})"), []
    if not is_finite(features):
        return MediaError(f"{source.path}: the encoder's features of it are not numbers"), []
    return NarratedVideo(source.id, features, captions, str(source.path)), damage


def _heard(source: VideoFile, listener: Listener, between: Callable[[], None], damage: list[str]) -> Sequence[Caption]:
    """What is said in a video without captions; sound that cannot be decoded is damage, the video is taken without it.

    A person's captions that say nothing are captions, too.
    """
    if source.captions is not None:
        return []
    try:
        return listener.narration(source, between).captions
    except MediaError as error:
        between()
        damage.append(str(error))
        return []


def _parts(video: NarratedVideo | None) -> dict[str, np.ndarray]:
    """A video's features by encoder."""
    kind = getattr(video.features, "kind", None) if video else None
    return {name: video.features[:, place] for name, place in kind.parts.items()} if video and kind else {}


Outcome = tuple[NarratedVideo | MediaError, list[str]]
Engine = Callable[[Sequence[VideoFile], ExtractOptions], Iterator[tuple[VideoFile, Outcome]]]


def list_set_aside(out: Place, set_aside: dict[str, str]) -> None:
    """Write what was set aside, with the reasons, beside the corpus; or remove the list of an earlier call."""
    path = place(f"{out}.set-aside.json")
    if set_aside:
        write_whole(path, json.dumps(set_aside, indent=1))
    else:
        path.unlink(missing_ok=True)
