"""What a model is, apart from its weights: the content of its ``config.json``."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from ..config import from_note
from ..errors import ConfigError
from ..ranges import Range, ranged

SIZE = Range(1, 1_000_000)


@dataclass(frozen=True)
@ranged
class ModelConfig:
    """Sizes of the two towers (the defaults are the paper's) and the encoder whose features they understand."""

    feature_size: Annotated[int, SIZE] = 512
    """Numbers in the feature of a second, F; the corpus says it."""
    hidden_size: Annotated[int, SIZE] = 768
    """Numbers in a token's vector, and in a result, D."""
    heads: Annotated[int, SIZE] = 12
    """Attention heads of a layer; a divisor of ``hidden_size``."""
    intermediate_size: Annotated[int, SIZE] = 3072
    """Width of a layer's perceptron."""
    video_layers: Annotated[int, Range(1, 1000)] = 6
    """Layers of the video tower."""
    text_layers: Annotated[int, Range(1, 1000)] = 12
    """Layers of the text tower."""
    vocab_size: Annotated[int, Range(1, 10_000_000)] = 30522
    """Word pieces that the text tower knows."""
    positions: Annotated[int, SIZE] = 512
    """Position embeddings: at least the longest sequence and 2."""
    max_seconds: Annotated[int, SIZE] = 32
    """Seconds that the video tower sees together; longer videos are cut into windows."""
    max_text_tokens: Annotated[int, SIZE] = 61
    """Word pieces of a text that are read; the rest is cut off."""
    dropout: Annotated[float, Range(0, 0.99)] = 0.1
    """Share of a layer's values that is dropped in training."""
    pooling: str = "mean"
    """``mean`` of the tokens without ``[CLS]``, or ``cls`` (the paper's ablation)."""
    similarity: str = "dot"
    """``dot``: plain dot products. ``cosine``: of unit vectors, times a factor that is learned with the rest."""
    shared: bool = False
    """One transformer for video and text instead of two (the paper's ablation)."""
    encoder: str = ""
    """Identity of the encoder that made the training features; empty where it is not known."""
    normalized: bool = True
    """Whether those features have unit length."""
    start: dict[str, Any] = field(default_factory=dict)
    """The ready-made model to whose vectors the towers' are added (``residual``), as it notes itself; empty: none."""

    def __post_init__(self):
        if self.hidden_size % self.heads:
            raise ConfigError(f"heads={self.heads}: choose a divisor of hidden_size, which is {self.hidden_size}")
        if self.positions < max(self.max_seconds, self.max_text_tokens) + 2:
            least = max(self.max_seconds, self.max_text_tokens) + 2
            raise ConfigError(
                f"positions={self.positions}: choose at least {least}, max_seconds or max_text_tokens + 2"
            )
        if self.pooling not in ("mean", "cls"):
            raise ConfigError(f"pooling is '{self.pooling}'; choose mean or cls")
        if self.similarity not in ("dot", "cosine"):
            raise ConfigError(f"similarity is '{self.similarity}'; choose dot or cosine")
        if self.start and self.similarity == "cosine":
            raise ConfigError("similarity=cosine: a ready-made model's vectors are compared as they are; choose dot")
        if self.shared and self.video_layers != self.text_layers:
            raise ConfigError(
                f"a shared transformer cannot have video_layers {self.video_layers} and text_layers {self.text_layers}"
            )


def check_saved(folder: Path) -> None:
    """Raise if a model's ``config.json`` has keys of a newer version, which the hub's library would pass over.

    Raises:
        ConfigError: it has.
    """
    path = folder / "config.json"
    from_note(ModelConfig, json.loads(path.read_text(encoding="utf-8")), path)
