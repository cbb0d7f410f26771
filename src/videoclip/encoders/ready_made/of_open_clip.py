"""Models of open_clip: PE-Core, MobileCLIP2 and all others with an ``open_clip_config.json``."""

from pathlib import Path

from .towers import Towers

WEIGHTS = ("*.json", "*.txt", "*.model", "*.safetensors")
"""Patterns of the files that it needs."""


def weight_folders(_: Path) -> list[str]:
    """Where below a model's folder its weights lie: in it."""
    return [""]


def load(folder: Path, name: str) -> Towers:
    raise NotImplementedError
