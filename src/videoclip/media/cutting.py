"""Cuts of a video into files of their own: its streams copied, or encoded anew at the very frame."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MediaError
from .clock import seconds_at
from .opening import create_video, open_video, reason, video_stream
from .video import packets_from, upright

TICKS = 90_000
"""Of an encoded picture's time, per second, so that a variable rate stays one."""
APART = 60.0
"""Seconds by which sound and pictures of the same time may lie apart in a file."""


def cut(path: str | Path, start: float, end: float, out: Path, encode: bool = False) -> None:
    """Write seconds ``start`` to ``end`` of a video into a file of its own.

    Args:
        encode: cut at the very frame, encoding anew (H.264, AAC). Otherwise streams are copied, from the last key frame
            before ``start``.

    Raises:
        MediaError: the file cannot be read, or its streams do not fit the container of ``out``.
    """
    from av.error import FFmpegError

    try:
        (_encoded if encode else _copied)(path, start, end, out)
    except (FFmpegError, ValueError, RuntimeError) as error:
        out.unlink(missing_ok=True)
        remedy = "" if encode else "; try again with encoding"
        raise MediaError(f"{path}: {start:.1f} to {end:.1f} s cannot be cut ({reason(error)}){remedy}") from error
    except MediaError:
        out.unlink(missing_ok=True)
        raise


def _kept(source: Any, path: str | Path) -> list[Any]:
    """The streams of a cut: pictures and the first sound that can be decoded."""
    sounds = [sound for sound in source.streams.audio if sound.codec_context]
    return [video_stream(source, path), *sounds[:1]]


def _copied(path: str | Path, start: float, end: float, out: Path) -> None:
    with open_video(path) as source:
        kept = _kept(source, path)
        origin = (source.start_time or 0) / 1_000_000
        pictures, sounds = _gathered(packets_from(source, kept, start), [s.index for s in kept], origin + end)
        if not pictures:
            raise ValueError("no picture there")
        began = pictures[0].pts * pictures[0].time_base
        _time_decoding(pictures)
        sounds = [p for p in sounds if p.pts * p.time_base >= began]
        with _output(out) as target:
            streams = {stream.index: target.add_stream_from_template(stream) for stream in kept}
            for packet in sorted(pictures + sounds, key=lambda p: p.dts * p.time_base):
                shift = round(began / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = streams[packet.stream.index]
                target.mux(packet)


def _gathered(packets: Iterator[Any], streams: Sequence[int], end: float) -> tuple[list[Any], list[Any]]:
    """Packets of the pictures from the first key frame on until ``end``, with what those need, and of the sound."""
    pictures: list[Any] = []
    sounds: list[Any] = []
    shown, video, past = 0, streams[0], {}
    for packet in packets:
        if packet.pts is None or packet.time_base is None:
            continue
        index, seconds = packet.stream.index, float(packet.pts * packet.time_base)
        if index != video:
            past[index] = seconds >= end
            if seconds < end:
                packet.dts = packet.pts if packet.dts is None else packet.dts
                sounds.append(packet)
        elif pictures or packet.is_keyframe:
            if pictures and packet.pts < pictures[0].pts:
                continue  # shown before the key frame, and made of what lies before it
            past[index] = (float(packet.dts * packet.time_base) if packet.dts is not None else seconds) >= end
            pictures.append(packet)
            if seconds < end:
                shown = len(pictures)
        if sum(past.values()) == len(streams) or seconds > end + APART:
            break
    return pictures[:shown], sounds


def _time_decoding(pictures: Sequence[Any]) -> None:
    """Times of decoding that grow and are at most those of showing: the latter in order, earlier as far as needed."""
    shown = sorted(packet.pts for packet in pictures)
    ahead = max(time - packet.pts for time, packet in zip(shown, pictures, strict=True))
    for time, packet in zip(shown, pictures, strict=True):
        packet.dts = time - ahead


def _output(out: Path) -> Any:
    return create_video(out, {"movflags": "faststart"} if out.suffix == ".mp4" else {})


def _encoded(path: str | Path, start: float, end: float, out: Path) -> None:
    with open_video(path) as source:
        kept = _kept(source, path)
        origin = (source.start_time or 0) / 1_000_000
        with _output(out) as target:
            picture = _Pictures(target, kept[0])
            sound = _Sound(target, kept[1]) if kept[1:] else None
            frames = _frames(packets_from(source, kept, start), origin, end, {stream.index for stream in kept})
            early: list[tuple[Any, float]] = []  # sound before the first picture, whose size the file's header needs
            for second, frame in frames:
                if isinstance(frame, _audio_frame()):
                    if sound and second + frame.samples / frame.sample_rate > start:
                        early.append((frame, second - start))
                elif second >= start:
                    picture.add(frame, second - start)
                while sound and picture.count and early:
                    sound.add(*early.pop(0))
            if not picture.count:
                raise ValueError("no picture there")
            picture.end()
            if sound:
                sound.end()


def _audio_frame() -> type:
    import av

    return av.AudioFrame


def _frames(packets: Iterator[Any], origin: float, end: float, streams: set[int]) -> Iterator[tuple[float, Any]]:
    """(second, frame) before ``end``, until every stream has come so far; what is damaged is left out."""
    from av.error import FFmpegError

    reached: set[int] = set()
    for packet in packets:
        if packet.pts is not None and float(packet.pts * packet.time_base) - origin > end + APART:
            return
        if packet.stream.index in reached:
            continue
        try:
            frames = packet.decode()
        except FFmpegError:
            continue
        for frame in frames:
            second = seconds_at(frame, origin)
            if second >= end:
                reached.add(packet.stream.index)
                break
            yield second, frame
        if reached == streams:
            return


class _Pictures:
    """Pictures of an output: upright, of an ordinary range, with the shape of pixels and the times of the source."""

    def __init__(self, target: Any, source: Any):
        rate = Fraction(source.average_rate or 25).limit_denominator(1001)
        self.target, self.source, self.count, self.last = target, source, 0, -1
        self.stream = target.add_stream("libx264", rate=rate, options={"crf": "20"})
        self.stream.pix_fmt, self.stream.codec_context.time_base = "yuv420p", Fraction(1, TICKS)

    def add(self, frame: Any, second: float) -> None:
        pixels = upright(frame)
        if not self.count:
            self.stream.height, self.stream.width = (side - side % 2 or 2 for side in pixels.shape[:2])
            shape = self.source.sample_aspect_ratio
            if shape and shape != 1:
                turned = round(frame.rotation / 90) % 2
                self.stream.codec_context.sample_aspect_ratio = 1 / shape if turned else shape
        made = type(frame).from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        made = made.reformat(width=self.stream.width, height=self.stream.height, format="yuv420p")
        made.pts, made.time_base = max(round(second * TICKS), self.last + 1), Fraction(1, TICKS)
        self.last, self.count = made.pts, self.count + 1
        self.target.mux(self.stream.encode(made))

    def end(self) -> None:
        self.target.mux(self.stream.encode(None))


class _Sound:
    """Sound of an output, which begins when it does in the source."""

    def __init__(self, target: Any, source: Any):
        self.target, self.stream = target, target.add_stream("aac", rate=source.rate)

    def add(self, frame: Any, second: float) -> None:
        frame.time_base = Fraction(1, frame.sample_rate)
        frame.pts = max(round(second * frame.sample_rate), 0)
        self.target.mux(self.stream.encode(frame))

    def end(self) -> None:
        self.target.mux(self.stream.encode(None))
