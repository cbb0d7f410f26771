"""What commands share: options that mean the same in several, and what they print alike.

An option that says where something is parses to a ``Place`` where an object store will do, for corpora and libraries;
elsewhere to a path of this machine, and an address of an object store is refused before anything is done. A number has
a range, in which NaN is not.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import VideoclipError
from ..ranges import Range
from ..storage.places import Place, local, place, write_whole

if TYPE_CHECKING:
    AnyPlace = Place
else:
    AnyPlace = type("Place", (), {})
    """Typer takes no unions, and shows this name in the help; what an option becomes is up to its parser."""


def place_option(*names: str, help: str) -> Any:
    """A folder of this machine or of an object store."""
    return typer.Option(*names, parser=place, help=help)


def place_argument(help: str) -> Any:
    """As ``place_option``."""
    return typer.Argument(parser=place, help=help)


def local_option(*names: str, help: str) -> Any:
    """A file or folder of this machine."""
    return typer.Option(*names, parser=local, help=help)


def local_argument(help: str) -> Any:
    """As ``local_option``."""
    return typer.Argument(parser=local, help=help)


def local_name(help: str) -> Any:
    """A name, or a file or folder of this machine in its place; what is given stays the text that it is."""
    return typer.Option(parser=_name, help=help)


def number_option(among: Range, *names: str, help: str) -> Any:
    """A number in a range, which the help shows."""
    return typer.Option(*names, min=among.low, max=among.high, callback=_number, help=help)


def _number(value: float | None, param: typer.CallbackParam) -> float | None:
    if value is not None and value != value:
        raise VideoclipError(f"--{(param.name or '').replace('_', '-')} nan: choose a number")
    return value


def keys_option(module: str, name: str) -> Any:
    """``--show``: explains the keys of a configuration, by the module and name of its class, and ends."""

    def show(wanted: bool) -> None:
        if wanted:
            from importlib import import_module

            from ..config import explained

            typer.echo(explained(getattr(import_module(f"videoclip.{module}"), name)()), nl=False)
            raise typer.Exit

    text = "Print every KEY with what it means, its range and its default, and stop."
    return typer.Option("--show", callback=show, is_eager=True, help=text)


def _use_device(name: str) -> str:
    """Have everything that is loaded from here on, in processes that are started too, run there."""
    if name:
        from ..hardware import device_of

        os.environ["VIDEOCLIP_DEVICE"] = str(device_of(name))
    return name


def example(command: str) -> str:
    """The end of a command's help: how it is used."""
    return f"Example: {command}"


def print_json(result: object) -> None:
    """A result for another program, on standard output."""
    typer.echo(json.dumps(result, indent=1, ensure_ascii=False))


def is_stdout(path: Path | None) -> bool:
    """Whether a file that is named stands for what is printed."""
    return str(path) == "-"


def write_json(path: Path, result: object) -> None:
    """A result into the file of ``--json``, or, for ``-``, onto standard output."""
    if is_stdout(path):
        print_json(result)
    else:
        write_whole(path, json.dumps(result, indent=1))


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Errors in here are about what is in a file, and name it."""
    try:
        yield
    except VideoclipError as error:
        raise VideoclipError(f"{path}: {error}") from error


def _name(text: str) -> str:
    return str(local(text)) if "://" in text else text


AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
JsonFile = Annotated[
    Path | None, local_option("--json", help="File to write the result into; - prints it in place of the text.")
]
Device = Annotated[
    str,
    typer.Option(
        callback=_use_device,
        envvar="VIDEOCLIP_DEVICE",
        help="Where models run: cpu, cuda, cuda:1 or mps (default: the GPU, if there is one).",
        show_envvar=False,
    ),
]
Transcribe = Annotated[
    str,
    typer.Option(help="Hear videos without captions: auto (where videoclip\\[speech] is installed), always or never."),
]
ReadScreen = Annotated[
    str,
    typer.Option(help="Read text on the screen: auto (where videoclip\\[text] is installed), always or never."),
]
Meaning = Annotated[
    str,
    local_name(
        help="What is said is found by meaning too: auto (where videoclip\\[embed] is installed), never, "
        "or a sentence encoder's name or folder (remembered)."
    ),
]
SpeechModel = Annotated[
    str,
    local_name(help="Who hears: tiny … large-v3-turbo, parakeet-v3, a repository, a folder (default: by hardware)."),
]
