"""The range of every number that can be set, stated beside its type and checked in one way.

    @dataclass(frozen=True)
    @ranged
    class OptimizerConfig:
        lr: Annotated[float, Range(0, 10)] = 5e-5

An object with another number cannot be made: ``ConfigError`` says the key, what it got and the range. NaN and infinity
are in no range. Ranges end where a number means nothing any more, not where it ceases to be wise.
"""

import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, TypeVar, get_args, get_type_hints

from .errors import ConfigError

Config = TypeVar("Config")


@dataclass(frozen=True)
class Range:
    """From ``low`` to ``high``, both included."""

    low: float
    high: float

    def __contains__(self, number: object) -> bool:
        is_number = isinstance(number, Real) and not isinstance(number, bool)
        return is_number and bool(self.low <= number <= self.high)  # type: ignore[operator]

    def __str__(self) -> str:
        return f"from {_plain(self.low)} to {_plain(self.high)}"


COUNT, FROM_NONE = Range(1, 1_000_000_000), Range(0, 1_000_000_000)
SEED = Range(0, 2**32 - 1)
SHARE = Range(0, 1)
LEARNING_RATE = Range(0, 10)
PROCESSES = Range(0, 1024)
SECONDS = Range(0, 1e7)
"""In a video, or its length."""


def ranged(kind: type[Config]) -> type[Config]:
    """Class decorator, below ``@dataclass``: its numbers are in their ranges, which its docstring lists."""
    ranges = ranges_of(kind)
    checked_before: Callable[[Any], None] | None = kind.__dict__.get("__post_init__")

    def __post_init__(self: Any) -> None:
        for key, (among, whole) in ranges.items():
            check(key, getattr(self, key), among, whole)
        if checked_before:
            checked_before(self)

    kind.__post_init__ = __post_init__  # type: ignore[attr-defined]
    listed = "".join(f"\n        {key}: {among}" for key, (among, _) in ranges.items())
    kind.__doc__ = f"{(kind.__doc__ or '').rstrip()}\n\n    Ranges:{listed}\n    "
    return kind


def ranges_of(kind: type) -> dict[str, tuple[Range, bool]]:
    """The range of each key of a class that has one, and whether its numbers are whole."""
    found = {}
    for key, hint in get_type_hints(kind, include_extras=True).items():
        among = next((extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, Range)), None)
        if among:
            found[key] = among, float not in _types(hint)
    return found


def check(key: str, value: Any, among: Range, whole: bool = False) -> None:
    """Raise ``ConfigError`` if a number, or one of a tuple, is in no such range; None is where nothing is set."""
    numbers = value if isinstance(value, tuple) else () if value is None else (value,)
    if any(number not in among or (whole and not isinstance(number, Integral)) for number in numbers):
        raise ConfigError(outside(key, value, among, whole))


def outside(key: str, value: Any, among: Range, whole: bool) -> str:
    """What is said of a number outside its range."""
    given = value if isinstance(value, str) else reprlib.repr(value)
    return f"{key}={given}: choose a {'whole ' if whole else ''}number {among}"


def _types(hint: Any) -> set:
    return {hint}.union(*(_types(part) for part in get_args(hint))) if get_args(hint) else {hint}


def _plain(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"
