"""Reading a file in a process of its own, as strangers' files must never end ours."""

import os
import resource
import signal
import threading
import time
from pathlib import Path

HANG, MEMORY = 30.0, 1 << 30
"""Seconds and bytes that reading one file may take."""


def read_all(path: Path) -> str:
    """What the readers make of a file: ``frames`` or ``refused``; anything else raises."""
    from videoclip.errors import MediaError
    from videoclip.media.container import embedded_captions, pictures
    from videoclip.media.dates import recorded_at
    from videoclip.media.video import probe, seconds_of

    outcome = "refused"
    for read in (
        lambda: probe(path),
        lambda: recorded_at(path),
        lambda: embedded_captions(path),
        lambda: list(pictures(path, 5.0, 96)),
        lambda: sum(1 for _ in seconds_of(path, 10, 112, damage=lambda _: None)),
    ):
        try:
            if read():
                outcome = "frames"
        except MediaError:
            outcome = "refused"
    return outcome


def in_a_child(path: Path) -> tuple[str, float, int]:
    """Outcome, seconds and bytes at most of reading a file in a process of its own."""
    began, (readable, writable) = time.monotonic(), os.pipe()
    child = os.fork()
    if not child:
        os.close(readable)
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            said = read_all(path)
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"[:200]
        os.write(writable, said.encode())
        os._exit(0)
    os.close(writable)
    timer = threading.Timer(HANG + 5, os.kill, (child, signal.SIGKILL))
    timer.start()
    with os.fdopen(readable, "rb") as pipe:
        said = pipe.read().decode()
    _, status, used = os.wait4(child, 0)
    timer.cancel()
    took = time.monotonic() - began
    if os.WIFSIGNALED(status):
        said = "hang" if took > HANG else f"signal {os.WTERMSIG(status)}"
    return said, took, used.ru_maxrss * 1024
