"""Reading by RapidOCR, whose package carries the weights of PP-OCR: no download, many scripts, on the CPU."""

import logging
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..errors import ConfigError, VideoclipError, command_for
from .screen_text import Reader

WHEN = ("auto", "always", "never")
EXTRA = "text"
DETECTED = 640
"""Longer side in pixels at which lines are looked for; they are read at the picture's own size."""


class RapidReader:
    """Lines by RapidOCR, of which it is at least half sure."""

    name = "rapidocr"

    def __init__(self):
        import torch
        from rapidocr import RapidOCR  # pyright: ignore[reportMissingImports]

        settings: dict[str, Any] = {"Global.log_level": "error", "Global.use_cls": False}  # lines stand upright
        settings |= {"Det.limit_type": "max", "Det.limit_side_len": DETECTED}
        settings["EngineConfig.onnxruntime.intra_op_num_threads"] = torch.get_num_threads()
        self._engine = RapidOCR(params=settings)
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)

    def read(self, picture: np.ndarray) -> list[str]:
        """The lines of text in a picture, (H, W, 3) uint8 RGB, from top to bottom."""
        found: Any = self._engine(np.ascontiguousarray(picture[:, :, ::-1]))
        return [text.strip() for text in found.txts or () if any(letter.isalnum() for letter in text)]


def reader_for(when: str) -> Callable[[], Reader] | None:
    """What makes the reader, by the option of a command; None where nothing is to be read.

    Args:
        when: one of ``WHEN``; ``auto`` reads where the extra is installed.

    Raises:
        ConfigError: there is no such choice.
        VideoclipError: ``always``, and the extra is not installed.
    """
    if when not in WHEN:
        raise ConfigError(f"--read-screen '{when}'; choose from {', '.join(WHEN)}")
    if when == "never" or (when == "auto" and not find_spec("rapidocr")):
        return None
    if not find_spec("rapidocr"):
        raise VideoclipError(f"reading what is on the screen is not installed: {command_for(EXTRA)}")
    return cache(RapidReader)
