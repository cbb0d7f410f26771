"""Narration of videos without captions, heard for a corpus: by one recogniser for all workers, one file at a time.

What is heard of a file is noted beside the corpus (``<corpus>.hearing``) until the corpus holds it, so that a killed
job resumes where it was. ``<corpus>.heard.json`` says which videos' captions were heard, by whom and how surely.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Iterable
from typing import Any

from ..errors import MediaError, WeightsError
from ..media.captions import Narration
from ..media.files import VideoFile
from ..media.sound import has_sound
from ..media.speech.hearing import hear
from ..media.speech.transcriber import Transcriber
from ..media.speech.weights import Ears
from ..storage.places import Place, place, write_whole


class Listener:
    """Hears for the workers of an extraction.

    Args:
        ears: who hears; None for nobody.
        out: the corpus.
        language: of the sound track that is preferred where there are several.
    """

    def __init__(self, ears: Ears | None, out: Place, language: str):
        self.ears, self.language = ears, language
        self.warning = ""
        """Why nothing is heard, where the recogniser cannot be had."""
        self._notes, self._record = place(f"{out}.hearing"), place(f"{out}.heard.json")
        self._transcriber: Transcriber | None = None
        self._heard: dict[str, tuple[Narration, Place]] = {}
        self._lock = threading.Lock()

    def narration(self, source: VideoFile, between: Callable[[], None] = lambda: None) -> Narration:
        """What is said in a file; empty where nobody hears, or nobody speaks.

        Args:
            between: called now and then; what it raises ends the hearing.

        Raises:
            MediaError: its sound cannot be decoded.
            WeightsError: the recogniser is ``required``, and cannot be had.
        """
        if self.ears is None or not has_sound(source.path):
            return Narration()
        with self._lock:
            transcriber = self.transcriber()
            if transcriber is None:
                return Narration()
            between()
            note = self._notes / _note_of(source)
            said = hear(source.path, transcriber, self.language, note, lambda _: between()).narration
            self._heard[source.id] = said, note
            return said

    def transcriber(self) -> Transcriber | None:
        """The recogniser; None where there is none and none is required, which ``warning`` says.

        Raises:
            WeightsError: it is ``required``, and cannot be had.
        """
        if self._transcriber is None and self.ears and not self.warning:
            try:
                self._transcriber = self.ears.load()
            except WeightsError as error:
                if self.ears.required:
                    raise
                self.warning = f"{error}; --transcribe never leaves speech out"
        return self._transcriber

    def settle(self, videos: Iterable[str]) -> None:
        """Record who was heard of videos that the corpus holds now, by their ids; the notes of them are not needed."""
        record, settled = heard_in(self._record), []
        for video in videos:
            record.pop(video, None)
            if video in self._heard:
                said, note = self._heard.pop(video)
                settled.append(note)
                if said.captions:
                    record[video] = {
                        "model": said.model,
                        "confidence": round(said.confidence, 4),
                        "language": said.language,
                    }
        if record or self._record.is_file():
            write_whole(self._record, json.dumps(record, indent=1))
        for note in settled:
            note.unlink(missing_ok=True)

    @property
    def heard(self) -> set[str]:
        """Ids of the videos whose captions were heard."""
        return set(heard_in(self._record))


def heard_in(record: Place) -> dict[str, Any]:
    """What a corpus's record says of videos whose captions were heard, by their ids; nothing where there is none."""
    if not record.is_file():
        return {}
    try:
        found = json.loads(record.read_text())
    except ValueError as error:
        raise MediaError(f"{record}: is damaged ({error}); remove it, and captions count as written") from error
    return found if isinstance(found, dict) else {}


def _note_of(source: VideoFile) -> str:
    state = source.path.stat()
    named = f"{source.path}:{state.st_size}:{state.st_mtime_ns}".encode(errors="surrogateescape")
    return f"{hashlib.sha256(named).hexdigest()[:24]}.json"
