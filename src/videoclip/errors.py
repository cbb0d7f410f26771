"""Errors that speak to the user: one line with the file, the place and the remedy.

The command line prints these without a traceback and exits with code 2; anything else is a bug and shows where.
"""

import json
from importlib.metadata import PackageNotFoundError, distribution
from shlex import quote
from urllib.parse import unquote, urlsplit


class VideoclipError(Exception):
    """The user's input cannot be used; the message says which, why and what to do."""


class MediaError(VideoclipError):
    """A video or caption file cannot be read."""


class CorpusError(VideoclipError):
    """A corpus is missing, malformed, or does not fit what is asked of it."""


class ConfigError(VideoclipError, ValueError):
    """A configuration has an unknown key, or a value of the wrong kind or out of its range."""


class WeightsError(VideoclipError):
    """Weights are missing tensors, hold unexpected ones, or have the wrong shapes."""


class UnsafeFileError(VideoclipError):
    """A file is made to run code when it is read; it was not."""


class Stopped(BaseException):
    """The process was asked politely to end (SIGTERM); like ``KeyboardInterrupt``, no error.

    What is done is kept on the way out, and the command line exits with code 143.
    """


class MediaWarning(UserWarning):
    """A file is damaged or unclear, but what can be had of it was read."""


def command_for(extra: str) -> str:
    """The remedy where an extra is missing: from the folder that the package was installed from, or from the index."""
    return f"pip install {_where(f'[{extra}]')}"


def _where(extra: str) -> str:
    try:
        note = json.loads(distribution("videoclip").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        note = {}
    address = urlsplit(note.get("url", ""))
    if address.scheme != "file" or "dir_info" not in note:
        return quote(f"videoclip{extra}")
    editable = "-e " if note["dir_info"].get("editable") else ""
    return editable + quote(unquote(address.path) + extra)
