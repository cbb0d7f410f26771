"""What a library is made with, and who may write into it."""

import json
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field

from ...config import from_note
from ...encoders.encoder import FeatureKind
from ...errors import VideoclipError
from ...storage import folders
from ...storage.places import Place, write_whole

FORMAT = 1
NOTE = "library.json"


class LibraryError(VideoclipError):
    """A library is missing, in use, or does not fit what is asked of it."""


@dataclass(frozen=True)
class Meaning:
    """By which sentence encoder what is said is found by meaning; ``number`` counts those that a library has had."""

    encoder: str = ""
    """What loads it; ``never`` for none, because that was asked for; empty for none so far."""
    fingerprint: str = ""
    size: int = 0
    number: int = 0

    @property
    def is_had(self) -> bool:
        """Whether there is one."""
        return self.size > 0


@dataclass(frozen=True)
class About:
    """What a library is made with; ``embedding`` counts the models that it has had, ``encoding`` the encoders."""

    encoder: FeatureKind
    model: str
    fingerprint: str
    size: int
    embedding: int = 1
    language: str = ""
    """Captions that are preferred where there are several, as was asked for last; empty for English."""
    encoding: int = 1
    meaning: Meaning = field(default_factory=Meaning)


def is_library(folder: Place) -> bool:
    """Whether a folder holds a library, or what is left of one."""
    return (folder / NOTE).exists() or (folder / "tables").exists()


def read_about(folder: Place) -> About:
    """What the library of a folder is made with.

    Raises:
        LibraryError: there is none, or one of a later format.
    """
    try:
        values = json.loads((folder / NOTE).read_text())
    except FileNotFoundError as error:
        raise LibraryError(
            f"{folder}: holds no library; 'videoclip index VIDEOS --library {folder}' makes one"
        ) from error
    except ValueError as error:
        raise LibraryError(f"{folder / NOTE}: is damaged ({error}); index into another folder") from error
    if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
        raise LibraryError(f"{folder}: a library of another format; another version of videoclip made it")
    return from_note(About, values, folder / NOTE)


def write_about(folder: Place, about: About) -> None:
    """Note what a library is made with, in one step."""
    write_whole(folder / NOTE, json.dumps({"format": FORMAT, **asdict(about)}, indent=1).encode())


def locked(folder: Place) -> AbstractContextManager[None]:
    """Keep other processes from writing into a library.

    Raises:
        LibraryError: one is writing.
    """
    busy = f"{folder}: another process is indexing into it; wait until it is done, or stop it"
    return folders.locked(folder, LibraryError(busy))
