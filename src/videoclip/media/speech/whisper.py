"""Whisper by faster-whisper (CTranslate2): stretch after stretch on a CPU, batches of stretches on a GPU."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import WeightsError
from ..sound import RATE
from .transcriber import Utterance, Word, divided

BATCH = 16
"""Stretches that a GPU recognises at the same time."""
LONGEST = 29.0
"""Seconds of such a stretch: Whisper's window has 30."""


class Whisper:
    """A Whisper model in CTranslate2's form.

    Args:
        folder: ``model.bin``, ``config.json`` and ``tokenizer.json``.
        name: by which its captions are noted.

    Raises:
        WeightsError: the folder holds no such model, or this machine cannot run it.
    """

    def __init__(self, folder: Path, name: str):
        from faster_whisper import BatchedInferencePipeline, WhisperModel

        self.name = name
        gpu = has_gpu()
        if not (folder / "tokenizer.json").is_file():
            raise WeightsError(f"{folder}: has no tokenizer.json; copy that of the Whisper model beside model.bin")
        try:
            self._model = WhisperModel(
                str(folder), device="cuda" if gpu else "cpu", compute_type="float16" if gpu else "int8"
            )
        except (RuntimeError, ValueError) as error:
            raise WeightsError(f"{folder}: the speech recogniser cannot be loaded ({error})") from error
        self._batched = BatchedInferencePipeline(self._model) if gpu else None

    def hear(self, sound: np.ndarray, pauses: Sequence[float], language: str) -> Iterator[Utterance]:
        """As ``Transcriber.hear``."""
        asked: dict[str, Any] = {"language": self._known(language), "word_timestamps": True}
        if self._batched:
            parts = divided(pauses, len(sound) / RATE, LONGEST)
            clips = [{"start": start, "end": end} for start, end in parts]
            segments, about = self._batched.transcribe(sound, clip_timestamps=clips, batch_size=BATCH, **asked)
        else:
            segments, about = self._model.transcribe(sound, condition_on_previous_text=False, **asked)
        for segment in segments:
            yield _utterance(segment, about.language)

    def _known(self, language: str) -> str | None:
        """The language as Whisper names it; None to have it detected."""
        short = language.partition("-")[0]
        return short if short in self._model.supported_languages else None


def has_gpu() -> bool:
    """Whether CTranslate2 finds a GPU."""
    from ctranslate2 import get_cuda_device_count

    return get_cuda_device_count() > 0


def _utterance(segment: Any, language: str) -> Utterance:
    """A segment of faster-whisper, whose times of words are numbers of NumPy."""
    words = tuple(Word(float(w.start), float(w.end), w.word, float(w.probability)) for w in segment.words or ())
    confidence = math.exp(min(segment.avg_logprob, 0.0))
    return Utterance(
        float(segment.start),
        float(segment.end),
        segment.text.strip(),
        confidence,
        words,
        segment.no_speech_prob,
        language,
    )
