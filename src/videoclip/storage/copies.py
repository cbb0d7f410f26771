"""Working copies: what must be a folder of this machine, such as a model that is loaded or a run that is trained.

``fetch`` brings the copy of a remote folder, ``publish`` sends back what has changed; a local folder is its own copy.
"""

import hashlib
import json
from pathlib import Path

from ..hardware import user_cache
from .places import Place, write_whole
from .remote import Remote


def working_copy(where: Place, always: bool = False) -> Path:
    """The folder of this machine in which a remote folder is worked on; a local one is its own, unless ``always``."""
    if not isinstance(where, Remote) and not always:
        return where
    return user_cache() / "videoclip" / "copies" / hashlib.blake2b(str(where).encode(), digest_size=10).hexdigest()


def fetch(where: Place) -> Path:
    """The working copy of a folder, brought up to date: files that have changed there since the last time.

    What has changed here alone stays as it is here.
    """
    copy = working_copy(where)
    if isinstance(where, Remote):
        noted = _read_note(copy)
        for name, state in where.files().items():
            path = copy / name
            if path.name.startswith("."):  # a lock
                continue
            if not path.is_file() or noted.get(name, [None])[0] != state:
                (where / name).download(path)
                noted[name] = [state, _state(path)]
        _write_note(copy, noted)
    return copy


def publish(where: Place) -> None:
    """Send what has changed in a folder's working copy since the last time, and remove there what is gone from it."""
    if not isinstance(where, Remote):
        return
    copy = working_copy(where)
    noted = _read_note(copy)
    here = {
        str(path.relative_to(copy)): _state(path)
        for path in copy.rglob("*")
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".whole"
    }
    # A checkpoint comes before the history that it belongs to, so that whatever is cut off, both can be gone on from.
    for name in sorted(here):
        if noted.get(name, [None, None])[1] != here[name]:
            (where / name).upload(copy / name)
            noted[name] = [(where / name).state(), here[name]]
            _write_note(copy, noted)
    for name in noted.keys() - here:
        (where / name).unlink(missing_ok=True)
    _write_note(copy, {name: noted[name] for name in here})


NOTE = ".copy.json"
"""In a working copy: the state of each file, there and here, when both were last the same."""


def _state(path: Path) -> list[int]:
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]


def _read_note(copy: Path) -> dict[str, list]:
    try:
        return json.loads((copy / NOTE).read_text())
    except (FileNotFoundError, ValueError):
        return {}


def _write_note(copy: Path, noted: dict[str, list]) -> None:
    copy.mkdir(parents=True, exist_ok=True)
    write_whole(copy / NOTE, json.dumps(noted).encode())
