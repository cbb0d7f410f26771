"""Models of open_clip: PE-Core, MobileCLIP2 and all others with an ``open_clip_config.json``."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import WeightsError
from ...published.hub import SAFE
from .towers import Towers, channels_first

WEIGHTS = ("*.json", "*.txt", "*.model", "open_clip_*.safetensors")
"""Patterns of the files that it needs."""
PREFERRED = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "model.safetensors")
"""Names of the file of weights, the first that is there."""


def weight_folders(_: Path) -> list[str]:
    """Where below a model's folder its weights lie: in it."""
    return [""]


def load(folder: Path, name: str, device: torch.device) -> Towers:
    """The model in a folder; ``name`` is what errors call it.

    Raises:
        WeightsError: its frames are not square.
        ImportError: open_clip is not installed.
    """
    import open_clip  # pyright: ignore[reportMissingImports]

    place = f"local-dir:{folder.resolve()}"
    with _quiet():
        model = open_clip.create_model(place, load_weights=False, pretrained_text=False)
    open_clip.load_checkpoint(model, str(_weights_of(folder)))  # the library's own choice might be a pickled file
    model.eval().to(device)
    tokenizer, prepared = open_clip.get_tokenizer(place), model.visual.preprocess_cfg
    mean, deviation = (torch.tensor(prepared[key], device=device).view(3, 1, 1) for key in ("mean", "std"))
    high, wide = (prepared["size"],) * 2 if isinstance(prepared["size"], int) else prepared["size"]
    if high != wide:
        raise WeightsError(f"{name}: wants frames of {wide} × {high} pixels; only models of square ones can be used")

    def embed_frames(frames: np.ndarray) -> Tensor:
        return model.encode_image((channels_first(frames, device) / 255 - mean) / deviation)

    def embed_texts(texts: Sequence[str]) -> Tensor:
        return model.encode_text(tokenizer(list(texts)).to(device))

    size = embed_texts(["a"]).shape[-1]
    scale, squeezed = float(model.logit_scale.exp()), prepared["resize_mode"] == "squash"
    return Towers(size, int(high), scale, embed_frames, embed_texts, model.state_dict, squeezed=squeezed)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's warning that weights are random: they are read next."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _weights_of(folder: Path) -> Path:
    there = sorted(path for path in folder.iterdir() if path.suffix == SAFE)
    return min(there, key=lambda path: PREFERRED.index(path.name) if path.name in PREFERRED else len(PREFERRED))
