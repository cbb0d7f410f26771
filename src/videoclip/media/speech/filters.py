"""What recognisers hear where nobody speaks, left out: uncertain words, and the same words over and over."""

import re
import zlib
from collections.abc import Iterable, Iterator

from .transcriber import Utterance

NO_SPEECH, CERTAIN = 0.6, 0.5
"""An utterance is left out where nobody speaks with at least this probability, unless its words are that certain."""
LEAST = 0.2
"""Confidence below which words are a guess."""
REPETITIVE = 2.4
"""How many times smaller zlib makes a text that says the same over and over (Whisper's own threshold)."""
TIMES = 2
"""How often the same is said in a row, at most."""


def sensible(utterances: Iterable[Utterance]) -> Iterator[Utterance]:
    """Utterances that somebody may have said."""
    before, times = "", 0
    for utterance in utterances:
        said = " ".join(re.findall(r"\w+", utterance.text.lower()))
        times = times + 1 if said == before else 1
        before = said
        if said and times <= TIMES and not _is_invented(utterance) and not is_repetitive(said):
            yield utterance


def _is_invented(utterance: Utterance) -> bool:
    is_silence = utterance.no_speech >= NO_SPEECH and utterance.confidence < CERTAIN
    return is_silence or utterance.confidence < LEAST


def is_repetitive(text: str) -> bool:
    """Whether a text says the same over and over."""
    content = text.encode()
    return len(content) / len(zlib.compress(content)) > REPETITIVE
