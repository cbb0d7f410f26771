"""Prompt templates: each text is embedded in several phrasings, and its vector is their mean."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from ..encoders.encoder import FeatureKind
from ..errors import ConfigError
from .joint import JointModel


class Prompted:
    """A model whose texts are put into templates first, such as ``"a video of {}"``.

    Raises:
        ConfigError: a template without ``{}``.
    """

    def __init__(self, model: JointModel, templates: Sequence[str]):
        for template in templates:
            if template.count("{}") != 1:
                raise ConfigError(f"template '{template}': write {{}} once, where the text is to stand")
        self.model, self.templates = model, list(templates)

    @property
    def name(self) -> str:
        """That of the model itself, as what follows."""
        return self.model.name

    @property
    def features(self) -> FeatureKind:
        return self.model.features

    @property
    def size(self) -> int:
        return self.model.size

    @property
    def fingerprint(self) -> str:
        return self.model.fingerprint

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Vectors of texts, (N, D): the mean over the templates."""
        phrased = [template.replace("{}", text) for template in self.templates for text in texts]
        return self.model.encode_text(phrased).view(len(self.templates), len(texts), -1).mean(0)

    def encode_video(self, features: Sequence[np.ndarray]) -> Tensor:
        """Vectors of videos, (N, D)."""
        return self.model.encode_video(features)

    def video_tokens(self, features: np.ndarray) -> Tensor:
        """A vector per second, (seconds, D)."""
        return self.model.video_tokens(features)

    def check_features(self, kind: FeatureKind, what: str) -> None:
        """Raise if the model does not understand such features."""
        self.model.check_features(kind, what)
