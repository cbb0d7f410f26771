"""Strangers' pickles, read without running anything that is in them.

A pickle is a program: it names functions and calls them. Here a name stands for a placeholder that does nothing,
whatever it is, unless the reader gives it a meaning of its own. So objects of packages that are not installed do no
harm and are no obstacle; and a file that names what no data needs, such as ``os.system``, is refused.
"""

import pickle
import sys
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from ..errors import UnsafeFileError, VideoclipError

_PYTHON2 = {"__builtin__", "commands", "copy_reg", "exceptions", "thread"}
_TYPES = "bool bytearray bytes complex dict float frozenset int list long object range set slice str tuple type"
_HARMLESS = {
    "_codecs": "encode",
    "argparse": "Namespace",
    "array": "_array_reconstructor array",
    "builtins": _TYPES,
    "__builtin__": f"{_TYPES} unicode xrange",
    "collections": "Counter OrderedDict defaultdict deque",
    "copy_reg": "_reconstructor",
    "copyreg": "_reconstructor",
    "dataclasses": "_MISSING_TYPE",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "functools": "partial",
    "itertools": "chain count cycle islice repeat",
    "logging": "Logger getLogger",
    "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
    "pathlib._local": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
    "random": "Random",
    "re": "_compile",
    "time": "struct_time",
    "types": "SimpleNamespace",
    "typing": "Any ClassVar Dict FrozenSet List Literal Mapping Optional Sequence Set Tuple Type Union",
    "uuid": "SafeUUID UUID",
}
"""What data refers to in the standard library: types, and how they are put together again."""


class Inert:
    """Stands for an object, class or function that is not needed; everything that is done to it does nothing."""

    def __new__(cls, *_: Any, **__: Any) -> "Inert":
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any):
        pass

    def __call__(self, *_: Any, **__: Any) -> "Inert":
        return self

    def __setstate__(self, _: Any) -> None:
        pass

    def __setitem__(self, _: Any, __: Any) -> None:
        pass

    append = extend = add = update = __setstate__


class InertUnpickler(pickle.Unpickler):
    """Reads a pickle in which only the ``meanings`` mean anything.

    Args:
        file: open for reading bytes.
        source: how errors name the file.
        meanings: (module, name) -> what it stands for. These are called with arguments of the file's choice.
    """

    def __init__(self, file: BinaryIO, source: str, meanings: Mapping[tuple[str, str], Callable] | None = None):
        super().__init__(file, encoding="latin1")  # pickles of Python 2 hold text as bytes
        self.source, self.meanings = source, meanings or {}
        self.inert: set[str] = set()
        """Names that were left without meaning."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in self.meanings:
            return self.meanings[module, name]
        root = module.partition(".")[0]
        if root in sys.stdlib_module_names | _PYTHON2 and name not in _HARMLESS.get(module, "").split():
            raise UnsafeFileError(
                f"{self.source}: asks for {module}.{name} to be called while it is read, which data never does; such a "
                "file is made to run code. Nothing of it was run. Get it again from where it was published"
            )
        self.inert.add(f"{module}.{name}")
        return type(name, (Inert,), {"__module__": module})

    def persistent_load(self, pid: Any) -> Any:
        return Inert()

    def read(self) -> Any:
        """The next object of the file.

        Raises:
            UnsafeFileError: it names a function that data does not need.
            VideoclipError: it is not a pickle, or damaged.
        """
        try:
            return self.load()
        except VideoclipError:
            raise
        except Exception as error:  # of whatever kind a made-up program of pickle's ends in
            reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
            raise VideoclipError(f"{self.source}: is not a pickle, or is damaged ({reason})") from error
