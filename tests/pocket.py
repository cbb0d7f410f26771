"""A speech recogniser that works without a download: PocketSphinx, whose wheel carries an English model."""

from collections.abc import Iterator, Sequence

import numpy as np

from videoclip.media.speech.transcriber import Utterance, Word

FRAMES = 100
"""A second, in which PocketSphinx counts."""


class PocketSphinx:
    """A ``Transcriber``."""

    name = "pocketsphinx"

    def __init__(self):
        from pocketsphinx import Decoder

        self._decoder = Decoder(samprate=16_000, loglevel="FATAL")

    def hear(self, sound: np.ndarray, pauses: Sequence[float], language: str) -> Iterator[Utterance]:
        decoder = self._decoder
        for start, end in zip([0.0, *pauses], [*pauses, len(sound) / 16_000], strict=True):
            part = sound[round(start * 16_000) : round(end * 16_000)]
            decoder.start_utt()
            decoder.process_raw((part * 32767).astype(np.int16).tobytes(), full_utt=True)
            decoder.end_utt()
            words = tuple(
                Word(start + s.start_frame / FRAMES, start + (s.end_frame + 1) / FRAMES, f" {s.word.split('(')[0]}")
                for s in decoder.seg() or ()
                if not s.word.startswith(("<", "["))
            )
            if words:
                text = "".join(word.text for word in words).strip()
                yield Utterance(words[0].start, words[-1].end, text, words=words, language="en")
