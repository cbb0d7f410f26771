"""Does what a container says of itself (languages, dates, turns, clocks) mislead or break what reads it?

    python soak metadata [FILES]

Files are written with odd languages, dates, titles, dispositions, rates, time bases and starts, and then some fields of
their headers are overwritten: the matrix that turns pictures, time scales, durations, edit lists. Each is read in a
process of its own, as ``soak media`` does. What was sound before it got odd metadata must still give all its seconds.
"""

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from reading import HANG, MEMORY, in_a_child
from result import soaked

LANGUAGES = ["eng", "ger", "deu", "de", "xx", "und", "", "EN", "zh-Hans", "pt-BR", "mul", "qaa", "💥💥💥", "a" * 400]
DATES = [
    *("1904-01-01T00:00:00Z", "1970-01-01", "2019-07-04T20:03:11+0200", "20250620", "2025-13-45T99:99:99Z", "now", ""),
    *("0000-00-00", "9999-12-31T23:59:59Z", "-1", "1e400", "2025-06-20T12:00:00.123456789Z", "é" * 300),
    "2025:06:20 12:00:00",
]  # fmt: skip
KEYS = [
    *("creation_time", "date", "DATE_RECORDED", "com.apple.quicktime.creationdate", "timecode", "title", "rotate"),
    *("location", "stereo_mode", "DURATION", "language", "handler_name", "encoder"),
]
VALUES = [
    *DATES,
    "00:00:00:00",
    "99:99:99;99",
    "01:00:00;02",
    "90",
    "-90",
    "45",
    "1e9",
    "nan",
    "\x1b[2J",
    "%s%n",
    "a\nb",
]
BOXES = {b"tkhd": 84, b"mvhd": 100, b"mdhd": 24, b"elst": 24, b"stts": 16, b"colr": 12, b"pasp": 8, b"tmcd": 30}
"""Boxes of an MP4 file whose fields are overwritten, and bytes of each."""


def written(path: Path, rng: random.Random) -> None:
    """A sound video of two seconds whose metadata are odd."""
    import av

    options = {"movflags": "use_metadata_tags"} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=options) as container:
        for key in rng.sample(KEYS, rng.randrange(len(KEYS))):
            container.metadata[key] = rng.choice(VALUES)
        rate = rng.choice([1, 5, 25, 60, Fraction(30000, 1001), Fraction(1, 7)])
        stream: Any = container.add_stream("mpeg4", rate=max(int(rate), 1))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.metadata["language"] = rng.choice(LANGUAGES)
        stream.metadata[rng.choice(KEYS)] = rng.choice(VALUES)
        base = stream.codec_context.time_base = Fraction(1, rng.choice([5, 25, 90, 600, 1001, 30000, 65535]))
        start = rng.choice([0, 0, 0, 3, 3600])
        for i in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * i, np.uint8), "rgb24")
            frame.pts, frame.time_base = round((start + i / 5) / base), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def untouched(content: bytearray, rng: random.Random) -> bytearray:
    return content


def fields(content: bytearray, rng: random.Random) -> bytearray:
    """Other numbers in the boxes of an MP4 file; elsewhere, in its first 2,000 bytes."""
    for _ in range(rng.choice([1, 2, 6])):
        box, length = rng.choice(list(BOXES.items()))
        at = content.find(box)
        at = at + 4 if at >= 0 else rng.randrange(min(len(content), 2000))
        at = min(at + 4 * rng.randrange(length // 4), len(content) - 4)
        value = rng.choice([0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x00010000, 0xFFFF0000, rng.getrandbits(32)])
        content[at : at + 4] = value.to_bytes(4, "big")
    return content


CHANGES: list[Callable[[bytearray, random.Random], bytearray]] = [untouched, fields]


def main(count: int) -> None:
    from av.error import FFmpegError

    import videoclip.media.container
    import videoclip.media.video  # noqa: F401

    rng, broken = random.Random(0), 0
    rows: dict[str, Counter] = {change.__name__: Counter() for change in CHANGES}
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(count):
            suffix, change = rng.choice([".mp4", ".mov", ".mkv", ".avi", ".ts"]), CHANGES[number % len(CHANGES)]
            path = Path(scratch) / f"odd{suffix}"
            try:
                written(path, rng)
            except (FFmpegError, ValueError):  # FFmpeg writes no such thing
                rows[change.__name__]["not written"] += 1
                continue
            path.write_bytes(change(bytearray(path.read_bytes()), rng))
            outcome, took, memory = in_a_child(path)
            allowed = ("frames",) if change is untouched else ("frames", "refused")
            is_broken = outcome not in allowed or took > HANG or memory > MEMORY
            if is_broken:
                print(number, path.name, change.__name__, outcome, f"{took:.1f} s", f"{memory >> 20} MiB", flush=True)
            broken += is_broken
            rows[change.__name__]["broken" if is_broken else outcome] += 1
    outcomes = ("frames", "refused", "not written", "broken")
    table = [{"change": name} | {outcome: row[outcome] for outcome in outcomes} for name, row in rows.items()]
    soaked("metadata", f"metadata {count}", {"files": count, "broken": broken}, table)
    if broken:
        raise SystemExit(f"{broken} of {count} broke a promise")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 500)
