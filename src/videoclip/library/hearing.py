"""Videos without captions heard, once everything can be searched by sight: the newest first, resumed where it was.

A row notes who heard its captions and how sure it was (``heard:0.91:small``). What a person wrote is never replaced.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from ..errors import MediaError, WeightsError
from ..media.captions import Narration
from ..media.files import VideoFile
from ..media.narration import HEARD
from ..media.sound import has_sound
from ..media.speech.hearing import Transcript, hear
from ..media.speech.transcriber import Transcriber
from ..media.speech.weights import Ears
from ..progress import clock, track
from ..storage.places import Place
from .store.rows import Video
from .store.writing import Writer

NOTES = "hearing"
"""Folder of a library in which is noted what was heard of a video that is not done yet."""
SEARCHABLE_EVERY = 60.0
"""Seconds after which the index of words is brought up to date."""


@dataclass
class Hearing:
    """What a hearing did, in videos; ``unheard`` says of a file why not, ``warning`` why of none."""

    heard: int = 0
    seconds: float = 0.0
    unheard: dict[str, str] = field(default_factory=dict)
    warning: str = ""


def noted_as_heard(said: Narration) -> str:
    """How a row notes where captions are from that a recogniser heard."""
    return f"{HEARD}:{said.confidence:.2f}:{said.model}"


def hear_videos(
    writer: Writer, files: Sequence[VideoFile], ears: Ears, language: str, told: Callable[[dict], None]
) -> Hearing:
    """Hear the videos of these files that have no captions, and put what is said into the library.

    Args:
        language: of the sound track that is preferred where there are several.
        told: called with the state of the work.

    Raises:
        WeightsError: the recogniser is ``required``, and cannot be had.
    """
    done = Hearing()
    here = {str(file.path) for file in files}
    todo = _unheard(writer, here, ears, done)
    if not todo:
        return done
    try:
        transcriber = ears.load()
    except WeightsError as error:
        if ears.required:
            raise
        done.warning = f"{error}; --transcribe never leaves speech out"
        return done
    todo = [video for video in todo if video.recogniser != transcriber.name]
    _hear_all(writer, todo, transcriber, done, language, told)
    return done


def _unheard(writer: Writer, here: set[str], ears: Ears, done: Hearing) -> list[Video]:
    """Videos that are to be heard, the newest first; of those without sound it is noted that nothing is said."""
    todo, silent = [], []
    spoken = writer.store.spoken()
    for video in writer.store.noted().values():
        is_untold = not video.captions and (video.id not in spoken or _note_of(writer, video).is_file())
        if video.path not in here or not (is_untold or (ears.replace and video.source == HEARD)):
            continue
        try:
            (todo if has_sound(video.path) else silent).append(video)
        except MediaError as error:
            done.unheard[video.path] = str(error)
    writer.note(replace(video, captions=noted_as_heard(Narration(confidence=0.0))) for video in silent)
    return sorted(todo, key=lambda video: (-video.recorded, video.path))


# Parameters: the videos, who hears them, and who is told.
def _hear_all(
    writer: Writer,
    todo: Sequence[Video],
    transcriber: Transcriber,
    done: Hearing,
    language: str,
    told: Callable[[dict], None],
) -> None:
    refreshed = time.monotonic()
    with _shown(todo, done, told) as heard:
        for video in todo:
            note = _note_of(writer, video)
            try:
                _take(writer, video, hear(video.path, transcriber, language, note, partial(heard, video)))
                done.heard += 1
            except MediaError as error:
                done.unheard[video.path] = str(error)
            note.unlink(missing_ok=True)
            if time.monotonic() - refreshed > SEARCHABLE_EVERY:
                writer.optimize()
                refreshed = time.monotonic()


@contextmanager
def _shown(todo: Sequence[Video], done: Hearing, told: Callable[[dict], None]) -> Iterator[Callable]:
    """Show progress while the block runs; yields what is called with a video and the seconds of it that were heard."""
    total, began = sum(video.duration for video in todo), time.monotonic()
    with track("hear", round(total), "s of video") as advance:

        def heard(video: Video, seconds: float) -> None:
            before, done.seconds = done.seconds, done.seconds + seconds
            name = video.path.rpartition("/")[2]
            advance(int(done.seconds) - int(before), name[:40])
            rate = done.seconds / max(time.monotonic() - began, 1e-6)
            left = clock(max(total - done.seconds, 0.0) / max(rate, 1e-6))
            told({"stage": "hearing", "done": todo.index(video), "total": len(todo), "current": name, "left": left})

        yield heard


def _take(writer: Writer, video: Video, transcript: Transcript) -> None:
    """Put what was heard into the library; killed within, the row says of no captions, and the note has them."""
    said = transcript.narration
    untold = replace(video, captions="")
    writer.change(video, untold)
    writer.replace_speech(untold, said.captions)
    language = said.language if said.captions else ""
    writer.change(untold, replace(untold, captions=noted_as_heard(said), language=language))


def _note_of(writer: Writer, video: Video) -> Place:
    return writer.store.folder / NOTES / f"{video.digest}.json"
