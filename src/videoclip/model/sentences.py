"""Sentence encoders: texts that mean the same have vectors that are alike, in other words and in other languages."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
import torch

from ..encoders.ready_made.of_sentence_transformers import WEIGHTS, check_known, weight_folders
from ..errors import VideoclipError, WeightsError, command_for
from ..hardware import device_of, fast_numbers
from ..published.hub import check_weights, has_weights, hub_folder, why_not_asked
from .fingerprint import fingerprint_of

EXTRA = "embed"
LONGEST = 512
"""Tokens of a text that are read; what is said in a quarter of a minute has a fifth of that."""
BATCH = 32
_E5 = re.compile(r"(^|[-/])e5-(small|base|large)(-v2)?$")
"""Names of the E5 family, whose published files do not state the prompts that it was trained with."""


@dataclass(frozen=True)
class Published:
    """A sentence encoder of the hub: megabytes at most, and licence."""

    name: str
    megabytes: int
    licence: str


DEFAULT = Published("ibm-granite/granite-embedding-97m-multilingual-r2", 390, "Apache-2.0")
"""The best published retrieval in many languages of those up to 500 MB (docs/search-your-videos.md)."""


class SentenceEncoder(Protocol):
    """What makes vectors of unit length of passages and of queries, whose dot products say how near they are."""

    @property
    def name(self) -> str:
        """What loads it again."""
        ...

    @property
    def fingerprint(self) -> str:
        """A hash of the weights alone."""
        ...

    @property
    def size(self) -> int:
        """Numbers in a vector, D."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> np.ndarray:
        """(N, D) float32 of what is searched."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        """(N, D) float32 of what is looked for."""
        ...


class _OfSentenceTransformers:
    def __init__(self, model: Any, name: str, device: torch.device):
        self.name, self._model, self._device = name, model, device
        self._parameters = sum(parameter.numel() for parameter in model.parameters())
        self._alone = Lock()  # tokenisers of several threads get into each other's way
        self.size = self.encode_queries(["a"]).shape[1]

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self._model.state_dict())

    def encode_passages(self, texts: Sequence[str]) -> np.ndarray:
        return self._encoded(self._model.encode_document, texts)

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        return self._encoded(self._model.encode_query, texts)

    def _encoded(self, encode: Callable, texts: Sequence[str]) -> np.ndarray:
        said = [{"text": text} for text in texts]  # bare strings that look like addresses some models would open
        with self._alone, fast_numbers(self._device, self._parameters):
            vectors = encode(said, batch_size=BATCH, convert_to_tensor=True, show_progress_bar=False)
        return torch.nn.functional.normalize(vectors.float(), dim=-1).cpu().numpy()


def load_sentence_encoder(name: str, told: Callable[[str], None] = lambda _: None) -> SentenceEncoder:
    """The sentence encoder of a folder, or of the hub, in the form of sentence-transformers.

    Args:
        told: called before weights are downloaded, with a line that names them.

    Raises:
        WeightsError: there is none; or it needs code of its own, or pickled weights.
        VideoclipError: sentence-transformers is not installed.
    """
    try:
        from sentence_transformers import SentenceTransformer  # pyright: ignore[reportMissingImports]
        from transformers.utils import logging
    except ImportError as error:
        raise VideoclipError(f"sentence-transformers is not installed: {command_for(EXTRA)}") from error
    folder, device = _folder(name, told), device_of()
    try:
        check_weights(folder, weight_folders(folder), name)
        check_known(folder, name)
        logging.disable_progress_bar()
        how = {"local_files_only": True, "trust_remote_code": False, "model_kwargs": {"use_safetensors": True}}
        model = SentenceTransformer(str(folder), device=str(device), **how).float().eval()
        model.max_seq_length = min(model.max_seq_length or LONGEST, LONGEST)
        if _E5.search(name.rstrip("/")) and not any(model.prompts.values()):
            model.prompts.update(query="query: ", document="passage: ")
        is_folder = Path(name).expanduser().is_dir()
        return _OfSentenceTransformers(model, str(folder.resolve()) if is_folder else name, device)
    except VideoclipError:
        raise
    except Exception as error:  # of whatever kind a made-up file ends in
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise WeightsError(f"{name}: no sentence encoder there that can be loaded ({reason})") from error


def _folder(name: str, told: Callable[[str], None]) -> Path:
    """Where the files of a sentence encoder lie, brought there where they have to be."""
    if (folder := Path(name).expanduser()).is_dir():
        if not (folder / "modules.json").is_file():
            raise WeightsError(f"{folder}: holds no sentence encoder (modules.json of sentence-transformers)")
        return folder
    if not has_weights(name) and not why_not_asked():
        size = f" (up to {DEFAULT.megabytes} MB, {DEFAULT.licence})" if name == DEFAULT.name else ""
        told(
            f"what is said is found by meaning: {name}{size} comes once from huggingface.co; "
            "--meaning names another, a folder, or never"
        )
    return hub_folder(name, WEIGHTS)
