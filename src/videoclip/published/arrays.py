"""Strangers' ``.npy`` files, read without pickle."""

import io
from functools import lru_cache
from pathlib import Path
from tokenize import TokenError

import numpy as np

from ..errors import CorpusError, WeightsError

UNREADABLE = (
    OSError, ValueError, EOFError, TypeError, AttributeError, SyntaxError, TokenError, RecursionError, MemoryError,
    OverflowError,
)  # fmt: skip
"""What NumPy raises for damaged files; their headers are Python's syntax."""
_VERSION_1 = b"\x93NUMPY\x01\x00"


def read_npy(path: str) -> np.ndarray:
    """The array of an ``.npy`` file, read without pickle.

    The headers of files of the same shape are the same and parsed once, which makes many small files several times
    faster to read than with ``np.load``.

    Raises:
        CorpusError: it cannot be read, or is not such a file.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            content = file.read()
        if not content.startswith(_VERSION_1):
            return np.load(io.BytesIO(content), allow_pickle=False)
        begin = 10 + int.from_bytes(content[8:10], "little")
        shape, fortran, dtype = _header(content[8:begin])
        return np.frombuffer(content, dtype, offset=begin).reshape(shape, order="F" if fortran else "C")
    except UNREADABLE as error:
        raise CorpusError(f"{path}: not an .npy file of numbers ({reason(error)})") from error


@lru_cache(4096)
def _header(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype]:
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(io.BytesIO(header))
    if dtype.kind != "f":
        raise ValueError(f"holds {dtype}, not floating-point numbers")
    return shape, fortran, dtype


def read_words(path: Path) -> list[str]:
    """The vocabulary in ``s3d_dict.npy``: an array of strings, read without pickle.

    Raises:
        WeightsError: no such file, or not an array of words.
    """
    try:
        words = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise WeightsError(f"{path}: not an array of words ({str(error).splitlines()[0][:120]})") from error
    if not isinstance(words, np.ndarray) or words.ndim != 1 or words.dtype.kind not in "US":
        raise WeightsError(f"{path}: expected an array of words, not {getattr(words, 'dtype', type(words).__name__)}")
    return (np.char.decode(words, "utf-8") if words.dtype.kind == "S" else words).tolist()


def reason(error: Exception) -> str:
    """What an error says, in one short line."""
    return str(getattr(error, "strerror", None) or error).splitlines()[0][:120]
