"""Why a moment was found: what is said or written, cut to what matters, with the words that were looked for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .ranking import Hit, content_words, has_share
from .words import found_in

Kind = Literal["seen", "said", "said in other words", "written"]
LONGEST = 90
"""Letters of what is quoted."""


@dataclass(frozen=True)
class Part:
    """A piece of a text; ``found`` if it is what was looked for."""

    text: str
    found: bool = False


@dataclass(frozen=True)
class Reason:
    """Why a moment is a hit: it is seen, said (in other words) or written, with what is said or written."""

    kind: Kind
    parts: Sequence[Part] = ()

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)


def reasons(hit: Hit, query: str) -> list[Reason]:
    """What speaks for a hit, by the text that was looked for."""
    words = content_words(query)
    told: list[tuple[Kind, str, float | None]] = [
        ("said", hit.quote, hit.speech),
        ("said in other words", hit.quote, hit.meaning if hit.speech is None else None),
        ("written", hit.line, hit.written),
    ]
    found = [Reason(kind, quoted(text, words)) for kind, text, score in told if score is not None]
    is_seen = (hit.sight or 0.0) >= 0.5 or not found
    return [Reason("seen"), *found] if is_seen else found


def quoted(text: str, words: Sequence[str]) -> list[Part]:
    """About ``LONGEST`` letters of a text around the first word that was looked for, with all such words marked."""
    spans = found_in(text, words)
    begin = 0
    if spans and len(text) > LONGEST:
        begin = max(spans[0][0] - LONGEST // 3, 0)
        begin = begin and (text.find(" ", begin, spans[0][0]) + 1 or begin)
    end = len(text)
    if end - begin > LONGEST:
        space = text.rfind(" ", begin + LONGEST // 2, begin + LONGEST)
        end = space if space > 0 else begin + LONGEST
    parts = marked(text[begin:end], [(a - begin, min(b, end) - begin) for a, b in spans if begin <= a < end])
    return [*([Part("…")] if begin else []), *parts, *([Part("…")] if end < len(text) else [])]


def marked(text: str, spans: Sequence[tuple[int, int]]) -> list[Part]:
    """A text in pieces, those of the spans (start, end) marked."""
    parts, at = [], 0
    for start, end in spans:
        parts += [Part(text[at:start]), Part(text[start:end], True)]
        at = end
    return [part for part in [*parts, Part(text[at:])] if part.text]


def sentences_with(texts: Sequence[str], query: str) -> dict[int, list[Part]]:
    """Which of some sentences hold the words of a query, half of them at least, and those in pieces."""
    words = content_words(query)
    hold = (i for i, text in enumerate(texts) if words and has_share(text, words, 0.5))
    return {i: marked(texts[i], found_in(texts[i], words)) for i in hold}


def isolated(text: str) -> str:
    """A text as it stands in a line of other text: whichever way it is written, it moves nothing beside it."""
    return f"\u2068{text}\u2069" if re.search("[\u0590-\u08ff\ufb1d-\ufefc]", text) else text
