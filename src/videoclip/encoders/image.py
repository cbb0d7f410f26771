"""Vision models of the Hugging Face hub as encoders: a few frames of each second, embedded and averaged."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import VideoclipError, WeightsError, command_for
from ..hardware import device_of, fast_numbers
from ..published.hub import hub_folder, why_not_asked
from .encoder import Encoder
from .ready_made.of_transformers import WEIGHTS

FRAMES = 2
"""Frames per second that are looked at by default."""


def image_encoder(name: str, frames: int = FRAMES, device: str = "") -> Encoder:
    """CLIP, SigLIP, DINOv2, ViT…: a folder or hub name; features are the model's image embedding.

    ``NAME@4`` looks at 4 frames a second.

    Raises:
        WeightsError: no such model, or not one of images.
    """
    source, at, count = name.rpartition("@")
    if at and count.isdigit():
        name, frames = source, int(count)
    try:
        from transformers import AutoConfig, AutoImageProcessor, AutoModel
    except ImportError as error:
        raise VideoclipError(f"image encoders need the transformers package: {command_for('image')}") from error
    is_folder = Path(name).is_dir()
    is_asked = not is_folder and not why_not_asked()
    place = name if is_folder or is_asked else hub_folder(name, WEIGHTS)  # which says what to bring
    known: Any = {"trust_remote_code": False, "local_files_only": not is_asked}
    try:
        config = AutoConfig.from_pretrained(place, **known)
        processor = AutoImageProcessor.from_pretrained(place, **known)
        model = AutoModel.from_pretrained(place, config=config, use_safetensors=True, **known).eval()
    except (OSError, ValueError) as error:
        raise WeightsError(f"image:{name}: {str(error).splitlines()[0]}") from error
    size = _side(processor, config)
    there = device_of(device)
    model.to(there)
    mean, std = (
        torch.tensor(getattr(processor, key, None) or default, device=there).view(3, 1, 1) for key, default in _SCALE
    )

    parameters = sum(tensor.numel() for tensor in model.parameters())

    def network(pixels: Tensor) -> Tensor:
        images = pixels.to(there, non_blocking=True).flatten(0, 1).permute(0, 3, 1, 2).float() / 255
        with fast_numbers(there, parameters):
            vectors = _embed(model, (images - mean) / std)
        return vectors.float().view(*pixels.shape[:2], -1).mean(1)

    probe = network(torch.zeros(1, 1, size, size, 3, dtype=torch.uint8))
    label = Path(name).name if Path(name).is_dir() else name
    return Encoder(f"image:{label}@{frames}", probe.shape[1], frames, size, network)


_SCALE = (("image_mean", [0.5, 0.5, 0.5]), ("image_std", [0.5, 0.5, 0.5]))


@torch.inference_mode()
def _embed(model: Any, images: Tensor) -> Tensor:
    """(N, 3, H, W) normalised -> (N, F): the joint embedding of models that have one, else the pooled output."""
    if hasattr(model, "get_image_features"):
        out = model.get_image_features(pixel_values=images)
    else:
        out = model(pixel_values=images)
    if isinstance(out, Tensor):
        return out
    pooled = getattr(out, "pooler_output", None)
    return pooled.flatten(1) if pooled is not None else out.last_hidden_state.mean(1)


def _side(processor: Any, config: Any) -> int:
    """Height and width in pixels of the images that a model takes."""
    sizes: Any
    for sizes in (getattr(processor, "crop_size", None), getattr(processor, "size", None)):
        for key in ("height", "shortest_edge"):
            try:
                return int(sizes[key])  # a dict or, in newer versions, an object; either may lack the key
            except (KeyError, TypeError):
                continue
    vision = getattr(config, "vision_config", config)
    return int(getattr(vision, "image_size", 224))
