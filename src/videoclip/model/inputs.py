"""What models are given, checked in one way: a mistake is named where it is made, and not as a wrong shape later on."""

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..encoders.encoder import FeatureKind
from ..errors import VideoclipError
from ..progress import track


class Understands(Protocol):
    """What of a model decides whether it can read features."""

    @property
    def features(self) -> FeatureKind: ...

    def check_features(self, kind: FeatureKind, what: str) -> None: ...


def texts_given(texts: str | Iterable[str]) -> tuple[list[str], bool]:
    """Texts as a list, and whether it is a single one, of which a single vector is wanted.

    Raises:
        VideoclipError: something among them is no text.
    """
    if isinstance(texts, str):
        return [texts], True
    listed: list = list(texts) if isinstance(texts, Iterable) else [texts]
    wrong = next((type(text).__name__ for text in listed if not isinstance(text, str)), None)
    if wrong:
        raise VideoclipError(f"encode_text takes a text or a list of texts, not {wrong}")
    return listed, False


def videos_given(features: Any) -> tuple[list, bool]:
    """Features of videos as a list, and whether they are of a single one, (seconds, F), whose vector alone is wanted.

    Raises:
        VideoclipError: they are no arrays; says what is wanted in their place.
    """
    if isinstance(features, np.ndarray | Tensor):
        return ([features], True) if features.ndim == 2 else (list(features), False)
    if isinstance(features, str | bytes) or not isinstance(features, Sequence):
        raise VideoclipError(_no_features(features))
    return list(features), False


def seconds_given(features: Any, model: Understands, what: str) -> Tensor:
    """Features of one video for a model, (seconds, F) float32, which are copied; ``what`` says whose they are.

    Raises:
        VideoclipError: they are no such array, or of another encoder or size than the model understands.
    """
    kind = getattr(features, "kind", None)
    if kind is not None:
        model.check_features(kind, what)
    array = features.float().numpy(force=True) if isinstance(features, Tensor) else features
    try:
        video = torch.from_numpy(np.array(array, np.float32))
    except (TypeError, ValueError) as error:
        raise VideoclipError(f"{what}: {_no_features(features)}") from error
    wanted = model.features
    if video.ndim != 2 or not len(video) or video.shape[1] != wanted.feature_size:
        of = f" of encoder '{wanted.encoder}'" if wanted.encoder else ""
        raise VideoclipError(
            f"{what}: features of shape {tuple(video.shape)}, expected (seconds, {wanted.feature_size}){of} with at "
            "least one second"
        )
    return video


def batches(items: Sequence, batch_size: int, show_progress_bar: bool) -> Iterator[Sequence]:
    """Up to ``batch_size`` of what is encoded, at a time.

    Raises:
        VideoclipError: that is less than 1.
    """
    if batch_size < 1:
        raise VideoclipError(f"batch_size is {batch_size}; it is at least 1")
    with track("encoding", len(items), "items", shown=show_progress_bar) as advance:
        for start in range(0, len(items), batch_size):
            batch = items[start : start + batch_size]
            yield batch
            advance(len(batch))


def means_of_seconds(features: Any, model: Understands, batch_size: int, show_progress_bar: bool) -> Tensor:
    """Vectors of videos whose seconds' vectors are the features themselves: (N, F) float32, or of a single one, (F,).

    Raises:
        VideoclipError: as ``videos_given`` and ``seconds_given``.
    """
    given, is_single = videos_given(features)
    numbered = batches(list(enumerate(given)), batch_size, show_progress_bar)
    means = [seconds_given(video, model, f"video {i}").mean(0) for batch in numbered for i, video in batch]
    vectors = torch.stack(means) if means else torch.empty(0, model.features.feature_size)
    return vectors[0] if is_single else vectors


def similarity(a: Tensor | np.ndarray, b: Tensor | np.ndarray) -> Tensor:
    """Dot products of vectors, which are logits: (N, D), (M, D) -> (N, M) float32; a single (D,) counts as (1, D).

    Where a text's score with a video is larger by 1 than another text's, it is e times as likely.
    """
    first, second = (torch.atleast_2d(torch.as_tensor(x).float()) for x in (a, b))
    return first @ second.to(first.device).T


def _no_features(given: object) -> str:
    if isinstance(given, str | PathLike):
        return f"'{given}' is no array of features; encoder_for(model).encode_file makes them of a video file"
    return f"{type(given).__name__} is no array of features, (seconds, F), and no list of such"
