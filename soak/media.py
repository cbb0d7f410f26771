"""Do damaged videos crash, hang or fill the memory of what reads them?

    python soak media [MUTATIONS] [FOLDER]

Our own files of many codecs, and those of FOLDER, are damaged in several ways, and each is read in a process of its
own. Frames or one ``MediaError`` are fine; anything else is a broken promise, and counts as failed.
"""

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from reading import HANG, MEMORY, in_a_child
from result import soaked


def own_files(folder: Path) -> list[Path]:
    """Small videos of many codecs and containers."""
    import av
    from av.error import FFmpegError

    kinds = [
        ("mpeg4", "mp4"), ("mpeg4", "avi"), ("mpeg4", "mkv"), ("libx264", "mp4"), ("libx264", "mkv"),
        ("libx264", "mov"), ("libx264", "ts"), ("libx264", "flv"), ("libx265", "mp4"), ("libvpx", "webm"),
        ("libvpx-vp9", "webm"),
        ("mpeg2video", "mpg"), ("mpeg1video", "mpg"), ("mjpeg", "avi"), ("ffv1", "mkv"), ("rawvideo", "avi"),
        ("h263p", "avi"), ("wmv2", "wmv"), ("flv1", "flv"), ("gif", "gif"), ("huffyuv", "avi"), ("png", "mov"),
    ]  # fmt: skip
    made, rng = [], np.random.default_rng(0)
    for codec, suffix in kinds:
        path = folder / f"{codec}.{suffix}"
        try:
            with av.open(str(path), "w") as container:
                stream: Any = container.add_stream(codec, rate=25)
                stream.width, stream.height = 96, 64
                stream.pix_fmt = (stream.codec.video_formats or [av.VideoFormat("yuv420p")])[0].name
                for _ in range(40):
                    picture = np.kron(rng.integers(0, 255, (4, 6, 3)), np.ones((16, 16, 1))).astype(np.uint8)
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
                container.mux(stream.encode())
            made.append(path)
        except (FFmpegError, ValueError):  # this FFmpeg has no such encoder
            path.unlink(missing_ok=True)
    return made


def flipped(content: bytearray, rng: random.Random, others: list[bytes]) -> bytearray:
    for _ in range(rng.choice([1, 4, 40, 400])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return content


def truncated(content: bytearray, rng: random.Random, others: list[bytes]) -> bytearray:
    return content[: rng.randrange(1, len(content))]


def spliced(content: bytearray, rng: random.Random, others: list[bytes]) -> bytearray:
    other, at = rng.choice(others), rng.randrange(len(content))
    start = rng.randrange(len(other))
    return content[:at] + other[start : start + rng.randrange(1, 20_000)] + content[at:]


def lying(content: bytearray, rng: random.Random, others: list[bytes]) -> bytearray:
    """Large numbers where sizes, rates, times and dimensions are: in the first and last part of the file."""
    for _ in range(rng.choice([1, 2, 8])):
        near = rng.randrange(min(len(content), 2000))
        at = min(near if rng.random() < 0.6 else len(content) - 1 - near, len(content) - 4)
        value = rng.choice([0, 0x7FFFFFFF, 0xFFFFFFFF, 0x00010000, 0x0000FFFF, 0x7FFF7FFF, rng.getrandbits(32)])
        content[max(at, 0) : max(at, 0) + 4] = value.to_bytes(4, rng.choice(["big", "little"]))
    return content


MUTATIONS: list[Callable[[bytearray, random.Random, list[bytes]], bytearray]] = [flipped, truncated, spliced, lying]


def main(mutations: int, folder: Path | None) -> None:
    import av  # noqa: F401, before children are forked

    import videoclip.media.container
    import videoclip.media.video  # noqa: F401

    with tempfile.TemporaryDirectory() as scratch:
        files = own_files(Path(scratch))
        if folder:
            suffixes = {".mp4", ".mkv", ".mov", ".avi", ".webm"}
            files += sorted(path for path in folder.iterdir() if path.suffix in suffixes)
        contents = [path.read_bytes() for path in files]
        rng, outcomes, slowest, largest, broken = random.Random(0), Counter(), 0.0, 0, []
        by_kind: dict[str, Counter] = {mutate.__name__: Counter() for mutate in MUTATIONS}
        for number in range(mutations):
            file, mutate = number % len(files), MUTATIONS[(number // len(files)) % len(MUTATIONS)]
            path = Path(scratch) / f"mutated{files[file].suffix}"
            path.write_bytes(mutate(bytearray(contents[file]), rng, contents))
            outcome, took, memory = in_a_child(path)
            slowest, largest = max(slowest, took), max(largest, memory)
            is_broken = outcome not in ("frames", "refused") or took > HANG or memory > MEMORY
            if is_broken:
                broken.append({"number": number, "file": files[file].name, "by": mutate.__name__, "outcome": outcome})
                print(broken[-1], f"{took:.1f} s", f"{memory / 2**20:.0f} MiB", flush=True)
            by_kind[mutate.__name__]["broken" if is_broken else outcome] += 1
            outcomes["broken" if is_broken else outcome] += 1
    figures = {
        "mutations": mutations,
        "files": len(files),
        "frames": outcomes["frames"],
        "refused": outcomes["refused"],
    }
    figures |= {"slowest s": round(slowest, 1), "largest MiB": largest >> 20}
    rows = [{"mutation": k} | {o: v[o] for o in ("frames", "refused", "broken")} for k, v in by_kind.items()]
    command = f"media {mutations}{' FOLDER' if folder else ''}"
    soaked("media", command, figures | {"broken": len(broken)}, rows)
    if broken:
        raise SystemExit(f"{len(broken)} of {mutations} broke a promise")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 2000, Path(given[1]) if given[1:] else None)
