"""What counts as a word, in any language: the same for what is said and for what is looked for.

Letters are compared without case, accents, points and compatibility forms. Scripts that leave no space between words
(Chinese, Japanese, Thai, Lao, Khmer, Burmese) are cut into pairs of letters; so is Korean, beside its words, whose
endings are many.
"""

import re
import unicodedata

_UNSPACED = (
    "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han, kana
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\uaa60-\uaa7f\ua9e0-\ua9ff"  # Thai, Lao, Burmese, Khmer
)
_HANGUL = "\u1100-\u11ff\uac00-\ud7af"
_MARKED = "\u0300-\u036f\u0900-\u0dff\u0f00-\u0fff\u200c\u200d"  # vowel signs of Indic scripts, which \\w leaves out
_PART = re.compile(rf"[{_UNSPACED}]+|[{_HANGUL}]+|(?:(?![{_UNSPACED}{_HANGUL}])[\w{_MARKED}])+")
_IS_UNSPACED, _IS_HANGUL = re.compile(rf"[{_UNSPACED}]"), re.compile(rf"[{_HANGUL}]")
_SIGNS = re.compile("[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u200c\u200d\u00ad]")
"""Accents, Hebrew points, Arabic vowels and lengthening, and joiners: words are the same without."""
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
    return unicodedata.normalize("NFC", bare).translate(_LETTERS)


def words(text: str) -> list[str]:
    """What is looked for in a text: words, and pairs of letters where none are told apart."""
    found: list[str] = []
    for part in _PART.findall(folded(text)):
        if _IS_UNSPACED.match(part):
            found += _pairs(part) or [part]
        else:
            found.append(part[:LONGEST])
    return found


def indexed_words(text: str) -> list[str]:
    """Words under which a text is found: its ``words``, single letters of scripts without spaces, pairs of Korean."""
    found: list[str] = []
    for part in _PART.findall(folded(text)):
        if _IS_UNSPACED.match(part):
            found += [*part, *_pairs(part)]
        elif _IS_HANGUL.match(part):
            found += dict.fromkeys([part[:LONGEST], *(part[:n] for n in range(1, min(len(part), 8))), *_pairs(part)])
        else:
            found.append(part[:LONGEST])
    return found


def _pairs(part: str) -> list[str]:
    return [part[i : i + 2] for i in range(len(part) - 1)]
