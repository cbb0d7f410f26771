"""What counts as a word, in any language: the same for what is said and for what is looked for.

Letters are compared without case, accents, points and compatibility forms. Scripts that leave no space between words
(Chinese, Japanese, Thai, Lao, Khmer, Burmese) are cut into pairs of letters; so is Korean, beside its words, whose
endings are many.
"""

import re
import unicodedata
from collections.abc import Sequence

_UNSPACED = (
    "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han, kana
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\uaa60-\uaa7f\ua9e0-\ua9ff"  # Thai, Lao, Burmese, Khmer
)
_HANGUL = "\u1100-\u11ff\uac00-\ud7af"
_MARKED = "\u0300-\u036f\u0900-\u0dff\u0f39-\u0f84\u0f90-\u0fbc\u200c\u200d"  # vowel signs, which \\w leaves out
_PART = re.compile(rf"[{_UNSPACED}]+|[{_HANGUL}]+|(?:(?![{_UNSPACED}{_HANGUL}])[\w{_MARKED}])+")
_IS_UNSPACED, _IS_HANGUL = re.compile(rf"[{_UNSPACED}]"), re.compile(rf"[{_HANGUL}]")
_SIGNS = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u200c\u200d\u00ad"
    "\u093c\u09bc\u0a3c\u0abc\u0b3c]"
)
"""Accents, Hebrew points, Arabic vowels and lengthening, joiners, and points of Indic letters: the same without."""
_NASAL = re.compile("[\u0919\u091e\u0923\u0928\u092e]\u094d(?=[\u0915-\u0939])|\u0901")
"""Nasals of Devanagari before another consonant, which a point above the line stands for as well."""
_ARTICLE = re.compile("^[\u0648\u0641\u0628\u0643]?\u0627\u0644(?=\\w{2})|^\u0644\u0644(?=\\w{2})")
"""The article of Arabic, which is written with its word, as are the prepositions before it."""
_PREFIX = re.compile("^[\u05d4\u05d1\u05dc\u05de\u05d5\u05e9\u05db]{1,2}(?=[\u05d0-\u05ea]{3})")
"""The article, prepositions and the like of Hebrew, which are written with their word."""
_CONTRACTED = re.compile(r"(?<=[a-z])['’](?=(?:t|s|re|ve|ll|d|m)\b)")
_WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
"""Letters that people without the keyboard write as two."""
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŋ": "n", "ə": "e"}
    | {"ى": "ي", "ة": "ه", "ی": "ي", "ک": "ك", "ς": "σ"}
)
"""Letters that people without the keyboard write as others."""
LONGEST = 64
"""Letters of a word; what is longer is cut."""


def folded(text: str) -> str:
    """A text without case, accents, points and compatibility forms."""
    if text.isascii():
        return text.lower()
    bare = _SIGNS.sub("", unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold()))
    return _NASAL.sub("\u0902", unicodedata.normalize("NFC", bare).translate(_LETTERS))


def words(text: str) -> list[str]:
    """What is looked for in a text: words, and pairs of letters where none are told apart."""
    found: list[str] = []
    for part in _PART.findall(folded(text)):
        if _IS_UNSPACED.match(part):
            found += _pairs(part) or [part]
        else:
            found.append(_ARTICLE.sub("", part)[:LONGEST])
    return found


def indexed_words(text: str) -> list[str]:
    """Words under which a text is found: its ``words``, single letters of scripts without spaces, pairs of Korean.

    Also words without what is written with them (Arabic, Hebrew), and as people without the keyboard write them.
    """
    found: list[str] = []
    for part in _PART.findall(folded(text)):
        if _IS_UNSPACED.match(part):
            found += [*part, *_pairs(part)]
        elif _IS_HANGUL.match(part):
            found += dict.fromkeys([part[:LONGEST], *(part[:n] for n in range(1, min(len(part), 8))), *_pairs(part)])
        else:
            bare = _PREFIX.sub("", _ARTICLE.sub("", part))
            found += dict.fromkeys((part[:LONGEST], _ARTICLE.sub("", part)[:LONGEST], bare[:LONGEST]))
    return found + _otherwise(text)


def found_in(text: str, wanted: Sequence[str]) -> list[tuple[int, int]]:
    """Where words that are looked for stand in a text, in some form: (start, end) of each, in order."""
    spans: list[tuple[int, int]] = []
    for chunk in re.finditer(r"\S+", text):
        own, begin = chunk.group(), chunk.start()
        bare = folded(own)
        if _IS_UNSPACED.search(own) and len(bare) == len(own):
            spans += [(begin + m.start(), begin + m.end()) for w in wanted for m in re.finditer(re.escape(w), bare)]
        elif any(are_there(own, wanted)):
            inner = re.search(r"\w(?:.*\w)?", own)
            spans.append((begin + inner.start(), begin + inner.end()) if inner else chunk.span())
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def are_there(text: str, wanted: Sequence[str]) -> list[bool]:
    """Of each word that is looked for, whether it is in a text in some form."""
    spoken = set(indexed_words(text))
    return [word in spoken or any(_is_form(word, other) for other in spoken) for word in wanted]


def _is_form(one: str, other: str) -> bool:
    """Whether two words are alike but for an ending of up to three letters: chopping, chopped."""
    least = max(len(one) - 3, len(other) - 3, 4)
    return one[:least] == other[:least]


def _otherwise(text: str) -> list[str]:
    """Words of a text that are also written in another way: ``Mueller``, ``dont``."""
    lower = unicodedata.normalize("NFC", text).lower()
    written_out = _CONTRACTED.sub("", lower.translate(_WRITTEN_OUT))
    if written_out == lower:
        return []
    usual = set(words(lower))
    return [word for word in words(written_out) if word not in usual]


def _pairs(part: str) -> list[str]:
    return [part[i : i + 2] for i in range(len(part) - 1)]
