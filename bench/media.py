"""How fast, and in how much memory, is a long video read? A 60-minute 720p file against decoding it into memory.

The baseline is what a plain extractor does with each minute: every frame to an RGB array at full size, resized with
Pillow, all kept as float32; measured on two minutes, since an hour would need 130 GB.
"""

import json
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
from result import report

MINUTES = 60
OURS = """
import json, resource, sys, time
from videoclip.media.video import seconds_of
began, count = time.monotonic(), 0
for second in seconds_of(sys.argv[1], 30, 224): count += 1
took = time.monotonic() - began
mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": count, "rate": count / took, "mb": mb}))
"""
BASELINE = """
import json, resource, sys, time
import av, numpy as np
from PIL import Image
began, frames = time.monotonic(), []
with av.open(sys.argv[1]) as container:
    for frame in container.decode(video=0):
        picture = frame.to_image().resize((398, 224), Image.Resampling.BICUBIC).crop((87, 0, 311, 224))
        frames.append(np.asarray(picture, np.float32) / 255)
took, count = time.monotonic() - began, len(frames) / 30
mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": count, "rate": count / took, "mb": mb}))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        minute = moving_noise(Path(folder) / "minute.mp4")
        long, short = repeated(minute, MINUTES), repeated(minute, 2)
        rows = [{"reader": "ours", "minutes": n} | _measure(OURS, path) for n, path in ((2, short), (MINUTES, long))]
        rows.append({"reader": "whole video in memory", "minutes": 2} | _measure(BASELINE, short))
    report("media", rows[0]["rate"], rows[2]["rate"], "seconds of 720p video per second", rows, "decoding")


def _measure(code: str, path: Path) -> dict:
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def moving_noise(path: Path, seconds: int = 60, width: int = 1280, height: int = 720) -> Path:
    """A video of moving noise, 30 frames a second."""
    import av

    rng = np.random.default_rng(0)
    canvas = np.kron(rng.integers(0, 256, (60, 180, 3), dtype=np.uint8), np.ones((24, 24, 1), np.uint8))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast", "g": "30"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for i in range(30 * seconds):
            left = (i * 4) % 2000
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(canvas[i % 600 : i % 600 + height, left : left + width]), "rgb24"
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def repeated(minute: Path, times: int) -> Path:
    """The minute over and over, without encoding it again."""
    import av

    path = minute.with_name(f"{times}.mp4")
    with av.open(str(path), "w") as out:
        target, end = None, 0
        for _ in range(times):
            with av.open(str(minute)) as source:
                stream = source.streams.video[0]
                target = target or out.add_stream_from_template(stream)
                step = round(Fraction(1, 30) / (stream.time_base or Fraction(1, 30)))
                last = 0
                for packet in source.demux(stream):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts, packet.stream = packet.pts + end, packet.dts + end, target
                    last = max(last, packet.pts)
                    out.mux(packet)
                end = last + step
    return path


if __name__ == "__main__":
    main()
