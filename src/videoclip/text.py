"""Text files as people have them: with and without a byte order mark, and named where they are no text."""

import codecs
from pathlib import Path

from .errors import VideoclipError

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Encodings by the byte order mark that says them; spreadsheets and editors write one."""


def read_text(path: Path) -> str:
    """The content of a file in UTF-8, or in what its byte order mark says, without the mark; line ends as they are.

    Raises:
        VideoclipError: it cannot be read, or is in another encoding; names the first line that is.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise VideoclipError(f"{path}: cannot be read ({error.strerror or error})") from error
    encoding = next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = encoding.removesuffix("-sig").upper()
        raise VideoclipError(
            f"{path}: line {line}: is not in {what} (byte 0x{content[error.start]:02x}); save the file as UTF-8"
        ) from error
