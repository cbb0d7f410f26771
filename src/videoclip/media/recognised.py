"""Timed sentences of the JSON that speech recognisers, and those who fetch captions, write."""

from collections.abc import Iterator
from typing import Any

LISTS = (
    "segments",
    "chunks",
    "transcription",
    "events",
    "snippets",
    "utterances",
    "body",
    "words",
    "result",
    "captions",
)
"""Under which of these names a recogniser has its list, sentences before words."""
TEXTS = ("text", "content", "punctuated_word", "word", "transcript", "utf8")
SENTENCE_WORDS, PAUSE = 12, 1.0
"""Words that are said at once: so many at most, with less silence (seconds) between them."""

Row = tuple[float, float, str]


def rows_of(value: Any) -> list[Row] | None:
    """(start, end, text) of each sentence, seconds; None where this is no transcript."""
    if isinstance(value, dict):
        for name in LISTS:
            if isinstance(value.get(name), list) and (rows := _rows(value[name])) is not None:
                return rows
        return None
    return _rows(value) if isinstance(value, list) and value else None


def _rows(items: list) -> list[Row] | None:
    timed = [row for item in items if isinstance(item, dict) and (row := _row(item)) is not None]
    nested = [row for item in items if isinstance(item, dict) for row in _nested(item)] if not timed else []
    if items and not timed and not nested:
        return None
    words = timed and all(isinstance(i, dict) and "text" not in i and ("word" in i) for i in items)
    return list(_sentences(timed or nested)) if words or nested else timed


def _nested(item: dict) -> list[Row]:
    """Words of a segment that has no times of its own (Vosk: a list of results)."""
    words = next((item[name] for name in ("words", "result") if isinstance(item.get(name), list)), [])
    return [row for word in words if isinstance(word, dict) and (row := _row(word)) is not None]


def _row(item: dict) -> Row | None:
    parts = item.get("segs")
    if isinstance(parts, list):  # YouTube's json3
        text = "".join(str(p.get("utf8", "")) for p in parts if isinstance(p, dict))
    else:
        text = next((item[name] for name in TEXTS if isinstance(item.get(name), str)), None)
    times = _times(item)
    return (*times, text) if text is not None and times is not None else None


def _times(item: dict) -> tuple[float, float] | None:
    """Seconds at which an item begins and ends, in the forms that there are."""
    if (start := _number(item.get("tStartMs"))) is not None:
        return start / 1000, (start + (_number(item.get("dDurationMs")) or 0.0)) / 1000
    offsets, pair = item.get("offsets"), item.get("timestamp")
    if isinstance(offsets, dict):  # whisper.cpp
        start, end = _number(offsets.get("from")), _number(offsets.get("to"))
        return (start / 1000, end / 1000) if start is not None and end is not None else None
    if isinstance(pair, list) and len(pair) == 2:  # transformers
        start, end = _number(pair[0]), _number(pair[1])
    else:
        start = next((n for k in ("start", "from", "start_time") if (n := _number(item.get(k))) is not None), None)
        end = next((n for k in ("end", "to", "end_time") if (n := _number(item.get(k))) is not None), None)
        length = next((n for k in ("duration", "dur") if (n := _number(item.get(k))) is not None), None)
        if end is None and start is not None and length is not None:
            end = start + length
    return None if start is None else (start, start if end is None else end)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
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
