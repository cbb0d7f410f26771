"""Any video file as a stream of seconds: constant frame rate, resized, cropped, in memory that does not grow.

One second is an array of ``fps`` RGB frames. The rules are those of the features that VideoCLIP was trained on: frames
resampled to the rate, shorter side scaled to the size (bicubic), centre crop, the last second filled with black.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MediaError
from .limits import limits

PIXELS_BY_SEVERAL = 2560 * 1440  # of a frame, up to which several are decoded at the same time
SLACK = 10.0  # seconds past the declared end at which a time stamp is taken for damage


class MediaWarning(UserWarning):
    """A file is damaged, but the frames that can be had were read."""


def warn_of_damage(message: str) -> None:
    """Issue a ``MediaWarning``."""
    warnings.warn(message, MediaWarning, stacklevel=4)


@dataclass(frozen=True)
class VideoInfo:
    """What a file says of its video; ``duration`` in seconds is 0 where the file does not say."""

    width: int
    height: int
    fps: float
    duration: float
    codec: str


def probe(path: str | Path) -> VideoInfo:
    """What the file says of its best video stream, without decoding.

    Raises:
        MediaError: it cannot be opened, or has no video.
    """
    with open_video(path) as container:
        stream = video_stream(container, path)
        rate = float(stream.average_rate or 0)
        return VideoInfo(stream.width, stream.height, rate, _duration(container), stream.codec_context.name)


def seconds_of(
    path: str | Path, fps: int, size: int, damage: Callable[[str], None] = warn_of_damage
) -> Iterator[np.ndarray]:
    """The video second by second: (fps, size, size, 3) uint8 RGB arrays, ceil(frames / fps) of them.

    Second 0 begins at the container's start, where its captions count from. Rotation metadata is honoured. Damaged
    parts are passed over, and ``damage`` is told of them at the end (by default as a ``MediaWarning``).

    Raises:
        MediaError: no frame can be had: not a video, empty, truncated before the first frame, audio only.
    """
    second = np.zeros((fps, size, size, 3), np.uint8)
    filled = 0
    for picture in _resampled(path, fps, size, damage):
        second[filled] = picture
        filled += 1
        if filled == fps:
            yield second
            second, filled = np.zeros_like(second), 0
    if filled:
        yield second


def picture_at(path: str | Path, second: float) -> np.ndarray:
    """The picture shown at ``second`` from the container's start, upright: (H, W, 3) uint8 RGB.

    Raises:
        MediaError: no picture can be decoded at or before that second.
    """
    from av.error import FFmpegError

    shown: Any = None
    with open_video(path) as container:
        stream = video_stream(container, path)
        start = Fraction(container.start_time or 0, 1_000_000)
        container.seek(int((start + Fraction(second)) * 1_000_000), backward=True)
        try:
            for frame in container.decode(stream):
                if shown is not None and frame.time is not None and frame.time - float(start) > second:
                    break
                shown = frame
        except FFmpegError as error:
            if shown is None:
                raise MediaError(f"{path}: no picture at {second:.1f} s ({_reason(error)})") from error
    if shown is None:
        raise MediaError(f"{path}: no picture at {second:.1f} s")
    return upright(shown, shown.rotation)


def upright(frame: Any, rotation: float) -> np.ndarray:
    """A decoded frame's pixels, turned by its rotation in degrees: (H, W, 3) uint8 RGB."""
    return np.rot90(frame.to_ndarray(format="rgb24"), round(rotation / 90) % 4)


def scaled_size(width: int, height: int, size: int) -> tuple[int, int]:
    """Width and height with the shorter side at ``size``, the longer int(longer · size / shorter) (SPEC 2.4)."""
    if width >= height:
        return int(width * size / height), size
    return size, int(height * size / width)


class _Resampler:
    """A libav filter graph: rotate, resample in time, scale, crop; made anew where the picture size changes."""

    def __init__(self, frame, time_base: Fraction, fps: int, size: int, first_frame: int, source_fps: float):
        import av.filter

        turned = round(frame.rotation / 90) % 4 if frame.rotation else 0
        width, height = (frame.height, frame.width) if turned % 2 else (frame.width, frame.height)
        wide, high = scaled_size(width, height, size)
        left, top = int((wide - size) / 2), int((high - size) / 2)
        turns = {0: [], 1: [("transpose", "cclock")], 2: [("hflip", ""), ("vflip", "")], 3: [("transpose", "clock")]}
        rate = ("fps", f"fps={fps}:start_time={first_frame / fps}")
        fit = [*turns[turned], ("scale", f"{wide}:{high}:flags=bicubic"), ("crop", f"{size}:{size}:{left}:{top}")]
        # The same pictures either way; what comes second works on fewer of them.
        chain = [*fit, rate] if 0 < source_fps < fps else [rate, *fit]
        self.key = self.key_of(frame)
        self.graph = av.filter.Graph()
        nodes = [
            self.graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base)
        ]
        for name, arguments in [*chain, ("format", "pix_fmts=rgb24"), ("buffersink", "")]:
            node = self.graph.add(name, arguments) if arguments else self.graph.add(name)
            nodes[-1].link_to(node)
            nodes.append(node)
        self.graph.configure()

    @staticmethod
    def key_of(frame) -> tuple:
        return frame.width, frame.height, frame.format.name, frame.rotation

    def push(self, frame) -> Iterator[np.ndarray]:
        """Feed a frame, or None at the end; the pictures that are ready."""
        from av.error import BlockingIOError, EOFError

        self.graph.push(frame)
        while True:
            try:
                yield self.graph.pull().to_ndarray()
            except (BlockingIOError, EOFError):
                return


def _resampled(path: str | Path, fps: int, size: int, damage: Callable[[str], None]) -> Iterator[np.ndarray]:
    """(size, size, 3) uint8 pictures at a constant rate."""
    made, frames, faults, resampler, allowed = 0, 0, 0, None, limits()
    with open_video(path) as container:
        stream = video_stream(container, path)
        stream.thread_type = "AUTO"
        if stream.codec_context.width * stream.codec_context.height > PIXELS_BY_SEVERAL:
            stream.thread_type = "SLICE"  # frames that are decoded at the same time lie in memory at the same time
        source_fps = float(stream.average_rate or 0)
        start = Fraction(container.start_time or 0, 1_000_000)
        duration = _duration(container)
        last = None
        for frame in _decoded(container, stream):
            if frame is None:
                faults += 1
                continue
            frames += 1
            if frames > allowed.frames:
                raise MediaError(f"{path}: more than {allowed.frames:,} frames; VIDEOCLIP_MAX_FRAMES raises the limit")
            check_size(frame.width, frame.height, path)
            pts = _shifted(frame, last, start, source_fps or fps)
            seconds = float(pts * frame.time_base)
            if (last is not None and pts <= last) or (duration and seconds > 1.1 * duration + SLACK):
                faults += 1
                continue
            if seconds - (float(last * frame.time_base) if last is not None else 0.0) > allowed.gap:
                faults += 1
                continue
            if seconds > 3600 * allowed.hours:
                raise MediaError(f"{path}: is longer than {allowed.hours} hours; VIDEOCLIP_MAX_HOURS raises the limit")
            frame.pts = last = pts
            if resampler is None or resampler.key != resampler.key_of(frame):
                if resampler:
                    for picture in resampler.push(None):
                        made += 1
                        yield picture
                resampler = _Resampler(frame, frame.time_base, fps, size, made, source_fps)
            for picture in resampler.push(frame):
                made += 1
                yield picture
        if resampler:
            for picture in resampler.push(None):
                made += 1
                yield picture
    if not made:
        raise MediaError(f"{path}: holds no picture that can be decoded; the file is damaged or was cut off")
    if faults:
        damage(f"{path}: damaged in {faults} places; read {made / fps:.1f} s")


def _decoded(container, stream) -> Iterator:
    """Frames of a stream; None wherever something could not be read."""
    from av.error import FFmpegError

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (FFmpegError, IndexError):  # of a packet of a stream that the header does not name
            yield None
            return
        try:
            yield from packet.decode()
        except FFmpegError:
            yield None


def _shifted(frame, last: int | None, start: Fraction, fps: float) -> int:
    """The frame's time stamp from the container's start, in its time base; guessed where the file has none."""
    if frame.pts is None:
        step = max(round(1 / (Fraction(fps).limit_denominator(1000) * frame.time_base)), 1)
        return 0 if last is None else last + step
    return frame.pts - round(start / frame.time_base)


def open_video(path: str | Path) -> Any:
    """A file as PyAV's container.

    Raises:
        MediaError: there is none, or nothing can be read of it.
    """
    import av
    from av.error import FFmpegError

    path = Path(path)
    if not path.is_file():
        raise MediaError(f"{path}: no such file")
    if not path.stat().st_size:
        raise MediaError(f"{path}: the file is empty")
    try:
        return av.open(str(path), metadata_errors="replace")
    except (FFmpegError, ValueError) as error:
        raise MediaError(f"{path}: not a video that can be read ({_reason(error)})") from error


def video_stream(container: Any, path: str | Path) -> Any:
    """The best video stream of an open container.

    Raises:
        MediaError: it has none that can be decoded.
    """
    stream = container.streams.best("video")
    if stream is None:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "no streams"
        raise MediaError(f"{path}: has no video stream, only {kinds}")
    if not stream.codec_context:
        raise MediaError(f"{path}: the video is in a codec that this FFmpeg cannot decode")
    check_size(stream.width, stream.height, path)
    stream.codec_context.options = {"max_pixels": str(limits().pixels)}  # what the decoder finds may be larger
    return stream


def check_size(width: int, height: int, path: str | Path) -> None:
    """Raise ``MediaError`` if frames of so many pixels are refused (``limits``)."""
    allowed = limits()
    if width * height > allowed.pixels:
        raise MediaError(
            f"{path}: frames of {width}×{height} pixels are larger than can be read; VIDEOCLIP_MAX_PIXELS raises the "
            "limit"
        )
    if min(width, height) and max(width, height) > allowed.aspect * min(width, height):
        raise MediaError(
            f"{path}: frames of {width}×{height} pixels are no pictures; VIDEOCLIP_MAX_ASPECT raises the limit"
        )


def _duration(container) -> float:
    return container.duration / 1_000_000 if container.duration else 0.0


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
