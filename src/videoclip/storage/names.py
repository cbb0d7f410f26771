"""Names of files in any bytes, kept in tables that hold text alone.

Where a name is not UTF-8, Python has a lone surrogate for each byte that is none. Such a text can be neither stored nor
sent, so each of those bytes is stored as a letter of a private area of Unicode; a name that has such letters itself is
stored byte by byte likewise. ``opened`` gives every name back as it was.
"""

import os

AREA, SURROGATES = 0x10FF00, 0xDC00
"""What a byte from 0x80 on is added to, stored and as Python has it."""


def _is_stored_byte(sign: str) -> bool:
    return AREA + 0x80 <= ord(sign) <= AREA + 0xFF


def _is_lone_byte(sign: str) -> bool:
    return SURROGATES + 0x80 <= ord(sign) <= SURROGATES + 0xFF


def noted(name: str) -> str:
    """A path, or a part of one, as text that can be stored."""
    if name.isascii() or not any(_is_lone_byte(c) or _is_stored_byte(c) for c in name):
        return name
    made = []
    for sign in name:
        if _is_lone_byte(sign):
            made.append(chr(AREA + ord(sign) - SURROGATES))
        elif _is_stored_byte(sign):
            made += [chr(AREA + byte) for byte in sign.encode()]
        else:
            made.append(sign)
    return "".join(made)


def opened(text: str) -> str:
    """The path that ``noted`` was given."""
    if text.isascii() or not any(_is_stored_byte(c) for c in text):
        return text
    lone = "".join(chr(SURROGATES + ord(c) - AREA) if _is_stored_byte(c) else c for c in text)
    return os.fsdecode(lone.encode("utf-8", "surrogateescape"))


def shown(name: str) -> str:
    r"""A name that can be printed and sent: bytes that are no UTF-8 as ``\xfc``."""
    if name.isascii():
        return name
    lone = (chr(SURROGATES + ord(c) - AREA) if _is_stored_byte(c) else c for c in name)
    return "".join(f"\\x{ord(c) - SURROGATES:02x}" if _is_lone_byte(c) else c for c in lone)
