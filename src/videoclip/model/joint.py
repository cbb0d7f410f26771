"""What every use asks of a model, whichever it is, and loading one by name."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from huggingface_hub.errors import HFValidationError
from torch import Tensor

from ..encoders.encoder import AnyEncoder, FeatureKind
from ..encoders.load import encoder_named, load_encoder
from ..encoders.ready_made.load import MARKS, library_of, load_ready_made, with_frames
from ..errors import ConfigError, WeightsError
from ..hardware import device_of
from ..storage.copies import fetch
from ..storage.places import place
from ..storage.remote import Remote
from .mil_nce import MIL_NCE, MilNce, load_mil_nce
from .ready_made import ReadyMadeModel
from .videoclip import VideoCLIP

log = logging.getLogger(__name__)


class JointModel(Protocol):
    """Texts and videos in one space. No caller asks what kind of model it has: the model knows itself.

    Vectors are ordinary tensors on the CPU, from which other networks can learn; the model itself gets no gradients.

    Dot products are logits: where a text's score with a moment is larger by 1 than another's, it is e times as likely.
    The shares of ``tasks.one_video.answers`` and a library's calibration rely on it. A model whose similarities are
    cosines gives vectors of such a length that their products are scaled by its temperature.
    """

    @property
    def name(self) -> str:
        """What ``load_model`` takes to load it again; empty for a model that lies nowhere."""
        ...

    @property
    def features(self) -> FeatureKind:
        """The features that it understands; their ``encoder`` is empty where that is not known."""
        ...

    @property
    def size(self) -> int:
        """Numbers in a vector, D."""
        ...

    @property
    def fingerprint(self) -> str:
        """A hash of its weights alone."""
        ...

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Vectors of texts, (N, D) float32."""
        ...

    def encode_video(self, features: Sequence[np.ndarray]) -> Tensor:
        """Vectors of videos, each (seconds, F) -> (N, D) float32."""
        ...

    def video_tokens(self, features: np.ndarray) -> Tensor:
        """A vector per second, (seconds, F) -> (seconds, D) float32."""
        ...

    def check_features(self, kind: FeatureKind, what: str) -> None:
        """Raise ``VideoclipError`` if the model does not understand such features; ``what`` says whose they are."""
        ...


def load_model(name: str | Path | Remote, device: str = "") -> JointModel:
    """A model for use: a folder (also of an object store), a hub name, or ``mil-nce`` (``mil-nce:FOLDER``).

    A folder or hub name is of a VideoCLIP model, or of any joint model in the form of transformers, open_clip or
    sentence-transformers, of which ``NAME@4`` looks at 4 frames a second instead of 1. ``mil-nce`` is the baseline of
    that name, published or with a text side of one's own. Another kind of model is a module with a class that has what
    ``JointModel`` says, and a line here.

    Args:
        device: where it is to be, such as ``cpu`` or ``cuda:1``; by default on the GPU if there is one. ``.to(device)``
            moves it later.

    Raises:
        WeightsError: there is none, or its files do not fit together.
        ConfigError: there is no such device here.
        VideoclipError: it needs a library that is not installed.
    """
    log.info("loading the model %s", name)
    kind, _, rest = str(name).partition(":")
    if kind == MIL_NCE:
        return load_mil_nce(Path(rest) if rest else None).to(device_of(device))
    if library_of(where := local_name(name)):
        return ReadyMadeModel(load_ready_made(where, device), str(name))
    return _videoclip_of(str(name), where, device)


def load_start(name: str, made: FeatureKind, what: str) -> MilNce | VideoCLIP:
    """A model that another one can start from (``VideoCLIP.starting_from``): one whose weights fit into its files.

    Args:
        made: the features that it has to understand; ``what`` says whose they are.

    Raises:
        WeightsError: there is none of a kind that can be kept in the files of another.
        VideoclipError: it does not understand the features.
    """
    kind, _, rest = str(name).partition(":")
    model = load_mil_nce(Path(rest) if rest else None) if kind == MIL_NCE else load_videoclip(name)
    model.check_features(made, what)
    return model


def load_videoclip(name: str | Path | Remote) -> VideoCLIP:
    """A VideoCLIP model by its folder or hub name, as ``load_model`` loads it: the kind that can be trained further.

    Raises:
        ConfigError: it is the name of another kind of model.
        WeightsError: there is none, or its files do not fit together.
    """
    if str(name).partition(":")[0] == MIL_NCE:
        raise ConfigError(f"{name} cannot be trained further; name a VideoCLIP model")
    where = local_name(name)
    if library_of(where):
        raise ConfigError(f"{name}: a ready-made model cannot be trained further; name a VideoCLIP model")
    return _videoclip_of(str(name), where)


def _videoclip_of(name: str, where: str, device: str = "") -> VideoCLIP:
    there = device_of(device)
    try:
        model = VideoCLIP.from_pretrained(where).eval().to(there)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, HFValidationError) as error:
        raise WeightsError(f"{name}: no model there that can be loaded ({str(error).splitlines()[0][:200]})") from error
    if "://" in name:
        model.name = name
    return model


def local_name(name: str | Path | Remote) -> str:
    """A folder of this machine, or a name of the hub: what lies in an object store is fetched.

    Of a run's folder it is the model's folder in it. What looks like a path is never asked of the hub.

    Raises:
        WeightsError: it is a path where there is nothing.
    """
    source, _ = with_frames(str(name))
    frames = str(name).removeprefix(source)  # such as @4
    if "://" in source:
        return f"{fetch(place(source))}{frames}"
    folder = Path(os.path.expanduser(source))
    if folder.is_dir():
        is_run = not _is_model(folder) and _is_model(folder / "model")
        return f"{folder / 'model' if is_run else folder}{frames}"
    if folder.exists():
        raise WeightsError(f"{name}: is a file; name the folder of a model, or a model of the hub (owner/name)")
    if source.startswith((".", "/", "~")) or source.count("/") > 1:
        raise WeightsError(f"{name}: no such folder, and not the name of a model on the hub (owner/name)")
    return str(name)


def _is_model(folder: Path) -> bool:
    return any((folder / mark).is_file() for mark in MARKS)


def encoder_for(model: JointModel, name: str = "", weights: str | Path = "") -> AnyEncoder:
    """The encoder whose features a model understands.

    Args:
        name: the encoder that is wanted, as ``load_encoder`` takes it; by default the one the model names.
        weights: for ``s3d``, the path of ``s3d_howto100m.pth``; by default the one that was downloaded.

    Raises:
        VideoclipError: the model understands other features than those of the encoder that is named; or it names none,
            or one that only its maker has.
    """
    encoder = load_encoder(name, weights) if name else encoder_named(model.features.encoder, weights)
    model.check_features(encoder.kind, "--encoder")
    return encoder
