"""What a small video encoder is, and how it was trained; it lies beside its weights."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EncoderConfig:
    """A narrow and shallow S3D, and how it is trained."""

    name: str = "s3d-narrow"
    feature_size: int = 128
    width: float = 0.25
    blocks: int = 3
    fps: int = 8
    frame_size: int = 64
    around: float = 0.5
    """Seconds before and after a second of video whose sentences are in its bag."""
    bag: int = 2
    """Sentences that are drawn from it."""
    batch: int = 64
    updates: int = 2500
    lr: float = 2e-3
    temperature: float = 0.07
    threads: int = 1
    """Cores to use; networks as small as this one gain nothing from more."""
    seed: int = 0
