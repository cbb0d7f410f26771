"""Cues of SRT and VTT files and lines of ASS files, as loosely as people and programs write them."""

import re
from collections.abc import Iterator

CLOCK = r"(?:(\d{1,6})\s?[:：]\s?)?(\d{1,4})\s?[:：]\s?(\d{1,2})(?:\s?[.,:．，：]\s?(\d{1,9}))?"
TIMES = re.compile(rf"\s{{0,8}}{CLOCK}\s{{0,8}}(?:[-－]\s?[-－]?\s?[>＞]|[–—]\s?>|→|--&gt;)\s{{0,8}}{CLOCK}(?!\d)")
COMMENT = re.compile(r"\{[^{}\\]{0,1000}\}")
NOTES = ("NOTE", "STYLE", "REGION")


def cues(text: str) -> Iterator[tuple[float, float, str]]:
    """(start, end, text) of each cue, in seconds; none where no line holds two times.

    A cue of a VTT file ends at an empty line, so that names of cues, notes and styles between them are no words. One
    of an SRT file, where people leave empty lines between what is said, ends at the number of the next; or at its name,
    where all have one, as in VTT that lost its first line.
    """
    lines = text.splitlines()
    is_vtt = text.lstrip().startswith("WEBVTT")
    timed = [(i, found) for i, line in enumerate(lines) if (found := TIMES.match(line))]
    if is_vtt:
        noted = _noted(lines)
        timed = [(i, found) for i, found in timed if i not in noted]
    named = not is_vtt and len(timed) > 1 and all(_is_named(lines, i) for i, _ in timed)
    ends = [*(i for i, _ in timed[1:]), len(lines)][: len(timed)]
    for number, ((place, found), end) in enumerate(zip(timed, ends, strict=True), 1):
        said = lines[place + 1 : end]
        if is_vtt:
            said = said[: next((i for i, line in enumerate(said) if not line), len(said))]
        elif end < len(lines):
            said = said[:-1] if named else _without_number(said, number)
        yield _seconds(found.groups()[:4]), _seconds(found.groups()[4:]), "\n".join(said)


def _noted(lines: list[str]) -> set[int]:
    """Lines in a block that is a note, such as a cue that is commented out."""
    found: set[int] = set()
    is_new, is_note = True, False
    for place, line in enumerate(lines):
        if is_new and line.strip():
            is_note = line.startswith(NOTES) and line.split()[0] in NOTES
        is_new = not line.strip()
        if is_note and not is_new:
            found.add(place)
    return found


def _is_named(lines: list[str], place: int) -> bool:
    """Whether a line stands by itself before that of a cue's times, and is no number: a cue of VTT has such a name."""
    before = lines[place - 1].strip() if place else ""
    return bool(before) and not before.isdecimal() and (place == 1 or not lines[place - 2].strip())


def _without_number(said: list[str], number: int) -> list[str]:
    """Lines of an SRT cue, without the number of the next cue."""
    last = said[-1].strip() if said else ""
    if last.isdecimal():
        return said[:-1]
    filled = [i for i, line in enumerate(said) if line.strip()]
    if not last and filled and said[filled[-1]].strip() in (str(number), str(number + 1)) and len(filled) > 1:
        return said[: filled[-1]]  # with an empty line between it and the times
    return said


def _seconds(clock: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = clock
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0) + float(f"0.{_digits(fraction)}")


def _digits(fraction: str | None) -> str:
    """Digits of a fraction in ASCII, whatever script they are in."""
    return "".join(str(int(digit)) for digit in fraction or "0")


def dialogues(text: str) -> Iterator[tuple[float, float, str]]:
    """(start, end, text) of each line of an ASS or SSA file that is spoken; comments in braces are never shown."""
    columns = ["layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text"]
    is_events = False
    for line in text.splitlines():
        kind, _, values = line.strip().partition(":")
        if kind.startswith("["):
            is_events = kind.lower() == "[events]"
        elif is_events and kind == "Format":
            columns = [name.strip().lower() for name in values.split(",")]
        elif is_events and kind == "Dialogue":
            row = dict(zip(columns, values.split(",", len(columns) - 1), strict=False))
            start, end = (re.fullmatch(rf"\s*{CLOCK}\s*", row.get(name, "")) for name in ("start", "end"))
            if start and end and "text" in row:
                yield _seconds(start.groups()), _seconds(end.groups()), COMMENT.sub("", row["text"])
