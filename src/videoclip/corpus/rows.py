"""What a video of a corpus is, and how videos become rows of a table."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ..encoders.encoder import FeatureKind
from ..media.captions import Caption
from ..storage.names import noted

METADATA = b"videoclip"
"""Of a table's schema the key under which it says of which encoder the features are."""


@dataclass(frozen=True)
class NarratedVideo:
    """One video of a corpus: ``features`` is (seconds, F) float16, one row per second; captions are in order."""

    id: str
    features: np.ndarray
    captions: Sequence[Caption]
    path: str = ""
    duration: float = 0.0
    certainty: Sequence[float] = ()
    """(N,) of each caption, between 0 and 1, how sure it is that it is about what is shown then; empty: all alike."""
    chatter: Sequence[str] = ()
    """What is said about nothing that is shown, as far as a realigned corpus knows."""

    @property
    def seconds(self) -> int:
        return len(self.features)

    @property
    def texts(self) -> list[str]:
        """All that is said: the captions in their order, then the chatter."""
        return [*(caption.text for caption in self.captions), *self.chatter]


def schema_of(kind: FeatureKind):
    """The Arrow schema of a corpus of such features."""
    import pyarrow as pa

    caption = pa.struct([("start", pa.float64()), ("end", pa.float64()), ("text", pa.string())])
    fields = [
        ("id", pa.string()),
        ("path", pa.string()),
        ("duration", pa.float64()),
        ("encoder", pa.string()),
        ("features", pa.list_(pa.list_(pa.float16(), kind.feature_size))),
        ("captions", pa.list_(caption)),
    ]
    return pa.schema(fields, metadata={METADATA: json.dumps(asdict(kind)).encode()})


def batch_of(videos: list[NarratedVideo], kind: FeatureKind):
    """Videos as an Arrow record batch of that schema."""
    import pyarrow as pa

    schema = schema_of(kind)
    flat = np.concatenate([np.asarray(v.features, np.float16) for v in videos]).reshape(-1)
    seconds = pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float16()), kind.feature_size)
    said = [caption for video in videos for caption in video.captions]
    parts = [[c.start for c in said], [c.end for c in said], [c.text for c in said]]
    caption = schema.field("captions").type.value_type
    captions = pa.StructArray.from_arrays(
        [pa.array(p, f.type) for p, f in zip(parts, caption, strict=True)], fields=list(caption)
    )
    columns = [
        pa.array([v.id for v in videos]),
        pa.array([noted(v.path) for v in videos]),
        pa.array([v.duration or float(v.seconds) for v in videos]),
        pa.array([kind.encoder] * len(videos)),
        pa.ListArray.from_arrays(_offsets(v.seconds for v in videos), seconds),
        pa.ListArray.from_arrays(_offsets(len(v.captions) for v in videos), captions),
    ]
    return pa.record_batch([c.cast(f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def _offsets(lengths: Iterable[int]):
    import pyarrow as pa

    return pa.array(np.cumsum([0, *lengths], dtype=np.int32))


def is_finite(features: np.ndarray) -> bool:
    """Whether all values are numbers; for float16 by their bits, which is four times as fast as NumPy."""
    if features.dtype != np.float16:
        return bool(np.isfinite(features).all())
    bits = np.ascontiguousarray(features).view(np.uint16)
    return not features.size or int((bits & 0x7FFF).max()) < 0x7C00
