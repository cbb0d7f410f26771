"""Dual encoders of transformers: CLIP, SigLIP 1 and 2, MetaCLIP 2, AltCLIP, Chinese-CLIP, X-CLIP, VideoPrism, PE Video.

A family needs nothing here unless it differs from what most do: ``get_text_features`` beside ``get_image_features`` or
``get_video_features``, the logarithm of the inverse temperature in ``logit_scale``, and texts padded to the longest.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import WeightsError
from .towers import Towers, channels_first

WEIGHTS = ("*.json", "*.txt", "*.model", "model*.safetensors")
"""Patterns of the files that it needs."""
PADDED = ("siglip", "siglip2", "videoprism")
"""Families trained on texts that are padded to the longest that they take: unpadded, a text has another vector."""
X_CLIP, VIDEOPRISM, PE_VIDEO = "xclip", "videoprism", "pe_video"
UNSTATED_SCALE = 100.0
"""Inverse temperature of models that state none (VideoPrism): that of its published example, and CLIP's largest."""
PE_FRAMES = 16
"""Frames of PE Video, which takes any number, where its files name none."""

LARGEST_SIDE, FREE_SIDE = 2048, 448
"""Pixels: what is larger is an area, of a processor that takes any size; and the side of frames for that."""


@dataclass(frozen=True)
class Seen:
    """The frames that a model wants: their height and width, how they are fitted into it, and how many together."""

    side: int
    squeezed: bool
    frames: int = 1


def weight_folders(_: Path) -> list[str]:
    """Where below a model's folder its weights lie: in it."""
    return [""]


def load(folder: Path, name: str, device: torch.device) -> Towers:
    """The model in a folder; ``name`` is what errors call it.

    Raises:
        WeightsError: it needs code of its own, lacks tensors, or does not know both texts and pictures.
        ImportError: transformers is not installed.
    """
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    _check_known(folder, name)
    logging.disable_progress_bar()
    known = {"local_files_only": True, "trust_remote_code": False}
    model, loaded = AutoModel.from_pretrained(folder, use_safetensors=True, output_loading_info=True, **known)
    if missing := sorted(loaded["missing_keys"]):
        raise WeightsError(f"{name}: its weights lack {len(missing)} tensors, such as {missing[0]}")
    model.float().eval().to(device)
    embed_texts = _texts(model, AutoTokenizer.from_pretrained(folder, **known))
    embed_frames, seen = (_images if hasattr(model, "get_image_features") else _videos)(model, folder)
    if not seen.side:
        raise WeightsError(f"{name}: lacks video_preprocessor_config.json, which says how large its frames are")
    size = embed_texts(["a"]).shape[-1]
    scale, weights = _scale(model), model.state_dict
    return Towers(size, seen.side, scale, embed_frames, embed_texts, weights, seen.frames, seen.squeezed)


def _check_known(folder: Path, name: str) -> None:
    """Raise unless transformers itself knows the model, and the model both texts and pictures."""
    from transformers import CONFIG_MAPPING, MODEL_MAPPING

    note = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    check_code(note, name)
    family = note["model_type"]
    if family not in CONFIG_MAPPING:
        raise WeightsError(f"{name}: the installed transformers knows no models of the kind '{family}'; upgrade it")
    kind = MODEL_MAPPING.get(CONFIG_MAPPING[family], None)
    if family != PE_VIDEO and not hasattr(kind, "get_text_features"):
        raise WeightsError(
            f"{name}: a model of the kind '{family}' has no text side; name one of texts and pictures, or use this one "
            f"as an encoder (image:{name})"
        )
    if family != PE_VIDEO and not (hasattr(kind, "get_image_features") or hasattr(kind, "get_video_features")):
        raise WeightsError(f"{name}: a model of the kind '{family}' sees neither images nor videos; name one that does")


def check_code(note: dict[str, Any], name: str) -> None:
    """Raise ``WeightsError`` if a configuration is of a model that brings its own code."""
    from transformers import CONFIG_MAPPING

    if "auto_map" in note and note.get("model_type") not in CONFIG_MAPPING:
        raise WeightsError(
            f"{name}: needs code that comes with its weights, which is never run; name a model that the library "
            "transformers knows itself"
        )


def _scale(model: Any) -> float:
    """The inverse temperature."""
    if model.config.model_type == PE_VIDEO:
        return float(model.text_video_logit_scale.detach())  # no logarithm
    if hasattr(model, "temperature"):  # ALIGN
        return 1 / float(model.temperature.detach())
    return float(model.logit_scale.detach().exp()) if hasattr(model, "logit_scale") else UNSTATED_SCALE


def _texts(model: Any, tokenizer: Any) -> Callable[[Sequence[str]], Tensor]:
    """What embeds texts, N -> (N, D), tokenised as the model was trained."""
    config = model.config
    longest = min(tokenizer.model_max_length, config.text_config.max_position_embeddings)
    padding = "max_length" if config.model_type in PADDED else True
    is_lower = config.model_type == "siglip" and "Gemma" in type(tokenizer).__name__  # SigLIP 2, of fixed resolution
    embed = _pe_video_texts if config.model_type == PE_VIDEO else _text_features

    def embed_texts(texts: Sequence[str]) -> Tensor:
        said = [text.lower() for text in texts] if is_lower else list(texts)
        tokens = tokenizer(said, padding=padding, truncation=True, max_length=longest, return_tensors="pt")
        return embed(model, tokens.to(model.device))

    return embed_texts


def _text_features(model: Any, tokens: Any) -> Tensor:
    return _pooled(model.get_text_features(**tokens))


def _pe_video_texts(model: Any, tokens: Any) -> Tensor:
    """What its ``get_text_features`` would give, which is out of reach inside ``__init__`` (transformers 5.24)."""
    hidden = model.text_model(**tokens, output_hidden_states=True).hidden_states[-1]
    return model.text_video_head(hidden[:, 0])


def _images(model: Any, folder: Path) -> tuple[Callable[[np.ndarray], Tensor], Seen]:
    """What embeds images, (N, H, W, 3) -> (N, D), and the frames that it wants."""
    from transformers import AutoImageProcessor

    processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)

    def embed_frames(frames: np.ndarray) -> Tensor:
        seen = processor(images=list(frames), input_data_format="channels_last", return_tensors="pt")
        return _pooled(model.get_image_features(**seen.to(model.device)))

    return embed_frames, Seen(*fit_of(processor, model.config.vision_config))


def fit_of(processor: Any, vision: Any) -> tuple[int, bool]:
    """Height and width in pixels of the frames that a processor of images passes on unscaled, and whether squeezed."""
    if getattr(processor, "max_num_patches", None):  # NaFlex: as many patches as it takes, in a square
        return isqrt(processor.max_num_patches) * processor.patch_size, False
    size = processor.size or {}
    sides = [size.get("shortest_edge"), size.get("height"), getattr(vision, "image_size", None)]
    squeezed = bool(size.get("height")) and not getattr(processor, "do_center_crop", False)
    return int(next((side for side in sides if side and side <= LARGEST_SIDE), FREE_SIDE)), squeezed


def _videos(model: Any, folder: Path) -> tuple[Callable[[np.ndarray], Tensor], Seen]:
    """What embeds videos, (N, frames, H, W, 3) -> (N, D), and the frames that it wants."""
    family = model.config.model_type
    vision = model.config.video_config if family == PE_VIDEO else model.config.vision_config
    note = _video_note(folder)
    size = note.get("size") or {}
    side = size.get("height") or size.get("shortest_edge") or getattr(vision, "image_size", 0)
    frames = getattr(vision, "num_frames", None) or note.get("num_frames") or PE_FRAMES
    shift, factor = _normalisation(note, family, model.device)

    def embed_frames(videos: np.ndarray) -> Tensor:
        pixels = (channels_first(videos, model.device) * note.get("rescale_factor", 1 / 255) - shift) / factor
        if family == PE_VIDEO:
            return model.video_head(model.video_encoder(pixel_values_videos=pixels).pooler_output)
        key = "pixel_values" if family == X_CLIP else "pixel_values_videos"
        return _pooled(model.get_video_features(**{key: pixels}))

    squeezed = family == VIDEOPRISM or (bool(size.get("height")) and not note.get("do_center_crop"))
    return embed_frames, Seen(int(side), squeezed, int(frames))


def _video_note(folder: Path) -> dict[str, Any]:
    """What its files say of how frames are prepared. Its own processor of videos would need torchvision."""
    for file in ("video_preprocessor_config.json", "processor_config.json", "preprocessor_config.json"):
        if (folder / file).is_file():
            note = json.loads((folder / file).read_text(encoding="utf-8"))
            note = note.get("video_processor") or note.get("image_processor") or note
            if "size" in note or "image_mean" in note:
                return note
    return {}


def _normalisation(note: dict[str, Any], family: str, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel, (3, 1, 1); 0 and 1 for VideoPrism, which sees pixels as they are."""
    is_normalised = family != VIDEOPRISM and note.get("do_normalize", True)
    mean, deviation = (note.get("image_mean"), note.get("image_std")) if is_normalised else (None, None)
    shift = torch.tensor(mean or [0.0] * 3, device=device)
    return shift.view(3, 1, 1), torch.tensor(deviation or [1.0] * 3, device=device).view(3, 1, 1)


def _pooled(out: Any) -> Tensor:
    """(N, D) of what a tower returns: an object since transformers 5, a tensor before; VideoPrism's is (N, 1, D)."""
    return (out if isinstance(out, Tensor) else out.pooler_output).flatten(1)
