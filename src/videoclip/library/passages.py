"""Passages of what is said, as they are found by meaning: a sentence, or what is said within some seconds."""

import re
from collections.abc import Iterator, Sequence

from ..media.captions import Caption
from .words import words

WINDOW = 12.0
"""Seconds of a passage of several sentences; half of it lie between two such."""
PAUSE = 2.0
"""Seconds of silence that end a sentence, whatever its signs."""
LEAST_WORDS = 3
"""Of a sentence that is a passage by itself."""
_ENDS = re.compile(r"[.!?…。！？।؟][\"'»”’)\]]*$")
_BETWEEN = re.compile(r"(?<=[.!?…।؟])\s+|(?<=[。！？])(?=.)")


def passages_of(captions: Sequence[Caption]) -> Iterator[Caption]:
    """The passages of a video: its sentences of some words, and what is said within ``WINDOW`` seconds."""
    said, following = list(sentences_of(captions)), 0
    for sentence in said:
        if len(words(sentence.text)) >= LEAST_WORDS:
            yield sentence
    for first, sentence in enumerate(said):
        if first < following:
            continue
        last = first
        while last + 1 < len(said) and said[last + 1].end <= sentence.start + WINDOW:
            last += 1
        half = sentence.start + WINDOW / 2
        following = next((i for i in range(first + 1, last + 1) if said[i].start >= half), last + 1)
        together = said[first : last + 1]
        if len(together) > 1 or len(words(sentence.text)) < LEAST_WORDS:
            yield Caption(sentence.start, together[-1].end, " ".join(part.text for part in together))
        if last + 1 == len(said):
            return  # what follows is a part of this


def sentences_of(captions: Sequence[Caption]) -> Iterator[Caption]:
    """What is said, by sentences; where no signs end them, captions as they are."""
    pieces = [piece for caption in captions for piece in _split(caption)]
    if not any(_ENDS.search(piece.text) for piece in pieces):
        yield from pieces
        return
    gathered: list[Caption] = []
    for piece, after in zip(pieces, [*pieces[1:], None], strict=True):
        gathered.append(piece)
        is_long = after and (after.end - gathered[0].start > WINDOW or after.start - piece.end > PAUSE)
        if after is None or is_long or _ENDS.search(piece.text):
            yield Caption(gathered[0].start, piece.end, " ".join(part.text for part in gathered))
            gathered = []


def _split(caption: Caption) -> Iterator[Caption]:
    """The sentences of a caption, whose times are in proportion to their letters."""
    parts = [part for part in _BETWEEN.split(caption.text.strip()) if part]
    total, start = sum(map(len, parts)), caption.start
    for part in parts:
        end = start + (caption.end - caption.start) * len(part) / total
        yield Caption(start, end, part)
        start = end
