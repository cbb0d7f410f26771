"""A JSON object that is larger than memory, an entry at a time.

Each entry is parsed by itself from a window of the text that slides over the file.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from ..errors import MediaError

WINDOW = 1 << 19
"""Characters of captions that are read at a time."""
LARGEST_ENTRY = 64 << 20
"""Characters of one video's captions beyond which a file is taken for damaged, rather than read into memory whole."""


def stream_entries(path: Path) -> Iterator[tuple[str, Any]]:
    """(key, value) of each entry of the object that a JSON file is, in the memory of a few entries.

    Raises:
        MediaError: the file is not one JSON object; what came before the fault was yielded.
    """
    last = ""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        window = _Window(file)
        try:
            window.take("{")
            while not window.is_next("}"):
                key = window.value()
                window.take(":")
                entry = window.value()
                if not isinstance(key, str):
                    raise ValueError(f"expected the id of a video, found {key!r:.20}")
                last = key
                yield key, entry
                if not window.is_next("}"):
                    window.take(",")
        except ValueError as error:
            place = f"after video '{last}'" if last else "at its beginning"
            raise MediaError(f"{path}: is not JSON of captions by video {place} ({error})") from error


class _Window:
    """The part of a JSON text that is being parsed."""

    def __init__(self, file: TextIO):
        self.file, self.text, self.place = file, "", 0
        self.decoder = json.JSONDecoder()

    def value(self) -> Any:
        """The next whole value.

        Raises:
            ValueError: there is none, however much is read.
        """
        while True:
            self._skip_space()
            try:
                found, self.place = self.decoder.raw_decode(self.text, self.place)
                return found
            except json.JSONDecodeError as error:  # cut off by the window's end, or no JSON
                if len(self.text) - self.place > LARGEST_ENTRY or not self._read_on():
                    raise ValueError(error.msg) from error
            except RecursionError as error:
                raise ValueError("nested deeper than any captions") from error

    def take(self, sign: str) -> None:
        if not self.is_next(sign):
            raise ValueError(f"expected {sign}, found {self.text[self.place : self.place + 20]!r}")
        self.place += 1

    def is_next(self, sign: str) -> bool:
        self._skip_space()
        return self.text.startswith(sign, self.place)

    def _skip_space(self) -> None:
        while True:
            while self.text[self.place : self.place + 1].isspace():
                self.place += 1
            if self.place < len(self.text) or not self._read_on():
                return

    def _read_on(self) -> bool:
        """Move the window on; twice as far where it holds one long value."""
        rest = self.text[self.place :]
        more = self.file.read(max(WINDOW, len(rest)))
        self.text, self.place = rest + more, 0
        return bool(more)
