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
from ..encoders.ready_made.load import ReadyMade
from ..errors import VideoclipError
from .fingerprint import fingerprint_of


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

    @torch.inference_mode()
    def encode_text(self, texts: Sequence[str], batch_size: int = 64) -> Tensor:
        """Vectors of texts, (N, D) float32, of the length of the model's inverse temperature."""
        if isinstance(texts, str):
            raise VideoclipError("encode_text takes a list of texts; write encode_text([text]) for a single one")
        towers, parts = self._loaded.towers, [torch.empty(0, self.size)]
        for start in range(0, len(texts), batch_size):
            with self._alone:
                vectors = towers.embed_texts(texts[start : start + batch_size])
            parts.append(F.normalize(vectors.float(), dim=-1).cpu() * towers.scale)
        return torch.cat(parts)

    def encode_video(self, features: Sequence[np.ndarray | Tensor]) -> Tensor:
        """Vectors of videos, (N, D) float32: the mean over their seconds."""
        means = [self.video_tokens(video).mean(0) for video in features]
        return torch.stack(means) if means else torch.empty(0, self.size)

    def video_tokens(self, features: np.ndarray | Tensor) -> Tensor:
        """One vector per second, (seconds, D) float32: the features as they are."""
        kind = getattr(features, "kind", None)
        if kind is not None:
            self.check_features(kind, "video")
        array = features.numpy(force=True) if isinstance(features, Tensor) else features
        video = torch.from_numpy(np.array(array, np.float32))
        if video.ndim != 2 or not len(video) or video.shape[1] != self.size:
            raise VideoclipError(
                f"features of shape {tuple(video.shape)}, expected (seconds, {self.size}) of '{self.features.encoder}'"
            )
        return video

    def check_features(self, kind: FeatureKind, what: str) -> None:
        """Raise if the features are not those of its own frames' side."""
        if kind != self.features:
            raise VideoclipError(
                f"{what}: features of encoder '{kind.encoder}', but {self.name} understands those of "
                f"'{self.features.encoder}' only; extract them again (--encoder joint:{self.name})"
            )
