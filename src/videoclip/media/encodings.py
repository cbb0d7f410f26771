"""The text of a file whose encoding nothing names."""

import codecs
import re
from collections.abc import Sequence

from .alphabets import oddity

MARKS = (("utf-32", b"\xff\xfe\0\0"), ("utf-32", b"\0\0\xfe\xff"), ("utf-16", b"\xff\xfe"), ("utf-16", b"\xfe\xff"))
WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
SIGNS = ("-->", "Dialogue:", '":', "[Script")
"""One of these is in every caption file; two or four bytes per letter show in them."""
WIDER = {
    "iso8859-1": "cp1252",
    "iso8859-15": "cp1252",
    "iso8859-8": "cp1255",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "maccyrillic": "cp1251",
    "mac-cyrillic": "cp1251",
}
"""What people's machines write in place of the standard that it extends."""
SEQUENCE = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|\xc2[\xa0-\xbf]")
"""A letter of UTF-8."""
LIKELY = ("cp1252", "cp1251", "koi8-r", "cp1250", "cp1254", "cp1253", "iso8859-7", "cp1257", "cp1258", "cp1255")
LIKELY += ("cp1256", "iso8859-2", "koi8-u", "iso8859-5", "cp866", "cp874", "cp932", "gb18030", "big5", "cp949")
LIKELY += ("euc-jp", "mac-roman", "cp850")
"""Encodings of what people have, the most usual first; of those that fit as well the first is meant."""
MIXTURE = 0.2
"""Share of UTF-8 among the lines beyond ASCII from which on a file is UTF-8 with lines of another encoding."""
FITS = 0.1
"""Oddity of a text from which on it is hardly in an encoding."""
SAMPLE = 1 << 13
"""Bytes of lines beyond ASCII by which an encoding is told."""


def decoded(content: bytes) -> tuple[str, str]:
    """(text, the encoding if it had to be guessed, else empty). Bytes that are none of it become U+FFFD."""
    for encoding, mark in MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace"), ""
    content = content.removeprefix(codecs.BOM_UTF8)  # which editors leave before lines in another encoding
    if b"\x1b$" in content and content.isascii():
        return content.decode("iso2022-jp", errors="replace"), "iso2022-jp"
    if b"\0" in content:
        for encoding in WIDE:
            if any(_stands(sign.encode(encoding), content, int(encoding[4:6]) // 8) for sign in SIGNS):
                return content.decode(encoding, errors="replace"), ""
    try:
        return content.decode("utf-8"), ""
    except UnicodeDecodeError:
        return _by_lines(content)


def _by_lines(content: bytes) -> tuple[str, str]:
    """As ``decoded``, of what is not all UTF-8: files are joined from others, and single letters are damaged."""
    lines = re.split(rb"(?<=[\r\n])", content)
    beyond = {place: line for place, line in enumerate(lines) if not line.isascii()}
    encoding = _guessed(list(beyond.values()))
    utf8 = {place for place, line in beyond.items() if _is_utf8(line)}
    fits = _oddity(_sample(list(beyond.values())), encoding) < FITS
    if fits or len(utf8) < MIXTURE * len(beyond):
        return content.decode(encoding, errors="replace"), encoding
    others = [line for place, line in beyond.items() if place not in utf8]
    encoding = _guessed(others) if others else ""
    text = "".join(
        line.decode(encoding if place in beyond and place not in utf8 else "utf-8", errors="replace")
        for place, line in enumerate(lines)
    )
    damaged = "utf-8 with damaged letters" if "\ufffd" in text else "utf-8"
    return text, f"{damaged}, in part {encoding}" if encoding else damaged


def _is_utf8(line: bytes) -> bool:
    """Whether most bytes beyond ASCII of a line are letters of UTF-8."""
    return sum(map(len, SEQUENCE.findall(line))) > 0.6 * sum(byte > 127 for byte in line)


def _stands(sign: bytes, content: bytes, width: int) -> bool:
    """Whether a sign is in the content at the place of a letter, each of so many bytes."""
    return (place := content.find(sign)) >= 0 and place % width == 0


def _guessed(lines: Sequence[bytes]) -> str:
    """The most likely encoding, told by lines of words alone: times and numbers would outweigh them."""
    import chardet

    words = _sample(lines)
    name = (chardet.detect(words)["encoding"] or "").lower().replace("iso-", "iso").replace("windows-", "cp")
    name = WIDER.get(name, name)
    best = min(LIKELY, key=lambda encoding: _oddity(words, encoding))
    if name in LIKELY and _oddity(words, name) <= _oddity(words, best):
        return name
    return best


def _sample(lines: Sequence[bytes]) -> bytes:
    """Lines from all over a file."""
    step = max(sum(map(len, lines)) // SAMPLE, 1)
    return b"".join(lines[::step])[: 2 * SAMPLE]


def _oddity(words: bytes, encoding: str) -> float:
    """How little bytes are text in an encoding; the cut end of a sample is none of it."""
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(words)
    return oddity(text, encoding) + 2 * text.count("\ufffd") / max(len(text), 1)
