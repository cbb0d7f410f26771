"""Captions of many videos in one file, in the forms in which researchers publish them.

What is documented, and what is assumed since no page says it (the reading refuses what does not fit, and says why):

- HowTo100M, ``raw_caption.json``: {video: {"start": […], "end": […], "text": […]}} (documented).
- HowToCaption, Parquet: a row per video with ``video_id`` and ``description``, a list of {start, end, text}, in which
  ``text`` is a list of sentences for the same seconds (documented: the card of CVML-TueAI/HowToCaption). As JSON or
  as a pickle it is taken to have HowTo100M's columns by video, each text a sentence or a list of them (assumed).
- HowToStep, JSON: {video: [[start, end, step], …]} (assumed).
- HTM-AA, CSV: a row per sentence, with the video (``vid``), the sentence (``text``) and its time (``start``, or
  ``timestamp``), and ``end`` if there is one (names and meaning assumed: the time is taken for where it begins).
- Transcripts by WhisperX: {"segments": [{"start", "end", "text"}, …]} of one video a file (documented), which is a
  folder of caption files; or of many, by video (assumed).
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ..errors import MediaError
from ..published.pickles import InertUnpickler
from .captions import SUFFIXES, Caption, clean, howto100m_captions
from .recognised import rows_of
from .streamed import stream_entries

FORMS = "HowTo100M's, HowToCaption's or HowToStep's JSON, HowToCaption's Parquet or pickle, HTM-AA's CSV"
SENTENCE_SECONDS = 5.0
"""How long a sentence lasts of which only the time is known."""
COLUMNS = {
    "video": ("vid", "video_id"),
    "text": ("text", "sentence", "caption"),
    "start": ("start", "timestamp"),
    "end": ("end",),
}
"""Of a table of sentences: what it may call them; the end may be missing."""
BATCH = 1024
"""Videos of a Parquet file that are in memory at a time."""

Wanted = Callable[[str], object]
Said = tuple[str, list[Caption] | MediaError]
"""A video, and its captions in order; or why they cannot be read."""


def read_caption_set(
    path: Path, wanted: Wanted, keep_repeats: bool = False, sentence_seconds: float = SENTENCE_SECONDS
) -> Iterator[Said]:
    """The captions of every video of a file, or folder of Parquet files; [] for a video that is not ``wanted``.

    Speech recognisers say words twice (``clean``), which is put right. Sentences that were written, or were given times
    of their own, are left as they are.

    Args:
        wanted: whether the captions of a video are asked for, by its id.
        keep_repeats: leave those of recognisers as they are, too.
        sentence_seconds: how long a sentence lasts of which only the time is known.

    Raises:
        UnsafeFileError: a pickle that is made to run code.
        MediaError: the file is of no such form; what came before the fault was yielded.
    """
    suffix = ".parquet" if path.is_dir() else path.suffix.lower()
    if suffix in (".pickle", ".pkl"):
        yield from _of_entries(path, _pickled(path), wanted, keep_repeats)
    elif suffix == ".parquet":
        yield from _of_parquet(path, wanted)
    elif suffix in (".csv", ".tsv"):
        yield from _of_table(path, wanted, sentence_seconds)
    elif suffix in SUFFIXES and suffix != ".json":
        raise MediaError(f"{path}: is of one video; name the folder that it lies in, or a file for many: {FORMS}")
    else:
        yield from _of_entries(path, stream_entries(path), wanted, keep_repeats)


def is_caption_set(path: Path) -> bool:
    """Whether this is captions of many videos: a file, or a folder of Parquet files without caption files beside."""
    if path.is_dir():
        suffixes = {file.suffix.lower() for file in path.iterdir()}
        return ".parquet" in suffixes and suffixes.isdisjoint(SUFFIXES)
    return path.is_file()


def _of_entries(path: Path, entries: Iterable[tuple[str, Any]], wanted: Wanted, keep_repeats: bool) -> Iterator[Said]:
    for video, entry in entries:
        said = _said(entry, keep_repeats) if wanted(video) else []
        yield video, MediaError(f"{path}: video '{video}': is not captions; expected {FORMS}") if said is None else said


def _said(entry: Any, keep_repeats: bool) -> list[Caption] | None:
    """Captions of one video, in whichever form; None where it is none of them."""
    if isinstance(entry, dict) and (not entry or {"start", "end", "text"} & entry.keys()):
        texts = entry.get("text")
        if isinstance(texts, list) and any(isinstance(text, list) for text in texts):
            return _written(zip(*(_list(entry.get(key)) for key in ("start", "end", "text")), strict=False))
        return howto100m_captions(entry, keep_repeats)
    if isinstance(entry, list) and all(isinstance(row, list | tuple) for row in entry):
        steps = _written(row for row in entry if len(row) == 3)
        return steps if steps or not entry else None
    rows = rows_of(entry)
    return None if rows is None else clean((Caption(*row) for row in rows), keep_repeats)


def _list(value: Any) -> list:
    return value if isinstance(value, list) else []


def _written(rows: Iterable) -> list[Caption]:
    """Captions of rows (start, end, a sentence or several of the same seconds), none of which says another again."""
    said: list[Caption] = []
    for start, end, texts in rows:
        entry = {"start": start, "end": end, "text": texts if isinstance(texts, list) else [texts]}
        count = len(entry["text"])
        said += howto100m_captions(entry | {"start": [start] * count, "end": [end] * count}, keep_repeats=True)
    return sorted(said, key=lambda caption: (caption.start, caption.end))


def _pickled(path: Path) -> Iterator[tuple[str, Any]]:
    """The entries of a pickled dict, of which nothing is run; it is in memory whole."""
    with open(path, "rb") as file:
        reader = InertUnpickler(file, str(path))
        content = reader.read()
    if reader.inert:
        objects = ", ".join(sorted(reader.inert)[:3])
        raise MediaError(f"{path}: holds objects of {objects}, which are not read; save it as JSON, without them")
    if not isinstance(content, dict):
        raise MediaError(f"{path}: holds no captions by video, but {type(content).__name__}; expected {FORMS}")
    yield from ((str(video), entry) for video, entry in content.items())


def _of_parquet(path: Path, wanted: Wanted) -> Iterator[Said]:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    for part in sorted(path.glob("*.parquet")) if path.is_dir() else [path]:
        try:
            file = ParquetFile(part)
            names = file.schema_arrow.names
            if not {"video_id", "description"} <= set(names):
                raise MediaError(
                    f"{part}: has columns {', '.join(names)}; HowToCaption's are video_id and description, a list of "
                    "{start, end, text}"
                )
            for batch in file.iter_batches(BATCH, columns=["video_id", "description"]):
                for row, video in enumerate(batch["video_id"].to_pylist()):
                    if not isinstance(video, str):
                        continue
                    described = batch["description"][row].as_py() if wanted(video) else []
                    yield video, _described(part, video, described)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise MediaError(f"{part}: cannot be read as Parquet ({_first_line(error)})") from error


def _described(path: Path, video: str, clips: Any) -> list[Caption] | MediaError:
    """Captions of HowToCaption's clips, each {start, end, text}."""
    if clips is None:
        return []
    if not isinstance(clips, list) or not all(
        isinstance(c, dict) and {"start", "end", "text"} <= c.keys() for c in clips
    ):
        return MediaError(f"{path}: video '{video}': its description is no list of {{start, end, text}}")
    return _written((clip["start"], clip["end"], clip["text"]) for clip in clips)


def _of_table(path: Path, wanted: Wanted, sentence_seconds: float) -> Iterator[Said]:
    """Sentences of a table, video by video, in whichever order its rows are; it is in memory as columns."""
    import pyarrow as pa
    import pyarrow.compute as pc

    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    names = _columns(path, delimiter)
    try:
        table = _read_columns(path, names, delimiter)
    except (pa.ArrowException, OSError) as error:
        raise MediaError(f"{path}: cannot be read as a table ({_first_line(error)})") from error
    ids = table["video"].unique().drop_null().to_pylist()
    yield from ((video, []) for video in ids if not wanted(video))
    table = table.filter(pc.field("video").isin(pa.array([v for v in ids if wanted(v)], pa.large_string())))
    table = table.sort_by([("video", "ascending"), ("start", "ascending")]).combine_chunks()
    if not len(table):
        return
    code = table["video"].combine_chunks().dictionary_encode().indices.to_numpy()
    borders = [0, *(np.flatnonzero(np.diff(code)) + 1).tolist(), len(table)]
    for first, last in pairwise(borders):
        rows = table.slice(first, last - first).to_pydict()
        begins = [float("nan") if start is None else start for start in rows["start"]]  # which ``clean`` leaves out
        ends = rows.get("end") or [None] * len(begins)
        yield (
            rows["video"][0],
            clean(
                (
                    Caption(start, start + sentence_seconds if end is None else end, text or "")
                    for start, end, text in zip(begins, ends, rows["text"], strict=True)
                ),
                keep_repeats=True,
            ),
        )


def _columns(path: Path, delimiter: str) -> dict[str, str]:
    """What a table calls the columns that are needed, by our names for them."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            heading = [name.strip() for name in next(csv.reader(file, delimiter=delimiter), [])]
    except (OSError, ValueError, csv.Error) as error:
        raise MediaError(f"{path}: cannot be read as a table ({_first_line(error)})") from error
    names = {
        ours: found for ours, theirs in COLUMNS.items() if (found := next((n for n in theirs if n in heading), ""))
    }
    if missing := [ours for ours in ("video", "text", "start") if ours not in names]:
        _no_columns(path, missing, heading)
    return names


def _no_columns(path: Path, missing: list[str], heading: list[str]) -> NoReturn:
    expected = "; ".join(f"the {ours} as {' or '.join(COLUMNS[ours])}" for ours in missing)
    shown = ", ".join(name[:40] for name in heading[:8]) or "empty"
    raise MediaError(f"{path}: has no heading that names {expected} (it is {shown}); HTM-AA's is vid, start, text")


def _read_columns(path: Path, names: dict[str, str], delimiter: str):
    import pyarrow as pa
    from pyarrow import csv as tables

    kinds = {"video": pa.large_string(), "text": pa.large_string(), "start": pa.float64(), "end": pa.float64()}
    table = tables.read_csv(
        path,
        read_options=tables.ReadOptions(use_threads=False),  # so that errors name the row
        parse_options=tables.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=tables.ConvertOptions(
            column_types={name: kinds[ours] for ours, name in names.items()}, include_columns=list(names.values())
        ),
    )
    return table.rename_columns(list(names))


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:160]
