"""What an indexing changes in a library; the row that makes a video exist comes last."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from io import BytesIO

import numpy as np

from ...media.captions import Caption
from ...storage import folders
from ...storage.places import Place, place, write_whole
from ..calibration import Calibration, Nearness
from .about import About, LibraryError, Meaning, write_about
from .reading import Store
from .rows import (
    Entry,
    Video,
    features_rows,
    listed,
    moment_rows,
    passages,
    passages_of,
    pictures_schema,
    row_of,
    screen_rows,
    speech_schema,
    token_rows,
    videos_schema,
)

BECOMING = "becoming.json"
"""Beside ``library.json`` while vectors of another model are written: what it will say."""
KEPT = timedelta(minutes=30)
"""How long versions are kept that nobody new can see, for readers that still do."""


class Writer:
    """Changes a library; whoever has one holds the library's lock (``about.locked``)."""

    def __init__(self, store: Store):
        self.store, self.tables = store, store.tables

    @classmethod
    def create(cls, folder: str | Place, about: About) -> "Writer":
        """A new library in an empty folder."""
        folder = place(folder)
        if folder.exists() and any(p.name != folders.LOCK for p in folder.iterdir()):
            raise LibraryError(f"{folder}: is not empty and holds no library; choose another folder")
        (folder / "tables").mkdir(parents=True, exist_ok=True)
        write_about(folder, about)
        return cls(Store(folder))

    def next_id(self) -> int:
        """A number that no video has, nor had."""
        numbers = [n for name in ("videos", self.tables.features) if (n := self._largest(name)) is not None]
        return max([time.time_ns() // 1_000_000, *(n + 1 for n in numbers)])

    def _largest(self, name: str) -> int | None:
        column = "id" if name == "videos" else "video"
        return max(self.tables.rows(name, [column])[column].to_pylist(), default=None)

    def add(self, entries: Sequence[Entry]) -> None:
        """Add videos, each in place of one with the same path; when this returns, searches find them."""
        import pyarrow as pa

        if not entries:
            return
        self.write_features(entries)
        self.write_vectors(entries)
        speech = [row for entry in entries for row in passages(entry)]
        if speech:
            self.tables["speech"].add(pa.Table.from_pylist(speech, speech_schema()))
        shown = [(e.video.id, s, p) for e in entries for s, p in e.pictures]
        if shown:
            columns = [list(c) for c in zip(*shown, strict=True)]
            self.tables["pictures"].add(pa.table(columns, schema=pictures_schema()))
        self.name(entry.video for entry in entries)

    def write_features(self, entries: Sequence[Entry]) -> None:
        """Write the features of videos, by this library's encoder."""
        self.tables[self.tables.features].add(features_rows(entries, self.store.about.encoder))

    def write_vectors(self, entries: Sequence[Entry]) -> None:
        """Write the vectors of videos, by this library's model."""
        parts = [(entry.video.id, entry.spans, entry.moments) for entry in entries]
        self.tables[self.tables.moments].add(moment_rows(parts, self.store.about.size))
        self.tables[self.tables.tokens].add(token_rows(entries, self.store.about.size))

    def name(self, videos: Iterable[Video]) -> None:
        """Write rows of ``videos``, each in place of one with the same path."""
        import pyarrow as pa

        rows = pa.Table.from_pylist([row_of(video) for video in videos], videos_schema())
        merge = self.tables["videos"].merge_insert("path").when_matched_update_all().when_not_matched_insert_all()
        merge.execute(rows)

    def note(self, videos: Iterable[Video]) -> None:
        """Write other rows of videos that are there, by their numbers."""
        import pyarrow as pa

        rows = pa.Table.from_pylist([row_of(video) for video in videos], videos_schema())
        if len(rows):
            self.tables["videos"].merge_insert("id").when_matched_update_all().execute(rows)

    def change(self, before: Video, after: Video) -> None:
        """Another row for the same contents: a file that was moved, or touched."""
        old = row_of(before)
        values = {key: value for key, value in row_of(after).items() if value != old[key]}
        if values:
            self.tables["videos"].update(where=f"id = {before.id}", values=values)

    def replace_speech(self, video: Video, captions: Sequence[Caption]) -> None:
        """Other captions for a video whose pictures are the same."""
        import pyarrow as pa

        rows = list(passages_of(video.id, captions))
        self._delete([video.id], self.tables.passages_there)
        self.tables["speech"].delete(f"video = {video.id}")
        if rows:
            self.tables["speech"].add(pa.Table.from_pylist(rows, speech_schema()))

    def write_screen(self, video: Video, lines: Sequence[Caption]) -> None:
        """Note what is written on a video's screen, and that it was read."""
        self.tables["screen"].add(screen_rows(video.id, lines))

    def remove(self, ids: Sequence[int]) -> None:
        """Remove videos."""
        if ids:
            self.tables["videos"].delete(f"id IN ({listed(ids)})")
            self.tidy()

    def tidy(self) -> int:
        """Remove what no video names, left by a killed job or a replaced video; how many videos' worth.

        Vectors of an earlier model go too; they stayed until now for those who were just searching in them.
        """
        self.tables.renew_words()
        self.tables.drop_other_models()
        lost = sorted(self.store.with_features() - self.store.videos().keys())
        own = (self.tables.moments, self.tables.tokens, "speech", "screen", "pictures", self.tables.features)
        self._delete(lost, (*self.tables.passages_there, *own))
        return len(lost)

    def understand(self, meaning: Meaning) -> None:
        """Note by which sentence encoder passages are found from now on."""
        write_about(self.store.folder, replace(self.store.about, meaning=meaning))
        self.store.refresh()

    def write_passages(self, parts: Sequence[tuple[int, np.ndarray, np.ndarray]]) -> None:
        """Write all passages of each video: its number, (N, 2) seconds and (N, D) vectors."""
        self.tables[self.tables.passages].add(moment_rows(parts, self.store.about.meaning.size))

    def forget_vectors(self, ids: Sequence[int]) -> None:
        """Remove vectors of videos, by this library's model."""
        self._delete(ids, (self.tables.moments, self.tables.tokens))

    def _delete(self, ids: Sequence[int], names: Sequence[str]) -> None:
        for start in range(0, len(ids), 1000):
            for name in names:
                self.tables[name].delete(f"video IN ({listed(ids[start : start + 1000])})")

    def optimize(self, kept: timedelta = KEPT) -> None:
        """Bring the indexes up to date, join small fragments, and drop versions that are older than ``kept``."""
        self.tables.optimize(kept)

    def calibrate(self, made: Calibration) -> None:
        """Note where hits begin, and how often they are right."""
        content = BytesIO()
        curve = vars(made.confidence) if made.confidence else {}
        np.savez(content, bank=made.bank, threshold=made.threshold, **curve)
        write_whole(self.store.calibration_file, content.getvalue())

    def calibrate_meaning(self, made: Nearness) -> None:
        """Note where hits by meaning begin."""
        content = BytesIO()
        np.savez(content, **vars(made))
        write_whole(self.store.nearness_file, content.getvalue())

    @contextmanager
    def reembedding(self, about: About) -> Iterator["Writer"]:
        """Writes vectors of another model, beside those in use; they come into use when the block ends.

        What an earlier block wrote that was broken off is there, if it was for the same model.
        """
        note, wanted = self.store.folder / BECOMING, json.dumps(asdict(about))
        if not note.exists() or note.read_text() != wanted:
            self.tables.drop_other_models(later=True)
            write_whole(note, wanted)
        other = Writer(Store(self.store.folder, about))
        yield other
        other.optimize()
        write_about(self.store.folder, about)
        note.unlink()
        self.store.refresh()
