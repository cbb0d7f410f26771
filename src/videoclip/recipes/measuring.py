"""How fast ready-made models look at videos on this machine."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..encoders.ready_made.catalogue import Recommended
from ..encoders.ready_made.load import load_ready_made
from ..published.hub import has_weights
from ..world.render import write_video

SECONDS, RATE, SIZE = 64, 25, (360, 640, 3)


def rates(catalogue: Sequence[Recommended], seconds: int = SECONDS) -> dict[str, float]:
    """Of those models that are in the hub's cache: seconds of video that are encoded in a second, decoding included."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "made.mp4"
        write_video(video, _pictures(seconds), RATE)
        for row in catalogue:
            if has_weights(row.name):
                encoder = load_ready_made(row.name).encoder
                encoder.encode_file(video)  # the first time is slower
                began = time.perf_counter()
                encoder.encode_file(video)
                found[row.name] = seconds / (time.perf_counter() - began)
    return found


def _pictures(seconds: int) -> Iterator[np.ndarray]:
    coarse = np.random.default_rng(0).integers(0, 255, (SIZE[0] // 10, SIZE[1] // 10, 3), np.uint8)
    picture = coarse.repeat(10, 0).repeat(10, 1)
    for i in range(seconds * RATE):
        yield np.roll(picture, 2 * i, axis=1)
