"""MIL-NCE's own joint embedding (Miech et al., CVPR 2020), the baseline that VideoCLIP's features come from.

S3D and the text side that it was trained with give similarities without any transformer: the mean of a clip's features
times the sentence's. It has the methods of ``VideoCLIP``, and stands beside it in every zero-shot evaluation. A text
side of another encoder is one too (``pretrain.text_side`` trains it).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..config import from_note
from ..encoders.encoder import FeatureKind
from ..encoders.s3d import published_text
from ..encoders.s3d_text import SentenceEmbedding
from ..errors import VideoclipError, WeightsError
from ..published.catalogue import published_path
from ..ranges import Range, ranged
from ..storage.places import write_whole
from ..storage.whole import share
from .fingerprint import fingerprint_of
from .inputs import batches, means_of_seconds, seconds_given, similarity, texts_given

MIL_NCE = "mil-nce"
SIZE = Range(1, 1_000_000)


@dataclass(frozen=True)
@ranged
class MilNceConfig:
    """Sizes of the text side (the defaults are the published ones) and the encoder whose features it goes with."""

    words: tuple[str, ...] = ()
    word_size: Annotated[int, SIZE] = 300
    hidden_size: Annotated[int, SIZE] = 2048
    feature_size: Annotated[int, SIZE] = 512
    encoder: str = "s3d"
    normalized: bool = True


class MilNce(nn.Module):
    """Features of an encoder and sentences in one space.

    Features of unit length, which VideoCLIP takes, give up what their lengths say; MIL-NCE was evaluated without that.
    """

    def __init__(self, config: MilNceConfig, text: SentenceEmbedding | None = None):
        super().__init__()
        self.config = config
        self.name = ""
        """What ``load_model`` takes to load it again; empty until it lies somewhere."""
        sizes = config.word_size, config.hidden_size, config.feature_size
        self.text = text or SentenceEmbedding(config.words, *sizes)

    @property
    def features(self) -> FeatureKind:
        """Those of its encoder; of unit length or not."""
        return FeatureKind(self.config.encoder, self.config.feature_size, self.config.normalized)

    @property
    def size(self) -> int:
        """Numbers in a vector, D."""
        return self.config.feature_size

    @property
    def fingerprint(self) -> str:
        """A hash of the weights of the text side, since the video side is the features themselves."""
        return fingerprint_of(self.text.state_dict())

    @property
    def device(self) -> torch.device:
        """Where the text side is; features stay where they are."""
        return self.text.fc2.weight.device

    @property
    def note(self) -> dict[str, Any]:
        """What a model that starts from this one writes down of it."""
        return {"kind": MIL_NCE} | asdict(self.config)

    @torch.no_grad()
    def encode_text(self, texts: str | Sequence[str], batch_size: int = 256, show_progress_bar: bool = False) -> Tensor:
        """Vectors of texts, (N, D) float32, or of a single one, (D,)."""
        said, is_single = texts_given(texts)
        chunks = batches(said, batch_size, show_progress_bar)
        parts = [self.text(self.text.word_ids(chunk).to(self.device)).float().cpu() for chunk in chunks]
        vectors = torch.cat(parts) if parts else torch.empty(0, self.size)
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
        """Raise if the features are not those of its encoder."""
        if kind.encoder != self.features.encoder:
            raise VideoclipError(
                f"{what}: features of encoder '{kind.encoder}', but mil-nce understands those of "
                f"'{self.features.encoder}' only"
            )

    def save(self, folder: Path) -> None:
        """Write ``config.json`` and ``model.safetensors``, for ``load_mil_nce``."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file({name: t.contiguous() for name, t in self.text.state_dict().items()}, folder / "model.safetensors")
        share(folder / "model.safetensors")
        write_whole(folder / "config.json", json.dumps(asdict(self.config), indent=1))
        self.name = f"{MIL_NCE}:{folder.resolve()}"


def load_mil_nce(folder: Path | None = None) -> MilNce:
    """The published embedding, from its two files in a folder or where downloads lie; or one that was saved there.

    Raises:
        WeightsError: the folder lacks ``s3d_howto100m.pth`` or ``s3d_dict.npy``, or files do not fit together.
    """
    if folder and (folder / "config.json").is_file():
        model = MilNce(from_note(MilNceConfig, json.loads((folder / "config.json").read_text()), folder))
        try:
            model.text.load_state_dict(load_file(folder / "model.safetensors"))
        except (RuntimeError, OSError) as error:
            raise WeightsError(f"{folder}: {' '.join(str(error).split())[:300]}") from error
    else:
        files = (published_path("mil-nce", name, folder) for name in ("s3d_howto100m.pth", "s3d_dict.npy"))
        text = published_text(*files)
        model = MilNce(MilNceConfig(words=tuple(text.ids)), text)
    model.name = f"{MIL_NCE}:{folder.resolve()}" if folder else MIL_NCE
    return model.eval()
