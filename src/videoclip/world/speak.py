"""Narration as sound: what a script says, spoken by espeak-ng at its times, so that hearing has exact truth."""

import io
import shutil
import subprocess
from collections.abc import Iterable

import numpy as np

from ..errors import VideoclipError
from .script import Sentence

PROGRAM, VOICE = "espeak-ng", "en-us+f2"
RATE = 22_050
"""Samples a second, as espeak-ng makes them."""
SPEED, FASTEST = 160, 400
"""Words a minute; faster where a sentence would reach into the next one, up to the latter."""


def check_speech() -> None:
    """Raise ``VideoclipError`` if espeak-ng is not installed."""
    if not shutil.which(PROGRAM):
        raise VideoclipError(
            f"--speak needs the program {PROGRAM}, which is not installed; on Debian and Ubuntu: apt install "
            f"{PROGRAM}, on a Mac: brew install {PROGRAM}"
        )


def spoken(sentences: Iterable[Sentence], duration: float) -> np.ndarray:
    """Sound of ``duration`` seconds in which every sentence begins at its time, (N,) int16 mono at ``RATE``.

    A sentence lasts at most until the next one begins.

    Raises:
        VideoclipError: espeak-ng is not installed.
    """
    check_speech()
    sound, said = np.zeros(round(duration * RATE), np.int16), list(sentences)
    ends = [*(sentence.start for sentence in said[1:]), duration]
    for sentence, end in zip(said, ends, strict=True):
        first, last = round(sentence.start * RATE), round(end * RATE)
        voice = _voice(sentence.text, SPEED)
        if len(voice) > last - first:
            voice = _voice(sentence.text, min(FASTEST, round(1.05 * SPEED * len(voice) / max(last - first, 1))))
        voice = voice[: last - first]
        sound[first : first + len(voice)] = voice
    return sound


def _voice(text: str, speed: int) -> np.ndarray:
    """A sentence as sound, (N,) int16, without the silence at its end."""
    import wave

    command = [PROGRAM, "-v", VOICE, "-s", str(speed), "-z", "--stdin", "--stdout"]
    content = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(content)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    heard = np.flatnonzero(np.abs(samples.astype(np.int32)) > 100)
    return samples[: heard[-1] + 1] if len(heard) else samples[:0]
