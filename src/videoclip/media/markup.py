"""Plain words of a line of captions: known markup is taken out, everything else was said."""

import html
import re

_NAMES = "a|i|b|u|s|c|p|q|br|hr|em|strong|font|span|div|small|big|sub|sup|ruby|rt|rp|rb|lang|v|tt|center|strike|del|ins"
_ATTRIBUTE = r"\s{1,9}[\w:-]{1,40}\s{0,9}=\s{0,9}(?:\"[^\"<>]{0,200}\"|'[^'<>]{0,200}'|[^\s<>\"']{1,200})"
_TAG = re.compile(rf"</?({_NAMES})(?:\.[^\s<>]{{0,200}})?(?:{_ATTRIBUTE}){{0,9}}\s{{0,9}}/?>", re.IGNORECASE)
_VOICE = re.compile(r"<(?:v|lang)(?:\.[^\s<>]{0,200})?\s[^<>]{0,200}>")
_TIME = re.compile(r"<\d{1,6}:\d\d(?::\d\d)?(?:[.,]\d{1,9})?>")
_RUBY = re.compile(r"<rp>[^<>]{0,40}(?:</rp>)?|<rt(?:\.[^\s<>]{0,40})?>[^<>]{0,200}(?:</rt>)?")
"""How letters before it are pronounced."""
_BLOCK = re.compile(r"(\{[^{}]*\})")
_DRAWS = re.compile(r"\\p(\d)")
_OVERRIDE = re.compile(r"\{\\[^{}]*\}|\{[Yy]:[ibusIBUS,]{1,9}\}|\{[Cc]:\$[0-9A-Fa-f]{6}\}")
_BREAK = re.compile(r"((?<!\S)[A-Za-z]:\\\S*|(?<!\S)\\\\\S*)|\\[Nnh]")
"""A line's break or a wide blank of ASS, or else a path of Windows."""
_APART = ("br", "hr", "p", "div", "center")
"""Tags between which words do not touch."""
_INVISIBLE = (
    "\xad\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_DROPPED = {ord(c): None for c in _INVISIBLE}


def plain(text: str) -> str:
    """What a line says: without tags of captions, override blocks and drawings of ASS, marks of direction, controls."""
    if not text.isascii() or any(sign in text for sign in "<{&\\"):  # most lines are free of all this
        if "\\p" in text:
            text = _undrawn(text)
        text = _BREAK.sub(lambda found: found[1] or " ", _OVERRIDE.sub("", text))
        if "<r" in text:
            text = _RUBY.sub("", text)
        text = _TIME.sub("", _VOICE.sub("", _TAG.sub(_between, text)))
        text = html.unescape(text).translate(_DROPPED)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())


def _undrawn(text: str) -> str:
    """A line of ASS without what it draws: from a block that says so (``{\\p1}``) to one that ends it."""
    kept, draws = [], False
    for part in _BLOCK.split(text):
        if part.startswith("{") and (said := _DRAWS.findall(part)):
            draws = said[-1] != "0"
        kept.append(" " if draws else part)
    return "".join(kept)


def _between(tag: re.Match) -> str:
    return " " if tag[1].lower() in _APART else ""
