"""Realigned corpora: captions where a model sees them, beside where they are spoken; features are another corpus's."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..errors import ConfigError
from ..storage.places import Place
from .origin import Origin
from .store import FORMAT, Corpus


def realigned_corpus(where: Place, origin: Origin, corpus: Corpus) -> Corpus:
    """The realigned corpus to add to: new, or what an earlier job of the same kind left.

    Raises:
        ConfigError: something else lies there.
    """
    import lance

    if where.exists():
        there = Corpus(where)
        if there.origin != origin:
            what = "other narration, model or settings" if there.origin else "a corpus with features of its own"
            raise ConfigError(f"{where}: holds {what}; choose another place")
        return there
    where.parent.mkdir(parents=True, exist_ok=True)
    schema = _schema(corpus).with_metadata({**corpus._dataset.schema.metadata, **origin.metadata()})
    lance.write_dataset(schema.empty_table(), str(where), schema=schema, data_storage_version=FORMAT)
    return Corpus(where)


def _schema(corpus: Corpus) -> Any:
    """What a realigned corpus has of each video: all but the features, and of each caption where it was and is."""
    import pyarrow as pa

    times = ("start", "end", "spoken_start", "spoken_end", "probability")
    caption = pa.struct([("text", pa.string()), *((name, pa.float64()) for name in times), ("kept", pa.bool_())])
    named = [(name, pa.string()) for name in ("id", "path", "encoder")]
    return pa.schema([*named, ("duration", pa.float64()), ("kept", pa.int32()), ("captions", pa.list_(caption))])


def add_realigned(made: Corpus, videos: list[dict]) -> None:
    """Add videos, as rows, in one step; several processes may do so at the same time."""
    import lance
    import pyarrow as pa

    table = pa.Table.from_pylist(videos, schema=made._dataset.schema)
    lance.write_dataset(table, made.path, mode="append")


def realigned_captions(made: Corpus) -> Iterator[dict[str, Any]]:
    """Every caption: ``text``, ``start``, ``end``, ``spoken_start``, ``spoken_end``, ``probability``, ``kept``."""
    for batch in made._dataset.to_batches(columns=["captions"]):
        for said in batch["captions"].to_pylist():
            yield from said


def moves(made: Corpus) -> tuple[int, np.ndarray]:
    """How many captions there are, and by how many seconds the middle of each that is kept was moved, (kept,)."""
    count, moved = 0, [np.empty(0)]
    for batch in made._dataset.to_batches(columns=["captions"]):
        said = batch["captions"].flatten()
        names = ("start", "end", "spoken_start", "spoken_end")
        start, end, since, until = (said.field(name).to_numpy() for name in names)
        kept = said.field("kept").to_numpy(zero_copy_only=False)
        count += len(said)
        moved.append((start + end - since - until)[kept] / 2)
    return count, np.concatenate(moved)
