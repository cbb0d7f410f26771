"""How likely a text is one that people wrote: bytes read in a wrong encoding become letters of no one language."""

import re
from functools import lru_cache

LATIN = (
    "àâæçèéêëîïôùûüÿœ",  # French
    "áéíñóúü",  # Spanish
    "äöüß",  # German
    "àèéìíòóùú",  # Italian
    "àáâãçéêíóôõúü",  # Portuguese
    "áéëïóöü",  # Dutch
    "åäöéüæøáà",  # Swedish, Danish, Norwegian, Finnish
    "áæéíðóöúýþ",  # Icelandic
    "àçèéíïòóúü·",  # Catalan
    "ąćęłńóśźż",  # Polish
    "áčďéěíňóřšťúůýž",  # Czech
    "áäčďéíĺľňóôŕšťúýž",  # Slovak
    "áéíóöőúüű",  # Hungarian
    "čćđšž",  # Croatian, Slovenian
    "ăâîșțşţ",  # Romanian
    "âçğıîöşüûiİ",  # Turkish
    "ąčęėįšųūž",  # Lithuanian
    "āčēģīķļņšūž",  # Latvian
    "äõöüšž",  # Estonian
    "àáâãèéêìíòóôõùúýăđơưĩũ\u0300\u0301\u0303\u0309\u0323",  # Vietnamese
)
OTHERS = (
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",  # Russian, Bulgarian
    "абвгґдеєжзиіїйклмнопрстуфхцчшщьюяў",  # Ukrainian
    "абвгдђежзијклљмнњопрстћуфхцчџшѓќѕѐѝ",  # Serbian, Macedonian
    "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",
)
MARKS = "–—…‘’‚“”„«»‹›¿¡£€¥¢°½¼¾²³±×÷·•§©®™ªº´`¨♪♫№\xa0\xad\u200b\u200e\u200f\ufeff"
"""Signs of every language."""
WIDE_MARKS = "　、。〈〉《》「」『』【】〔〕〜・ー～！（），．：；？％＆＋－／＜＝＞＠［］｛｝…—‘’“”·♪￥"
BETWEEN = re.compile(r"[a-z][À-ÞŠŒŽ]|[а-яђ-џ][А-ЯЀ-Џ]|[α-ώ][Α-Ω]")
"""A capital within a word, as of Cyrillic that was read in another encoding of it."""
MIXED = re.compile(
    r"[A-Za-z][\u0370-\u06ff\u0e00-\u0e7f]|[\u0370-\u06ff\u0e00-\u0e7f][A-Za-z]"  # a word of Latin letters and others
    r"|[a-z][\u2500-\u259f\u3000-\u9fff\uac00-\ud7af\uff00-\uff9f][a-z\s]"
    r"|(?<=[^\W\d_])[\x80-\x9f“”„‚†‡‰‹›¢£¥°½¼¾²³±×÷§©®™¨´¿¡\u2500-\u259f](?=[^\W\d_])"
)
"""What is never within a word, or hardly."""
BARE = re.compile(r"(?<!\w)(?:[^\W\d_a-zA-Z]{2,}|[čćńśźżďěňřťůľĺŕőűžšđ])(?!\w)")
"""A word of letters beyond ASCII alone, which in Latin scripts is rare, or of one that is no word."""
THAI = re.compile(
    r"(?<![\u0e01-\u0e2e\u0e30-\u0e3a\u0e47-\u0e4e])[\u0e30-\u0e3a\u0e45\u0e47-\u0e4e]|[\u0e40-\u0e44](?![\u0e01-\u0e2e])"
)
"""A vowel or tone of Thai that belongs to no consonant."""
ASCII = re.compile("[A-Za-z]")
MARKUP = re.compile(r"<[^<>]*>|\{[^{}]*\}")
FEW = 0.12
"""Letters of another script than Latin, for each Latin one, below which they are hardly meant."""
LEVELS = {"gb18030": ("gb2312", 0xB0, 0xD7), "big5": ("big5", 0xA4, 0xC6), "cp932": ("euc-jp", 0xB0, 0xCF)}
LEVELS |= {"euc-jp": LEVELS["cp932"], "cp949": ("euc-kr", 0xB0, 0xC8)}
"""Of encodings of thousands of signs: the standard that puts the usual ones first, and their first bytes."""


def oddity(text: str, encoding: str) -> float:
    """How much of a text, of its signs beyond ASCII, is no language's if it was in this encoding: 0 for nothing."""
    beyond = [sign for sign in text if not sign.isascii()]
    if not beyond:
        return 0.0
    text = MARKUP.sub(" ", text)
    if encoding in LEVELS:
        odd = sum(not _is_usual(sign, encoding) for sign in beyond)
    elif any("\u0e00" <= sign <= "\u0e7f" for sign in beyond):
        odd = sum(not "\u0e01" <= s <= "\u0e5b" and s not in MARKS for s in beyond) + len(THAI.findall(text))
    elif any("\u0590" <= sign <= "\u06ff" for sign in beyond):
        odd = sum(not "\u05b0" <= s <= "\u06ff" and s not in MARKS for s in beyond)
    else:
        odd = _strange(beyond, text)
    odd += len(MIXED.findall(text)) + len(BETWEEN.findall(text))
    others, latin = sum("\u0370" <= sign < "\u1e00" or sign > "\u3040" for sign in beyond), len(ASCII.findall(text))
    return (odd + others * (others < FEW * latin)) / len(beyond)


def _strange(beyond: list[str], text: str) -> int:
    """Signs that the language does not have of which most are."""
    letters = [sign.lower() for sign in beyond if sign not in MARKS]
    others = min((sum(letter not in alphabet for letter in letters) for alphabet in OTHERS), default=0)
    latin = min((sum(letter not in alphabet for letter in letters) for alphabet in LATIN), default=0)
    return min(others, latin + sum(len(found) for found in BARE.findall(text)))


@lru_cache(1 << 16)
def _is_usual(sign: str, encoding: str) -> bool:
    """Whether a sign is a letter, or one of the few thousand that are written every day."""
    if sign in WIDE_MARKS or "\uff10" <= sign <= "\uff5a":
        return True
    if "\u3041" <= sign <= "\u30fe":
        return encoding in ("cp932", "euc-jp")
    if "\uff66" <= sign <= "\uff9f":
        return encoding == "cp932"
    standard, first, last = LEVELS[encoding]
    try:
        return first <= sign.encode(standard)[0] <= last
    except UnicodeEncodeError:
        return False
