"""Pickles that would run code, were they trusted; each leaves a mark where it does."""

import io
import os
import pickle
import zipfile
from pathlib import Path


class Calls:
    """Pickles as a call of ``function`` with ``arguments``."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def dangerous(mark: Path) -> dict[str, bytes]:
    """Pickles by name; reading one as pickle does makes the file ``mark``."""
    command = f"touch {mark}"
    written = f"open({str(mark)!r}, 'w').close()"
    whole = {
        "os.system": Calls(os.system, command),
        "builtins.eval": Calls(eval, written),
        "builtins.exec": {"args": Calls(exec, written)},
        "a nested reduce": [Calls(Calls, Calls(getattr, Calls(__import__, "os"), "system"), command)],
        "inside a checkpoint": {"model": {}, "args": Calls(os.system, command)},
        "a file opened": Calls(open, str(mark), "w"),
    }
    made = {name: pickle.dumps(content, protocol=2) for name, content in whole.items()}
    made["text protocol"] = f"cos\nsystem\n(S'{command}'\ntR.".encode()
    made["dotted name"] = b"\x80\x04\x8c\x08builtins\x8c\x0eopen.__class__\x93."
    made["as state"] = b"\x80\x02cargparse\nNamespace\n)\x81}(U\x01xcos\nsystem\nU" + _short(command) + b"\x85Rub."
    return made


def archive(data: bytes, storages: dict[str, bytes] | None = None) -> bytes:
    """A file as torch.save makes it, around a pickle."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as file:
        file.writestr("archive/data.pkl", data)
        file.writestr("archive/byteorder", "little")
        for key, numbers in (storages or {}).items():
            file.writestr(f"archive/data/{key}", numbers)
        file.writestr("archive/version", "3\n")
    return content.getvalue()


def _short(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()
