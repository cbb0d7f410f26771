"""VideoCLIP, and every model that ``load_model`` takes, as a model of the harness mteb (whose video benchmark is MVEB).

The harness hands over video files and texts. Files are decoded here, by the rules that the model's frozen encoder was
made for, not sampled to a few frames. What the encoder makes of a file does not change while a model is trained, so it
can be kept in a corpus: another checkpoint, or a task with the same videos, then decodes nothing.
"""

import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..corpus.rows import NarratedVideo
from ..corpus.store import Corpus
from ..encoders.encoder import AnyEncoder
from ..errors import MediaError, MediaWarning, VideoclipError, command_for
from ..model.joint import JointModel, encoder_for, load_model
from ..progress import track
from ..storage.places import Place
from ..storage.remote import Remote

KNOWN = {"text", "video"}
BATCH = 32
"""Videos whose features are in memory at a time, and kept at a time."""


@dataclass
class Batch:
    """Features of some videos of a data set, each (seconds, F), with their rows; and why others cannot be decoded."""

    rows: list[int] = field(default_factory=list)
    features: list[np.ndarray] = field(default_factory=list)
    damaged: dict[int, MediaError] = field(default_factory=dict)


def as_mteb(
    model: JointModel | str | Place, encoder: AnyEncoder | None = None, kept: str | Place | None = None
) -> "HarnessModel":
    """A model as ``mteb.evaluate`` takes it.

    Args:
        model: one that is loaded, or what ``load_model`` takes.
        encoder: makes the features; by default the one that the model names.
        kept: a corpus in which features are kept, and looked up, by the content of their file.

    Raises:
        VideoclipError: there is no such model or encoder, mteb is not installed, or the corpus is of another encoder.
    """
    loaded = load_model(model) if isinstance(model, str | Path | Remote) else model
    encoder = encoder or encoder_for(loaded)
    loaded.check_features(encoder.kind, f"encoder {encoder.name}")
    return HarnessModel(loaded, encoder, Corpus.create(kept, encoder.kind) if kept else None)


class HarnessModel:
    """What mteb asks of a model (its ``EncoderProtocol``). Similarities are dot products, as everywhere here.

    Texts go in as they are: the harness's instructions are for models that were trained with some.
    """

    def __init__(self, model: JointModel, encoder: AnyEncoder, kept: Corpus | None = None):
        self.model, self.encoder, self.kept = model, encoder, kept
        self.mteb_model_meta = _card(model)

    def encode(self, inputs: Any, *, task_metadata: Any = None, **_: Any) -> np.ndarray:
        """Vectors of the inputs, (N, D) float32; of those with a text and a video, the sum of both.

        Args:
            inputs: a ``DataLoader`` over a ``datasets.Dataset`` with the columns ``text``, ``video`` or both.

        Raises:
            VideoclipError: the task has other inputs.
        """
        dataset = inputs.dataset
        found = [self._texts(dataset["text"])] if "text" in dataset.column_names else []
        if "video" in dataset.column_names:
            found.append(self._videos(dataset))
        if not found:
            name = getattr(task_metadata, "name", "the task")
            raise VideoclipError(
                f"{name}: has inputs {', '.join(dataset.column_names)}; the model knows {' and '.join(sorted(KNOWN))}"
            )
        return np.sum(found, axis=0)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Tensor:
        """Dot products of all pairs: (N, D) and (M, D) -> (N, M)."""
        return _rows(embeddings1) @ _rows(embeddings2).T

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Tensor:
        """Dot products of pairs: (N, D) and (N, D) -> (N,)."""
        return (_rows(embeddings1) * _rows(embeddings2)).sum(-1)

    def _texts(self, texts: Sequence[str]) -> np.ndarray:
        return self.model.encode_text(list(texts)).cpu().numpy()

    def _videos(self, dataset: Any) -> np.ndarray:
        """Vectors of a data set's videos, (N, D); zeros, with a warning, of what cannot be decoded."""
        vectors = np.zeros((len(dataset), self.model.size), np.float32)
        for batch in self.features_of(dataset):
            for row, error in batch.damaged.items():
                warnings.warn(f"row {row}: {error}; its vector is zero", MediaWarning, stacklevel=2)
            if batch.rows:
                vectors[batch.rows] = self.model.encode_video(batch.features).cpu().numpy()
        return vectors

    def features_of(self, dataset: Any) -> Iterator[Batch]:
        """Features of a data set's column ``video``, batch by batch, in the order of its rows.

        Raises:
            VideoclipError: the column is not one of video files.
        """
        from datasets import Video  # pyright: ignore[reportMissingImports]

        if not isinstance(kind := dataset.features["video"], Video):
            raise VideoclipError(f"the column video holds {kind}; expected video files (datasets.Video)")
        files = dataset.select_columns(["video"]).cast_column("video", Video(decode=False))
        alone = self.kept.writing() if self.kept is not None else nullcontext()
        with alone, track("encode", len(files), "videos") as advance, tempfile.TemporaryDirectory() as folder:
            for first in range(0, len(files), BATCH):
                batch, new = Batch(), {}
                for row in range(first, min(first + BATCH, len(files))):
                    try:
                        batch.features.append(self._encoded(files[row]["video"], Path(folder), new))
                        batch.rows.append(row)
                    except MediaError as error:
                        batch.damaged[row] = error
                    advance()
                if self.kept is not None and new:
                    self.kept.append(NarratedVideo(key, features, []) for key, features in new.items())
                yield batch

    def _encoded(self, video: dict, folder: Path, new: dict[str, np.ndarray]) -> np.ndarray:
        """Features of a file, {"bytes", "path"}: those that are kept, or else made, and noted in ``new`` by content."""
        try:
            path = _on_disk(video, folder)
            with open(path, "rb") as file:
                key = file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise MediaError(f"{video['path']}: cannot be read ({error.strerror or error})") from error
        if self.kept is not None and key in self.kept:
            return self.kept[key].features
        if key not in new:
            new[key] = self.encoder.encode_file(path)
        return new[key]


def _on_disk(video: dict, folder: Path) -> Path:
    """A video file's path; in the folder, under always the same name, where its content is in the data set."""
    name = video["path"] or ""
    if video["bytes"] is None and Path(name).is_file():
        return Path(name)
    content = video["bytes"]
    if content is None:
        from datasets.utils.file_utils import xopen  # pyright: ignore[reportMissingImports]

        with xopen(name, "rb") as file:  # inside an archive, or far away
            content = file.read()
    path = folder / f"video{Path(name).suffix if re.fullmatch(r'[.][A-Za-z0-9]{1,5}', Path(name).suffix) else '.mp4'}"
    path.write_bytes(content)
    return path


def _rows(embeddings: Any) -> Tensor:
    return torch.atleast_2d(torch.as_tensor(embeddings, dtype=torch.float32))


def _card(model: JointModel) -> Any:
    """The model as the harness lists it: its name, and its weights as the revision, by which results are kept apart."""
    try:
        from mteb.models.model_meta import ModelMeta, ScoringFunction  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise VideoclipError(f"mteb is not installed ({error}); {command_for('mteb')} brings it") from error
    words = "-".join(re.findall(r"[\w.-]+", model.name)[-2:]) or "unnamed"  # of a folder no more, since it is published
    is_of_hub = re.fullmatch(r"[\w.-]+/[\w.-]+", model.name) and not Path(model.name).is_dir()
    return ModelMeta.create_empty(
        {
            "name": model.name if is_of_hub else f"videoclip/{words}",
            "revision": model.fingerprint[:16] or "unknown",
            "modalities": ["text", "video"],
            "model_type": ["dense"],
            "embed_dim": model.size,
            "similarity_fn_name": ScoringFunction.DOT_PRODUCT,
            "framework": ["PyTorch"],
            "open_weights": True,
            "use_instructions": False,
        }
    )
