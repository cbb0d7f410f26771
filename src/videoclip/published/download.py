"""Getting published files: resumed, retried, checked, and never half there under their name."""

import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import VideoclipError, WeightsError
from ..progress import track
from ..storage.places import write_whole
from ..storage.whole import whole
from .catalogue import PUBLISHED, PublishedFile, check_known, forget, weights_folder

ATTEMPTS_WITHOUT_PROGRESS = 4
ATTEMPTS = 100
PAUSE_SECONDS = 1.0
"""Before the second attempt; doubled with each that brings nothing."""
TIMEOUT_SECONDS = 30
CHUNK = 1 << 20
DEAD = (401, 403, 404, 410, 451)
"""Answers after which asking again is of no use."""


def download(
    name: str, folder: Path | None = None, mirror: str = "", source: Path | None = None, anew: bool = False
) -> list[Path]:
    """Bring the files of ``name`` into the folder; those that are there and unchanged are left as they are.

    Args:
        folder: by default ``weights_folder()``.
        mirror: address of a folder that holds copies of the files, or of the file itself.
        source: a folder of this machine that holds copies, or the file itself.
        anew: forget the SHA-256 that was recorded of earlier copies.

    Raises:
        WeightsError: there is no such name, a file cannot be had, or what came is not it.
    """
    if name not in PUBLISHED:
        raise WeightsError(f"no published file '{name}'; there are {', '.join(PUBLISHED)}")
    folder = folder or weights_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return [_obtain(published, folder, mirror, source, anew) for published in PUBLISHED[name]]


def _obtain(published: PublishedFile, folder: Path, mirror: str, source: Path | None, anew: bool) -> Path:
    path = folder / published.file
    if anew:
        forget(published, folder)
        path.unlink(missing_ok=True)
    if path.is_file():
        check_known(published, folder, path)
        return path
    if source is not None:
        given = source / published.file if source.is_dir() else source
        if not given.is_file():
            raise WeightsError(f"{given}: no such file to take {published.file} from")
        with whole(path) as new:
            shutil.copyfile(given, new)
            _check(new, published, folder, str(given))
        return path
    if offline():
        raise WeightsError(
            f"{published.file} is not in {folder}, and {offline()} forbids to download it; bring a copy and pass --from"
        )
    address = mirror or published.url
    if mirror and not urlsplit(mirror).path.endswith(f"/{published.file}"):
        address = f"{mirror.rstrip('/')}/{published.file}"
    part = path.with_name(f"{path.name}.part")  # keeps what came of an attempt that broke off
    if part.is_symlink():
        part.unlink()  # it may lead elsewhere
    fetch(address, part, published)
    try:
        _check(part, published, folder, address)
    except VideoclipError:
        part.unlink()
        raise
    os.replace(part, path)
    return path


def _check(path: Path, published: PublishedFile, folder: Path, address: str) -> None:
    """Whether what came from an address is the published file.

    Raises:
        VideoclipError: it is not.
    """
    _look_into(path, published)
    check_known(published, folder, path, address)


def offline() -> str:
    """The name of the variable that forbids the network, if one does."""
    names = ("VIDEOCLIP_OFFLINE", "HF_HUB_OFFLINE")
    return next((n for n in names if os.environ.get(n, "").lower() not in ("", "0", "false", "no", "off")), "")


def fetch(url: str, part: Path, published: PublishedFile) -> None:
    """Download ``url`` into ``part``, or go on with what is there of it; a cut connection is tried again.

    Raises:
        WeightsError: the link is dead, or its server does not send what it announces.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise WeightsError(f"{url}: not an address that begins with http:// or https://; for a file, pass --from")
    best, in_vain = _size(part), 0
    for _ in range(ATTEMPTS):
        try:
            _attempt(url, part, published)
            return
        except urllib.error.HTTPError as error:
            if error.code in DEAD:
                raise WeightsError(_dead(url, published, f"{error.code} {error.reason}")) from error
            reason = f"{error.code} {error.reason}"
        except (OSError, HTTPException) as error:  # cut, refused, timed out, no such host, …
            reason = str(getattr(error, "reason", error) or type(error).__name__)
        in_vain = 0 if _size(part) > best else in_vain + 1
        best = max(best, _size(part))
        if in_vain >= ATTEMPTS_WITHOUT_PROGRESS:
            break
        time.sleep(PAUSE_SECONDS * 2**in_vain / 2)
    raise WeightsError(_dead(url, published, f"{reason}; {best:,} bytes came, and are kept for the next attempt"))


def _attempt(url: str, part: Path, published: PublishedFile) -> None:
    """One connection: from where ``part`` ends, if it is of the same file on the server."""
    note = part.with_name(f"{part.name}.json")
    before = json.loads(note.read_text()) if note.is_file() and part.is_file() else {}
    begin = _size(part) if before.get("url") == url else 0
    headers = {"User-Agent": "videoclip"}
    if begin:
        headers["Range"] = f"bytes={begin}-"
        headers |= {"If-Range": before["tag"]} if before.get("tag") else {}
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not begin:
            raise
        if error.headers.get("Content-Range", "") == f"bytes */{begin}" == f"bytes */{before.get('size')}":
            note.unlink()
            return  # all of it had come
        part.unlink()
        raise OSError(f"the server does not hold the {begin:,} bytes that came before") from error
    with answer:
        begin, total = _range(answer, begin)
        if begin and total != before.get("size", total):
            part.unlink()
            raise OSError("the file on the server has changed")
        if published.size and total and total != published.size:
            raise WeightsError(f"{url}: is of {total:,} bytes, the published file of {published.size:,}; try --mirror")
        tag = answer.headers.get("ETag") or ""
        tag = answer.headers.get("Last-Modified", "") if tag.startswith("W/") or not tag else tag
        write_whole(note, json.dumps({"url": url, "tag": tag, "size": total}))
        _copy(answer, part, begin, total, published.file)
    if total and _size(part) != total:
        raise OSError(f"the server announced {total:,} bytes and sent {_size(part):,}")
    note.unlink()


def _range(answer: HTTPResponse, asked: int) -> tuple[int, int]:
    """The byte that the answer begins with, and the size of the whole file (0: not announced)."""
    length = int(answer.headers.get("Content-Length") or 0)
    if answer.status != 206:
        return 0, length
    unit, _, rest = answer.headers.get("Content-Range", "").partition(" ")
    span, _, total = rest.partition("/")
    if unit != "bytes" or span.split("-")[0] != str(asked):
        raise OSError(f"the server sent other bytes than those asked for ({rest or 'unnamed ones'})")
    return asked, int(total) if total.isdigit() else asked + length


def _copy(answer: HTTPResponse, part: Path, begin: int, total: int, label: str) -> None:
    megabytes = begin >> 20
    with open(part, "ab" if begin else "wb") as file, track(label, total >> 20, "MB", megabytes) as advance:
        while chunk := answer.read(CHUNK):
            file.write(chunk)
            arrived = file.tell() >> 20
            advance(arrived - megabytes)
            megabytes = arrived


def _look_into(path: Path, published: PublishedFile) -> None:
    """Whether the file is of its kind: an error page, half a file or a malicious one is not kept."""
    look: Callable[[Path], object]
    if published.file.endswith(".npy"):
        from .arrays import read_words as look
    else:
        from .torch_files import read_checkpoint as look
    try:
        look(path)
    except VideoclipError as error:
        raise type(error)(f"what came as {published.file} is not it, and was not kept: {error}") from error


def _dead(url: str, published: PublishedFile, reason: str) -> str:
    elsewhere = f"; copies are spoken of at {published.elsewhere}" if published.elsewhere else ""
    return (
        f"{url}: cannot be downloaded ({reason}). Pass --mirror URL of a copy, or --from PATH of a file of yours "
        f"named {published.file} ({published.what}){elsewhere}"
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
