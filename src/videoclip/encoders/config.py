"""What a small video encoder is, and how it was trained; it lies beside its weights."""

from dataclasses import dataclass
from typing import Annotated

from ..errors import ConfigError
from ..ranges import COUNT, SEED, Range, ranged


@dataclass(frozen=True)
@ranged
class EncoderConfig:
    """A narrow and shallow S3D, and how it is trained."""

    name: str = "s3d-narrow"
    """Name of the encoder, by which its features are known."""
    feature_size: Annotated[int, Range(1, 65_536)] = 128
    """Numbers in the feature of a second, F."""
    width: Annotated[float, Range(0.001, 8)] = 0.25
    """Channels, as a share of those of S3D."""
    blocks: Annotated[int, Range(0, 9)] = 3
    """Inception blocks of S3D's nine."""
    fps: Annotated[int, Range(2, 120)] = 8
    """Frames that it sees of each second; an even number."""
    frame_size: Annotated[int, Range(16, 1024)] = 64
    """Height and width of those frames in pixels; an even number."""
    around: Annotated[float, Range(0, 3600)] = 0.5
    """Seconds before and after a second of video whose sentences are in its bag."""
    bag: Annotated[int, Range(1, 1000)] = 2
    """Sentences that are drawn from it."""
    batch: Annotated[int, Range(1, 1_000_000)] = 64
    """Seconds of video in an update."""
    updates: Annotated[int, COUNT] = 2500
    """Updates in all."""
    lr: Annotated[float, Range(1e-9, 10)] = 2e-3
    """The largest learning rate."""
    temperature: Annotated[float, Range(1e-4, 1000)] = 0.07
    """What cosines are divided by in the loss."""
    threads: Annotated[int, Range(1, 1024)] = 1
    """Cores to use; networks as small as this one gain nothing from more."""
    seed: Annotated[int, SEED] = 0
    """Repeats the training: first weights, and what is drawn."""

    def __post_init__(self):
        for key in ("fps", "frame_size"):
            if getattr(self, key) % 2:
                raise ConfigError(f"{key}={getattr(self, key)}: choose an even number; S3D sees two by two")
