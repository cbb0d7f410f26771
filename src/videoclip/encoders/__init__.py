"""Frozen encoders: from the frames of one second of video to one feature.

``load_encoder`` knows S3D with the published weights (``s3d``), any vision model of the Hugging Face hub
(``image:NAME``), the small encoder that ships with the package (``demo``), and folders written by
``videoclip train-encoder``.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import VideoclipError
from ..media.video import seconds_of
from ..published import published_path

if TYPE_CHECKING:
    import torch

SHIPPED = Path(__file__).parent.parent / "data" / "demo-encoder"


@dataclass(frozen=True)
class FeatureKind:
    """Which encoder made the features, how long they are, and whether they have unit length."""

    encoder: str
    feature_size: int
    normalized: bool = True

    def __str__(self) -> str:
        return f"encoder '{self.encoder}' ({self.feature_size}-d, {length_of(self.normalized)})"


@dataclass(frozen=True)
class Encoder:
    """A frozen network and what it wants to see.

    ``network`` maps pixels, (N, fps, H, W, 3) uint8 with H = W = ``frame_size``, to features, (N, feature_size).
    """

    name: str
    """Identity: features of encoders with different names are never mixed."""
    feature_size: int
    fps: int
    """Frames that it wants of each second."""
    frame_size: int
    """Height and width of those frames in pixels."""
    network: "Callable[[torch.Tensor], torch.Tensor]"
    normalized: bool = True
    """Whether features are scaled to unit length."""
    batch_seconds: int = 16

    @property
    def kind(self) -> FeatureKind:
        return FeatureKind(self.name, self.feature_size, self.normalized)

    def encode(self, seconds: np.ndarray) -> np.ndarray:
        """Features of N seconds: (N, fps, H, W, 3) uint8 -> (N, F) float16."""
        import torch
        import torch.nn.functional as F

        with torch.inference_mode():
            features = self.network(torch.from_numpy(seconds)).float()
            return (F.normalize(features, dim=-1) if self.normalized else features).cpu().numpy().astype(np.float16)

    def encode_file(self, path: str | Path) -> np.ndarray:
        """Features of a video file, (seconds, F) float16, in memory that does not grow with its duration.

        Raises:
            MediaError: the file holds no picture that can be decoded.
        """
        seconds = seconds_of(path, self.fps, self.frame_size)
        return np.concatenate([self.encode(batch) for batch in batches(seconds, self.batch_seconds)])


def length_of(normalized: bool) -> str:
    """How errors and summaries speak of normalisation."""
    return "unit length" if normalized else "not normalised"


def batches(seconds: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Stack up to ``size`` seconds: arrays of (fps, H, W, 3) -> arrays of (N, fps, H, W, 3)."""
    seconds = iter(seconds)
    while batch := list(islice(seconds, size)):
        yield np.stack(batch)


def load_encoder(name: str, weights: str | Path = "") -> Encoder:
    """An encoder by name: ``s3d``, ``image:NAME``, ``demo``, or a trained encoder's folder.

    Args:
        weights: for ``s3d``, the path of ``s3d_howto100m.pth``; by default the one that was downloaded.

    Raises:
        WeightsError: weights are missing or do not fit.
        VideoclipError: there is no such encoder.
    """
    if name == "s3d":
        from .s3d import published_s3d

        return published_s3d(Path(weights) if weights else published_path("s3d-howto100m", "s3d_howto100m.pth"))
    if name.startswith("image:"):
        from .image import image_encoder

        return image_encoder(name.removeprefix("image:"))
    folder = SHIPPED if name == "demo" else Path(name)
    if (folder / "config.json").is_file():
        from .s3d import trained_s3d

        return trained_s3d(folder)
    raise VideoclipError(f"no encoder '{name}'; choose s3d, demo, image:NAME, or the folder of a trained encoder")
