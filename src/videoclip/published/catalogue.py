"""The files that others published and that are used here: what each is, where it was, and whether it is the same still.

Files lie in one folder, ``$VIDEOCLIP_WEIGHTS`` or the user's cache. Beside them, ``published.json`` holds the SHA-256
of each as it first came, or as it is pinned here; a file that differs from it is an error ever after.
"""

import hashlib
import json
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ..errors import WeightsError
from ..hardware import user_cache
from ..storage.places import write_whole

RECORD = "published.json"


@dataclass(frozen=True)
class PublishedFile:
    """A file that was published at ``url``; ``size`` in bytes and ``digest`` are empty where nobody has noted them."""

    file: str
    url: str
    what: str
    elsewhere: str = ""
    """Where people say that copies are."""
    size: int = 0
    digest: str = ""
    """Algorithm and hexadecimal digits, such as ``sha1:31e99d…``."""


_S3D = PublishedFile(
    "s3d_howto100m.pth",
    "https://www.rocq.inria.fr/cluster-willow/amiech/howto100m/s3d_howto100m.pth",
    "S3D trained on HowTo100M by MIL-NCE, video and text side, about 125 MB",
    "https://github.com/antoine77340/S3D_HowTo100M/issues/14",
    125_031_128,
    "sha1:31e99d2a1cd48f2259ca75e719ac82c8b751ea75",
)
_WORDS = PublishedFile(
    "s3d_dict.npy",
    "https://www.rocq.inria.fr/cluster-willow/amiech/howto100m/s3d_dict.npy",
    "the words of its text side, in the order of their ids",
    "https://github.com/antoine77340/S3D_HowTo100M/issues/14",
    5_830_040,
    "sha1:d368ff7d397ec8240f1f963b5efe8ff245bac35f",
)
_VIDEOCLIP = PublishedFile(
    "checkpoint_best.pt",
    "https://dl.fbaipublicfiles.com/MMPT/retri/videoclip/checkpoint_best.pt",
    "VideoCLIP as published, a training checkpoint",
)
PUBLISHED = {"videoclip": (_VIDEOCLIP,), "s3d-howto100m": (_S3D,), "mil-nce": (_S3D, _WORDS)}
"""What can be asked for by name, and the files that it takes."""


def weights_folder() -> Path:
    """Where published files lie: ``$VIDEOCLIP_WEIGHTS``, or ``videoclip/weights`` in the user's cache."""
    return Path(os.environ.get("VIDEOCLIP_WEIGHTS") or user_cache() / "videoclip" / "weights")


def published_path(name: str, file: str, folder: Path | None = None) -> Path:
    """The path of one of the files of ``name`` that were downloaded, after a look at what it holds.

    In a folder of one's own it may be of one's own making; it only must not change.

    Raises:
        WeightsError: it is not there, or differs from what was downloaded.
    """
    is_own, folder = folder is not None, folder or weights_folder()
    if not (folder / file).is_file():
        raise WeightsError(
            f"{folder / file}: no such file; 'videoclip download {name}' gets it, and takes a copy of yours with --from"
        )
    published = next(f for f in PUBLISHED[name] if f.file == file)
    check_known(replace(published, size=0, digest="") if is_own else published, folder, folder / file)
    return folder / file


def check_known(published: PublishedFile, folder: Path, path: Path, source: str = "") -> None:
    """Compare a file with what is pinned or was recorded in the folder; record it where nothing was.

    Args:
        source: where the file came from.

    Raises:
        WeightsError: it differs.
    """
    record = folder / RECORD
    known = json.loads(record.read_text()) if record.is_file() else {}
    size, before = path.stat().st_size, known.get(published.file)
    algorithm, _, wanted = published.digest.partition(":")
    if wanted and (published.size not in (0, size) or digest_of(path, algorithm) != wanted):
        raise WeightsError(
            f"{source or path}: is not the published file ({size:,} bytes; {algorithm.upper()} {wanted[:16]}… was "
            f"expected); get it from elsewhere, or name weights of your own by their path"
        )
    digest = digest_of(path)
    if before and digest != before["sha256"]:
        raise WeightsError(
            f"{source or path}: is not the one that came on {before['date']} (SHA-256 {digest[:16]}…, {size:,} bytes, "
            f"expected {before['sha256'][:16]}…); get it again with 'videoclip download', adding --forget if you trust "
            f"the new one more"
        )
    if not before:
        date = datetime.now(UTC).date().isoformat()
        known[published.file] = {"sha256": digest, "size": size, "from": source or published.url, "date": date}
        write_whole(record, json.dumps(known, indent=1))


def forget(published: PublishedFile, folder: Path) -> None:
    """Drop what was recorded of a file, so that another one can take its place."""
    record = folder / RECORD
    if record.is_file():
        known = json.loads(record.read_text())
        known.pop(published.file, None)
        write_whole(record, json.dumps(known, indent=1))


def digest_of(path: Path, algorithm: str = "sha256") -> str:
    """The digest of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
