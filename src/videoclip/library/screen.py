"""What is written on the screen of videos, read once everything can be searched by sight: the newest first.

A video that was read has rows of ``screen``, one of them without text, so that a killed job goes on with the next.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from ..errors import MediaError
from ..media.files import VideoFile
from ..media.screen_text import Reader, text_shown
from ..progress import clock, track
from .hearing import SEARCHABLE_EVERY
from .store.rows import Video
from .store.writing import Writer


@dataclass
class Reading:
    """What a reading did, in videos; ``unread`` says of a file why not."""

    read: int = 0
    unread: dict[str, str] = field(default_factory=dict)


def read_screens(
    writer: Writer, files: Sequence[VideoFile], load: Callable[[], Reader], told: Callable[[dict], None]
) -> Reading:
    """Read the videos of these files that were not read yet, and put what is written into the library.

    Args:
        load: makes the reader, where there is something to read.
        told: called with the state of the work.
    """
    done = Reading()
    here, known = {str(file.path) for file in files}, writer.store.read()
    todo = [v for v in writer.store.noted().values() if v.path in here and v.id not in known and v.width]
    if not todo:
        return done
    todo.sort(key=lambda video: (-video.recorded, video.path))
    reader, refreshed, began = load(), time.monotonic(), time.monotonic()
    total, before, last = sum(video.duration for video in todo), 0.0, 0.0
    with track("read the screen", round(total), "s of video") as advance:

        def at(video: Video, number: int, second: float) -> None:
            nonlocal last
            now = min(before + second, total)
            advance(max(int(now) - int(last), 0), video.path.rpartition("/")[2][:40])
            last = max(now, last)
            left = clock((total - now) / max(now / max(time.monotonic() - began, 1e-6), 1e-6))
            told({"stage": "reading", "done": number, "total": len(todo), "current": video.path, "left": left})

        for number, video in enumerate(todo):
            try:
                writer.write_screen(video, text_shown(video.path, reader, partial(at, video, number)))
                done.read += 1
            except MediaError as error:
                done.unread[video.path] = str(error)
            before += video.duration
            if time.monotonic() - refreshed > SEARCHABLE_EVERY:
                writer.optimize()
                refreshed = time.monotonic()
    return done
