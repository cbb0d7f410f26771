"""Files and folders of an object store (``s3://bucket/folder``, ``gs://…``), and requests that are made again.

Keys, region and endpoint are those of the environment: ``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL`` and the like.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from ..errors import VideoclipError
from .whole import whole

Result = TypeVar("Result")
ATTEMPTS = 8
"""Times that a request is made before it counts as failed, with longer and longer pauses."""
SCHEMES = ("s3", "gs", "az", "abfs")


class Remote:
    """A file or folder of an object store, by its URL. An object is written as a whole or not at all."""

    def __init__(self, url: str):
        self.scheme, _, rest = url.partition("://")
        self._path = PurePosixPath(rest.strip("/"))
        if self.scheme not in SCHEMES:
            raise VideoclipError(f"{url}: no such kind of place; name a folder, or s3://bucket/folder")
        if ".." in self._path.parts or not self._path.name:
            raise VideoclipError(f"{url}: write {self.scheme}://bucket/folder")

    def __str__(self) -> str:
        return f"{self.scheme}://{self._path}"

    def __repr__(self) -> str:
        return f"Remote('{self}')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remote) and str(other) == str(self)

    def __hash__(self) -> int:
        return hash(str(self))

    def __truediv__(self, name: str) -> "Remote":
        return Remote(f"{self}/{name}")

    @property
    def name(self) -> str:
        return self._path.name

    @property
    def parent(self) -> "Remote":
        return Remote(f"{self.scheme}://{self._path.parent}")

    def exists(self) -> bool:
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        return self._info().is_file

    def is_dir(self) -> bool:
        return next(self.iterdir(), None) is not None

    def iterdir(self) -> Iterator["Remote"]:
        """What lies in the folder; nothing where there is none."""
        for info in self._listed(recursive=False):
            yield self / PurePosixPath(info.path).name

    def files(self) -> dict[str, list[int]]:
        """All files in the folder and below: their names from here, and the ``state`` of each."""
        return {
            str(PurePosixPath(info.path).relative_to(self._path)): [info.size, info.mtime_ns]
            for info in self._listed(recursive=True)
            if info.is_file
        }

    def state(self) -> list[int]:
        """Of a file: bytes, and the time of change in ns."""
        info = self._info()
        return [info.size, info.mtime_ns]

    def mkdir(self, **_: Any) -> None:
        """Nothing: folders are parts of names."""

    def unlink(self, missing_ok: bool = False) -> None:
        if not missing_ok or self.is_file():
            self._asked(lambda: self._system.delete_file(str(self._path)))

    def read_bytes(self) -> bytes:
        def read() -> bytes:
            with self._system.open_input_file(str(self._path)) as file:
                content = file.read()
                size = file.size() or self._info().size  # an answer that is cut can say nothing of the size
                self._check(size, len(content))
                return content

        try:
            return self._asked(read)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{self}: no such object") from error

    def read_text(self) -> str:
        return self.read_bytes().decode()

    def write_bytes(self, content: bytes) -> None:
        def write() -> None:
            with self._system.open_output_stream(str(self._path)) as stream:
                stream.write(content)

        self._asked(write)

    def write_text(self, content: str) -> None:
        self.write_bytes(content.encode())

    def download(self, path: Path) -> None:
        """Into a file, under another name until it is whole."""
        from pyarrow.fs import LocalFileSystem, copy_files

        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as new:
            names = str(self._path), str(new)

            def copy() -> None:
                copy_files(*names, source_filesystem=self._system, destination_filesystem=LocalFileSystem())
                self._check(self._info().size, new.stat().st_size)

            self._asked(copy)

    def upload(self, path: Path) -> None:
        """From a file."""
        from pyarrow.fs import LocalFileSystem, copy_files

        names = str(path), str(self._path)

        def copy() -> None:
            copy_files(*names, source_filesystem=LocalFileSystem(), destination_filesystem=self._system)
            self._check(path.stat().st_size, self._info().size)

        self._asked(copy)

    def _check(self, wanted: int, got: int) -> None:
        """A line that is cut can look like the end of a file."""
        if wanted != got:
            raise OSError(f"{got} of {wanted} bytes came")

    @property
    def _system(self):
        return _file_system(self.scheme)

    def _info(self):
        return self._asked(lambda: self._system.get_file_info([str(self._path)]))[0]

    def _listed(self, recursive: bool) -> list:
        from pyarrow.fs import FileSelector

        selector = FileSelector(str(self._path), allow_not_found=True, recursive=recursive)

        def ask() -> list:
            return self._asked(lambda: self._system.get_file_info(selector))

        return ask() or ask()  # an answer that is cut can look like that of an empty folder

    def _asked(self, request: Callable[[], Result]) -> Result:
        """What a request gives; connections that were cut are tried again."""
        for attempt in range(ATTEMPTS):
            try:
                return request()
            except FileNotFoundError:
                raise
            except OSError as error:
                refused = any(word in str(error) for word in ("ACCESS_DENIED", "NO_SUCH_BUCKET", "INVALID_ACCESS_KEY"))
                if refused or attempt == ATTEMPTS - 1:
                    raise VideoclipError(
                        f"{self}: the object store does not answer as it should ({str(error).splitlines()[0][:200]}); "
                        "check the bucket, the keys (AWS_ACCESS_KEY_ID, …) and AWS_ENDPOINT_URL"
                    ) from error
                _pause(attempt)
        raise AssertionError


def patiently(request: Callable[[], Result]) -> Result:
    """What a request to Lance gives that may be made twice; where the object store cuts it off, it is made again.

    Lance itself repeats most requests, but none whose answer breaks off.
    """
    for attempt in range(ATTEMPTS):
        try:
            return request()
        except (OSError, RuntimeError) as error:
            if not is_cut_off(error) or attempt == ATTEMPTS - 1:
                raise
            _pause(attempt)
        except ValueError as error:  # as Arrow passes on what Lance met while it read
            if "LanceError(IO)" not in str(error):
                raise
            raise OSError(str(error)) from error
    raise AssertionError


def is_cut_off(error: OSError | RuntimeError) -> bool:
    """Whether an error of Lance is one of the line to an object store."""
    return "Generic S3 error" in str(error) or "Generic GCS error" in str(error) or "HTTP error" in str(error)


def _pause(attempt: int) -> None:
    time.sleep(min(0.1 * 2**attempt, 5.0) * (0.5 + random.random()))


_SYSTEMS: dict[str, Any] = {}


def _file_system(scheme: str):
    """pyarrow's client for a scheme, with the environment's endpoint; one for the process."""
    from pyarrow import fs

    endpoint = os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT") or ""
    key = f"{scheme} {endpoint} {os.getpid()}"
    if key in _SYSTEMS:
        return _SYSTEMS[key]
    if scheme == "s3":
        protocol, _, host = endpoint.rpartition("://")
        retry = fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS)
        made = fs.S3FileSystem(
            endpoint_override=host or None, scheme=protocol or "https", retry_strategy=retry,
            request_timeout=60, connect_timeout=10,
            region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None,
        )  # fmt: skip
        if protocol == "http":
            os.environ.setdefault("AWS_ALLOW_HTTP", "true")  # for Lance, which asks for it separately
    else:
        made, _ = fs.FileSystem.from_uri(f"{scheme}://")
    _SYSTEMS[key] = made
    return made
