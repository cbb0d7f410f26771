"""Annotation files as people have them, checked entry by entry where they are read.

An entry that cannot be meant ends the reading with one line: the file, the entry, what is wrong and what to do. It is
not passed over, since metrics over the others would be called the benchmark's. Types say what is meant: a dataclass
whose fields are the keys of an entry, or the columns of a table; further keys and columns do not matter.
"""

import csv
import json
import reprlib
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import MISSING, fields
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from ..errors import VideoclipError
from ..text import read_text

Entry = TypeVar("Entry")
LONGEST = 7 * 86400.0
"""Seconds of a video at most; what is larger is no time."""
LATE = 5.0
"""Seconds by which the end of a span may lie beyond the noted duration of its video."""
DELIMITERS = ",\t;"
"""Of tables; programs write another one in other countries."""
NOTHING = ("nan", "NaN", "None", "NULL", "<NA>", "#N/A")
"""What programs write into a table where there is no value."""


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("is no number")
    return value


def _in_order(span: tuple[float, float]) -> tuple[float, float]:
    if span[1] <= span[0]:
        raise ValueError(f"ends at {span[1]:g} s, which is not after its start at {span[0]:g} s")
    return span


def _words(text: str) -> str:
    if not any(letter.isprintable() and not letter.isspace() for letter in text):
        raise ValueError("is empty")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("holds half a character")
    return text


Second = Annotated[float, Field(ge=0, le=LONGEST, allow_inf_nan=False), BeforeValidator(_no_bool)]
Span = Annotated[tuple[Second, Second], AfterValidator(_in_order)]
"""Start and end in seconds."""
Number = Annotated[int, BeforeValidator(_no_bool)]
Text = Annotated[str, AfterValidator(_words)]
Name = Annotated[str, AfterValidator(_words), Field(max_length=200)]
"""An id, a label."""


def wrong(path: Path, place: str, problem: str) -> NoReturn:
    """Raise the error that names a file, the entry and what is wrong with it."""
    raise VideoclipError(f"{path}: {place}: {problem}; correct the file, or get it anew")


def shown(value: Any) -> str:
    """A value from a file in a line: short, and without what a terminal takes for more than text."""
    return reprlib.repr(value)


def check(kind: Any, value: Any, path: Path, place: str) -> Any:
    """The value as a ``kind``: a type, or a dataclass.

    Raises:
        VideoclipError: it is not one; names the file, the place and the key.
    """
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    keys = ".".join(str(key) if str(key).isidentifier() or isinstance(key, int) else shown(key) for key in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    reason = reason.replace("Input should be", "should be").replace("Field required", "is missing")
    got = "" if first["type"] == "missing" else f" (it is {shown(first['input'])})"
    wrong(path, place, f"{keys}: {reason}{got}" if keys else f"{reason}{got}")


@lru_cache
def _adapter(kind: Any) -> TypeAdapter:
    return TypeAdapter(kind)


def check_in(path: Path, place: str, span: tuple[float, float], duration: float | None) -> None:
    """Raise ``VideoclipError`` if a span is not in a video of that duration; lengths of files differ by ``LATE``."""
    if duration is not None and (span[0] >= duration or span[1] > duration + LATE):
        wrong(path, place, f"lasts from {span[0]:g} to {span[1]:g} s, but the video ends at {duration:g} s")


def check_once(path: Path, keys: Iterable[tuple[str, Hashable]], what: str) -> None:
    """Raise ``VideoclipError`` if a key occurs in two places.

    Args:
        keys: place and key of each entry.
        what: it is, for the error.
    """
    first: dict[Hashable, str] = {}
    for place, key in keys:
        if key in first:
            wrong(path, place, f"{what} {shown(key)} is there twice, first in {first[key]}")
        first[key] = place


def read_json(path: Path, kind: Any) -> Any:
    """A JSON file whose whole is a ``kind``, such as ``dict`` or ``list``; no object in it has a key twice.

    Raises:
        VideoclipError: it is no JSON, or of another form; names the line.
    """
    return check(kind, _parsed(read_text(path), path, "JSON"), path, "the whole")


def _parsed(text: str, path: Path, place: str, before: int = 0) -> Any:
    """The value of a JSON text, of which ``before`` lines of the file stand before it."""
    try:
        return json.loads(text, object_pairs_hook=_without_doubles)
    except json.JSONDecodeError as error:
        wrong(path, f"line {before + error.lineno}, column {error.colno}", f"is not JSON ({error.msg})")
    except ValueError as error:
        wrong(path, place, str(error).split(";")[0])
    except RecursionError:
        wrong(path, place, "is nested too deeply")


def read_database(path: Path, kind: type[Entry]) -> list[tuple[str, str, Entry]]:
    """The videos of a JSON file with the key ``database``: the place, the id and the entry of each, as a ``kind``.

    Raises:
        VideoclipError: the file, or an entry in it, is of another form; names the entry.
    """
    whole = read_json(path, dict)
    found = check(dict, whole["database"], path, "database") if "database" in whole else None
    if not found:
        wrong(path, "database", "is missing, or holds no videos")
    videos = []
    for name, entry in found.items():
        place = f"video {shown(name)}"
        videos.append((place, check(Name, name, path, place), check(kind, entry, path, place)))
    return videos


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {shown(next(key for key in keys if keys.count(key) > 1))} is there twice")
    return made


def read_json_lines(path: Path) -> list[tuple[str, dict]]:
    """The objects of a file with one on each line, each with its place, ``line 3``.

    Raises:
        VideoclipError: there are none, or a line is no object; names it.
    """
    lines = [(i, line) for i, line in enumerate(read_text(path).split("\n")) if line.strip()]
    if not lines:
        wrong(path, "the whole", "holds no lines")
    parsed = [(f"line {i + 1}", _parsed(line, path, f"line {i + 1}", i)) for i, line in lines]
    return [(place, check(dict, value, path, place)) for place, value in parsed]


def read_list(path: Path) -> list[tuple[str, str]]:
    """The names of a file with one on each line, each with its place, ``line 3``.

    Raises:
        VideoclipError: there are none, or one is there twice; names the line.
    """
    lines = [(f"line {i}", line.strip()) for i, line in enumerate(read_text(path).splitlines(), 1) if line.strip()]
    if not lines:
        wrong(path, "the whole", "holds no names")
    check_once(path, lines, "name")
    return [(place, check(Name, name, path, place)) for place, name in lines]


def read_rows(path: Path, delimiters: str = DELIMITERS) -> list[tuple[str, list[str]]]:
    """The rows of a table that hold anything, each with its place, ``line 3``.

    Args:
        delimiters: the first of them that is in the first row divides all.

    Raises:
        VideoclipError: it is no table; names the line.
    """
    text = read_text(path)
    head = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = next((sign for sign in delimiters if sign in head), delimiters[0])
    try:
        return _divided(path, text, delimiter, csv.QUOTE_MINIMAL)
    except VideoclipError:
        if delimiter != "\t":
            raise
        return _divided(path, text, delimiter, csv.QUOTE_NONE)  # between tabs a quotation mark may be just that


def _divided(path: Path, text: str, delimiter: str, quoting: Any) -> list[tuple[str, list[str]]]:
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    rows = []
    try:
        for row in reader:
            if any(field.strip() for field in row):
                rows.append((f"line {reader.line_num}", [field.strip() for field in row]))
    except csv.Error as error:
        wrong(path, f"line {reader.line_num}", f"is no row of a table ({error})")
    return rows


def read_table(path: Path, kind: type[Entry]) -> list[tuple[str, Entry]]:
    """The rows of a table with a heading, each with its place, as a ``kind``, a dataclass of its columns.

    Raises:
        VideoclipError: it lacks a column, has no rows, or a row is not one of the ``kind``; names the line.
    """
    needed = [field.name for field in fields(kind) if field.default is MISSING]  # type: ignore[arg-type]
    rows = read_rows(path)
    heading = rows[0][1] if rows else []
    if len(set(heading)) < len(heading) or not set(needed) <= set(heading):
        wrong(path, "heading", f"is to name each of the columns {', '.join(needed)} once (it is {shown(heading)})")
    if len(rows) == 1:
        wrong(path, "line 2", "holds no rows")
    return [(place, check(kind, _named(path, place, heading, row), path, place)) for place, row in rows[1:]]


def _named(path: Path, place: str, heading: Sequence[str], row: Sequence[str]) -> dict[str, str]:
    if len(row) != len(heading):
        advice = "put quotes around text that holds the sign between columns"
        wrong(path, place, f"has {len(row)} columns, the heading {len(heading)}: {advice}")
    return {name: "" if value in NOTHING else value for name, value in zip(heading, row, strict=True)}
