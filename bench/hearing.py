"""What does hearing cost beside faster-whisper alone? The same sound, the same weights, in the same run.

    python bench hearing [MINUTES] [FOLDER]

The baseline is a plain script: ``WhisperModel.transcribe`` file by file, with its voice detection and word times. Ours
decodes in a stream, hears piece by piece, filters, and notes where it is. Each is run twice, in turns, and the better
time counts. Without a FOLDER (a Whisper in CTranslate2's form) the weights are random, of the size of Whisper base,
made so that every window says ``TOKENS`` tokens: what is compared is work, not words.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from result import report

TESTS = Path(__file__).resolve().parent.parent / "tests"
TOKENS = 64
"""Tokens of half a minute: what people say in it."""
ROUNDS = 2


def main(minutes: float, folder: Path | None) -> None:
    from faster_whisper import WhisperModel

    from videoclip.media.speech.hearing import hear
    from videoclip.media.speech.weights import load_transcriber
    from videoclip.media.speech.whisper import Whisper

    with tempfile.TemporaryDirectory() as scratch:
        files = spoken_files(Path(scratch), minutes)
        weights = folder or random_whisper(Path(scratch))
        plain, ours = WhisperModel(str(weights), device="cpu", compute_type="int8"), load_transcriber(str(weights))
        assert isinstance(ours, Whisper)
        if folder is None:
            plain.max_length = ours._model.max_length = TOKENS
        took: dict[str, list[float]] = {"faster-whisper alone": [], "ours": []}
        for _ in range(ROUNDS):
            began = time.monotonic()
            for file in files:
                segments, _ = plain.transcribe(str(file), vad_filter=True, word_timestamps=True)
                list(segments)
            took["faster-whisper alone"].append(time.monotonic() - began)
            began = time.monotonic()
            for file in files:
                hear(file, ours, note=Path(scratch) / "note.json")
                (Path(scratch) / "note.json").unlink()
            took["ours"].append(time.monotonic() - began)
    rows = [
        {"what": what, "seconds": min(times), "times real time": 60 * minutes / min(times), "all": str(np.round(times))}
        for what, times in took.items()
    ]
    limit = "the encoder and decoder of Whisper"
    report("hearing", rows[1]["seconds"], rows[0]["seconds"], "s for the same sound", rows, limit, better="less")


def spoken_files(folder: Path, minutes: float) -> list[Path]:
    """Two files that are as long as ``minutes`` together: a sentence, a pause of one to four seconds, and so on."""
    from spoken import RATE, silence, speech, write_sound

    rng, sentence = np.random.default_rng(0), speech()
    made = []
    for number in range(2):
        parts, length = [], 0
        while length < minutes * 30 * RATE:
            parts += [sentence, silence(rng.uniform(1, 4))]
            length += len(parts[-1]) + len(sentence)
        made.append(write_sound(folder / f"{number}.mp4", np.concatenate(parts)))
    return made


def random_whisper(folder: Path) -> Path:
    """Random weights that say text, and no times: a window is done when ``TOKENS`` are said."""
    from tiny_whisper import BASE, make_whisper

    return make_whisper(folder, sizes=BASE, wordy=True)


if __name__ == "__main__":
    sys.path.insert(0, str(TESTS))
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0, Path(sys.argv[2]) if len(sys.argv) > 2 else None)
