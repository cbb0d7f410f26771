"""videoclip makes narrated videos understandable by text (VideoCLIP, Xu et al., EMNLP 2021).

What a user imports is loaded on first use, so that ``import videoclip`` stays fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.2.0"

if TYPE_CHECKING:
    from .benchmarks.evaluate import evaluate
    from .corpus.store import Corpus
    from .encoders.load import load_encoder
    from .library.search import Library
    from .model.joint import load_model
    from .model.videoclip import VideoCLIP

_WHERE = {
    "VideoCLIP": ".model.videoclip",
    "load_encoder": ".encoders.load",
    "load_model": ".model.joint",
    "Corpus": ".corpus.store",
    "Library": ".library.search",
    "evaluate": ".benchmarks.evaluate",
}

__all__ = ["Corpus", "Library", "VideoCLIP", "__version__", "evaluate", "load_encoder", "load_model"]


def __getattr__(name: str):
    if name not in _WHERE:
        raise AttributeError(f"module 'videoclip' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name], __name__), name)
