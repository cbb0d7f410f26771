"""A run's configuration: a dataclass, filled from a preset or YAML file and ``key=value`` on the command line.

Presets lie in ``presets/*.yaml``. Unknown keys and values of the wrong kind are errors that name the key and the
nearest that exists. What was written down grows with the versions: a key that a note lacks has its default.
"""

import ast
import difflib
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from textwrap import dedent, wrap
from typing import Any, TypeVar, get_origin, get_type_hints

from .errors import ConfigError
from .ranges import outside, ranges_of
from .text import read_text

Config = TypeVar("Config")


def load_config(kind: type[Config], source: str = "", overrides: Sequence[str] = ()) -> Config:
    """A ``kind`` from a preset's name or YAML path (none: defaults), with ``key.key=value`` on top.

    Raises:
        ConfigError: no such file, a key that does not exist, or a value of the wrong kind.
    """
    import yaml
    from pydantic import TypeAdapter, ValidationError

    values = _read(source) if source else {}
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise ConfigError(f"'{override}': write key=value")
        try:
            value = yaml.safe_load(text) if text else ""
        except yaml.YAMLError:
            value = text  # such as train/*, which is a pattern to us and an alias to YAML
        _set(values, key.split("."), value)
    _check_keys(kind, values, source or "command line")
    try:
        return TypeAdapter(kind).validate_python(_over(defaults(kind), values))
    except ValidationError as error:
        raise ConfigError(_said(kind, error.errors()[0])) from error


def changed(config: Config, values: dict, source: str) -> Config:
    """A configuration with other values, in groups as in a file; ``source`` is where they stand.

    Raises:
        ConfigError: a key that does not exist, or a value of the wrong kind.
    """
    from pydantic import TypeAdapter, ValidationError

    if not isinstance(values, dict):
        raise ConfigError(f"{source}: expected keys and values")
    kind = type(config)
    _check_keys(kind, values, source)
    try:
        return TypeAdapter(kind).validate_python(_over(dump_config(config), values))
    except ValidationError as error:
        raise ConfigError(f"{source}: {_said(kind, error.errors()[0])}") from error


def _over(meant: dict, values: dict) -> dict:
    """Values over defaults: a group of which some keys are given has the others as its owner means them."""
    groups = {
        key: _over(meant[key], value)
        for key, value in values.items()
        if isinstance(value, dict) and isinstance(meant[key], dict)
    }
    return meant | values | groups


def _said(kind: type, error: Any) -> str:
    """What pydantic found wrong, with the whole key; of a number that is none, its range."""
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, ConfigError):  # of a group of keys, which knows its own keys alone
        return f"{''.join(f'{part}.' for part in error['loc'])}{cause}"
    owner: Any = kind
    prefix = ""
    for part in error["loc"]:
        if part in (ranges := ranges_of(owner)) and error["type"] != "missing":  # type: ignore[arg-type]
            return outside(f"{prefix}{part}", error["input"], *ranges[part])
        owner, prefix = get_type_hints(owner).get(part, object), f"{prefix}{part}."
        if not is_dataclass(owner):
            break
    where = ".".join(str(part) for part in error["loc"]) or "configuration"
    return f"{where}: {error['msg']} (got {error['input']!r})"


def dump_config(config: Any) -> dict:
    """A configuration as plain values, as it is written beside a result."""
    from pydantic import TypeAdapter

    return TypeAdapter(type(config)).dump_python(config, mode="json")


def explained(config: Any) -> str:
    """A configuration as YAML, each key below what it means and the range of its numbers."""
    return "\n".join(_explained(config, "")) + "\n"


def _explained(config: Any, indent: str) -> Iterator[str]:
    import yaml

    kind, values = type(config), dump_config(config)
    sentences, ranges = sentences_of(kind), ranges_of(kind)
    for key, value in values.items():
        range_ = f" ({ranges[key][0]})" if key in ranges else ""
        for line in wrap(f"{sentences.get(key, '')}{range_}", 116 - len(indent)):
            yield f"{indent}# {line}"
        if is_dataclass(getattr(config, key)):
            yield f"{indent}{key}:"
            yield from _explained(getattr(config, key), f"{indent}  ")
        else:
            for line in yaml.safe_dump({key: value}, sort_keys=False, width=1000).splitlines():
                yield f"{indent}{line}"


def sentences_of(kind: type) -> dict[str, str]:
    """What each key of a configuration means: the docstring below it in the class, in one line."""
    body = ast.parse(dedent(inspect.getsource(kind))).body[0].body  # type: ignore[attr-defined]
    return {
        key.target.id: " ".join(below.value.value.replace("``", "").split())
        for key, below in pairwise(body)
        if isinstance(key, ast.AnnAssign)
        and isinstance(key.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


def defaults(kind: type) -> dict:
    """What keys of a configuration mean that a note of an older version lacks, as plain values."""
    return dump_config(kind())


def from_note(kind: type[Config], values: Any, source: object) -> Config:
    """A ``kind`` from what this or another version wrote down; keys that were not known then have their defaults.

    Raises:
        ConfigError: a newer version wrote it, with a key that this one does not know; or it is damaged.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{source}: is damaged (no keys and values); make it again")
    known, hints = {f.name for f in fields(kind)}, get_type_hints(kind)  # type: ignore[arg-type]
    unknown = sorted(values.keys() - known)
    if unknown:
        raise ConfigError(f"{source}: has '{unknown[0]}', of a newer version of videoclip; update videoclip to read it")
    made: dict[str, Any] = {}
    for key, value in values.items():
        if is_dataclass(hints[key]):
            value = from_note(hints[key], value, source)  # type: ignore[arg-type]
        made[key] = tuple(value) if get_origin(hints[key]) is tuple and isinstance(value, list) else value
    try:
        return kind(**made)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{source}: is damaged ({error}); make it again") from error


def presets() -> list[str]:
    """Names of the presets that ship with the package."""
    return sorted(
        p.name.removesuffix(".yaml") for p in files("videoclip.presets").iterdir() if p.name.endswith(".yaml")
    )


def _read(source: str) -> dict:
    import yaml

    name = source.removesuffix(".yaml")
    if name in presets() and not Path(source).is_file():
        text = files("videoclip.presets").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    elif Path(source).is_file():
        text = read_text(Path(source))
    else:
        raise ConfigError(f"{source}: no such file or preset; presets are {', '.join(presets())}")
    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: not YAML ({str(error).splitlines()[0]})") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{source}: expected keys and values")
    return values


def _set(values: dict, keys: list[str], value: Any) -> None:
    for i, key in enumerate(keys[:-1]):
        inner = values.setdefault(key, {})
        if isinstance(inner, list):  # of groups, each of which is reached by its number
            number = keys[i + 1]
            if not (number.isdecimal() and int(number) < len(inner)) or i + 2 == len(keys):
                raise ConfigError(f"{'.'.join(keys)}: '{key}' has {len(inner)} entries, counted from 0; name one's key")
            _set(inner[int(number)], keys[i + 2 :], value)
            return
        if not isinstance(inner, dict):
            raise ConfigError(f"{'.'.join(keys)}: '{key}' is a value, not a group of keys")
        values = inner
    values[keys[-1]] = value


def _check_keys(kind: type, values: dict, source: str, prefix: str = "") -> None:
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    hints, ranges = get_type_hints(kind), ranges_of(kind)
    for key, value in values.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            advice = f"did you mean '{prefix}{near[0]}'?" if near else f"keys are {', '.join(sorted(known))}"
            raise ConfigError(f"{source}: no key '{prefix}{key}'; {advice}")
        if key in ranges and isinstance(value, bool):  # which pydantic takes for 0 or 1
            raise ConfigError(outside(f"{prefix}{key}", value, *ranges[key]))
        if is_dataclass(hints[key]) and isinstance(value, dict):
            _check_keys(hints[key], value, source, f"{prefix}{key}.")
