"""Models of sentence-transformers that embed images beside texts: EmbeddingGemma 2, Qwen3-VL-Embedding, jina, CLIP."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import WeightsError
from .of_transformers import PADDED, check_code, fit_of
from .towers import Towers

WEIGHTS = ("*.json", "*.txt", "*.model", "*.jinja", "*.safetensors")
"""Patterns of the files that it needs."""
UNSTATED_SCALE = 20.0
"""Inverse temperature of models that state none: that of the library's own contrastive losses."""


def weight_folders(folder: Path) -> list[str]:
    """Where below a model's folder its weights lie: in those of its modules."""
    return sorted({module["path"] for module in _modules(folder)})


def load(folder: Path, name: str, device: torch.device) -> Towers:
    """The model in a folder; ``name`` is what errors call it. Prompts are those of its configuration.

    Raises:
        WeightsError: it needs code of its own, or does not know both texts and images.
        ImportError: sentence-transformers is not installed.
    """
    from PIL import Image
    from sentence_transformers import SentenceTransformer  # pyright: ignore[reportMissingImports]
    from transformers.utils import logging

    check_known(folder, name)
    logging.disable_progress_bar()
    how = {"local_files_only": True, "trust_remote_code": False, "model_kwargs": {"use_safetensors": True}}
    model = SentenceTransformer(str(folder), device=str(device), **how)
    for kind in ("text", "image"):
        if not model.supports(kind):
            raise WeightsError(f"{name}: embeds no {kind}s, but {model.modalities}; name a model that does")
    first: Any = model[0]
    config = first.config
    options: dict[str, Any] = {"convert_to_tensor": True, "show_progress_bar": False}
    # The library's own default would be to pad to the longest, whatever the model was trained on.
    padded: dict[str, Any] = {}
    if config.model_type in PADDED:
        padded = {"padding": "max_length", "max_length": config.text_config.max_position_embeddings}

    def embed_frames(frames: np.ndarray) -> Tensor:
        return model.encode_document([Image.fromarray(frame) for frame in frames], batch_size=len(frames), **options)

    def embed_texts(texts: Sequence[str]) -> Tensor:
        said: Any = [{"text": text} for text in texts]  # a bare string that looks like an address would be opened
        return model.encode_query(said, batch_size=len(texts), processing_kwargs={"text": padded}, **options)

    size = embed_texts(["a"]).shape[-1]
    side, squeezed = fit_of(first.processor.image_processor, getattr(config, "vision_config", config))
    scale = _scale(model.state_dict())
    return Towers(size, side, scale, embed_frames, embed_texts, model.state_dict, squeezed=squeezed)


def _modules(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "modules.json").read_text(encoding="utf-8"))


def check_known(folder: Path, name: str) -> None:
    """Raise if any of its modules is not the library's own."""
    for module in _modules(folder):
        if not module["type"].startswith("sentence_transformers."):
            raise WeightsError(
                f"{name}: needs code that comes with its weights ({module['type']}), which is never run; name a model "
                "that the library sentence-transformers knows itself"
            )
        config = folder / module["path"] / "config.json"
        if config.is_file():
            check_code(json.loads(config.read_text(encoding="utf-8")), name)


def _scale(state: dict[str, Tensor]) -> float:
    found = [value for key, value in state.items() if key.endswith("logit_scale")]
    return math.exp(float(found[0])) if found else UNSTATED_SCALE
