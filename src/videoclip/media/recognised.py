"""Timed sentences of the JSON that speech recognisers, and those who fetch captions, write."""

import re
from collections.abc import Iterator
from typing import Any

SENTENCES = ("audio_segments", "segments", "chunks", "transcription", "events", "snippets", "utterances")
SENTENCES += ("recognizedPhrases", "body", "captions", "monologues")
WORDS = ("words", "result", "elements", "items")
"""Under which of these names a recogniser has its list, sentences before words."""
AROUND, FIRST = ("results", "data"), ("channels", "alternatives", "nBest")
"""Names of what such a list may be within; of the latter the first, for others are guesses or other channels."""
TEXTS = ("text", "content", "punctuated_word", "word", "transcript", "utf8", "value", "display")
STARTS, ENDS = (
    ("start", "from", "start_time", "startTime", "ts", "begin"),
    ("end", "to", "end_time", "endTime", "end_ts"),
)
LENGTHS = ("duration", "dur")
MILLISECONDS = {"tStartMs": 0, "start_ms": 0, "startMs": 0, "end_ms": 1, "endMs": 1, "dDurationMs": 2, "duration_ms": 2}
"""Names that say their unit: 0 of starts, 1 of ends, 2 of lengths."""
SENTENCE_WORDS, PAUSE = 12, 1.0
"""Words that are said at once: so many at most, with less silence (seconds) between them."""
SLOWEST = 0.05
"""Letters in a second: where fewer are said in all, times that are whole numbers are milliseconds."""
CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d{1,9})?)|(\d{1,9}(?:\.\d{1,9})?)s")

Row = tuple[float, float, str]


def rows_of(value: Any, depth: int = 6) -> list[Row] | None:
    """(start, end, text) of each sentence, seconds; None where this is no transcript."""
    if isinstance(value, list):
        return _in_seconds(value, _rows(value)) if value else None
    if not isinstance(value, dict) or not depth:
        return None
    for name in (*SENTENCES, *WORDS):
        items = value.get(name)
        if isinstance(items, list) and (rows := _rows(items, name in WORDS)) is not None:
            return _in_seconds(items, rows)
    for name in (*AROUND, *FIRST):
        inner = value.get(name)
        if isinstance(inner, list) and inner and name in FIRST:
            inner = inner[0]
        if (rows := rows_of(inner, depth - 1)) is not None:
            return rows
    return None


def _in_seconds(items: list, rows: list[Row] | None) -> list[Row] | None:
    """Rows of whole numbers that are milliseconds, as nobody speaks so slowly, in seconds."""
    starts = [item[key] for item in items if isinstance(item, dict) for key in STARTS if key in item]
    if not rows or not starts or not all(isinstance(start, int) for start in starts):
        return rows
    letters, length = sum(len(text) for *_, text in rows), sum(end - start for start, end, _ in rows)
    if letters >= SLOWEST * length:
        return rows
    return [(start / 1000, end / 1000, text) for start, end, text in rows]


def _rows(items: list, is_words: bool = False) -> list[Row] | None:
    timed = _timed(items)
    nested = [row for item in items if isinstance(item, dict) for row in _nested(item)] if not timed else []
    if items and not timed and not nested:
        return None
    words = timed and all(isinstance(i, dict) and "text" not in i and ("word" in i) for i in items)
    return list(_sentences(timed or nested)) if words or nested or is_words else timed


def _nested(item: dict) -> list[Row]:
    """Words of a segment that has no times of its own: in it, or in the first of its alternatives."""
    inner = [item, *(item[name][0] for name in FIRST if isinstance(item.get(name), list) and item[name])]
    lists = (
        part[name] for part in inner if isinstance(part, dict) for name in WORDS if isinstance(part.get(name), list)
    )
    return _timed(next(lists, []))


def _timed(items: list) -> list[Row]:
    """Rows of items that have a time; signs that have none belong to the word before."""
    rows: list[Row] = []
    for item in items:
        if isinstance(item, dict) and (row := _row(item)) is not None:
            rows.append(row)
        elif isinstance(item, dict) and rows and str(item.get("type", "")).startswith("punct"):
            rows[-1] = (*rows[-1][:2], rows[-1][2] + (_text(item) or "").rstrip())
    return rows


def _row(item: dict) -> Row | None:
    text, times = _text(item), _times(item)
    return (*times, text) if text is not None and times is not None else None


def _text(item: dict) -> str | None:
    parts = item.get("segs")
    if isinstance(parts, list):  # YouTube's json3
        return "".join(str(p.get("utf8", "")) for p in parts if isinstance(p, dict))
    inner = [item, *(item[name][0] for name in FIRST if isinstance(item.get(name), list) and item[name])]
    texts = (
        part[name] for part in inner if isinstance(part, dict) for name in TEXTS if isinstance(part.get(name), str)
    )
    return next(texts, None)


def _times(item: dict) -> tuple[float, float] | None:
    """Seconds at which an item begins and ends, in the forms that there are."""
    offsets, stamps, pair = item.get("offsets"), item.get("timestamps"), item.get("timestamp")
    found: list[float | None]
    if isinstance(offsets, dict):  # whisper.cpp
        found = [None if (n := _number(offsets.get(key))) is None else n / 1000 for key in ("from", "to")] + [None]
    elif isinstance(stamps, dict):
        found = [_number(stamps.get("from")), _number(stamps.get("to")), None]
    elif isinstance(pair, list) and len(pair) == 2:  # transformers
        found = [_number(pair[0]), _number(pair[1]), None]
    elif "offsetInTicks" in item:  # Azure, in tenths of a microsecond
        ticks = [_number(item.get(key)) for key in ("offsetInTicks", "durationInTicks")]
        found = [None if ticks[0] is None else ticks[0] / 1e7, None, None if ticks[1] is None else ticks[1] / 1e7]
    else:
        found = [
            next((n for key in keys if (n := _number(item.get(key))) is not None), None)
            for keys in (STARTS, ENDS, LENGTHS)
        ]
        for key, place in MILLISECONDS.items():
            if found[place] is None and (n := _number(item.get(key))) is not None:
                found[place] = n / 1000
    start, end, length = found
    if end is None and start is not None and length is not None:
        end = start + length
    return None if start is None else (start, start if end is None else end)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        if isinstance(value, str) and (clock := CLOCK.fullmatch(value.strip())):
            hours, minutes, seconds, alone = clock.groups()
            return (
                float(alone) if alone else int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
            )
        return float(value)
    except (ValueError, OverflowError):
        return None


def _sentences(words: list[Row]) -> Iterator[Row]:
    gathered: list[Row] = []
    for word in words:
        if gathered and (
            len(gathered) == SENTENCE_WORDS or word[0] - gathered[-1][1] > PAUSE or _ends(gathered[-1][2])
        ):
            yield gathered[0][0], gathered[-1][1], " ".join(w[2].strip() for w in gathered)
            gathered = []
        gathered.append(word)
    if gathered:
        yield gathered[0][0], gathered[-1][1], " ".join(w[2].strip() for w in gathered)


def _ends(word: str) -> bool:
    return word.strip().endswith((".", "?", "!", "。", "？", "！"))
