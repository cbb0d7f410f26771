"""videoclip makes narrated videos understandable by text (VideoCLIP, Xu et al., EMNLP 2021).

What a user imports is loaded on first use, so that ``import videoclip`` stays fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.2.0"

if TYPE_CHECKING:
    from .benchmarks.evaluate import evaluate
    from .corpus.dataset import CorpusDataset
    from .corpus.rows import NarratedVideo
    from .corpus.store import Corpus
    from .encoders.encoder import Encoder, FeatureKind
    from .encoders.load import load_encoder
    from .errors import VideoclipError
    from .library.ranking import Hit
    from .library.search import Found, Library, Query
    from .media.captions import Caption
    from .model.joint import JointModel, encoder_for, load_model
    from .model.videoclip import VideoCLIP

_WHERE = {
    "VideoCLIP": ".model.videoclip",
    "load_encoder": ".encoders.load",
    "encoder_for": ".model.joint",
    "load_model": ".model.joint",
    "JointModel": ".model.joint",
    "Encoder": ".encoders.encoder",
    "FeatureKind": ".encoders.encoder",
    "Corpus": ".corpus.store",
    "NarratedVideo": ".corpus.rows",
    "CorpusDataset": ".corpus.dataset",
    "Caption": ".media.captions",
    "Library": ".library.search",
    "Query": ".library.search",
    "Found": ".library.search",
    "Hit": ".library.ranking",
    "evaluate": ".benchmarks.evaluate",
    "VideoclipError": ".errors",
}

__all__ = [
    "Caption",
    "Corpus",
    "CorpusDataset",
    "Encoder",
    "FeatureKind",
    "Found",
    "Hit",
    "JointModel",
    "Library",
    "NarratedVideo",
    "Query",
    "VideoCLIP",
    "VideoclipError",
    "__version__",
    "encoder_for",
    "evaluate",
    "load_encoder",
    "load_model",
]


def __getattr__(name: str):
    if name not in _WHERE:
        raise AttributeError(f"module 'videoclip' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name], __name__), name)


def __dir__() -> list[str]:
    return __all__
