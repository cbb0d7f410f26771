"""A corpus on disk: one Lance dataset that holds for each video its features and its captions.

Appends are atomic: what a killed job had written is whole, and the next job goes on from there. The encoder's identity
is part of the corpus, so that features of two encoders are never mixed.

A realigned corpus (``realigned``) holds captions alone, with the times at which a model sees them, and refers to
another for its features; it is read in the same way.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import chain
from queue import Queue
from threading import Thread
from typing import SupportsIndex, overload

import numpy as np

from ..config import from_note
from ..encoders.encoder import FeatureKind, with_kind
from ..errors import CorpusError, VideoclipError
from ..media.captions import Caption
from ..processes import is_forked, note_lance
from ..storage.folders import locked
from ..storage.names import opened
from ..storage.places import Place, place
from ..storage.remote import patiently
from .origin import origin_of
from .rows import METADATA, NarratedVideo, batch_of, is_finite, schema_of

FORMAT = "2.0"
"""Lance's file format: written twice as fast as the next one, in less memory, read as fast, and by older versions."""
BATCH_BYTES = 4 << 20
"""Features that are handed to the disk at a time."""
AT_ONCE = 16
"""Videos that are read together, of all of them."""
COMMIT_BYTES = 512 << 20
"""Features that a killed job can lose, of those that were added one by one, in bytes."""


class Corpus:
    """Narrated videos on disk, read by row number or id.

        corpus = Corpus("my.lance")
        corpus[0], corpus["talk"], corpus[-3:]  # videos: one, one, a list
        for video in corpus: ...

    It goes to other processes by its path. ``corpus.dataset`` has it for PyTorch's ``DataLoader``.

    Raises:
        CorpusError: there is no corpus at the path.
    """

    def __init__(self, path: str | Place):
        self.path = str(place(path))
        self._owner = -1
        self.kind = _kind(self._dataset, self.path)
        self.origin = origin_of(self._dataset.schema, self.path)
        """Where a realigned corpus has its captions and features from; None for any other."""
        self.source = Corpus(self.origin.found_from(self.path)) if self.origin else self
        """The corpus that holds the features: itself, unless it is realigned."""

    @classmethod
    def create(cls, path: str | Place, kind: FeatureKind) -> "Corpus":
        """A new corpus, or the one that is there if its features are of the same kind.

        Raises:
            CorpusError: something else lies there, or a corpus of another encoder.
        """
        import lance

        where = place(path)
        if where.exists():
            corpus = cls(path)
            corpus.check_kind(kind)
            return corpus
        where.parent.mkdir(parents=True, exist_ok=True)
        schema = schema_of(kind)
        note_lance()
        lance.write_dataset(schema.empty_table(), str(path), schema=schema, data_storage_version=FORMAT)
        return cls(path)

    def check_kind(self, kind: FeatureKind) -> None:
        """Raise ``CorpusError`` if features of ``kind`` do not belong here."""
        if kind != self.kind:
            raise CorpusError(
                f"{self.path}: holds features of {self.kind}, not of {kind}; use that encoder, or another corpus"
            )

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def ids(self) -> list[str]:
        """The videos' ids, in row order."""
        return patiently(lambda: self._dataset.to_table(columns=["id"]))["id"].to_pylist()

    @cached_property
    def paths(self) -> list[str]:
        """The files that the videos were read from, in row order; empty where that is not known."""
        return [opened(p) for p in patiently(lambda: self._dataset.to_table(columns=["path"]))["path"].to_pylist()]

    @cached_property
    def durations(self) -> list[float]:
        """The videos' durations in seconds, in row order."""
        return patiently(lambda: self._dataset.to_table(columns=["duration"]))["duration"].to_pylist()

    @cached_property
    def _row(self) -> dict[str, int]:
        return {video: row for row, video in enumerate(self.ids)}

    def matching(self, pattern: str) -> list[int]:
        """Rows of the videos whose ids match a shell pattern, such as ``train/*``, in the order of the ids.

        That order does not depend on which video was encoded first, so neither does what is trained on these rows.
        """
        return [row for video, row in sorted(self._row.items()) if fnmatchcase(video, pattern)]

    def rows_with_captions(self) -> set[int]:
        """Rows of the videos in which something is said."""
        counted = "kept > 0" if self.origin else "array_length(captions) > 0"
        spoken = patiently(lambda: self._dataset.to_table(columns={"spoken": counted}))["spoken"].to_pylist()
        return {row for row, any_caption in enumerate(spoken) if any_caption}

    def said(self, ids: Sequence[str]) -> list[list[Caption]]:
        """What is said in these videos, without their features."""
        table = patiently(lambda: self._dataset.take([self.row(video) for video in ids], columns=["captions"]))
        return [[Caption(**c) for c in captions] for captions in table["captions"].to_pylist()]

    def read(self, rows: Sequence[int]) -> list[NarratedVideo]:
        """The videos of these rows, in this order."""
        if self.origin:
            return self._read_realigned(rows)
        table = patiently(lambda: self._dataset.take(list(rows)))
        features, captions = self._features(table), table["captions"].to_pylist()
        columns = (table[name].to_pylist() for name in ("id", "path", "duration"))
        return [
            NarratedVideo(video, features[i], [Caption(**c) for c in captions[i]], opened(path), duration)
            for i, (video, path, duration) in enumerate(zip(*columns, strict=True))
        ]

    def _read_realigned(self, rows: Sequence[int]) -> list[NarratedVideo]:
        table = patiently(lambda: self._dataset.take(list(rows)))
        columns = [table[name].to_pylist() for name in ("id", "path", "duration")]
        held = [self.source.row(video) for video in columns[0]]
        features = self.source._features(patiently(lambda: self.source._dataset.take(held, columns=["features"])))
        found = []
        for i, captions in enumerate(table["captions"].to_pylist()):
            kept, chatter = _kept(captions)
            said = [Caption(c["start"], c["end"], c["text"]) for c in kept]
            video, path, duration = (column[i] for column in columns)
            sure = [c["probability"] for c in kept]
            found.append(NarratedVideo(video, features[i], said, opened(path), duration, sure, chatter))
        return found

    def texts(self, rows: Sequence[int]) -> list[list[str]]:
        """What is said in the videos of these rows, as ``NarratedVideo.texts``; their features are not read."""
        table = patiently(lambda: self._dataset.take(list(rows), columns=["captions"]))
        said = table["captions"].to_pylist()
        if not self.origin:
            return [[c["text"] for c in captions] for captions in said]
        parts = (_kept(captions) for captions in said)
        return [[*(c["text"] for c in kept), *chatter] for kept, chatter in parts]

    @property
    def version(self) -> str:
        """Of what the corpus holds: another after each change, and for another corpus in its place."""
        return str(patiently(lambda: max(v["timestamp"] for v in self._dataset.versions())))

    def _features(self, table) -> list[np.ndarray]:
        """Of each row of a table its features, (seconds, F)."""
        column = table["features"].combine_chunks()
        flat = column.flatten().flatten().to_numpy(zero_copy_only=False).reshape(-1, self.kind.feature_size)
        parts = np.split(flat, np.cumsum(np.diff(column.offsets.to_numpy()))[:-1])
        return [with_kind(part, self.kind) for part in parts]

    def row(self, video: str) -> int:
        """The row of the video with this id."""
        if video not in self._row:
            raise CorpusError(f"{self.path}: has no video '{video}'")
        return self._row[video]

    @overload
    def __getitem__(self, which: str | SupportsIndex) -> NarratedVideo: ...

    @overload
    def __getitem__(self, which: slice) -> list[NarratedVideo]: ...

    def __getitem__(self, which: str | SupportsIndex | slice) -> NarratedVideo | list[NarratedVideo]:
        """The video with an id, or of a row; the videos of a slice of rows.

        Raises:
            CorpusError: there is no such id.
            IndexError: there is no such row.
        """
        if isinstance(which, slice):
            return self.read(range(len(self))[which])
        if isinstance(which, str):
            return self.read([self.row(which)])[0]
        try:
            return self.read([range(len(self))[which]])[0]
        except IndexError:
            raise IndexError(f"{self.path}: has no row {which}, but {len(self)} videos, counted from 0") from None

    def __iter__(self) -> Iterator[NarratedVideo]:
        """The videos in row order, a few of which are in memory at a time."""
        for start in range(0, len(self), AT_ONCE):
            yield from self[start : start + AT_ONCE]

    def __contains__(self, video: object) -> bool:
        """Whether there is a video with this id."""
        return video in self._row

    def __repr__(self) -> str:
        hours = sum(self.durations) / 3600
        realigned = f", realigned from '{self.source.path}'" if self.origin else ""
        return f"Corpus('{self.path}': {len(self):,} videos, {hours:.2f} h, {self.kind}{realigned})"

    def append(self, videos: Iterable[NarratedVideo]) -> None:
        """Add videos: all of them or, if the process dies, none.

        Raises:
            CorpusError: an id is there already, or features are not (seconds, F) with F as in this corpus.
        """
        self._check_own()
        videos = list(videos)
        for video in videos:
            if video.id in self:
                raise CorpusError(f"{self.path}: video '{video.id}' is there already")
            self.check(video)
        if len({video.id for video in videos}) < len(videos):
            raise CorpusError(f"{self.path}: the same id twice among the videos to add")
        self._write([batch_of(videos, self.kind)])

    def replace(self, video: NarratedVideo) -> None:
        """Put other captions, or features, in the place of a video's, in one step.

        Raises:
            CorpusError: there is no such video, or features are not (seconds, F) with F as in this corpus.
        """
        import pyarrow as pa

        self._check_own()
        self.row(video.id)
        self.check(video)
        table = pa.Table.from_batches([batch_of([video], self.kind)])
        self._dataset.merge_insert("id").when_matched_update_all().execute(table)
        self._changed()

    def writing(self) -> AbstractContextManager[None]:
        """Keep other processes from adding to the corpus meanwhile: two would add the same videos.

        Raises:
            CorpusError: one is adding to it.
        """
        busy = f"{self.path}: another process is adding to it; wait until it is done, or stop it"
        return locked(place(self.path), CorpusError(busy))

    @contextmanager
    def appending(self, commit_bytes: int = COMMIT_BYTES) -> Iterator["Writer"]:
        """Add many videos one by one: yields a ``Writer``; videos are written while the next are read.

        What was added is kept in steps of ``commit_bytes``, and all of it when the block ends, by an exception too.

        Raises:
            CorpusError: as ``append``, by ``Writer.add``; the block may go on with another video.
            VideoclipError: the disk is full, or the like.
        """
        self._check_own()
        with Writer(self, commit_bytes) as writer:
            yield writer

    def _check_own(self) -> None:
        """Raise ``CorpusError`` if the features lie elsewhere."""
        if self.origin:
            raise CorpusError(
                f"{self.path}: is a realigned corpus; add videos to {self.origin.source}, and realign it again"
            )

    def _write(self, batches: Iterable) -> None:
        """Write record batches as one version of the dataset."""
        import lance
        import pyarrow as pa

        reader = pa.RecordBatchReader.from_batches(schema_of(self.kind), iter(batches))
        lance.write_dataset(reader, self._dataset, mode="append")
        self._changed()

    def _changed(self) -> None:
        """Read anew what is asked for next."""
        self._owner = -1
        for name in ("ids", "paths", "durations", "_row"):
            self.__dict__.pop(name, None)

    def check(self, video: NarratedVideo) -> None:
        """Raise ``CorpusError`` if the features of a video are not those of a video of this corpus."""
        shape = np.shape(video.features)
        if len(shape) != 2 or shape[1] != self.kind.feature_size or not shape[0]:
            raise CorpusError(f"{video.id}: features of shape {shape}, expected (seconds, {self.kind.feature_size})")
        if not is_finite(video.features):
            raise CorpusError(f"{video.id}: features hold values that are not numbers")

    @property
    def _dataset(self):
        """The open Lance dataset; each process opens its own.

        Raises:
            CorpusError: there is none, or this process was forked from one that used Lance, which ends or hangs there.
        """
        if self._owner != os.getpid():
            if is_forked():
                raise CorpusError(
                    f"{self.path}: cannot be read in a process that was forked; start it by multiprocessing's spawn or "
                    "forkserver, or read by videoclip.CorpusDataset"
                )
            note_lance()
            import lance

            if not place(self.path).exists():
                raise CorpusError(f"{self.path}: no such corpus; 'videoclip extract' makes one")
            try:
                self._opened = patiently(lambda: lance.dataset(self.path))
            except (ValueError, OSError) as error:
                raise CorpusError(f"{self.path}: is not a corpus ({str(error).splitlines()[0][:120]})") from error
            self._owner = os.getpid()
        return self._opened

    def __getstate__(self) -> dict:
        return {name: value for name, value in self.__dict__.items() if name != "_opened"} | {"_owner": -1}


def _kept(captions: list[dict]) -> tuple[list[dict], list[str]]:
    """Of a realigned video the captions that are shown, in the order of their moments, and the texts of the others."""
    kept = sorted((c for c in captions if c["kept"]), key=lambda c: (c["start"], c["end"]))
    return kept, [c["text"] for c in captions if not c["kept"]]


class Writer:
    """Gathers videos into record batches, and writes those in a thread of its own (``Corpus.appending``)."""

    def __init__(self, corpus: Corpus, commit_bytes: int):
        self.corpus, self.gathered, self.bytes = corpus, [], 0
        self.commit_bytes, self.batch_bytes = commit_bytes, min(BATCH_BYTES, commit_bytes)
        self.known = set(corpus.ids)
        self.batches: Queue = Queue(1)
        self.thread = Thread(target=self._write_all, daemon=True)
        self.failure: BaseException | None = None

    def __enter__(self) -> "Writer":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._pass_on()
        self.batches.put(None)
        self.thread.join()
        self._raise()

    def __contains__(self, video: str) -> bool:
        """Whether the corpus holds the video, or will."""
        return video in self.known

    def add(self, video: NarratedVideo) -> None:
        if video.id in self.known:
            raise CorpusError(f"{self.corpus.path}: video '{video.id}' is there already")
        self.corpus.check(video)
        self.known.add(video.id)
        self.gathered.append(video)
        self.bytes += video.features.size * 2
        if self.bytes >= self.batch_bytes:
            self._pass_on()

    def _pass_on(self) -> None:
        self._raise()
        if self.gathered:
            self.batches.put(batch_of(self.gathered, self.corpus.kind))
        self.gathered, self.bytes = [], 0

    def _raise(self) -> None:
        if self.failure:
            raise VideoclipError(f"{self.corpus.path}: cannot be written ({self.failure})") from self.failure

    def _write_all(self) -> None:
        try:
            while (first := self.batches.get()) is not None:
                self.corpus._write(chain([first], self._until_commit(first.nbytes)))
        except BaseException as error:
            self.failure = error
            while self.batches.get() is not None:  # the other thread must not wait for room
                pass

    def _until_commit(self, written: int) -> Iterator:
        while written < self.commit_bytes:
            batch = self.batches.get()
            if batch is None:
                self.batches.put(None)  # for the loop outside
                return
            written += batch.nbytes
            yield batch


def _kind(dataset, path: str) -> FeatureKind:
    metadata = (dataset.schema.metadata or {}).get(METADATA)
    if metadata is None:
        raise CorpusError(f"{path}: is a Lance dataset, but not a corpus of videoclip")
    return from_note(FeatureKind, json.loads(metadata), path)
