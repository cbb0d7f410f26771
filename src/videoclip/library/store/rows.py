"""What a library's tables hold: their columns, and rows made of videos."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from ...encoders.encoder import FeatureKind
from ...media.captions import Caption
from ...media.narration import BESIDE, HEARD, INSIDE
from ...storage.names import noted, opened
from ..words import indexed_words

CHUNK = 64
"""Seconds whose vectors are stored together."""
PASSAGE = 12.0
"""Seconds of speech that are searched as one text."""


TRACK = "track"
"""How a row notes captions that are from a track of the video file itself, with the language that was asked for."""
WORDS = "words"
"""The column that searches of speech, and of what is written on the screen, look into."""


@dataclass(frozen=True)
class Video:
    """A file of the library; ``id`` changes whenever its contents do."""

    id: int
    path: str
    size: int
    modified_ns: int
    digest: str
    duration: float
    """Seconds."""
    recorded: float
    """Seconds since 1970."""
    width: int
    height: int
    language: str = ""
    captions: str = ""
    """Where its captions are from: the file with size and time of change, ``track:`` with the language that was asked
    for, or ``heard:`` with confidence and recogniser; empty where there are none."""

    @property
    def source(self) -> str:
        """Where its captions are from: ``beside``, ``inside`` or ``heard``; empty where there are none."""
        noted = self.captions.partition(":")[0]
        return {"": "", TRACK: INSIDE, HEARD: HEARD}.get(noted, BESIDE)

    @property
    def confidence(self) -> float | None:
        """How sure who heard its captions was, from 0 to 1; None where nobody heard them."""
        return float(self.captions.split(":", 2)[1]) if self.source == HEARD else None

    @property
    def recogniser(self) -> str:
        """Who heard its captions; empty where nobody did."""
        return self.captions.split(":", 2)[2] if self.source == HEARD else ""


def row_of(video: Video) -> dict[str, Any]:
    """A video as a row of the table, whatever bytes its names are made of."""
    return {key: noted(value) if isinstance(value, str) else value for key, value in asdict(video).items()}


def video_of(row: dict[str, Any]) -> Video:
    """The video of a row."""
    values: dict[str, Any] = {key: opened(value) if isinstance(value, str) else value for key, value in row.items()}
    return Video(**values)


@dataclass(frozen=True)
class Entry:
    """A video and all that is stored of it: T seconds, M moments."""

    video: Video
    features: np.ndarray  # (T, F) float16
    spans: np.ndarray  # (M, 2) seconds
    moments: np.ndarray  # (M, D)
    tokens: np.ndarray  # (T, D)
    captions: Sequence[Caption]
    pictures: Sequence[tuple[float, bytes]]  # (second, WebP)


def passages(entry: Entry) -> Iterator[dict]:
    yield from passages_of(entry.video.id, entry.captions)


def passages_of(video: int, captions: Sequence[Caption]) -> Iterator[dict]:
    """Rows of speech: neighbouring captions together, up to ``PASSAGE`` seconds."""
    gathered: list[Caption] = []
    for caption in [*captions, None]:
        full = gathered and (caption is None or caption.end - gathered[0].start > PASSAGE)
        if full:
            text = " ".join(c.text for c in gathered)
            yield {
                "video": video,
                "start": gathered[0].start,
                "end": max(c.end for c in gathered),
                "text": text,
                "captions": [asdict(c) for c in gathered],
                WORDS: as_words(text),
            }
            gathered = []
        if caption is not None:
            gathered.append(caption)


def features_rows(entries: Sequence[Entry], kind: FeatureKind):
    import pyarrow as pa

    flat = np.concatenate([np.asarray(e.features, np.float16) for e in entries]).reshape(-1)
    seconds = pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float16()), kind.feature_size)
    offsets = np.cumsum([0, *(len(e.features) for e in entries)], dtype=np.int32)
    features = pa.ListArray.from_arrays(pa.array(offsets), seconds)
    columns = [pa.array([e.video.id for e in entries], pa.int64()), features]
    schema = features_schema(kind)
    return pa.table([c.cast(f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def moment_rows(parts: Sequence[tuple[int, np.ndarray, np.ndarray]], size: int):
    """Rows of moments, or of passages, of each video: its number, (N, 2) seconds and (N, D) vectors."""
    import pyarrow as pa

    owners = np.repeat([video for video, _, _ in parts], [len(spans) for _, spans, _ in parts])
    spans = np.concatenate([np.asarray(spans, np.float32).reshape(-1, 2) for _, spans, _ in parts])
    flat = np.concatenate([np.asarray(vectors, np.float16).reshape(-1, size) for *_, vectors in parts]).reshape(-1)
    columns = [pa.array(owners, pa.int64()), pa.array(spans[:, 0].copy()), pa.array(spans[:, 1].copy())]
    columns.append(pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float16()), size))
    return pa.table(columns, schema=moments_schema(size))


def token_rows(entries: Sequence[Entry], size: int):
    import pyarrow as pa

    rows = []
    for entry in entries:
        tokens = np.asarray(entry.tokens, np.float32)
        scales = np.abs(tokens).max(1) / 127 + 1e-12
        whole = np.rint(tokens / scales[:, None]).astype(np.int8)
        for start in range(0, len(tokens), CHUNK):
            rows.append((entry.video.id, start, scales[start : start + CHUNK], whole[start : start + CHUNK]))
    offsets = pa.array(np.cumsum([0, *(len(scales) for _, _, scales, _ in rows)], dtype=np.int32))
    flat = np.concatenate([w.reshape(-1) for *_, w in rows]) if rows else np.zeros(0, np.int8)
    scales = np.concatenate([s for _, _, s, _ in rows]).astype(np.float32) if rows else np.zeros(0, np.float32)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(flat), size)
    columns = [
        pa.array([v for v, *_ in rows], pa.int64()),
        pa.array([s for _, s, *_ in rows], pa.int32()),
        pa.ListArray.from_arrays(offsets, pa.array(scales)),
        pa.ListArray.from_arrays(offsets, vectors),
    ]
    schema = tokens_schema(size)
    return pa.table([c.cast(f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def videos_schema():
    import pyarrow as pa

    types = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    return pa.schema([(f.name, types[f.type]) for f in fields(Video)])  # type: ignore[index]


def features_schema(kind: FeatureKind):
    import pyarrow as pa

    return pa.schema([("video", pa.int64()), ("features", pa.list_(pa.list_(pa.float16(), kind.feature_size)))])


def speech_schema():
    import pyarrow as pa

    caption = pa.struct([("start", pa.float64()), ("end", pa.float64()), ("text", pa.string())])
    fields = [("video", pa.int64()), ("start", pa.float32()), ("end", pa.float32()), ("text", pa.string())]
    return pa.schema([*fields, ("captions", pa.list_(caption)), (WORDS, pa.string())])


def screen_rows(video: int, lines: Sequence[Caption]):
    """What is written on a video's screen, and a row without text that says that it was read."""
    import pyarrow as pa

    texts = ["", *(line.text for line in lines)]
    columns = [
        pa.array([video] * len(texts), pa.int64()),
        pa.array([0.0, *(line.start for line in lines)], pa.float32()),
        pa.array([0.0, *(line.end for line in lines)], pa.float32()),
        pa.array(texts),
        pa.array([as_words(text) for text in texts]),
    ]
    return pa.table(columns, schema=screen_schema())


def screen_schema():
    import pyarrow as pa

    fields = [("video", pa.int64()), ("start", pa.float32()), ("end", pa.float32()), ("text", pa.string())]
    return pa.schema([*fields, (WORDS, pa.string())])


def as_words(text: str) -> str:
    """The words under which a text is found, with spaces between them."""
    return " ".join(indexed_words(text))


def pictures_schema():
    import pyarrow as pa

    return pa.schema([("video", pa.int64()), ("second", pa.float64()), ("webp", pa.binary())])


def moments_schema(size: int):
    import pyarrow as pa

    fields = [("video", pa.int64()), ("start", pa.float32()), ("end", pa.float32())]
    return pa.schema([*fields, ("vector", pa.list_(pa.float16(), size))])


def tokens_schema(size: int):
    import pyarrow as pa

    fields = [("video", pa.int64()), ("second", pa.int32()), ("scales", pa.list_(pa.float32()))]
    return pa.schema([*fields, ("tokens", pa.list_(pa.list_(pa.int8(), size)))])


def as_vectors(column, size: int) -> np.ndarray:
    """A column of vectors as (N, D) float32."""
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, size).astype(np.float32)


def listed(numbers: Iterable[int]) -> str:
    return ", ".join(str(int(n)) for n in numbers) or "-1"
