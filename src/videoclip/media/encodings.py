"""The text of a file whose encoding nothing names."""

import re

MARKS = (("utf-8-sig", b"\xef\xbb\xbf"), ("utf-32", b"\xff\xfe\0\0"), ("utf-32", b"\0\0\xfe\xff"))
MARKS += (("utf-16", b"\xff\xfe"), ("utf-16", b"\xfe\xff"))
WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
SIGNS = ("-->", "Dialogue:", '":', "[Script")
"""One of these is in every caption file; two or four bytes per letter show in them."""
WIDER = {
    "iso8859-1": "cp1252",
    "iso8859-15": "cp1252",
    "iso8859-7": "cp1253",
    "iso8859-8": "cp1255",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "maccyrillic": "cp1251",
    "mac-cyrillic": "cp1251",
}
"""What people's machines write in place of the standard that it extends."""
USUAL = ("gb18030", "big5", "cp932", "euc-jp", "cp949", "koi8-r", "koi8-u", "cp874", "iso8859-2", "iso2022-jp")
USUAL += tuple(f"cp125{n}" for n in range(9))
MIXED = re.compile(
    r"[A-Za-z][\u0370-\u06ff\u0e00-\u0e7f]|[\u0370-\u06ff\u0e00-\u0e7f][A-Za-z]"
    r"|[a-z][\u2500-\u259f\u3400-\u9fff\uac00-\ud7af\uff61-\uff9f]\s"
)
DAMAGED = 0.1
"""Share of the letters beyond ASCII that may be damaged in what is still taken for UTF-8."""
SAMPLE = 1 << 16
"""Bytes beyond ASCII, with their neighbours, by which an encoding is told."""


def decoded(content: bytes) -> tuple[str, str]:
    """(text, the encoding if it had to be guessed, else empty). Bytes that are none of it become U+FFFD."""
    for encoding, mark in MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace"), ""
    if b"\0" in content:
        for encoding in WIDE:
            if any(_stands(sign.encode(encoding), content, int(encoding[4:6]) // 8) for sign in SIGNS):
                return content.decode(encoding, errors="replace"), ""
    try:
        return content.decode("utf-8"), ""
    except UnicodeDecodeError:
        text = content.decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    if damaged <= DAMAGED * sum(not c.isascii() for c in text):
        return text, "utf-8 with damaged letters"
    encoding = _guessed(content)
    return content.decode(encoding, errors="replace"), encoding


def _stands(sign: bytes, content: bytes, width: int) -> bool:
    """Whether a sign is in the content at the place of a letter, each of so many bytes."""
    return (place := content.find(sign)) >= 0 and place % width == 0


def _guessed(content: bytes) -> str:
    """The most likely encoding, told by lines of words alone: times and numbers would outweigh them."""
    import chardet

    words = b"\n".join(line for line in re.split(rb"[\r\n]+", content) if not line.isascii())[:SAMPLE]
    name = (chardet.detect(words)["encoding"] or "").lower().replace("iso-", "iso").replace("windows-", "cp")
    name = WIDER.get(name, name)
    if name not in USUAL or _mixes_scripts(words.decode(name, errors="replace")):
        return "cp1252"
    return name


def _mixes_scripts(text: str) -> bool:
    """Whether a word has Latin letters and others: one accented letter read as Greek, say."""
    return MIXED.search(text) is not None
