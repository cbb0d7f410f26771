"""What is said, found by its meaning: passages, each with the vector that a sentence encoder gives it.

A passage is a sentence, or what is said within some seconds, of which each half belongs to two. Embedded are videos
once their captions have come, heard ones too; a job that was killed goes on with those that are left.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import VideoclipError
from ..media.captions import Caption
from ..model.sentences import DEFAULT, SentenceEncoder, load_sentence_encoder
from ..progress import track
from .calibration import near_misses
from .moments import EVERYDAY
from .store.about import Meaning
from .store.writing import Writer
from .words import words

AUTO, NEVER = "auto", "never"
WINDOW = 12.0
"""Seconds of a passage of several sentences; half of it lie between two such."""
PAUSE = 2.0
"""Seconds of silence that end a sentence, whatever its signs."""
LEAST_WORDS = 3
"""Of a sentence that is a passage by itself."""
SAMPLE = 1_000
"""Passages by which it is measured where hits begin."""
TOGETHER = 500
"""Passages from which on they are written: what a killed job can lose, beside one video."""
_ENDS = re.compile(r"[.!?…。！？।؟][\"'»”’)\]]*$")
_BETWEEN = re.compile(r"(?<=[.!?…।؟])\s+|(?<=[。！？])(?=.)")


@dataclass(frozen=True)
class Sentences:
    """By which sentence encoder passages are to be found, and how it is loaded.

    ``wanted`` is its name or folder; ``never``; ``auto`` for the one that the library has, or the default; or empty
    for the one that the library has.
    """

    wanted: str = ""
    load: Callable[[str], SentenceEncoder] = load_sentence_encoder


def embed_passages(writer: Writer, sentences: Sentences, told: Callable[[dict], None]) -> str:
    """Embed what is said in the library's videos and has no vectors yet; why that was not done, or empty.

    Raises:
        VideoclipError: the encoder that was asked for by its name cannot be had.
    """
    before, is_named = writer.store.about.meaning, sentences.wanted not in ("", AUTO)
    name = sentences.wanted if is_named else before.encoder or (DEFAULT.name if sentences.wanted else NEVER)
    if name == NEVER:
        if is_named and before.encoder != NEVER:
            writer.understand(Meaning(NEVER, number=before.number + 1))
        return ""
    if not is_named and not _left(writer):
        return ""
    try:
        encoder = sentences.load(name)
    except VideoclipError as error:
        if is_named:
            raise
        return f"what is said is found by its words, not by its meaning nor in other languages: {error}; or --meaning never"
    after = Meaning(encoder.name, encoder.fingerprint, encoder.size, before.number)
    if after != before:
        writer.understand(Meaning(encoder.name, encoder.fingerprint, encoder.size, before.number + 1))
    if todo := _left(writer):
        _embed(writer, todo, encoder, told)
        writer.optimize()
        calibrate_meaning(writer, encoder)
    return ""


def _left(writer: Writer) -> list[int]:
    """Videos in which something is said that has no vectors, the newest first."""
    store = writer.store
    return sorted((store.spoken() & store.videos().keys()) - store.understood(), reverse=True)


def _embed(writer: Writer, todo: Sequence[int], encoder: SentenceEncoder, told: Callable[[dict], None]) -> None:
    ready: list[tuple[int, np.ndarray, np.ndarray]] = []
    with track("understand", len(todo), "videos") as advance:
        for done, video in enumerate(todo, 1):
            found = list(passages_of(writer.store.captions(video)))
            if found:
                spans = np.array([(passage.start, passage.end) for passage in found], np.float32)
                ready.append((video, spans, encoder.encode_passages([passage.text for passage in found])))
            if sum(len(spans) for _, spans, _ in ready) >= TOGETHER or (ready and done == len(todo)):
                writer.write_passages(ready)
                ready.clear()
            advance()
            told({"stage": "understanding", "done": done, "total": len(todo)})


def calibrate_meaning(writer: Writer, encoder: SentenceEncoder) -> None:
    """Measure anew where hits by meaning begin: what texts of everyday things reach, which are mostly not said."""
    texts = EVERYDAY.read_text().splitlines()
    everyday, store = encoder.encode_queries(texts), writer.store
    middle = np.concatenate([store.sample_passages(SAMPLE), encoder.encode_passages(texts)]).mean(0)
    best = [rows[0][3] for text in everyday if (rows := store.meant(text, 1))]
    if len(best) == len(texts):
        writer.calibrate_meaning(near_misses(np.array(best), everyday, middle))


def passages_of(captions: Sequence[Caption]) -> Iterator[Caption]:
    """The passages of a video: its sentences of some words, and what is said within ``WINDOW`` seconds."""
    said, following = list(sentences_of(captions)), 0
    for sentence in said:
        if len(words(sentence.text)) >= LEAST_WORDS:
            yield sentence
    for first, sentence in enumerate(said):
        if first < following:
            continue
        last = first
        while last + 1 < len(said) and said[last + 1].end <= sentence.start + WINDOW:
            last += 1
        following = next((i for i in range(first + 1, last + 1) if said[i].start >= sentence.start + WINDOW / 2), last + 1)
        together = said[first : last + 1]
        if len(together) > 1 or len(words(sentence.text)) < LEAST_WORDS:
            yield Caption(sentence.start, together[-1].end, " ".join(part.text for part in together))
        if last + 1 == len(said):
            return  # what follows is a part of this


def sentences_of(captions: Sequence[Caption]) -> Iterator[Caption]:
    """What is said, by sentences; where no signs end them, captions as they are."""
    pieces = [piece for caption in captions for piece in _split(caption)]
    if not any(_ENDS.search(piece.text) for piece in pieces):
        yield from pieces
        return
    gathered: list[Caption] = []
    for piece, after in zip(pieces, [*pieces[1:], None], strict=True):
        gathered.append(piece)
        is_long = after and (after.end - gathered[0].start > WINDOW or after.start - piece.end > PAUSE)
        if after is None or is_long or _ENDS.search(piece.text):
            yield Caption(gathered[0].start, piece.end, " ".join(part.text for part in gathered))
            gathered = []


def _split(caption: Caption) -> Iterator[Caption]:
    """The sentences of a caption, whose times are in proportion to their letters."""
    parts = [part for part in _BETWEEN.split(caption.text.strip()) if part]
    total, start = sum(map(len, parts)), caption.start
    for part in parts:
        end = start + (caption.end - caption.start) * len(part) / total
        yield Caption(start, end, part)
        start = end
