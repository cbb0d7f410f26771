"""Frozen encoders: from the frames of one second of video to one feature, which remembers whose it is."""

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, replace
from itertools import accumulate, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import MediaError, VideoclipError
from ..media.video import Look, can_use_gpu, seconds_of, warn_of_damage
from .windows import mean_per_second, windows_of

if TYPE_CHECKING:
    import torch

    from .queue import DeviceQueue

COMBINED = "+"
"""Between the names of encoders whose features stand side by side."""


@dataclass(frozen=True)
class FeatureKind:
    """Which encoder made the features, how long they are, and whether they have unit length.

    Features of several encoders side by side are named ``a+b``; ``sizes`` says how long each part is, and each part is
    normalised by itself.
    """

    encoder: str
    feature_size: int
    normalized: bool = True
    sizes: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"encoder '{self.encoder}' ({self.feature_size}-d, {length_of(self.normalized)})"

    @property
    def parts(self) -> dict[str, slice]:
        """Where in a feature each encoder's part lies, by the encoder's name."""
        if not self.sizes:
            return {self.encoder: slice(0, self.feature_size)}
        ends = list(accumulate(self.sizes))
        names = self.encoder.split(COMBINED)
        return {name: slice(end - size, end) for name, size, end in zip(names, self.sizes, ends, strict=True)}


class Features(np.ndarray):
    """An array (seconds, F) that remembers its ``kind``, so that a model can refuse features it was not made for.

    Slices keep the kind; what is computed from the array is an ordinary one.
    """

    kind: FeatureKind | None = None

    def __array_finalize__(self, source: object) -> None:
        self.kind = getattr(source, "kind", None)

    def __reduce__(self) -> tuple:
        return with_kind, (np.asarray(self), self.kind)

    def __array_wrap__(self, array, context=None, return_scalar=False):
        return array[()] if return_scalar else np.asarray(array)


def with_kind(features: np.ndarray, kind: FeatureKind | None) -> Features:
    """The same array, remembering its kind."""
    known = features.view(Features)
    known.kind = kind
    return known


@dataclass(frozen=True)
class Encoder:
    """A frozen network and what it wants to see.

    ``network`` maps pixels, (N, fps · window, H, W, 3) uint8 with H = W = ``frame_size``, to features,
    (N, feature_size).
    """

    name: str
    """Identity: features of encoders with different names are never mixed."""
    feature_size: int
    fps: int
    """Frames that it wants of each second."""
    frame_size: int
    """Height and width of those frames in pixels."""
    network: "Callable[[torch.Tensor], torch.Tensor]"
    normalized: bool = True
    """Whether features are scaled to unit length."""
    batch_seconds: int = 16
    """Seconds, or windows of several, that go through the network together."""
    window: int = 1
    """Seconds that the network sees together; a second's feature is the mean over the windows that hold it."""
    squeezed: bool = False
    """Whether it sees whole frames, squeezed into a square; else their middle."""
    loaded_by: "Callable[..., Encoder] | None" = None
    """Makes it again, by default where it is, or on a ``device``; None for one that is made of a function."""
    decode: str = "auto"
    """Who decodes files: auto (the GPU where it can), cpu or gpu."""
    queue: "DeviceQueue | None" = field(default=None, repr=False, compare=False)
    """Before the network, where several threads encode together (``shared``)."""

    def to(self, device: "str | torch.device") -> "Encoder":
        """The same encoder on another device, loaded again; this one stays where it is.

        Raises:
            VideoclipError: it was not made by ``load_encoder``, so that nobody knows how to load it.
        """
        if not self.loaded_by:
            raise VideoclipError(f"encoder '{self.name}': was made of a function; have that compute on {device}")
        return replace(self.loaded_by(device=str(device)), decode=self.decode)

    def decoding_by(self, decode: str) -> "Encoder":
        """The same encoder with files decoded by another: ``auto``, ``cpu`` or ``gpu``.

        Raises:
            ConfigError: there is no such choice, or no GPU that decodes here.
        """
        can_use_gpu(decode)
        return replace(self, decode=decode)

    def __reduce__(self) -> tuple:
        """Another process loads it anew, by its name; a network that is a plain function is handed on."""
        if self.loaded_by:
            return _loaded_again, (self.loaded_by, self.decode)
        try:
            pickle.dumps(self.network)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise VideoclipError(
                f"encoder '{self.name}': its network cannot go to another process ({error}); make it there, or of a "
                "function of a module"
            ) from error
        return Encoder, tuple(getattr(self, each.name) for each in fields(self) if each.name != "queue")

    @property
    def kind(self) -> FeatureKind:
        return FeatureKind(self.name, self.feature_size, self.normalized)

    @contextmanager
    def shared(self) -> "Iterator[Encoder]":
        """The same encoder for a block in which several threads encode files: their seconds share its batches."""
        from .queue import DeviceQueue

        with DeviceQueue(self.network, self.batch_seconds) as queue:
            yield replace(self, queue=queue)

    def encode(self, seconds: np.ndarray) -> np.ndarray:
        """Features of N seconds, consecutive ones of a video: (N, fps, H, W, 3) uint8 -> (N, F) float16."""

        def vectors(pieces: Iterable[np.ndarray]) -> np.ndarray:
            return np.concatenate([self._features(batch) for batch in batches(pieces, self.batch_seconds)])

        return self._encoded(seconds, vectors)

    def _encoded(
        self, seconds: Iterable[np.ndarray], vectors: Callable[[Iterable[np.ndarray]], np.ndarray]
    ) -> np.ndarray:
        """Of each second (fps, H, W, 3) uint8 its feature, (N, F) float16, by what makes (N, F) of pieces."""
        if self.window > 1:
            spans: list[range] = []

            def frames() -> Iterator[np.ndarray]:
                for span, of_window in windows_of(seconds, self.window):
                    spans.append(span)
                    yield of_window

            features = mean_per_second(spans, vectors(frames()))
        else:
            features = vectors(seconds)
        lengths = np.linalg.norm(features, axis=1, keepdims=True) if self.normalized else 1
        return (features / np.maximum(lengths, 1e-12)).astype(np.float16)

    def _features(self, pixels: np.ndarray) -> np.ndarray:
        """(N, fps · window, H, W, 3) uint8 -> (N, F) float32, of any length."""
        import torch

        with torch.inference_mode():
            return self.network(torch.from_numpy(pixels)).float().cpu().numpy()

    def encode_file(
        self,
        path: str | Path,
        damage: Callable[[str], None] = warn_of_damage,
        between: Callable[[], None] | None = None,
        known: Mapping[str, np.ndarray] | None = None,
        look: Look | None = None,
    ) -> Features:
        """Features of a video file, (seconds, F) float16, in memory that does not grow with its duration.

        Frames are decoded while others are in the network.

        Args:
            damage: called with what is wrong with a file of which something can be used all the same.
            between: called between seconds; what it raises ends the work.
            known: features of this file by encoder, which are not computed again.
            look: called with every frame that is decoded.

        Raises:
            MediaError: the file holds no picture that can be decoded.
        """
        if known and self.name in known:
            return with_kind(np.asarray(known[self.name]), self.kind)
        if not self.queue:
            with self.shared() as alone:
                return alone.encode_file(path, damage, between, known, look)
        seconds = seconds_of(path, self.fps, self.frame_size, damage, self.squeezed, look, self.decode)
        return with_kind(self._encoded(_interrupted(seconds, between), self.queue.vectors), self.kind)


@dataclass(frozen=True)
class CombinedEncoder:
    """Several encoders, whose features of a second are put side by side, each normalised by itself."""

    encoders: tuple[Encoder, ...]

    @contextmanager
    def shared(self) -> "Iterator[CombinedEncoder]":
        """As ``Encoder.shared``."""
        with ExitStack() as block:
            yield CombinedEncoder(tuple(block.enter_context(encoder.shared()) for encoder in self.encoders))

    def to(self, device: "str | torch.device") -> "CombinedEncoder":
        """The same encoders on another device, loaded again."""
        return CombinedEncoder(tuple(encoder.to(device) for encoder in self.encoders))

    def decoding_by(self, decode: str) -> "CombinedEncoder":
        """As ``Encoder.decoding_by``, all of them."""
        return CombinedEncoder(tuple(encoder.decoding_by(decode) for encoder in self.encoders))

    @property
    def kind(self) -> FeatureKind:
        kinds = [encoder.kind for encoder in self.encoders]
        sizes = tuple(kind.feature_size for kind in kinds)
        name = COMBINED.join(kind.encoder for kind in kinds)
        return FeatureKind(name, sum(sizes), all(kind.normalized for kind in kinds), sizes)

    @property
    def name(self) -> str:
        return self.kind.encoder

    @property
    def feature_size(self) -> int:
        return self.kind.feature_size

    def encode_file(
        self,
        path: str | Path,
        damage: Callable[[str], None] = warn_of_damage,
        between: Callable[[], None] | None = None,
        known: Mapping[str, np.ndarray] | None = None,
        look: Look | None = None,
    ) -> Features:
        """As ``Encoder.encode_file``; parts that are known are not decoded for.

        Each encoder wants frames of its own, so that the last second, of which there may be little, can exist for one
        and not for another. The first encoder's seconds count.
        """
        parts = []
        for encoder in self.encoders:
            parts.append(encoder.encode_file(path, damage, between, known, look))
            damage = _again
            look = look if known and encoder.name in known else None  # whoever decodes first shows frames
            if abs(len(parts[-1]) - len(parts[0])) > 1:
                raise MediaError(
                    f"{path}: has {len(parts[0])} seconds for {self.encoders[0].name} and {len(parts[-1])} for "
                    f"{encoder.name}; is it the file that the features are of?"
                )
        rows = np.arange(len(parts[0]))
        return with_kind(np.hstack([part[np.minimum(rows, len(part) - 1)] for part in parts]), self.kind)


AnyEncoder = Encoder | CombinedEncoder


def _loaded_again(loaded_by: Callable[..., Encoder], decode: str) -> Encoder:
    return replace(loaded_by(), decode=decode)


def _interrupted(seconds: Iterable[np.ndarray], between: Callable[[], None] | None) -> Iterator[np.ndarray]:
    """The same seconds, with a call before each."""
    for second in seconds:
        if between:
            between()
        yield second


def _again(_: str) -> None:
    """What is wrong with a file is said once."""


def length_of(normalized: bool) -> str:
    """How errors and summaries speak of normalisation."""
    return "unit length" if normalized else "not normalised"


def batches(seconds: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Stack up to ``size`` seconds: arrays of (fps, H, W, 3) -> arrays of (N, fps, H, W, 3)."""
    seconds = iter(seconds)
    while batch := list(islice(seconds, size)):
        yield np.stack(batch)
