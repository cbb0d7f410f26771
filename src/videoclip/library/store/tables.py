"""The tables of a library's folder, the versions of them that are read, and their indexes: all that LanceDB does."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np

from ...processes import is_forked, note_lance
from ...storage.places import Place
from ...storage.remote import patiently
from .about import About, LibraryError
from .rows import (
    WORDS,
    as_words,
    features_schema,
    listed,
    moments_schema,
    pictures_schema,
    screen_schema,
    speech_schema,
    tokens_schema,
    videos_schema,
)

INDEX_FROM = 50_000
"""Moments from which on an approximate index answers; before, all are compared."""
PARTITION = 2_000
"""Moments per cell of that index."""
PROBES, REFINE = 24, 2
"""Cells that are looked into, and how many times more candidates than hits are compared exactly (bench/library.py)."""
FRESH = timedelta(seconds=1)
"""How old what a reader sees may be."""


class Tables:
    """The tables of a folder, each made when it is first asked for.

    Vectors are of the model that ``about`` names; those of another model are in tables of their own.
    """

    def __init__(self, folder: Place, about: About):
        import lancedb

        note_lance()
        self.folder, self.about = folder, about
        self._database = lancedb.connect(str(folder / "tables"), read_consistency_interval=FRESH)
        self._tables: dict[str, Any] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._words_in: dict[str, str] = {}
        """Of tables with an index of words, the column that it is of."""

    @property
    def features(self) -> str:
        """The name of the table of features."""
        return "features" if self.about.encoding == 1 else f"features_{self.about.encoding}"

    @property
    def moments(self) -> str:
        """The name of the table of moments' vectors."""
        return f"moments_{self.about.embedding}"

    @property
    def tokens(self) -> str:
        """The name of the table of seconds' vectors."""
        return f"tokens_{self.about.embedding}"

    @property
    def passages(self) -> str:
        """The name of the table of the vectors of what is said."""
        return f"passages_{self.about.meaning.number}"

    @property
    def passages_there(self) -> tuple[str, ...]:
        """That name, if passages are found by meaning at all."""
        return (self.passages,) if self.about.meaning.is_had else ()

    def __getitem__(self, name: str):
        self._check_own()
        if name not in self._tables:
            schemas = {
                "videos": videos_schema,
                self.features: lambda: features_schema(self.about.encoder),
                "speech": speech_schema,
                "screen": screen_schema,
                "pictures": pictures_schema,
                self.moments: lambda: moments_schema(self.about.size),
                self.tokens: lambda: tokens_schema(self.about.size),
                self.passages: lambda: moments_schema(self.about.meaning.size),
            }
            try:
                self._tables[name] = self._database.open_table(name)  # with the columns that it has
            except ValueError:
                self._tables[name] = self._database.create_table(name, schema=schemas[name](), exist_ok=True)
        return self._tables[name]

    def has(self, name: str) -> bool:
        """Whether there is such a table; an earlier version did not make all of them."""
        self._check_own()
        return name in self._tables or name in self._database.list_tables(limit=1000).tables

    def _check_own(self) -> None:
        """Raise ``LibraryError`` in a process that was forked from one that used Lance: it would wait for ever."""
        if is_forked():
            raise LibraryError(
                f"{self.folder}: cannot be read in a process that was forked; start it by multiprocessing's spawn or "
                "forkserver"
            )

    def rows(self, name: str, columns: list[str], where: str | None = None):
        """These columns of a table's rows; of all, or of those that a condition lets through."""
        found = self[name].search()
        return (found.where(where) if where else found).select(columns).limit(None).to_arrow()

    def snapshot(self, name: str, first: str, last: str = "") -> "Snapshot":
        """A table as it is now, with the columns in memory by which its rows are found."""
        table = self[name]
        version = table.version
        known = self._snapshots.get(name)
        if known is None or known.version != version:
            known = self._snapshots[name] = Snapshot(version, table.to_lance(), first, last or first)
        return known

    def nearest(
        self, name: str, vector: np.ndarray, columns: list[str], count: int, videos: Sequence[int] | None, exact: bool
    ):
        """Rows of a table by their dot products with (D,), largest first; ``exact`` without the approximate index."""
        found = self[name].search(vector.astype(np.float32), "vector").distance_type("dot")
        if exact:
            found = found.bypass_vector_index()
        else:
            found = found.minimum_nprobes(PROBES).maximum_nprobes(PROBES * 8).refine_factor(REFINE)
        return _of(found, videos).select(columns).limit(count).to_arrow()

    # Parameters: those of ``nearest``, and the table.
    def worded(self, name: str, words: Sequence[str], columns: list[str], count: int, videos: Sequence[int] | None):
        """Rows of ``speech`` or ``screen`` by their BM25 scores with these words; None before there is an index."""
        from lancedb.query import MatchQuery

        if not self.has(name):
            return None
        table = self[name]
        if self._words_in.get(name) != WORDS:
            present = {index.name for index in table.list_indices()}
            places = (WORDS, "text")  # the latter of earlier versions
            self._words_in[name] = next((place for place in places if f"{place}_idx" in present), "")
        if not self._words_in[name]:
            return None
        query = MatchQuery(" ".join(words), self._words_in[name])  # pyright: ignore[reportCallIssue]
        found = table.search(query, query_type="fts")  # pyright: ignore[reportCallIssue]
        return _of(found, videos).select(columns).limit(count).to_arrow()

    def drop_other_models(self, later: bool = False) -> None:
        """Drop the tables of models and encoders before the present ones; or ``later``, those that were begun."""
        own = {"moments": self.about.embedding, "tokens": self.about.embedding, "features": self.about.encoding}
        own |= {"passages": self.about.meaning.number}
        for name in self._database.list_tables(limit=1000).tables:
            kind, _, number = name.partition("_")
            count = int(number or 1)
            if kind in own and (count > own[kind] if later else count < own[kind]):
                self._tables.pop(name, None)
                self._snapshots.pop(name, None)
                self._database.drop_table(name)

    def renew_words(self) -> None:
        """Give speech that an earlier version wrote the words under which it is found now."""
        import pyarrow as pa

        table = self["speech"]
        if WORDS in table.schema.names:
            return

        def with_words(batch):
            return pa.record_batch([pa.array([as_words(text) for text in batch["text"].to_pylist()])], names=[WORDS])

        table.to_lance().add_columns(with_words, read_columns=["text"])
        table.checkout_latest()
        if table.count_rows():
            self._index_words(table)
        if "text_idx" in {index.name for index in table.list_indices()}:
            table.drop_index("text_idx")

    @staticmethod
    def _index_words(table) -> None:
        from lancedb.index import FTS

        # Stems are English, and the same for what is said and for what is looked for.
        form = FTS(base_tokenizer="whitespace", lower_case=False, ascii_folding=False, remove_stop_words=False)
        table.create_index(WORDS, config=form)

    def optimize(self, kept: timedelta) -> None:
        """Bring the indexes up to date, join small fragments, and drop versions that are older than ``kept``."""
        from lancedb.index import BTree, IvfRq

        seen = ("videos", self.features, "pictures", self.moments, self.tokens)
        for name in (*seen, "speech", "screen", *self.passages_there):
            table = self[name]
            rows, present = table.count_rows(), {index.name for index in table.list_indices()}
            if name in ("speech", "screen") and rows and f"{WORDS}_idx" not in present:
                self._index_words(table)
            if name != "videos" and rows and "video_idx" not in present:
                table.create_index("video", config=BTree())
            if name in (self.moments, self.passages) and rows >= INDEX_FROM and "vector_idx" not in present:
                table.create_index("vector", config=IvfRq(distance_type="dot", num_partitions=rows // PARTITION))
            patiently(partial(table.optimize, cleanup_older_than=kept))


def _of(found, videos: Sequence[int] | None):
    return found if videos is None else found.where(f"video IN ({listed(videos)})", prefilter=True)


class Snapshot:
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

    def by_video(self, numbers: np.ndarray) -> np.ndarray:
        """Ascending places of rows that are numbered in the order of their videos, (N,) int -> (N,) int."""
        return np.sort(self._order[numbers])

    def take(self, rows: np.ndarray, columns: list[str]):
        """These rows, in ascending order of their places."""
        if not len(rows):
            return self._dataset.schema.empty_table().select(columns)
        return self._dataset.take(rows.tolist(), columns=columns)
