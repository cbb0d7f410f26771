"""What a speech recogniser is: sound in, utterances with the times of their words out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, slots=True)
class Word:
    """A word, from ``start`` to ``end`` in seconds; ``text`` with the space before it, ``confidence`` from 0 to 1."""

    start: float
    end: float
    text: str
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something that was heard, from ``start`` to ``end`` in seconds."""

    start: float
    end: float
    text: str
    confidence: float = 1.0
    """From 0 to 1: the mean probability of a token."""
    words: tuple[Word, ...] = ()
    no_speech: float = 0.0
    """From 0 to 1: how probable it is that nobody speaks there; 0 where the recogniser does not say."""
    language: str = ""
    """A language's tag; empty where the recogniser does not say."""


class Transcriber(Protocol):
    """A speech recogniser with its weights."""

    name: str
    """Which recogniser with which weights: noted with what it hears."""

    def hear(self, sound: np.ndarray, pauses: Sequence[float], language: str) -> Iterator[Utterance]:
        """What is said, in order, one utterance after the other as they are recognised.

        Args:
            sound: (N,) float32 mono at ``media.sound.RATE``, of which all is voice.
            pauses: seconds in ``sound`` at which it may be divided, in order; less than ``voices.LONGEST`` apart.
            language: that is spoken, where it is known.
        """
        ...


def divided(pauses: Sequence[float], length: float, longest: float) -> list[tuple[float, float]]:
    """Parts (start, end) of sound of ``length`` seconds, each of at most ``longest``, divided at pauses alone."""
    parts, begin, before = [], 0.0, 0.0
    for pause in [*pauses, length]:
        if pause - begin > longest and before > begin:
            parts.append((begin, before))
            begin = before
        before = pause
    return [*parts, (begin, length)] if length > begin else parts
