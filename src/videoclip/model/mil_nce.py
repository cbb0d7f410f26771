"""MIL-NCE's own joint embedding (Miech et al., CVPR 2020), the baseline that VideoCLIP's features come from.

S3D and the text side that it was trained with give similarities without any transformer: the mean of a clip's features
times the sentence's. It has the methods of ``VideoCLIP``, and stands beside it in every zero-shot evaluation.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..encoders.encoder import FeatureKind
from ..encoders.s3d import published_text
from ..errors import VideoclipError
from ..published.catalogue import published_path, weights_folder
from .fingerprint import fingerprint_of

MIL_NCE = "mil-nce"
FEATURE_SIZE = 512


class MilNce:
    """Features of S3D and sentences in one space.

    Features of unit length, which VideoCLIP takes, give up what their lengths say; MIL-NCE was evaluated without that.

    Raises:
        WeightsError: the folder lacks ``s3d_howto100m.pth`` or ``s3d_dict.npy``.
    """

    def __init__(self, folder: Path | None = None):
        self.name = f"{MIL_NCE}:{folder.resolve()}" if folder else MIL_NCE
        folder = folder or weights_folder()
        files = (published_path("mil-nce", name, folder) for name in ("s3d_howto100m.pth", "s3d_dict.npy"))
        self.text = published_text(*files)

    @property
    def features(self) -> FeatureKind:
        """Those of S3D; of unit length or not."""
        return FeatureKind("s3d", FEATURE_SIZE)

    @property
    def size(self) -> int:
        """Numbers in a vector, D."""
        return FEATURE_SIZE

    @property
    def fingerprint(self) -> str:
        """A hash of the weights of the text side, since the video side is the features themselves."""
        return fingerprint_of(self.text.state_dict())

    @torch.inference_mode()
    def encode_text(self, texts: Sequence[str], batch_size: int = 256) -> Tensor:
        """Vectors of texts, (N, 512) float32."""
        parts = [self.text(self.text.word_ids(texts[i : i + batch_size])) for i in range(0, len(texts), batch_size)]
        return torch.cat(parts) if parts else torch.empty(0, FEATURE_SIZE)

    def encode_video(self, features: Sequence[np.ndarray | Tensor]) -> Tensor:
        """Vectors of videos, (N, 512) float32: the mean over their seconds."""
        return torch.stack([self.video_tokens(video).mean(0) for video in features])

    def video_tokens(self, features: np.ndarray | Tensor) -> Tensor:
        """One vector per second, (seconds, 512) float32: the features as they are."""
        kind = getattr(features, "kind", None)
        if kind is not None:
            self.check_features(kind, "video")
        array = features.numpy(force=True) if isinstance(features, Tensor) else features
        video = torch.from_numpy(np.array(array, np.float32))
        if video.ndim != 2 or not len(video) or video.shape[1] != FEATURE_SIZE:
            raise VideoclipError(f"features of shape {tuple(video.shape)}, expected (seconds, {FEATURE_SIZE}) of S3D")
        return video

    def check_features(self, kind: FeatureKind, what: str) -> None:
        """Raise if the features are not those of S3D."""
        if kind.encoder != self.features.encoder:
            raise VideoclipError(
                f"{what}: features of encoder '{kind.encoder}', but mil-nce understands those of 's3d' only"
            )
