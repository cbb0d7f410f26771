"""What a ready-made joint model is here, whichever library it comes from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Towers:
    """A frozen model of frames and texts. The vectors of both are of any length: their cosines are similarities."""

    size: int
    """Numbers in a vector, D."""
    frame_size: int
    """Height and width of the frames that it wants, in pixels."""
    scale: float
    """Its inverse temperature: what a cosine is multiplied by to be a logit."""
    embed_frames: Callable[[np.ndarray], Tensor]
    """(N, H, W, 3) uint8 -> (N, D); of a model of videos (N, frames, H, W, 3)."""
    embed_texts: Callable[[Sequence[str]], Tensor]
    """N texts -> (N, D)."""
    weights: Callable[[], Mapping[str, Tensor]]
    """Its tensors by name."""
    frames: int = 1
    """Frames that it sees together: 1 for a model of images."""
    squeezed: bool = False
    """Whether it was trained on whole frames, squeezed into a square; else on their middle."""


def channels_first(frames: np.ndarray, device: torch.device) -> Tensor:
    """(…, H, W, 3) uint8 -> (…, 3, H, W) float32 on the device, from 0 to 255."""
    return torch.from_numpy(frames).to(device, non_blocking=True).movedim(-1, -3).float()
