"""Joint models of the hub as they are, in the place of VideoCLIP: what everyone has without training.

Their frames' side is an encoder, and the features are its vectors, of unit length: a second is the mean of its frames,
a moment the mean of its seconds. Texts are of the length at which dot products are logits. A constant that some models
add to all logits (SigLIP's bias) is left out, since it changes no order and no share.
"""

from collections.abc import Sequence
from functools import cached_property
from threading import Lock

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..encoders.encoder import FeatureKind
from ..encoders.ready_made.load import ReadyMade, load_ready_made
from ..errors import VideoclipError
from .fingerprint import fingerprint_of
from .inputs import batches, means_of_seconds, seconds_given, similarity, texts_given


class ReadyMadeModel:
    """A ``JointModel`` of two frozen towers; ``name`` is what ``load_model`` takes to load it again."""

    def __init__(self, loaded: ReadyMade, name: str):
        self.name = name if "://" in name else loaded.name
        self.size = loaded.towers.size
        self.features: FeatureKind = loaded.encoder.kind
        self._loaded = loaded  # keeps the encoder in memory, for ``encoder_named``
        self._alone = Lock()  # tokenisers of several threads get into each other's way

    @property
    def fingerprint(self) -> str:
        """A hash of the weights alone."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        return fingerprint_of(self._loaded.towers.weights())

    @property
    def device(self) -> torch.device:
        """Where the towers are; vectors come back on the CPU."""
        return self._loaded.device

    def to(self, device: str | torch.device) -> "ReadyMadeModel":
        """The same model on another device, loaded again; this one stays where it is."""
        return ReadyMadeModel(load_ready_made(self._loaded.name, str(device)), self.name)

    def __reduce__(self) -> tuple:
        """Another process loads it anew, by its name."""
        return _loaded_again, (self._loaded.name, self.name)

    @torch.no_grad()
    def encode_text(self, texts: str | Sequence[str], batch_size: int = 64, show_progress_bar: bool = False) -> Tensor:
        """Vectors of texts, (N, D) float32, or of a single one, (D,), as long as the model's inverse temperature."""
        said, is_single = texts_given(texts)
        towers, parts = self._loaded.towers, [torch.empty(0, self.size)]
        for chunk in batches(said, batch_size, show_progress_bar):
            with self._alone:
                vectors = towers.embed_texts(chunk)
            parts.append(F.normalize(vectors.float(), dim=-1).cpu() * towers.scale)
        vectors = torch.cat(parts)
        return vectors[0] if is_single else vectors

    def encode_video(
        self,
        features: np.ndarray | Tensor | Sequence[np.ndarray | Tensor],
        batch_size: int = 256,
        show_progress_bar: bool = False,
    ) -> Tensor:
        """Vectors of videos, (N, D) float32, or of a single one, (D,): the mean over their seconds."""
        return means_of_seconds(features, self, batch_size, show_progress_bar)

    def video_tokens(self, features: np.ndarray | Tensor) -> Tensor:
        """One vector per second, (seconds, D) float32: the features as they are."""
        return seconds_given(features, self, "video")

    def similarity(self, a: Tensor | np.ndarray, b: Tensor | np.ndarray) -> Tensor:
        """Logits of vectors with each other, (N, D), (M, D) -> (N, M); see ``inputs.similarity``."""
        return similarity(a, b)

    def check_features(self, kind: FeatureKind, what: str) -> None:
        """Raise if the features are not those of its own frames' side."""
        if kind != self.features:
            raise VideoclipError(
                f"{what}: features of encoder '{kind.encoder}', but {self.name} understands those of "
                f"'{self.features.encoder}' only; extract them again (--encoder joint:{self.name})"
            )


def _loaded_again(source: str, name: str) -> ReadyMadeModel:
    return ReadyMadeModel(load_ready_made(source), name)
