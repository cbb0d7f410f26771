"""How this package was installed, and so how an extra of it is."""

import json
from importlib.metadata import PackageNotFoundError, distribution
from shlex import quote
from urllib.parse import unquote, urlsplit


def command_for(extra: str) -> str:
    """The command that brings an extra: from the folder that the package was installed from, or from the index."""
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
