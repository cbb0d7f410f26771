"""What every use asks of a model, whichever it is, and loading one by name."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from huggingface_hub.errors import HFValidationError
from torch import Tensor

from ..errors import WeightsError
from ..storage.places import fetch, place
from .videoclip import VideoCLIP


class JointModel(Protocol):
    """Texts and videos in one space, in which dot products are similarities."""

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Vectors of texts, (N, D)."""
        ...

    def encode_video(self, features: Sequence[np.ndarray]) -> Tensor:
        """Vectors of videos, each (seconds, F) -> (N, D)."""
        ...

    def video_tokens(self, features: np.ndarray) -> Tensor:
        """A vector per second, (seconds, F) -> (seconds, D)."""
        ...

    def check_features(self, encoder: str, normalized: bool, what: str) -> None:
        """Raise if the model does not understand such features."""
        ...


def load_model(name: str) -> JointModel:
    """A model for use: a folder (also of an object store), a hub name, or ``mil-nce`` (``mil-nce:FOLDER``).

    The last is the baseline of that name. The model is on the GPU if there is one.

    Raises:
        WeightsError: there is none, or its files do not fit together.
    """
    if name == "mil-nce" or name.startswith("mil-nce:"):
        from .mil_nce import MilNce

        folder = name.removeprefix("mil-nce").removeprefix(":")
        return MilNce(Path(folder) if folder else None)
    where = name
    if "://" in name:
        where = str(fetch(place(name)))
    elif not Path(name).is_dir() and (Path(name).is_absolute() or name.count("/") > 1 or name.startswith(".")):
        raise WeightsError(f"{name}: no such folder, and not the name of a model on the hub (owner/name)")
    try:
        return VideoCLIP.from_pretrained(where).eval().to("cuda" if torch.cuda.is_available() else "cpu")
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, HFValidationError) as error:
        raise WeightsError(f"{name}: no model there that can be loaded ({str(error).splitlines()[0][:200]})") from error


def fingerprint(model: JointModel) -> str:
    """A hash over a model's weights: whose vectors a library holds, and whether two runs agree."""
    digest = hashlib.blake2b(digest_size=16)
    if isinstance(model, VideoCLIP):
        digest.update(json.dumps(asdict(model.config), sort_keys=True).encode())
        for name, weights in sorted(model.state_dict().items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(weights.float().cpu().numpy()).tobytes())
    else:
        digest.update(model.encode_text(["a person cuts an onion"]).numpy().tobytes())
    return digest.hexdigest()
