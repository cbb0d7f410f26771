"""Languages as people write them, compared by what they mean: ``ger``, ``deu``, ``DE`` and ``de-AT`` are German.

Tags of ISO 639-1, 639-2/B, 639-2/T, 639-3 and BCP 47 are standardised by ``langcodes``.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from ..errors import ConfigError

UNNAMED = ("", "und", "mul", "zxx", "mis")
"""How captions are marked whose language nobody names."""
FORCED = ("forced", "foreign", "signs", "songs")
"""Marks of captions that hold only what is said in another language than the rest, or is written or sung."""
HEARING = ("sdh", "cc", "hi", "hearing", "impaired")
"""Marks of captions for those who do not hear, which tell of noises, too."""
RECOGNISED = ("auto", "orig", "asr", "automatic", "generated", "whisper")
"""Marks of captions that a machine wrote down."""
OTHER_MARKS = ("default", "full", "caption", "captions", "subs", "subtitle", "subtitles", "sub", "transcript")
"""What names of caption files say beside the language."""
NAMES = {
    "arabic": "ar", "bengali": "bn", "bulgarian": "bg", "catalan": "ca", "chinese": "zh", "mandarin": "zh",
    "cantonese": "yue", "croatian": "hr", "czech": "cs", "danish": "da", "dutch": "nl", "english": "en",
    "estonian": "et", "finnish": "fi", "french": "fr", "german": "de", "greek": "el", "hebrew": "he", "hindi": "hi",
    "hungarian": "hu", "indonesian": "id", "italian": "it", "japanese": "ja", "korean": "ko", "latvian": "lv",
    "lithuanian": "lt", "malay": "ms", "norwegian": "no", "persian": "fa", "farsi": "fa", "polish": "pl",
    "portuguese": "pt", "brazilian": "pt-BR", "romanian": "ro", "russian": "ru", "serbian": "sr", "slovak": "sk",
    "slovenian": "sl", "spanish": "es", "swedish": "sv", "tamil": "ta", "telugu": "te", "thai": "th", "turkish": "tr",
    "ukrainian": "uk", "urdu": "ur", "vietnamese": "vi", "deutsch": "de", "español": "es", "espanol": "es",
    "castellano": "es", "français": "fr", "francais": "fr", "italiano": "it", "português": "pt", "portugues": "pt",
    "nederlands": "nl", "polski": "pl", "svenska": "sv", "türkçe": "tr", "русский": "ru", "українська": "uk",
    "ελληνικά": "el", "العربية": "ar", "中文": "zh", "简体中文": "zh-Hans", "简体": "zh-Hans", "繁體中文": "zh-Hant",
    "繁體": "zh-Hant", "日本語": "ja", "한국어": "ko", "ไทย": "th", "jp": "ja", "kr": "ko", "cz": "cs", "dk": "da",
    "gr": "el", "ua": "uk", "vn": "vi", "cn": "zh-Hans", "chs": "zh-Hans", "cht": "zh-Hant", "pb": "pt-BR",
    "pob": "pt-BR", "ptbr": "pt-BR", "sp": "es",
}  # fmt: skip
"""Languages by what people write in place of their tags: names, and tags of countries."""
PARTS = {
    **{"brazil": "BR", "united states": "US", "united kingdom": "GB", "latin america": "419", "spain": "ES"},
    **{"portugal": "PT", "canada": "CA", "france": "FR", "germany": "DE", "mexico": "MX", "india": "IN"},
    **{"australia": "AU", "simplified": "Hans", "traditional": "Hant"},
}
"""Regions and scripts by the words that stand behind the name of a language."""
REGION = re.compile(r"[A-Z]{2}|\d{3}|[A-Z][a-z]{3}")
"""A region or a script that stands apart from its language: ``zh_Hans``."""


@dataclass(frozen=True)
class Marks:
    """What a name, or a track, says of captions. ``language`` is a standardised tag, empty where none is named."""

    language: str = ""
    forced: bool = False
    hearing: bool = False
    recognised: bool = False


T = TypeVar("T")


@lru_cache(1 << 16)
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
    """Whether two tags name the same language, whatever the region and the script; Bokmål is Norwegian."""
    return _whole(one) == _whole(other) != ""


@lru_cache(1024)
def _whole(tag: str) -> str:
    """The language that a tag names, or is the usual form of."""
    import langcodes

    known = standard(tag)
    found = langcodes.standardize_tag(known, macro=True).partition("-")[0] if known else ""
    return "no" if found in ("nb", "nn") else found


def named(word: str) -> str:
    """The language that a word of a name says, by its tag, its name, or a country's tag; empty for none."""
    return NAMES.get(unicodedata.normalize("NFC", word).lower()) or standard(word)


def language_in(title: Sequence[str]) -> str:
    """The language that words of a title name, with its region or script; empty for none."""
    for place, word in enumerate(title):
        if len(word) > 2 and word.isalpha() and (found := NAMES.get(unicodedata.normalize("NFC", word))):
            return _with_part(found, list(title[place + 1 :]))
    return ""


def names_a_language(folder: str) -> bool:
    """Whether a folder is named after a language, and hardly after something else: ``de``, ``pt-BR``, ``German``."""
    is_short = len(re.split("[-_]", folder)[0]) == 2
    return unicodedata.normalize("NFC", folder).lower() in NAMES or (is_short and bool(standard(folder)))


def marks_of(parts: Sequence[str]) -> Marks | None:
    """What the parts of a name after a video's say: ``en``, ``sdh``; None where one says nothing of captions."""
    language, forced, hearing, recognised = "", False, False, False
    left = [part.strip("-") for part in parts]
    while left:
        part = left.pop(0)
        mark = part.lower()
        says = named(part)
        if mark == "hi" and not language and not any(standard(p) for p in left if p.lower() != "hi"):
            language = says  # Hindi, where nothing else names a language
        elif mark in FORCED:
            forced = True
        elif mark in HEARING:
            hearing = True
        elif mark in RECOGNISED:
            recognised = True
        elif mark in OTHER_MARKS or mark in UNNAMED[1:] or (language and re.fullmatch(r"[1-9]\d?", mark)):
            pass
        elif says and not language:
            language = _with_part(says, left)
        elif says and same_language(says, language):
            language = _with_part(language, left)
        elif says or "-" not in part:
            return None
        else:
            left = [*part.split("-"), *left]  # en-orig, en-en-US
    return Marks(language, forced, hearing, recognised)


def _with_part(language: str, left: list[str]) -> str:
    """A language with the region or the script that the next parts of a name say, which are taken from them."""
    for count in (2, 1):
        words = " ".join(left[:count]).lower()
        told = PARTS.get(words) or (left[0] if count == 1 and left and REGION.fullmatch(left[0]) else "")
        is_mark = words in (*FORCED, *HEARING, *RECOGNISED, *OTHER_MARKS)
        if told and not is_mark and (found := standard(f"{language}-{told}")):
            del left[:count]
            return found
    return language


def by_preference(items: Iterable[tuple[Marks, T]], wanted: str) -> list[T]:
    """What captions are taken of several, the best first: full ones before forced ones, then the wanted language.

    Args:
        wanted: a language's tag; another region of it will do, the same script before another; what names no language
            may be it; others come after.
    """
    asked = standard(wanted)

    def key(item: tuple[Marks, T]) -> tuple:
        marks = item[0]
        same = same_language(marks.language, asked)
        near = 0 if marks.language == asked else 1 if same else 2 if not marks.language else 3
        far = _distance(asked, marks.language) if same else 0
        return marks.forced, near, far, marks.recognised, marks.hearing, marks.language

    return [thing for _, thing in sorted(items, key=key)]


@lru_cache(1024)
def _distance(one: str, other: str) -> int:
    """How far two forms of a language are apart, as CLDR measures it."""
    import langcodes

    return langcodes.tag_distance(one, other)
