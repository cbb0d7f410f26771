"""Timed sentences from caption files, with what a recogniser said twice said once.

Speech recognisers deliver rolling captions: each line repeats the last words of the line before. What was said is the
sequence without those repeats; ``without_repeats`` gives it back on whole words.
"""

import json
import math
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import MediaError, MediaWarning
from ..storage.places import write_whole
from .cues import cues, dialogues
from .encodings import decoded
from .limits import limits
from .markup import plain
from .recognised import rows_of

SUFFIXES = (".srt", ".vtt", ".ass", ".ssa", ".json")


SILENCE = 20.0
"""Seconds between two captions from which on the second repeats nothing: rolling ones follow one another at once, also
where a recogniser left out a sentence."""


@dataclass(frozen=True, slots=True)
class Caption:
    """Something that is said, from ``start`` to ``end`` in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Narration:
    """What is said in a video; ``source`` says where that is from (``narration``); empty for nothing."""

    captions: Sequence[Caption] = ()
    language: str = ""
    source: str = ""
    model: str = ""
    """The recogniser that heard it, where one did."""
    confidence: float = 1.0
    """From 0 to 1: how sure that recogniser was."""


def read_captions(path: str | Path) -> list[Caption]:
    """Sentences of an SRT, VTT, ASS or JSON file: in order, without markup, repeats or empty lines.

    A JSON file holds the captions of one video, ``{"start": […], "end": […], "text": […]}``, or what a speech
    recogniser writes: a list of sentences or words, each with its times (``recognised``).

    Raises:
        MediaError: the file is missing, unreadable, or not captions.
    """
    path = Path(path)
    try:
        if path.stat().st_size > limits().captions:
            raise MediaError(
                f"{path}: larger than {limits().captions >> 20} MB, which no video's captions are; "
                "VIDEOCLIP_MAX_CAPTIONS raises the limit"
            )
        content = path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    text, guessed = decoded(content)
    if guessed:
        warnings.warn(f"{path}: is not UTF-8; read as {guessed}, save it as UTF-8", MediaWarning, stacklevel=2)
    if path.suffix.lower() == ".json":
        found = _from_json(text, path)
    elif not text.strip("\ufeff\0 \t\r\n"):
        return []
    else:
        found = _from_subtitles(text.replace("\0", ""), path)
    captions = clean(found)
    if not captions and any(plain(c.text) for c in found):
        raise MediaError(f"{path}: none of its {len(found)} captions has times that can be, such as 0:01 to 0:02")
    return captions


def clean(captions: Iterable[Caption], keep_repeats: bool = False) -> list[Caption]:
    """What every source goes through: plain text, sensible times, order, and nothing said twice."""
    said = (Caption(c.start, c.end, plain(c.text)) for c in captions if _is_timed(c))
    in_order = sorted((c for c in said if c.text), key=lambda c: (c.start, c.end))
    return in_order if keep_repeats else without_repeats(in_order)


def howto100m_captions(entry: dict, keep_repeats: bool = False) -> list[Caption]:
    """Captions of one video of ``raw_caption.json``; entries whose text is not a string are left out (SPEC 3)."""
    columns = (entry.get(key) for key in ("start", "end", "text"))
    rows = zip(*(column if isinstance(column, list) else [] for column in columns), strict=False)
    timed = (Caption(float(s), float(e), t) for s, e, t in rows if isinstance(t, str) and _numbers(s, e))
    return clean(timed, keep_repeats)


def without_repeats(captions: Iterable[Caption]) -> list[Caption]:
    """Drop from each caption the longest run of first words that also ends the caption before it.

    The words that remain, in order, are what was said once; a caption of which nothing remains is left out. What is
    said again after a silence of ``SILENCE`` was said twice.
    """
    kept: list[Caption] = []
    before: list[str] = []
    until = -math.inf
    for caption in captions:
        words = caption.text.split()
        repeated = _overlap(before, words) if caption.start - until < SILENCE else 0
        before, until = words, caption.end
        if not repeated:
            kept.append(caption)
        elif words[repeated:]:
            kept.append(Caption(caption.start, caption.end, " ".join(words[repeated:])))
    return kept


def _overlap(before: list[str], words: list[str]) -> int:
    """How many of the first ``words`` are also the last of ``before``, at most."""
    if not words or words[0] not in before:
        return 0
    longest = min(len(before), len(words))
    return next((n for n in range(longest, 0, -1) if before[-n:] == words[:n]), 0)


def _from_subtitles(text: str, path: Path) -> list[Caption]:
    text = re.sub(r"\r+\n|\r", "\n", text)
    read = dialogues if re.search(r"^\s*\[Events\]", text, re.MULTILINE | re.IGNORECASE) else cues
    if found := [Caption(*row) for row in read(text)]:
        return found
    if "-->" not in text and (
        text.lstrip("\ufeff \n").startswith("WEBVTT") or ("Dialogue:" not in text and read is dialogues)
    ):
        return []  # nothing is said
    return _by_pysubs2(text, path)


def _by_pysubs2(text: str, path: Path) -> list[Caption]:
    """Captions in a form that people name SRT and that is another, such as MicroDVD; told by its content."""
    import pysubs2

    try:
        subtitles = pysubs2.SSAFile.from_string(text)
    except (pysubs2.exceptions.Pysubs2Error, ValueError, IndexError, KeyError, AttributeError) as error:
        raise MediaError(f"{path}: not captions in SRT, VTT or ASS form ({error or type(error).__name__})") from error
    lines = [line for line in subtitles if not line.is_comment]
    if not lines:
        raise MediaError(f"{path}: not captions in SRT, VTT or ASS form (no line holds two times)")
    return [Caption(line.start / 1000, line.end / 1000, line.text) for line in lines]


def _from_json(text: str, path: Path) -> list[Caption]:
    try:
        entry = _loaded(text.lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise MediaError(f"{path}: not JSON ({error})") from error
    if isinstance(entry, dict) and all(isinstance(entry.get(k), list) for k in ("start", "end", "text")):
        return howto100m_captions(entry)
    rows = rows_of(entry)
    if rows is None:
        raise MediaError(
            f"{path}: JSON that is no captions; expected {{'start': […], 'end': […], 'text': […]}} or a list of "
            "segments, each with start, end and text"
        )
    return [Caption(*row) for row in rows]


def _loaded(text: str) -> Any:
    """The value of a JSON text, or the list of those of its lines."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Extra data") or error.lineno < 2:
            raise
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def _is_timed(caption: Caption) -> bool:
    return math.isfinite(caption.start) and math.isfinite(caption.end) and 0 <= caption.start <= caption.end


def _numbers(*values) -> bool:
    """Whether all are numbers, and none an integer that no float can hold."""
    return all(isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e300 for v in values)


def write_captions(path: Path, captions: Iterable[Caption]) -> None:
    """Write captions as an SRT file, or as VTT if the name ends so."""
    write_whole(path, captions_text(captions, "vtt" if path.suffix.lower() == ".vtt" else "srt"))


def captions_text(captions: Iterable[Caption], form: str) -> str:
    """Captions as the text of a file: ``srt``, ``vtt``, or ``json``, a list of start, end and text."""
    import pysubs2

    if form == "json":
        return json.dumps([asdict(caption) for caption in captions], indent=1, ensure_ascii=False)
    subtitles = pysubs2.SSAFile()
    for caption in captions:
        text = caption.text.replace("\n", "\\N")
        subtitles.append(pysubs2.SSAEvent(round(1000 * caption.start), round(1000 * caption.end), text))
    return subtitles.to_string(form)
