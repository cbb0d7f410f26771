"""When something was recorded, by what its file says, and dates as people write them."""

import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from .opening import open_video

TAGS = (
    *("com.apple.quicktime.creationdate", "date_recorded", "originaldate", "date_digitized", "datetimeoriginal"),
    *("creation_time", "creation_date", "date_encoded", "date", "©day", "icrd", "year"),
)
"""Where files say it, the most telling first: a phone's own date has its zone, and stays when a file is copied."""
FORM = re.compile(
    r"(\d{4})(?:[-:/.]?(\d{2})(?:[-:/.]?(\d{2})"
    r"(?:[T ]?(\d{2}):?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?\s?([Zz]|UTC|[+-]\d{2}(?::?\d{2})?)?)?)?)?"
)
"""A year, a month, a day, or a time of day, with or without separators and a zone."""
NAMED = re.compile(
    r"(PXL_|GMT)?(?<!\d)((?:19|20)\d{2})([-_.]?)([01]\d)\3([0-3]\d)(?!\d)"
    r"(?:(?:[-_ T]|[ _]at[ _])([0-2]\d|\d(?=[.:]))[-_.:]?([0-5]\d)[-_.:]?([0-5]\d)\d{0,3}(?!\d)\s?([ap]m\b)?)?",
    re.IGNORECASE,
)
"""A day in a file's name, as phones and recorders write it, and the time; with ``PXL_`` or ``GMT`` before it in UTC."""
FIRST = 365 * 86_400.0
"""Seconds since 1970 before which nothing is meant: clocks that were never set say 1, 1904 or 1970."""
DAY, MOMENT = 86_400.0, 1e-3


def recorded_at(path: str | Path) -> float:
    """When a file says that it was recorded, or else when it was last changed: seconds since 1970.

    Where its tags say nothing, its name may (``VID_20230102_030405.mp4``): messengers send videos without tags, and the
    time of change is that of the download. A date without a zone is one of this machine's. One that cannot be, or lies
    ahead by more than a day, says nothing.

    Raises:
        MediaError: the file cannot be opened.
    """
    with open_video(path) as container:
        said = dict(_said(container))
    for text in (*(said[tag] for tag in TAGS if tag in said), *in_name(Path(path).stem)):
        try:
            began, _ = span_of(text)
        except ValueError:
            continue
        if FIRST <= began < time.time() + DAY:
            return began
    return Path(path).stat().st_mtime


def in_name(stem: str) -> Iterator[str]:
    """Dates that a file's name says, for ``span_of``."""
    for utc, year, _, month, day, hour, minute, second, half in NAMED.findall(stem):
        if hour and half:
            hour = f"{int(hour) % 12 + 12 * (half.lower() == 'pm'):02}"
        clock = f" {hour:0>2}:{minute}:{second}{'Z' if utc else ''}" if hour else ""
        yield f"{year}-{month}-{day}{clock}"


def _said(container: Any) -> Iterator[tuple[str, str]]:
    """Tags of a file and of its streams; the file's own count."""
    for holder in (*reversed(container.streams), container):
        for name, value in holder.metadata.items():
            yield name.lower(), value.strip()


def span_of(text: str) -> tuple[float, float]:
    """The seconds since 1970 at which a date begins and ends: a year, a month, a day; or a moment, twice.

    Raises:
        ValueError: it is none.
    """
    found = FORM.fullmatch(text.strip())
    if not found:
        raise ValueError(f"'{text}' is no date")
    year, month, day, hour, minute, second, _, zone = found.groups()
    begin = datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0))
    try:
        if zone:
            utc = zone in ("Z", "z", "UTC")
            begin = datetime.fromisoformat(f"{begin.isoformat()}{'+00:00' if utc else zone.ljust(5, '0')}")
        return begin.timestamp(), _end(begin, month, day, hour).timestamp()
    except (OverflowError, OSError) as error:
        raise ValueError(f"'{text}' is no date that can be reckoned with") from error


def _end(begin: datetime, month: str | None, day: str | None, hour: str | None) -> datetime:
    """The first moment after a date, of which these are said."""
    if not month:
        return begin.replace(year=begin.year + 1)
    if not day:
        return (begin + timedelta(days=32)).replace(day=1)
    return begin if hour else begin + timedelta(days=1)


def asked(text: str, option: str, end: bool = False) -> float | None:
    """A date that filters videos: seconds since 1970, of its first moment or its last; None for none.

    Raises:
        ConfigError: it is no date.
    """
    if not text.strip():
        return None
    try:
        first, after = span_of(text)
        return max(first, after - MOMENT) if end else first
    except ValueError as error:
        raise ConfigError(f"{option} '{text}': write a date such as 2026-01-31, 2026-01 or 2026") from error
