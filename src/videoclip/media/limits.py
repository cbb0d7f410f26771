"""What a file may ask of this machine: beyond it the file is refused, whatever it claims to hold.

A few bytes can stand for pictures that fill any memory, or for years of them. The defaults let through what cameras
and films are; the environment changes them.
"""

import os
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated

from ..errors import ConfigError
from ..ranges import Range, ranged

ENVIRONMENT = "VIDEOCLIP_MAX_"


@dataclass(frozen=True)
@ranged
class Limits:
    """Each is set by ``VIDEOCLIP_MAX_`` and its name, such as ``VIDEOCLIP_MAX_PIXELS``."""

    pixels: Annotated[int, Range(1, 10**12)] = 8192 * 4352
    """Of a frame."""
    aspect: Annotated[int, Range(1, 10**6)] = 32
    """How many times wider than high a frame may be, or higher than wide."""
    hours: Annotated[int, Range(1, 10**6)] = 24
    """Of a video."""
    frames: Annotated[int, Range(1, 10**12)] = 24 * 3600 * 120
    """Of a video, before they are resampled."""
    captions: Annotated[int, Range(1, 2**40)] = 64 << 20
    """Bytes of a file of one video's captions."""
    gap: Annotated[int, Range(1, 10**9)] = 3600
    """Seconds between two frames; what is shown after a longer one counts as damaged."""


@cache
def limits() -> Limits:
    """The limits of this process.

    Raises:
        ConfigError: the environment has one that is no number.
    """
    given = {f.name: os.environ.get(f"{ENVIRONMENT}{f.name.upper()}") for f in fields(Limits)}
    try:
        return Limits(**{name: int(value) for name, value in given.items() if value})
    except ValueError as error:
        raise ConfigError(f"{ENVIRONMENT}…: {error}; write a whole number") from error
