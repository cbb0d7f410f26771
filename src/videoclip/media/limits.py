"""What a file may ask of this machine: beyond it the file is refused, whatever it claims to hold.

A few bytes can stand for pictures that fill any memory, or for years of them. The defaults let through what cameras
and films are; the environment changes them.
"""

import os
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated

from ..errors import ConfigError
from ..ranges import Range, check, outside, ranged, ranges_of

ENVIRONMENT = "VIDEOCLIP_MAX_"


@dataclass(frozen=True)
@ranged
class Limits:
    """Each is set by ``VIDEOCLIP_MAX_`` and its name, such as ``VIDEOCLIP_MAX_PIXELS``."""

    pixels: Annotated[int, Range(0, 10**12)] = 8192 * 4352
    """Of a frame."""
    aspect: Annotated[int, Range(0, 10**6)] = 32
    """How many times wider than high a frame may be, or higher than wide."""
    hours: Annotated[int, Range(0, 10**6)] = 24
    """Of a video."""
    frames: Annotated[int, Range(0, 10**12)] = 24 * 3600 * 120
    """Of a video, before they are resampled."""
    captions: Annotated[int, Range(0, 2**40)] = 64 << 20
    """Bytes of a file of one video's captions."""
    gap: Annotated[int, Range(0, 10**9)] = 3600
    """Seconds between two frames; what is shown after a longer one counts as damaged."""


@cache
def limits() -> Limits:
    """The limits of this process.

    Raises:
        ConfigError: the environment has one that is no number, or out of its range.
    """
    given = {f.name: os.environ.get(f"{ENVIRONMENT}{f.name.upper()}") for f in fields(Limits)}
    return Limits(**{name: _number(name, value) for name, value in given.items() if value})


def _number(name: str, value: str) -> int:
    variable, (among, whole) = f"{ENVIRONMENT}{name.upper()}", ranges_of(Limits)[name]
    try:
        number = int(value)
    except ValueError as error:
        raise ConfigError(outside(variable, value, among, whole)) from error
    check(variable, number, among, whole)
    return number
