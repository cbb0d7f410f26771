"""Where things lie: folders of this machine, or of an object store (``s3://bucket/folder``, ``gs://…``).

``place`` gives a path for the one and a ``Remote`` for the other, which has the part of a path's methods that is needed
here. Tables lie in either (Lance knows how). ``local`` is for what can only be a path of this machine.
"""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..errors import VideoclipError
from .remote import Remote
from .whole import whole

Place = Path | Remote
_COLLAPSED = re.compile(r"^[a-z][a-z0-9]+:/")
"""What ``Path`` makes of an address: two slashes become one."""


def place(text: str | Place) -> Place:
    """A folder or file, of this machine (also as ``file:///folder``) or of an object store.

    Raises:
        VideoclipError: no such kind of place, or the address of an object store that went through a ``Path``.
    """
    if isinstance(text, Remote):
        return text
    if isinstance(text, Path):
        if _COLLAPSED.match(text.as_posix()):
            raise VideoclipError(f"{text}: a Path spoils the address of an object store; pass it as a string")
        return text
    if not text.startswith("file://"):
        return Remote(text) if "://" in text else Path(text)
    address = urlsplit(text)
    if address.netloc not in ("", "localhost"):
        raise VideoclipError(
            f"{text}: names another machine ({address.netloc}); write file:///folder, or the path alone"
        )
    return Path(unquote(address.path))


def local(text: str | Path) -> Path:
    """A path of this machine, for what cannot lie anywhere else.

    Raises:
        VideoclipError: it is the address of an object store.
    """
    where = place(text)
    if isinstance(where, Remote):
        raise VideoclipError(
            f"{where}: lies in an object store, and this has to be a local path; give one, and copy between the two "
            "with the store's own tool (such as 'aws s3 cp --recursive')"
        )
    return where


def changed_at(where: Place) -> float:
    """When a file was last changed, in seconds since 1970; 0 where there is none."""
    if isinstance(where, Remote):
        return where.state()[1] / 1e9 if where.is_file() else 0.0
    try:
        return where.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def write_whole(where: Place, content: bytes | str) -> None:
    """Write a small file so that readers find the old contents or the new, whenever the power fails.

    Text is written as UTF-8, names in it that are none as the bytes that they are.
    """
    content = content.encode(errors="surrogateescape") if isinstance(content, str) else content
    if isinstance(where, Remote):
        where.write_bytes(content)
        return
    with whole(where) as new:
        new.write_bytes(content)
