"""Languages as people write them, compared by what they mean: ``ger``, ``deu``, ``DE`` and ``de-AT`` are German.

Tags of ISO 639-1, 639-2/B, 639-2/T, 639-3 and BCP 47 are standardised by ``langcodes``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from ..errors import ConfigError

UNNAMED = ("", "und", "mul", "zxx", "mis")
"""How captions are marked whose language nobody names."""
FORCED = ("forced", "foreign")
"""Marks of captions that hold only what is said in another language than the rest."""
HEARING = ("sdh", "cc", "hi", "hearing", "impaired")
"""Marks of captions for those who do not hear, which tell of noises, too."""
OTHER_MARKS = (
    "default",
    "full",
    "auto",
    "orig",
    "asr",
    "captions",
    "subs",
    "subtitles",
    "sub",
    "transcript",
    "whisper",
)
"""What names of caption files say beside the language."""


@dataclass(frozen=True)
class Marks:
    """What a name, or a track, says of captions. ``language`` is a standardised tag, empty where none is named."""

    language: str = ""
    forced: bool = False
    hearing: bool = False


T = TypeVar("T")


@lru_cache(1024)
def standard(tag: str) -> str:
    """The standardised form of a language's tag; empty where it names none."""
    import langcodes

    tag = tag.strip().replace("_", "-")
    try:
        valid = bool(tag) and langcodes.tag_is_valid(tag)
        found = langcodes.standardize_tag(tag) if valid else ""
    except ValueError:
        return ""
    return "" if found in UNNAMED else found


def wanted_language(tag: str) -> str:
    """A language that is asked for, standardised; empty for none in particular.

    Raises:
        ConfigError: there is no such language.
    """
    if tag.lower() in UNNAMED:
        return ""
    found = standard(tag)
    if not found:
        raise ConfigError(f"language '{tag}' is none that is known; write a tag such as en, de or pt-BR")
    return found


def same_language(one: str, other: str) -> bool:
    """Whether two tags name the same language, whatever the region and the script."""
    return standard(one).partition("-")[0] == standard(other).partition("-")[0] != ""


def marks_of(parts: Sequence[str]) -> Marks | None:
    """What the parts of a name after a video's say: ``en``, ``sdh``; None where one says nothing of captions."""
    language, forced, hearing = "", False, False
    for part in parts:
        mark = part.lower()
        named = standard(part)
        if mark == "hi" and not language and not any(standard(p) for p in parts if p.lower() != "hi"):
            language = named  # Hindi, where nothing else names a language
        elif mark in FORCED:
            forced = True
        elif mark in HEARING:
            hearing = True
        elif mark in OTHER_MARKS or mark in UNNAMED[1:]:
            pass
        elif named and not language:
            language = named
        elif mark.partition("-")[2] in OTHER_MARKS and standard(mark.partition("-")[0]):
            language = standard(mark.partition("-")[0])  # en-orig
        elif not (named and same_language(named, language)):
            return None
    return Marks(language, forced, hearing)


def by_preference(items: Iterable[tuple[Marks, T]], wanted: str) -> list[T]:
    """What captions are taken of several, the best first: full ones before forced ones, then the wanted language.

    Args:
        wanted: a language's tag; another region of it will do; what names no language may be it; others come after.
    """

    def key(item: tuple[Marks, T]) -> tuple:
        marks = item[0]
        exact = marks.language == standard(wanted)
        near = 0 if exact else 1 if same_language(marks.language, wanted) else 2 if not marks.language else 3
        return marks.forced, near, marks.hearing, marks.language

    return [thing for _, thing in sorted(items, key=key)]
