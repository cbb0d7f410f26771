"""What is said in a file, heard piece by piece: a killed job resumes at the utterance that it had noted.

The sound is a stream (``media.sound``). Of each piece the voices are heard, and it ends in a pause, so that no word is
cut. While one piece is recognised the next is decoded.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...storage.places import Place, write_whole
from ..captions import Caption, Narration, clean
from ..narration import HEARD
from ..sound import RATE, sound_of
from .filters import sensible
from .transcriber import Transcriber, Utterance, Word
from .voices import Voices, voices

PIECE = 300
"""Seconds of sound that are in memory at a time."""
NOTE_EVERY = 10.0
"""Seconds after which what was heard is noted: what a killed job can lose."""
FORMAT = 1


@dataclass
class Transcript:
    """What was heard in a file until a second of it; ``model`` is the recogniser's name."""

    model: str
    language: str = ""
    until: float = 0.0
    done: bool = False
    utterances: list[Utterance] = field(default_factory=list)

    @property
    def confidence(self) -> float:
        """From 0 to 1: that of the utterances, weighted by their length; 0 where nothing is said."""
        weights = [max(u.end - u.start, 0.01) for u in self.utterances]
        total = sum(w * u.confidence for w, u in zip(weights, self.utterances, strict=True))
        return total / sum(weights) if weights else 0.0

    @property
    def narration(self) -> Narration:
        """The same as captions that know where they are from."""
        said = clean((Caption(u.start, u.end, u.text) for u in self.utterances), keep_repeats=True)
        return Narration(said, self.language, HEARD, self.model, self.confidence)

    def as_json(self) -> dict[str, Any]:
        """The same as plain values, in the form in which recognisers write ``segments``."""
        segments = [
            {"start": u.start, "end": u.end, "text": u.text, "confidence": round(u.confidence, 4)}
            | {"words": [{"start": w.start, "end": w.end, "word": w.text, "score": w.confidence} for w in u.words]}
            for u in self.utterances
        ]
        return {
            "language": self.language,
            "model": self.model,
            "confidence": round(self.confidence, 4),
            "segments": segments,
        }


# Parameters: a file, who hears it, and what is told meanwhile.
def hear(
    path: str | Path,
    transcriber: Transcriber,
    language: str = "",
    note: Place | None = None,
    heard: Callable[[float], None] = lambda _: None,
) -> Transcript:
    """What is said in a file; empty where it has no sound, or nobody speaks.

    Args:
        language: of the sound track that is preferred where there are several.
        note: file in which the work is noted, and from which it resumes; it is left there, for the caller to remove.
        heard: called with the seconds that were heard since the last call.

    Raises:
        MediaError: the file cannot be opened, or nothing of its sound can be decoded.
    """
    transcript = _noted(note, transcriber.name)
    if transcript.done:
        return transcript
    written = time.monotonic()
    try:
        for start, sound in _ahead(pieces(path, language, transcript.until)):
            for utterance in sensible(_heard_in(sound, start, transcriber, transcript)):
                transcript.utterances.append(utterance)
                _advance(transcript, utterance.end, heard)
                if note and time.monotonic() - written > NOTE_EVERY:
                    _write(note, transcript)
                    written = time.monotonic()
            _advance(transcript, start + len(sound) / RATE, heard)
        transcript.done = True
    finally:  # what was heard is kept, whatever stopped the rest
        if note:
            _write(note, transcript)
    return transcript


def pieces(path: str | Path, language: str, start: float) -> Iterator[tuple[float, np.ndarray]]:
    """(second, (N,) samples) of a file's sound from ``start`` on, each of about ``PIECE`` seconds, up to a pause."""
    gathered: list[np.ndarray] = []
    for block in sound_of(path, language, start):
        gathered.append(block)
        if sum(map(len, gathered)) >= PIECE * RATE:
            sound = np.concatenate(gathered)
            end = _pause_before_end(sound)
            yield start, sound[:end]
            start, gathered = start + end / RATE, [sound[end:]]
    if gathered:
        yield start, np.concatenate(gathered)


def _pause_before_end(sound: np.ndarray) -> int:
    """The sample at which the last half minute of a piece is best divided: in its last pause."""
    tail = max(len(sound) - 30 * RATE, 0)
    stretches = voices(sound[tail:]).stretches
    if not stretches or stretches[-1][1] < len(sound) - tail:
        return len(sound)
    return tail + stretches[-1][0] if tail + stretches[-1][0] > len(sound) // 2 else len(sound)


def _ahead(items: Iterator[Any]) -> Iterator[Any]:
    """The same items, each made while the one before is worked on."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _heard_in(sound: np.ndarray, start: float, transcriber: Transcriber, transcript: Transcript) -> Iterator[Utterance]:
    """Utterances of a piece that begins at ``start``, as sentences, in seconds of the file."""
    spoken = voices(sound)
    if not spoken.stretches:
        return
    for utterance in transcriber.hear(spoken.joined(sound), spoken.pauses, transcript.language):
        transcript.language = transcript.language or utterance.language
        yield from sentences(_in_file(utterance, spoken, start))


def _in_file(utterance: Utterance, spoken: Voices, start: float) -> Utterance:
    """An utterance of the joined voices, in seconds of the file; pauses that were left out between them count again."""

    def when(first: float, last: float) -> list[float]:
        return [round(start + seconds, 3) for seconds in spoken.when(first, last)]

    words = []
    for word in utterance.words:
        began, ended = when(word.start, word.end)
        words.append(replace(word, start=began, end=ended))
    if words:
        began, ended = words[0].start, words[-1].end
    else:
        began = when(utterance.start, utterance.start + MOMENT)[0]
        ended = when(utterance.end - MOMENT, utterance.end)[1]
    return replace(utterance, start=began, end=ended, words=tuple(words))


MOMENT = 0.02
"""Seconds at the edge of an utterance by which it is told in which stretch of voice it begins and ends."""
SENTENCE_SECONDS, SENTENCE_PAUSE = 12.0, 1.0
"""Seconds of the longest sentence, and those of a pause within that ends one."""


def sentences(utterance: Utterance) -> Iterator[Utterance]:
    """The sentences of an utterance, by its words; itself where they are not known."""
    gathered: list[Word] = []
    for word in utterance.words:
        if gathered and (
            word.start - gathered[-1].end > SENTENCE_PAUSE
            or word.end - gathered[0].start > SENTENCE_SECONDS
            or gathered[-1].text.rstrip().endswith((".", "?", "!", "。", "？", "！"))
        ):
            yield _of_words(utterance, gathered)
            gathered = []
        gathered.append(word)
    yield _of_words(utterance, gathered) if gathered else utterance


def _of_words(utterance: Utterance, words: Sequence[Word]) -> Utterance:
    text = "".join(word.text for word in words).strip()
    return replace(utterance, start=words[0].start, end=words[-1].end, text=text, words=tuple(words))


def _advance(transcript: Transcript, until: float, heard: Callable[[float], None]) -> None:
    if until > transcript.until:
        heard(until - transcript.until)
        transcript.until = until


def _noted(note: Place | None, model: str) -> Transcript:
    """What a job had heard before it was killed, by the same recogniser; nothing where there is no note of it."""
    try:
        values = json.loads(note.read_text()) if note else {}
        if values.pop("format", None) != FORMAT or values["model"] != model:
            return Transcript(model)
        utterances = [
            Utterance(**u | {"words": tuple(Word(**word) for word in u["words"])}) for u in values.pop("utterances")
        ]
        return Transcript(**values, utterances=utterances)
    except (OSError, ValueError, KeyError, TypeError):  # none, or damaged: it is heard anew
        return Transcript(model)


def _write(note: Place, transcript: Transcript) -> None:
    note.parent.mkdir(parents=True, exist_ok=True)
    write_whole(note, json.dumps({"format": FORMAT} | asdict(transcript)))
