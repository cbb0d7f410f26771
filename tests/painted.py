"""A world that is easy to judge by: videos of plain colours, an encoder that sees colours, a model that names them."""

import hashlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from videoclip.encoders.encoder import Encoder, FeatureKind

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 200, 40),
    "blue": (30, 40, 220),
    "yellow": (230, 220, 40),
    "purple": (150, 40, 190),
    "white": (240, 240, 240),
    "black": (5, 5, 5),
}
QUICK = {"libx264": {"preset": "ultrafast"}, "libvpx": {"deadline": "realtime", "cpu-used": "8"}}
"""What makes the encoders spend no time on small files."""
SIZE = 32
"""Numbers of a vector: three for the colour, the others for words that are no colours."""


def paint(path: Path, *stretches: tuple[str, int], fps: int = 5, size=(96, 64), codec="libx264") -> Path:
    """A video that shows these colours for so many seconds each, with a dot so that no picture is quite empty."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=QUICK[codec])
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, fps)
        number = 0
        for colour, seconds in stretches:
            picture = np.full((size[1], size[0], 3), COLOURS[colour], np.uint8)
            picture[2:6, 2:6] = 128
            for _ in range(seconds * fps):
                frame = type(_blank(av)).from_ndarray(picture, "rgb24")
                frame.pts, frame.time_base = number, Fraction(1, fps)
                container.mux(stream.encode(frame))
                number += 1
        container.mux(stream.encode())
    return path


def _blank(av):
    return av.VideoFrame(2, 2, "rgb24")


def encoder(name: str = "painted") -> Encoder:
    """Features are the middle colour of a second, from -1 to 1, and a 1."""

    def look(pixels: Tensor) -> Tensor:
        colour = pixels.float().flatten(1, 3).mean(1) / 127.5 - 1
        return torch.cat([colour, torch.ones(len(colour), 1)], 1)

    return Encoder(name, 4, 2, 16, look, normalized=False)


def _colour(rgb) -> np.ndarray:
    vector = np.zeros(SIZE, np.float32)
    vector[:3] = np.asarray(rgb, np.float32) / 127.5 - 1
    vector[:3] *= 4 / max(float(np.linalg.norm(vector[:3])), 1e-6)
    return vector


class Painted:
    """Texts and videos by the colours that they name or show."""

    size = SIZE
    features = FeatureKind("", 4, normalized=False)

    def __init__(self, strength: float = 1.0, name: str = "painted"):
        self.strength, self.name, self.fingerprint = strength, name, f"painted {strength}"

    def encode_text(self, texts) -> Tensor:
        made = []
        for text in texts:
            named = [_colour(COLOURS[word]) for word in text.lower().split() if word in COLOURS]
            seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")
            other = np.random.default_rng(seed).normal(size=SIZE).astype(np.float32)
            other[:3] *= 0.3
            made.append(np.mean(named, 0) if named else other / np.linalg.norm(other))
        return torch.from_numpy(self.strength * np.stack(made).astype(np.float32))

    def video_tokens(self, features) -> Tensor:
        return torch.from_numpy(np.stack([_colour(127.5 * (np.asarray(f[:3], np.float32) + 1)) for f in features]))

    def encode_video(self, features) -> Tensor:
        return torch.stack([self.video_tokens(video).mean(0) for video in features])

    def check_features(self, kind: FeatureKind, what: str) -> None:
        pass
