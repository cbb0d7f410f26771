"""What visitors send to search by: three kinds of pictures and two of clips, taken for what they are declared to be.

A stranger's bytes choose no decoder, fill no memory, and keep nobody else waiting.
"""

import time
from pathlib import Path

import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import Request

from ..errors import MediaError
from ..library.search import Library
from ..media.opening import open_video, video_stream

LARGEST = 64 << 20
"""Bytes."""
PICTURES = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
"""The only formats that pictures are decoded as, by what they are declared to be."""
CLIPS = {"video/mp4": "mov", "video/webm": "matroska"}
"""The containers that clips may be, by FFmpeg's names, which has one for each family."""
KINDS = (*PICTURES, *CLIPS)
MOST_SECONDS, MOST_PIXELS, MOST_WORK = 300.0, 20_000_000_000, 30.0
"""Of a clip: its seconds, pixels of all frames (five minutes of 1080p have 19e9), and seconds of work. A longer one is
refused."""
RECEIVED, AT_ONCE = 4, 1
"""Uploads that are received at the same time, and that are looked at."""


def kind_of(request: Request) -> str:
    """What a request declares that it sends; 415 for anything else."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in KINDS:
        raise HTTPException(415, f"send one of {', '.join(KINDS)}")
    return kind


async def receive(request: Request, path: Path, largest: int) -> None:
    """Write a request's body into a file, as long as it is not too large."""
    size = 0
    with open(path, "wb") as file:
        async for part in request.stream():
            size += len(part)
            if size > largest:
                raise HTTPException(413, f"the file is larger than {largest >> 20} MB")
            file.write(part)
    if not size:
        raise HTTPException(400, "the file is empty")


def vector_of(library: Library, path: Path, kind: str) -> np.ndarray:
    """The vector of what was sent, (D,); 400 where it is not what it was declared to be, or too much work."""
    try:
        if kind in PICTURES:
            return library.vector_of_picture(path, (PICTURES[kind],))
        _check_container(path, kind)
        return library.vector_of_clip(path, _Patience())
    except MediaError as error:
        said = str(error).removeprefix(f"{path}: ")
        raise HTTPException(400, f"the file is not a {kind} that can be read: {said}") from error
    except MemoryError as error:
        raise HTTPException(400, "the file needs more memory than there is") from error


def _check_container(path: Path, kind: str) -> None:
    with open_video(path, [CLIPS[kind]]) as container:
        if (container.duration or 0) / 1_000_000 > MOST_SECONDS:
            raise MediaError(f"it is longer than {MOST_SECONDS:.0f} s")
        stream = video_stream(container, path)
        # Counted in packets, since what is said may be wrong; all are decoded, however few a second are needed.
        if sum(bool(packet.size) for packet in container.demux(stream)) * stream.width * stream.height > MOST_PIXELS:
            raise MediaError("its frames are too many and too large")


class _Patience:
    """Called before each second of a clip; raises when it is longer, or takes longer, than is allowed."""

    def __init__(self):
        self.seconds, self.until = 0, time.monotonic() + MOST_WORK

    def __call__(self) -> None:
        self.seconds += 1
        if self.seconds > MOST_SECONDS + 1 or time.monotonic() > self.until:
            raise MediaError("it is too long to be looked at")
