"""A library on disk: one folder of LanceDB tables, in which a video is there as a whole or not at all.

What belongs to a video (features, vectors of its seconds and moments, speech, pictures) is written under a new number,
and the row in the table ``videos`` that names this number comes last. So a killed job leaves rows that no video names:
no search shows them, and the next job removes them (``Store.tidy``). One process writes at a time; any number read.
"""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np

from ..config import from_note
from ..encoders.encoder import FeatureKind, with_kind
from ..errors import VideoclipError
from ..media.captions import Caption
from ..storage import folders
from ..storage.places import Place, changed_at, place, write_whole
from ..storage.remote import patiently
from .calibration import Calibration, calibrated
from .rows import (
    CHUNK,
    Entry,
    Video,
    as_vectors,
    features_rows,
    features_schema,
    listed,
    moment_rows,
    moments_schema,
    passages,
    passages_of,
    pictures_schema,
    speech_schema,
    token_rows,
    tokens_schema,
    videos_schema,
)

FORMAT = 1
NOTE = "library.json"
INDEX_FROM = 50_000
"""Moments from which on an approximate index answers; before, all are compared."""
PARTITION = 2_000
"""Moments per cell of that index."""
PROBES, REFINE = 24, 2
"""Cells that are looked into, and how many times more candidates than hits are compared exactly (bench/library.py)."""
SAMPLE = 20_000
"""Moments by which it is measured where hits begin."""
FRESH = timedelta(seconds=1)
"""How old what a reader sees may be."""
KEPT = timedelta(minutes=30)
"""How long versions are kept that nobody new can see, for readers that still do."""


class LibraryError(VideoclipError):
    """A library is missing, in use, or does not fit what is asked of it."""


@dataclass(frozen=True)
class About:
    """What a library is made with; ``embedding`` counts the models that it has had."""

    encoder: FeatureKind
    model: str
    fingerprint: str
    size: int
    embedding: int = 1


class Store:
    """The tables of a library's folder.

    Raises:
        LibraryError: there is no library, or one of a later format.
    """

    def __init__(self, folder: str | Place):
        import lancedb

        self.folder = place(folder)
        self.about = read_about(self.folder)
        self._database = lancedb.connect(str(self.folder / "tables"), read_consistency_interval=FRESH)
        self._tables: dict[str, Any] = {}
        self._known: tuple[int, dict[int, Video]] = (-1, {})
        self._has_words = False
        self._snapshots: dict[str, _Snapshot] = {}

    @classmethod
    def create(cls, folder: str | Place, about: About) -> "Store":
        """A new library in an empty folder."""
        folder = place(folder)
        if folder.exists() and any(p.name != folders.LOCK for p in folder.iterdir()):
            raise LibraryError(f"{folder}: is not empty and holds no library; choose another folder")
        (folder / "tables").mkdir(parents=True, exist_ok=True)
        write_about(folder, about)
        return cls(folder)

    def refresh(self) -> bool:
        """Take notice of another model that the library has been given; whether there is one."""
        about = read_about(self.folder)
        changed, self.about = about != self.about, about
        return changed

    # Videos ---------------------------------------------------------------------------------------------------

    def videos(self) -> dict[int, Video]:
        """All videos by their number."""
        table = self._table("videos")
        version = table.version
        if version != self._known[0]:
            rows = table.search().select([f.name for f in fields(Video)]).limit(None).to_arrow().to_pylist()
            self._known = version, {row["id"]: Video(**row) for row in rows}
        return self._known[1]

    def next_id(self) -> int:
        """A number that no video has, nor had."""
        numbers = [n for name in ("videos", "features") if (n := self._largest(name)) is not None]
        return max([time.time_ns() // 1_000_000, *(n + 1 for n in numbers)])

    def _largest(self, name: str) -> int | None:
        column = "id" if name == "videos" else "video"
        return max(self._table(name).search().select([column]).limit(None).to_arrow()[column].to_pylist(), default=None)

    def add(self, entries: Sequence[Entry]) -> None:
        """Add videos, each in place of one with the same path; when this returns, searches find them."""
        import pyarrow as pa

        if not entries:
            return
        self._table("features").add(features_rows(entries, self.about.encoder))
        self.write_vectors(entries)
        speech = [row for entry in entries for row in passages(entry)]
        if speech:
            self._table("speech").add(pa.Table.from_pylist(speech, speech_schema()))
        shown = [(e.video.id, s, p) for e in entries for s, p in e.pictures]
        if shown:
            columns = [list(c) for c in zip(*shown, strict=True)]
            self._table("pictures").add(pa.table(columns, schema=pictures_schema()))
        self.name(entry.video for entry in entries)

    def write_vectors(self, entries: Sequence[Entry]) -> None:
        """Write the vectors of videos, by this store's model."""
        self._table(self._moments).add(moment_rows(entries, self.about.size))
        self._table(self._tokens).add(token_rows(entries, self.about.size))

    def name(self, videos: Iterable[Video]) -> None:
        """Write rows of ``videos``, each in place of one with the same path."""
        import pyarrow as pa

        rows = pa.Table.from_pylist([asdict(video) for video in videos], videos_schema())
        merge = self._table("videos").merge_insert("path").when_matched_update_all().when_not_matched_insert_all()
        merge.execute(rows)
        self._known = (-1, {})

    def change(self, before: Video, after: Video) -> None:
        """Another row for the same contents: a file that was moved, or touched."""
        values = {key: value for key, value in asdict(after).items() if value != getattr(before, key)}
        if values:
            self._table("videos").update(where=f"id = {before.id}", values=values)
            self._known = (-1, {})

    def replace_speech(self, video: Video, captions: Sequence[Caption]) -> None:
        """Other captions for a video whose pictures are the same."""
        import pyarrow as pa

        rows = list(passages_of(video.id, captions))
        self._table("speech").delete(f"video = {video.id}")
        if rows:
            self._table("speech").add(pa.Table.from_pylist(rows, speech_schema()))

    def remove(self, ids: Sequence[int]) -> None:
        """Remove videos."""
        if ids:
            self._table("videos").delete(f"id IN ({listed(ids)})")
            self._known = (-1, {})
            self.tidy()

    def tidy(self) -> int:
        """Remove what no video names, left by a killed job or a replaced video; how many videos' worth.

        Vectors of an earlier model go too; they stayed until now for those who were just searching in them.
        """
        for name in self._database.list_tables(limit=1000).tables:
            kind, _, number = name.partition("_")
            if kind in ("moments", "tokens") and int(number) < self.about.embedding:
                self._tables.pop(name, None)
                self._database.drop_table(name)
        features = self._table("features")
        stored = set(features.search().select(["video"]).limit(None).to_arrow()["video"].to_pylist())
        lost = sorted(stored - self.videos().keys())
        for start in range(0, len(lost), 1000):
            where = f"video IN ({listed(lost[start : start + 1000])})"
            for name in (self._moments, self._tokens, "speech", "pictures", "features"):
                self._table(name).delete(where)
        return len(lost)

    # What is stored of a video --------------------------------------------------------------------------------

    def features(self, video: int) -> np.ndarray:
        """(T, F) float16."""
        return next(self.all_features([video]))[1]

    def all_features(self, ids: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
        """(number, (T, F) float16) of these videos."""
        for start in range(0, len(ids), 16):
            rows = self._rows("features", f"video IN ({listed(ids[start : start + 16])})", ["video", "features"])
            for number, column in zip(rows["video"].to_pylist(), rows["features"], strict=True):
                flat = column.values.flatten().to_numpy(zero_copy_only=False)
                yield number, with_kind(flat.reshape(-1, self.about.encoder.feature_size), self.about.encoder)

    def tokens(self, video: int, start: int = 0, end: int | None = None) -> np.ndarray:
        """Vectors of the seconds ``start`` to ``end``, (T, D) float32."""
        return self.tokens_of([(video, start, end if end is not None else 1 << 30)])[0]

    def tokens_of(self, spans: Sequence[tuple[int, int, int]]) -> list[np.ndarray]:
        """As ``tokens`` for several (video, start, end), read together."""
        snapshot = self._snapshot(self._tokens, "second")
        rows = [snapshot.rows(video) for video, _, _ in spans]
        rows = [
            r[(snapshot.first[r] > start - CHUNK) & (snapshot.first[r] < end)]
            for r, (_, start, end) in zip(rows, spans, strict=True)
        ]
        wanted = np.unique(np.concatenate([*rows, np.zeros(0, np.int64)])).astype(np.int64)
        read = snapshot.take(wanted, ["scales", "tokens"])
        parts = {}
        for row, scales, tokens in zip(wanted.tolist(), read["scales"], read["tokens"], strict=True):
            flat = tokens.values.flatten().to_numpy(zero_copy_only=False).reshape(-1, self.about.size)
            parts[row] = flat * scales.values.to_numpy(zero_copy_only=False)[:, None]
        made = []
        for mine, (_, start, end) in zip(rows, spans, strict=True):
            mine = mine[np.argsort(snapshot.first[mine])]
            joined = np.concatenate(
                [*(parts[row] for row in mine.tolist()), np.zeros((0, self.about.size), np.float32)]
            )
            before = int(snapshot.first[mine[0]]) if len(mine) else 0
            made.append(joined[start - before : end - before])
        return made

    def captions(self, video: int) -> list[Caption]:
        """All that is said in a video, in order."""
        return self.captions_during([(video, 0.0, float("inf"))])[0]

    def captions_during(self, spans: Sequence[tuple[int, float, float]]) -> list[list[Caption]]:
        """What is said during each of several (video, start, end), in order."""
        snapshot = self._snapshot("speech", "start", "end")
        rows = [snapshot.rows(video) for video, _, _ in spans]
        rows = [
            r[(snapshot.first[r] < end) & (snapshot.last[r] > start)]
            for r, (_, start, end) in zip(rows, spans, strict=True)
        ]
        wanted = np.unique(np.concatenate([*rows, np.zeros(0, np.int64)])).astype(np.int64)
        passages_said = dict(
            zip(wanted.tolist(), snapshot.take(wanted, ["captions"])["captions"].to_pylist(), strict=True)
        )
        made = []
        for mine, (_, start, end) in zip(rows, spans, strict=True):
            said = [Caption(**caption) for row in mine.tolist() for caption in passages_said[row]]
            said = [c for c in said if c.start < end and (c.end > start or c.start >= start)]
            made.append(sorted(said, key=lambda c: (c.start, c.end)))
        return made

    def picture(self, video: int, start: float, end: float) -> bytes | None:
        """The picture nearest to the middle of a span, as WebP."""
        snapshot = self._snapshot("pictures", "second")
        rows = snapshot.rows(video)
        if not len(rows):
            return None
        nearest = rows[np.abs(snapshot.first[rows] - (start + end) / 2).argmin()]
        return snapshot.take(nearest[None], ["webp"])["webp"][0].as_py()

    # Search ---------------------------------------------------------------------------------------------------

    def nearest(
        self, vector: np.ndarray, count: int, videos: Sequence[int] | None = None, exact: bool = False
    ) -> list[tuple[int, float, float, float, np.ndarray]]:
        """(video, start, end, similarity, vector) of the moments with the largest dot products with (D,).

        Args:
            videos: search these only.
            exact: compare with all, without the approximate index.
        """
        found = self._table(self._moments).search(vector.astype(np.float32), "vector").distance_type("dot")
        if exact:
            found = found.bypass_vector_index()
        else:
            found = found.minimum_nprobes(PROBES).maximum_nprobes(PROBES * 8).refine_factor(REFINE)
        if videos is not None:
            found = found.where(f"video IN ({listed(videos)})", prefilter=True)
        rows = found.select(["video", "start", "end", "_distance", "vector"]).limit(count).to_arrow()
        columns = (rows[name].to_pylist() for name in ("video", "start", "end", "_distance"))
        vectors = as_vectors(rows["vector"], self.about.size)
        return [(v, s, e, 1.0 - d, x) for v, s, e, d, x in zip(*columns, vectors, strict=True)]

    def said(
        self, words: str, count: int, videos: Sequence[int] | None = None
    ) -> list[tuple[int, float, float, float, str]]:
        """(video, start, end, BM25 score, text) of the passages of speech that fit the words best."""
        from lancedb.query import MatchQuery

        table = self._table("speech")
        if not self._has_words:
            self._has_words = "text_idx" in {index.name for index in table.list_indices()}
        if not self._has_words:
            return []
        found = table.search(MatchQuery(words, "text"), query_type="fts")  # pyright: ignore[reportCallIssue]
        if videos is not None:
            found = found.where(f"video IN ({listed(videos)})", prefilter=True)
        names = ["video", "start", "end", "_score", "text"]
        rows = found.select(names).limit(count).to_arrow()
        return list(zip(*(rows[name].to_pylist() for name in names), strict=True))

    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        """Vectors of random moments, (N, D) float32, N <= count."""
        table = self._table(self._moments)
        total = table.count_rows()
        if not total:
            return np.zeros((0, self.about.size), np.float32)
        rows = np.sort(np.random.default_rng(seed).choice(total, min(count, total), replace=False))
        return as_vectors(table.to_lance().take(rows.tolist(), columns=["vector"])["vector"], self.about.size)

    def calibration(self) -> Calibration | None:
        """What tells hits from what merely comes closest; None where the library is too new to have it."""
        try:
            with np.load(BytesIO(self._calibration.read_bytes()), allow_pickle=False) as values:
                return Calibration(values["bank"], float(values["threshold"]))
        except (OSError, ValueError, KeyError):
            return None

    def calibrate(self, bank: np.ndarray) -> None:
        """Measure anew where hits begin, by texts of everyday things, (N, D), of which a library holds few."""
        made = calibrated(bank, self.sample(SAMPLE))
        if made is None:
            return
        content = BytesIO()
        np.savez(content, bank=made.bank, threshold=made.threshold)
        write_whole(self._calibration, content.getvalue())

    def calibrated_at(self) -> float:
        """When it was measured; 0 for never."""
        return changed_at(self._calibration)

    @property
    def _calibration(self) -> Place:
        return self.folder / f"calibration_{self.about.embedding}.npz"

    def counts(self) -> dict[str, int]:
        """How many videos, moments and passages of speech there are."""
        names = {"videos": "videos", "moments": self._moments, "passages": "speech"}
        return {what: self._table(name).count_rows() for what, name in names.items()}

    # Upkeep ---------------------------------------------------------------------------------------------------

    def optimize(self, kept: timedelta = KEPT) -> None:
        """Bring the indexes up to date, join small fragments, and drop versions that are older than ``kept``."""
        from lancedb.index import FTS, BTree, IvfRq

        for name in ("videos", "features", "speech", "pictures", self._moments, self._tokens):
            table = self._table(name)
            rows, present = table.count_rows(), {index.name for index in table.list_indices()}
            if name == "speech" and rows and "text_idx" not in present:
                table.create_index("text", config=FTS(stem=True, remove_stop_words=True))
            if name != "videos" and rows and "video_idx" not in present:
                table.create_index("video", config=BTree())
            if name == self._moments and rows >= INDEX_FROM and "vector_idx" not in present:
                table.create_index("vector", config=IvfRq(distance_type="dot", num_partitions=rows // PARTITION))
            patiently(partial(table.optimize, cleanup_older_than=kept))

    # Another model --------------------------------------------------------------------------------------------

    @contextmanager
    def reembedding(self, about: About) -> Iterator["Store"]:
        """A store that writes vectors of another model, beside those in use; they come into use when the block ends."""
        other = Store(self.folder)
        other.about = about
        yield other
        other.optimize()
        write_about(self.folder, about)
        self.refresh()

    def embedded(self) -> set[int]:
        """Videos that have vectors of this store's model."""
        rows = self._table(self._tokens).search().select(["video"]).limit(None).to_arrow()
        return set(rows["video"].to_pylist())

    # Tables ---------------------------------------------------------------------------------------------------

    @property
    def _moments(self) -> str:
        return f"moments_{self.about.embedding}"

    @property
    def _tokens(self) -> str:
        return f"tokens_{self.about.embedding}"

    def _rows(self, name: str, where: str, columns: list[str]):
        return self._table(name).search().where(where).select(columns).limit(None).to_arrow()

    def _snapshot(self, name: str, first: str, last: str = "") -> "_Snapshot":
        """A table as it is now, with the columns in memory by which its rows are found."""
        table = self._table(name)
        version = table.version
        known = self._snapshots.get(name)
        if known is None or known.version != version:
            known = self._snapshots[name] = _Snapshot(version, table.to_lance(), first, last or first)
        return known

    def _table(self, name: str):
        if name not in self._tables:
            schemas = {
                "videos": videos_schema,
                "features": lambda: features_schema(self.about.encoder),
                "speech": speech_schema,
                "pictures": pictures_schema,
                self._moments: lambda: moments_schema(self.about.size),
                self._tokens: lambda: tokens_schema(self.about.size),
            }
            self._tables[name] = self._database.create_table(name, schema=schemas[name](), exist_ok=True)
        return self._tables[name]


class _Snapshot:
    """One version of a table whose rows belong to videos, and where they are.

    The numbers of videos and two other columns are held in memory, so that rows are read without searching for them.
    """

    def __init__(self, version: int, dataset: Any, first: str, last: str):
        self.version, self._dataset = version, dataset
        columns = dataset.to_table(columns=list(dict.fromkeys(["video", first, last])))
        videos = columns["video"].to_numpy()
        self.first, self.last = columns[first].to_numpy(), columns[last].to_numpy()
        self._order = np.argsort(videos, kind="stable")
        self._videos = videos[self._order]

    def rows(self, video: int) -> np.ndarray:
        """Places of a video's rows, (N,) int."""
        low, high = np.searchsorted(self._videos, [video, video + 1])
        return self._order[low:high]

    def take(self, rows: np.ndarray, columns: list[str]):
        """These rows, in ascending order of their places."""
        if not len(rows):
            return self._dataset.schema.empty_table().select(columns)
        return self._dataset.take(rows.tolist(), columns=columns)


def read_about(folder: Place) -> About:
    """What the library of a folder is made with.

    Raises:
        LibraryError: there is none, or one of a later format.
    """
    try:
        values = json.loads((folder / NOTE).read_text())
    except FileNotFoundError as error:
        raise LibraryError(
            f"{folder}: holds no library; 'videoclip index VIDEOS --library {folder}' makes one"
        ) from error
    except ValueError as error:
        raise LibraryError(f"{folder / NOTE}: is damaged ({error}); index into another folder") from error
    if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
        raise LibraryError(f"{folder}: a library of another format; another version of videoclip made it")
    return from_note(About, values, folder / NOTE)


def write_about(folder: Place, about: About) -> None:
    """Note what a library is made with, in one step."""
    write_whole(folder / NOTE, json.dumps({"format": FORMAT, **asdict(about)}, indent=1).encode())


def locked(folder: Place) -> AbstractContextManager[None]:
    """Keep other processes from writing into a library.

    Raises:
        LibraryError: one is writing.
    """
    busy = f"{folder}: another process is indexing into it; wait until it is done, or stop it"
    return folders.locked(folder, LibraryError(busy))
