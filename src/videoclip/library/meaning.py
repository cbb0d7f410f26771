"""What is said, found by its meaning: passages, each with the vector that a sentence encoder gives it.

Videos are embedded once their captions have come, heard ones too; a job that was killed goes on with those that are
left. What is not embedded yet is found by its words.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from threading import Lock

import numpy as np

from ..errors import VideoclipError
from ..model.sentences import DEFAULT, SentenceEncoder, load_sentence_encoder
from ..progress import track
from .calibration import Nearness, near_misses
from .moments import EVERYDAY
from .passages import passages_of
from .store.about import Meaning
from .store.reading import Store
from .store.writing import Writer

AUTO, NEVER = "auto", "never"
SAMPLE = 1_000
"""Passages by which it is measured where hits begin."""
TOGETHER = 500
"""Passages from which on they are written: what a killed job can lose, beside one video."""


@dataclass(frozen=True)
class Sentences:
    """By which sentence encoder passages are to be found, and how it is loaded.

    ``wanted`` is its name or folder; ``never``; ``auto`` for the one that the library has, or the default; or empty
    for the one that the library has.
    """

    wanted: str = ""
    load: Callable[[str], SentenceEncoder] = load_sentence_encoder

    @property
    def is_named(self) -> bool:
        """Whether one was asked for by its name."""
        return self.wanted not in ("", AUTO, NEVER)


def sentences_for(wanted: str, told: Callable[[str], None]) -> Sentences:
    """By which sentence encoder passages are to be found, by the option of a command; one that is named is loaded now.

    Args:
        told: called before weights are downloaded, with a line that names them.

    Raises:
        VideoclipError: the one that is named cannot be had.
    """
    sentences = Sentences(wanted, cache(partial(load_sentence_encoder, told=told)))
    if sentences.is_named:
        sentences.load(wanted)
    return sentences


def embed_passages(writer: Writer, sentences: Sentences, told: Callable[[dict], None]) -> str:
    """Embed what is said in the library's videos and has no vectors yet; why that was not done, or empty.

    Raises:
        VideoclipError: the encoder that was asked for by its name cannot be had.
    """
    before = writer.store.about.meaning
    if sentences.wanted == NEVER and before.encoder != NEVER:
        writer.understand(Meaning(NEVER, number=before.number + 1))
    name = sentences.wanted if sentences.is_named else writer.store.about.meaning.encoder
    name = name or (DEFAULT.name if sentences.wanted == AUTO else NEVER)
    if name == NEVER or not (sentences.is_named or _left(writer) or _is_unmeasured(writer)):
        return ""
    try:
        encoder = sentences.load(name)
    except VideoclipError as error:
        if sentences.is_named:
            raise
        return f"what is said is found by its words, not by its meaning: {error} (--meaning FOLDER, or never)"
    after = Meaning(encoder.name, encoder.fingerprint, encoder.size, before.number)
    if after != before:
        writer.understand(replace(after, number=before.number + 1))
    if todo := _left(writer):
        _embed(writer, todo, encoder, told)
        writer.optimize()
    if todo or _is_unmeasured(writer):
        calibrate_meaning(writer, encoder)
    return ""


def _left(writer: Writer) -> list[int]:
    """Videos in which something is said that has no vectors, the newest first."""
    store = writer.store
    return sorted((store.spoken() & store.videos().keys()) - store.understood(), reverse=True)


def _is_unmeasured(writer: Writer) -> bool:
    """Whether a job was killed before it had measured where hits begin."""
    return bool(writer.store.understood()) and writer.store.nearness() is None


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


class Understood:
    """What is said in a library, by its meaning. The sentence encoder is loaded when something is looked for."""

    def __init__(self, store: Store):
        self._store, self._meaning = store, Meaning()
        self._encoder: SentenceEncoder | None = None
        self._alone = Lock()  # several threads search, and one loads
        self._vector = lru_cache(4096)(self._encoded)
        self._read: tuple[float, Nearness | None] = (-1.0, None)
        self.missing = ""
        """Why nothing is found by meaning though there are passages; empty where there is no reason."""

    def nearest(
        self, text: str, count: int, videos: Sequence[int] | None, everything: bool
    ) -> list[tuple[int, float, float, float]]:
        """(video, start, end, similarity) of the passages that mean a text, best first; of those that overlap, all.

        Args:
            videos: search these only.
            everything: also what merely comes closest.
        """
        with self._alone:
            self._load()
        if self._encoder is None:
            return []
        vector = self._vector(text)
        rows = self._store.meant(vector, count, videos)
        nearness = self._nearness
        if everything or nearness is None or not rows:
            return rows
        evidence = nearness.evidence(vector, np.array([score for *_, score in rows]))
        return [row for row, is_meant in zip(rows, evidence >= 0, strict=True) if is_meant]

    def _load(self) -> None:
        meaning = self._store.about.meaning
        if meaning == self._meaning:
            return
        self._meaning, self._encoder, self.missing = meaning, None, ""
        self._vector.cache_clear()
        if meaning.is_had:
            try:
                self._encoder = load_sentence_encoder(meaning.encoder)
            except VideoclipError as error:
                self.missing = f"what is said is found by its words, not by its meaning: {error}"

    def _encoded(self, text: str) -> np.ndarray:
        assert self._encoder is not None
        return self._encoder.encode_queries([text])[0]

    @property
    def _nearness(self) -> Nearness | None:
        """As it is on disk, read again when an indexing has changed it."""
        version = self._store.measured_at()
        if self._read[0] != version:
            self._read = version, self._store.nearness()
        return self._read[1]
