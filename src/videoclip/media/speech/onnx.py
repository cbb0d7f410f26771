"""Recognisers by onnx-asr, such as Parakeet of 25 languages: tokens with times, joined to words."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import WeightsError
from ..sound import RATE
from .transcriber import Utterance, Word, divided

LONGEST, BATCH = 20.0, 4
"""Seconds that are recognised as one, since memory grows with their square; and how many of them at the same time."""
TOKEN = 0.08
"""Seconds that the last token of a stretch lasts: a frame of these recognisers."""


class Onnx:
    """A model in the form that onnx-asr reads.

    Args:
        folder: ``config.json`` with the ``model_type``, and the networks, as int8 where they are there so.
        name: by which its captions are noted.

    Raises:
        WeightsError: the folder holds no such model.
    """

    def __init__(self, folder: Path, name: str):
        from onnx_asr.loader import Manager

        self.name = name
        quantization = "int8" if any(folder.glob("*int8.onnx")) else None
        try:
            self._model = Manager().create_asr(None, folder, quantization=quantization).with_timestamps()
        except Exception as error:  # whatever a file is that is no network
            raise WeightsError(f"{folder}: the speech recogniser cannot be loaded ({error})") from error

    def hear(self, sound: np.ndarray, pauses: Sequence[float], language: str) -> Iterator[Utterance]:
        """As ``Transcriber.hear``."""
        parts = divided(pauses, len(sound) / RATE, LONGEST)
        for first in range(0, len(parts), BATCH):
            batch = parts[first : first + BATCH]
            waves: list[Any] = [sound[round(start * RATE) : round(end * RATE)] for start, end in batch]
            for (start, end), said in zip(batch, self._model.recognize(waves), strict=True):
                if said.text.strip():
                    yield utterance_of(said, start, end)


def utterance_of(said: Any, start: float, end: float) -> Utterance:
    """What was recognised between two seconds, with its tokens (``text``, ``tokens``, ``timestamps``, ``logprobs``)."""
    tokens, times = said.tokens or [], said.timestamps or []
    chances = [math.exp(min(p, 0.0)) for p in said.logprobs or [0.0] * len(tokens)]
    words: list[Word] = []
    for token, time, chance in zip(tokens, times, chances, strict=True):
        began = min(start + time, end)
        if words and not token.startswith((" ", "▁")):
            words[-1] = Word(words[-1].start, began + TOKEN, words[-1].text + token, min(words[-1].confidence, chance))
        else:
            words.append(Word(began, began + TOKEN, token.replace("▁", " "), chance))
    confidence = sum(chances) / len(chances) if chances else 1.0
    if not words:
        return Utterance(start, end, said.text.strip(), confidence)
    return Utterance(words[0].start, words[-1].end, said.text.strip(), confidence, tuple(words))
