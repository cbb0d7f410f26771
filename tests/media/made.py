"""Small video files with known pictures, made with PyAV."""

from fractions import Fraction
from pathlib import Path

import numpy as np


def write(
    path: Path, grey: list[int], fps: int = 30, size=(64, 48), codec="mpeg4", times: list[int] | None = None, **options
) -> Path:
    """A video whose frame ``i`` is of one grey value; ``times`` are its time stamps in units of 1 / fps."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, fps)
        for i, value in enumerate(grey):
            picture = np.full((size[1], size[0], 3), value, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts = times[i] if times else i
            frame.time_base = Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_audio_only(path: Path) -> Path:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_with_track(path: Path, grey: list[int], srt: str, language: str = "eng") -> Path:
    """As ``write``, 10 frames a second, with a subtitle track of such captions inside."""
    import av

    plain, captions = path.with_suffix(".plain.mp4"), path.with_suffix(".track.srt")
    write(plain, grey, fps=10)
    captions.write_text(srt)
    with av.open(str(plain)) as video, av.open(str(captions)) as said, av.open(str(path), "w") as both:
        streams = [both.add_stream_from_template(source.streams[0]) for source in (video, said)]
        streams[1].metadata["language"] = language
        for source, stream in zip((video, said), streams, strict=True):
            for packet in source.demux(source.streams[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    both.mux(packet)
    plain.unlink()
    captions.unlink()
    return path
