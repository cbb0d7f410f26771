"""Models of sentence-transformers that embed images or videos beside texts."""

from pathlib import Path

from .towers import Towers

WEIGHTS = ("*.json", "*.txt", "*.model", "*.safetensors")
"""Patterns of the files that it needs."""


def weight_folders(_: Path) -> list[str]:
    """Where below a model's folder its weights lie: in it."""
    return [""]


def load(folder: Path, name: str) -> Towers:
    raise NotImplementedError
