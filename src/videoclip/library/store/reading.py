"""What searches and readers ask of a library."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from io import BytesIO

import numpy as np

from ...encoders.encoder import with_kind
from ...media.captions import Caption
from ...storage.places import Place, changed_at, place
from ...ties import MOMENT, first_of_largest
from ..calibration import Calibration, Nearness
from ..confidence import Confidence
from .about import About, read_about
from .found import found_again
from .rows import CHUNK, Video, as_vectors, listed, video_of
from .tables import Tables


class Store:
    """A library, to be read.

    Args:
        about: which vectors are read; by default those in use.

    Raises:
        LibraryError: there is no library, or one of a later format.
    """

    def __init__(self, folder: str | Place, about: About | None = None):
        self.folder = place(folder)
        self.tables = Tables(self.folder, about or read_about(self.folder))
        self._known: tuple[int, dict[int, Video], dict[int, Video]] = (-1, {}, {})

    @property
    def about(self) -> About:
        """What the library is made with."""
        return self.tables.about

    def refresh(self) -> bool:
        """Take notice of other models that the library has been given; whether there is another of what is seen."""
        about = read_about(self.folder)
        changed, self.tables.about = replace(about, meaning=self.about.meaning) != self.about, about
        return changed

    def videos(self) -> dict[int, Video]:
        """All videos by their number, with the paths that they have now."""
        self._read_videos()
        return self._known[2]

    def noted(self) -> dict[int, Video]:
        """As ``videos``, with the paths that are written down."""
        self._read_videos()
        return self._known[1]

    def _read_videos(self) -> None:
        version = self.tables["videos"].version
        if version != self._known[0]:
            rows = self.tables.rows("videos", [f.name for f in fields(Video)]).to_pylist()
            noted = {row["id"]: video_of(row) for row in rows}
            self._known = version, noted, found_again(noted, self.folder)

    def features(self, video: int) -> np.ndarray:
        """(T, F) float16."""
        return next(self.all_features([video]))[1]

    def all_features(self, ids: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
        """(number, (T, F) float16) of these videos."""
        for start in range(0, len(ids), 16):
            rows = self.tables.rows(
                self.tables.features, ["video", "features"], f"video IN ({listed(ids[start : start + 16])})"
            )
            for number, column in zip(rows["video"].to_pylist(), rows["features"], strict=True):
                flat = column.values.flatten().to_numpy(zero_copy_only=False)
                yield number, with_kind(flat.reshape(-1, self.about.encoder.feature_size), self.about.encoder)

    def embedded(self) -> set[int]:
        """Videos that have vectors of this store's model."""
        rows = self.tables.rows(self.tables.tokens, ["video"])
        return set(rows["video"].to_pylist())

    def with_features(self) -> set[int]:
        """Videos that have features of this store's encoder, of which there are none where only sound is known."""
        return set(self.tables.rows(self.tables.features, ["video"])["video"].to_pylist())

    def spoken(self) -> set[int]:
        """Videos in which something is said."""
        return set(self.tables.rows("speech", ["video"])["video"].to_pylist())

    def understood(self) -> set[int]:
        """Videos of which what is said is found by meaning."""
        tables = [self.tables.rows(name, ["video"]) for name in self.tables.passages_there]
        return {video for rows in tables for video in rows["video"].to_pylist()}

    def read(self) -> set[int]:
        """Videos whose screen was read."""
        return set(self.tables.rows("screen", ["video"])["video"].to_pylist())

    def tokens(self, video: int, start: int = 0, end: int | None = None) -> np.ndarray:
        """Vectors of the seconds ``start`` to ``end``, (T, D) float32."""
        return self.tokens_of([(video, start, end if end is not None else 1 << 30)])[0]

    def tokens_of(self, spans: Sequence[tuple[int, int, int]]) -> list[np.ndarray]:
        """As ``tokens`` for several (video, start, end), read together."""
        snapshot = self.tables.snapshot(self.tables.tokens, "second")
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
        snapshot = self.tables.snapshot("speech", "start", "end")
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
        snapshot = self.tables.snapshot("pictures", "second")
        rows = snapshot.rows(video)
        if not len(rows):
            return None
        nearest = rows[first_of_largest(-np.abs(snapshot.first[rows] - (start + end) / 2), MOMENT)]
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
        columns = ["video", "start", "end", "_distance"]
        rows = self.tables.nearest(self.tables.moments, vector, [*columns, "vector"], count, videos, exact)
        vectors = as_vectors(rows["vector"], self.about.size)
        values = (rows[name].to_pylist() for name in columns)
        return [(v, s, e, 1.0 - d, x) for v, s, e, d, x in zip(*values, vectors, strict=True)]

    def said(
        self, words: Sequence[str], count: int, videos: Sequence[int] | None = None
    ) -> list[tuple[int, float, float, float, str]]:
        """(video, start, end, BM25 score, text) of the passages of speech that fit the words best."""
        return self._worded("speech", words, count, videos)

    def written(
        self, words: Sequence[str], count: int, videos: Sequence[int] | None = None
    ) -> list[tuple[int, float, float, float, str]]:
        """(video, start, end, BM25 score, text) of the lines on the screen that fit the words best."""
        return self._worded("screen", words, count, videos)

    def _worded(
        self, name: str, words: Sequence[str], count: int, videos: Sequence[int] | None
    ) -> list[tuple[int, float, float, float, str]]:
        columns = ["video", "start", "end", "_score", "text"]
        rows = self.tables.worded(name, words, columns, count, videos)
        return list(zip(*(rows[name].to_pylist() for name in columns), strict=True)) if rows is not None else []

    def meant(
        self, vector: np.ndarray, count: int, videos: Sequence[int] | None = None
    ) -> list[tuple[int, float, float, float]]:
        """(video, start, end, similarity) of the passages whose vectors have the largest dot products with (D,)."""
        columns = ["video", "start", "end", "_distance"]
        rows = self.tables.nearest(self.tables.passages, vector, columns, count, videos, exact=False)
        return [(v, s, e, 1.0 - d) for v, s, e, d in zip(*(rows[name].to_pylist() for name in columns), strict=True)]

    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        """Vectors of random moments, (N, D) float32, N <= count."""
        return self._sample(self.tables.moments, self.about.size, count, seed)

    def sample_passages(self, count: int, seed: int = 0) -> np.ndarray:
        """Vectors of random passages, (N, D) float32, N <= count."""
        return self._sample(self.tables.passages, self.about.meaning.size, count, seed)

    def _sample(self, name: str, size: int, count: int, seed: int) -> np.ndarray:
        return as_vectors(self._drawn(name, np.random.default_rng(seed), count, ["vector"])["vector"], size)

    def _drawn(self, name: str, rng: np.random.Generator, count: int, columns: list[str]):
        """Random rows of a table, at most ``count``: the same ones in whatever order the videos were added."""
        snapshot = self.tables.snapshot(name, "start", "end")
        total = len(snapshot.first)
        return snapshot.take(snapshot.by_video(rng.choice(total, min(count, total), replace=False)), columns)

    def sentences(self, count: int, seed: int = 0) -> list[tuple[int, Caption]]:
        """Random sentences with the numbers of their videos, at most ``count``, in random order."""
        rng = np.random.default_rng(seed)
        read = self._drawn("speech", rng, count, ["video", "captions"]).sort_by("video")
        passages_said = zip(read["video"].to_pylist(), read["captions"].to_pylist(), strict=True)
        said = [(video, Caption(**caption)) for video, captions in passages_said for caption in captions]
        return [said[i] for i in rng.permutation(len(said))[:count]]

    def calibration(self) -> Calibration | None:
        """What tells hits from what merely comes closest; None where the library is too new to have it."""
        try:
            with np.load(BytesIO(self.calibration_file.read_bytes()), allow_pickle=False) as values:
                curve = [values[field.name] for field in fields(Confidence) if field.name in values]
                confidence = Confidence(*curve) if curve else None  # which earlier versions did not measure
                return Calibration(values["bank"], float(values["threshold"]), confidence)
        except (OSError, ValueError, KeyError):
            return None

    def nearness(self) -> Nearness | None:
        """What tells hits by meaning from what merely comes closest; None where that is not measured yet."""
        try:
            with np.load(BytesIO(self.nearness_file.read_bytes()), allow_pickle=False) as values:
                return Nearness(values["middle"], float(values["threshold"]))
        except (OSError, ValueError, KeyError):
            return None

    def measured_at(self) -> float:
        """When that was measured; 0 for never."""
        return changed_at(self.nearness_file)

    @property
    def nearness_file(self) -> Place:
        """Where that is written."""
        return self.folder / f"meaning_{self.about.meaning.number}.npz"

    def calibrated_at(self) -> float:
        """When it was measured; 0 for never."""
        return changed_at(self.calibration_file)

    @property
    def calibration_file(self) -> Place:
        """Where it is written what tells hits from what merely comes closest."""
        return self.folder / f"calibration_{self.about.embedding}.npz"

    def counts(self) -> dict[str, int]:
        """How many videos, moments and passages of speech there are."""
        names = {"videos": "videos", "moments": self.tables.moments, "passages": "speech"}
        return {what: self.tables[name].count_rows() for what, name in names.items()}
