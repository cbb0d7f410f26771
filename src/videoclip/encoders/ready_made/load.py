"""Ready-made joint models by name: a folder, or one of the hub. What kind it is, its own files say."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import VideoclipError, WeightsError, command_for
from ...hardware import device_of, fast_numbers, keep_memory
from ...published.hub import SAFE, check_weights, hub_folder
from ..encoder import COMBINED, Encoder
from . import of_open_clip, of_sentence_transformers, of_transformers
from .towers import Towers

PREFIX = "joint:"
"""What the names of encoders begin with that are the frames' side of a joint model."""
FRAMES = 1
"""Frames per second that are looked at by default."""
WINDOWS = 4
"""Of a model of videos, that go through it together."""
PIXELS, MOST_SECONDS = 64 * 256**2, 64
"""Of images that go through a model together, and the most seconds: enough that copies of weights cost little."""
CONFIG, MODULES, OPEN_CLIP = MARKS = "config.json", "modules.json", "open_clip_config.json"
"""Files by one of which a model's folder is known."""
LIBRARIES = {
    "sentence-transformers": (of_sentence_transformers, "embed"),
    "transformers": (of_transformers, "image"),
    "open_clip": (of_open_clip, "open-clip"),
}
"""Of each library the module that knows it, and the extra that brings it."""
_loaded: WeakValueDictionary[tuple[str, str], Encoder] = WeakValueDictionary()
"""Encoders that are in memory, by name and device: a model and its encoder are loaded together, and once."""


@dataclass(frozen=True, eq=False)
class ReadyMade:
    """A model that is loaded, and its frames' side as an encoder of videos."""

    name: str
    """What loads it again."""
    towers: Towers
    encoder: Encoder
    device: torch.device


def library_of(name: str) -> str:
    """The library whose files a folder or model of the hub holds, of ``LIBRARIES``; empty for none of them.

    Raises:
        WeightsError: there is neither such a folder nor such a model.
    """
    source, _ = with_frames(name)
    folder = Path(source) if Path(source).is_dir() else hub_folder(source, MARKS)
    if (folder / MODULES).is_file():
        return "sentence-transformers"
    if "model_type" in _config(folder):
        return "transformers"
    return "open_clip" if (folder / OPEN_CLIP).is_file() else ""


def load_ready_made(name: str, device: str = "") -> ReadyMade:
    """A model of the hub, or of a folder in its library's form; ``NAME@4`` looks at 4 frames a second.

    Args:
        device: where it is to be; by default on the GPU if there is one.

    Raises:
        WeightsError: there is none; or it needs code of its own, or pickled weights; or it does not know texts and
            pictures.
        VideoclipError: the library that it needs is not installed.
    """
    library, there = library_of(name), device_of(device)
    if not library:
        raise WeightsError(f"{name}: no joint model in a form that is known ({', '.join(LIBRARIES)})")
    (source, fps), (module, extra) = with_frames(name), LIBRARIES[library]
    is_folder = Path(source).is_dir()
    folder = Path(source) if is_folder else hub_folder(source, module.WEIGHTS)
    try:
        check_weights(folder, module.weight_folders(folder), name)
        with torch.inference_mode():
            towers = module.load(folder, source, there)
    except VideoclipError:
        raise
    except ImportError as error:
        raise VideoclipError(f"{name}: needs {library} ({error.msg}): {command_for(extra)}") from error
    except Exception as error:  # of whatever kind a made-up file ends in
        raise WeightsError(f"{name}: no model there that can be loaded ({_first_line(error)})") from error
    label = f"{folder.resolve().name.replace(COMBINED, '-')}-{_digest(folder)}" if is_folder else source
    again = str(folder.resolve()) if is_folder else source
    again = again if fps == FRAMES else f"{again}@{fps}"
    encoder = _encoder(
        f"{PREFIX}{label}@{fps}", towers, fps, there, partial(ready_made_encoder, f"{PREFIX}{again}", device=device)
    )
    _loaded[encoder.name, str(there)] = encoder
    return ReadyMade(again, towers, encoder, there)


def with_frames(name: str) -> tuple[str, int]:
    """A model's folder or name on the hub, and the frames per second to look at: those of ``NAME@4``, or one."""
    source, at, count = name.rpartition("@")
    is_asked = at and count.isdigit() and int(count) and not Path(name).is_dir()
    return (source, int(count)) if is_asked else (name, FRAMES)


def ready_made_encoder(name: str, device: str = "") -> Encoder:
    """The frames' side of a joint model, by the encoder's name or ``joint:`` and what ``load_ready_made`` takes.

    One that is in memory is taken: where no device is named, whichever it is on.
    """
    here = [encoder for (known, there), encoder in _loaded.items() if known == name and device in ("", there)]
    return here[0] if here else load_ready_made(name.removeprefix(PREFIX), device).encoder


def can_be_had(name: str) -> bool:
    """Whether the name of such an encoder is enough to have it: its model is in memory, or on the hub."""
    return any(known == name for known, _ in _loaded) or "/" in name


def _config(folder: Path) -> dict[str, Any]:
    try:
        note = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # another kind of model says what is wrong with it
        return {}
    return note if isinstance(note, dict) else {}


def _digest(folder: Path) -> str:
    """Of the weights, by which models of equally named folders are told apart."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob(f"*{SAFE}")):
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:8]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _encoder(name: str, towers: Towers, fps: int, device: torch.device, loaded_by: Callable[..., Encoder]) -> Encoder:
    """The frames' side as an encoder: unit vectors of frames, or of windows of as many frames as it sees together."""

    parameters = sum(tensor.numel() for tensor in towers.weights().values())
    if device.type == "cpu":
        keep_memory()

    def unit_vectors(frames: Tensor) -> Tensor:
        with fast_numbers(device, parameters):
            vectors = towers.embed_frames(frames.numpy())
        return F.normalize(vectors.float(), dim=-1)

    how: dict[str, Any] = {"squeezed": towers.squeezed, "loaded_by": loaded_by}
    if towers.frames == 1:

        def of_frames(pixels: Tensor) -> Tensor:
            return unit_vectors(pixels.flatten(0, 1)).view(*pixels.shape[:2], -1).mean(1)

        how["batch_seconds"] = max(min(PIXELS // (fps * towers.frame_size**2), MOST_SECONDS), 1)
        return Encoder(name, towers.size, fps, towers.frame_size, of_frames, **how)
    window = ceil(towers.frames / fps)
    chosen = np.linspace(0, window * fps - 1, towers.frames).round().astype(int)

    def of_windows(pixels: Tensor) -> Tensor:
        return unit_vectors(pixels[:, chosen])

    return Encoder(name, towers.size, fps, towers.frame_size, of_windows, batch_seconds=WINDOWS, window=window, **how)
