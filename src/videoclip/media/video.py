"""Any video file as a stream of seconds: constant frame rate, resized, cropped, in memory that does not grow.

One second is an array of ``fps`` RGB frames. The rules are those of the features that VideoCLIP was trained on: frames
resampled to the rate, shorter side scaled to the size (bicubic), centre crop, the last second filled with black.
"""

import logging
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ConfigError, MediaError, MediaWarning
from .clock import Clock
from .limits import limits
from .opening import check_size, decode_by_several, open_video, reason, video_stream
from .resampling import Resampler
from .timeline import Timeline, duration_of, lasting
from .upright import square_size, upright, with_colours

STEPS_BACK = 0.0, 2.0, 15.0
"""Seconds before a moment at which its key frame is looked for, before a file is read from its start."""
DECODE = "auto", "cpu", "gpu"
"""Who decodes: ``auto`` is the GPU where it can."""
HELD = 2**26  # bytes of packets that may be in memory while the last key frame before a moment is looked for

log = logging.getLogger(__name__)
_told = threading.Event()
"""That a file which the GPU cannot decode was named: of a thousand such files one is enough."""

Look = Callable[[float, Any, Any], None]
"""Called with a decoded frame: the second at which it is shown, the frame, and its stream."""


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
        return VideoInfo(stream.width, stream.height, rate, duration_of(container), stream.codec_context.name)


# Parameters: a file, what is wanted of it, who is told of what, and who decodes.
def seconds_of(
    path: str | Path,
    fps: int,
    size: int,
    damage: Callable[[str], None] = warn_of_damage,
    squeezed: bool = False,
    look: Look | None = None,
    decode: str = "cpu",
) -> Iterator[np.ndarray]:
    """The video second by second: (fps, size, size, 3) uint8 RGB arrays, ceil(frames / fps) of them.

    Each is the middle of its frame, or the whole of it ``squeezed`` into the square.

    Second 0 begins at the container's start, where its captions count from. Rotation metadata is honoured. Damaged
    parts are passed over, and ``damage`` is told of them at the end (by default as a ``MediaWarning``). Whoever wants
    something else of the same frames has a ``look`` at each.

    Args:
        decode: one of ``DECODE``. The GPU's pictures differ by less than one level of 255 on average. The CPU decodes
            where somebody has a ``look``, and files that the GPU cannot decode, from where on it cannot; with ``gpu``,
            ``damage`` is told of the first of those.

    Raises:
        MediaError: no frame can be had: not a video, empty, truncated before the first frame, audio only.
        ConfigError: ``decode`` is ``gpu``, and there is no GPU, or not what decodes by it.
    """
    given = 0
    if can_use_gpu(decode) and not look:
        from .nvdec import Irregular, decoded_seconds

        try:
            for second in decoded_seconds(path, fps, size, squeezed):
                yield second
                given += 1
            return
        except Irregular as error:
            log.info("%s: decoded on the CPU from second %d on: %s", path, given, error)
            if decode == "gpu" and not _told.is_set():
                _told.set()
                damage(f"{path}: {error}; the CPU decodes it, and every other file that the GPU cannot decode")
    yield from islice(_seconds_by_cpu(path, fps, size, damage, squeezed, look), given, None)


def can_use_gpu(decode: str) -> bool:
    """Whether files are to be decoded by a GPU where it can.

    Raises:
        ConfigError: ``decode`` is none of ``DECODE``, or it is ``gpu`` and that is not possible here.
    """
    if decoder_named(decode) == "cpu":
        return False
    from . import nvdec

    if decode == "gpu":
        nvdec.require()
    return not nvdec.missing()


def decoder_named(decode: str) -> str:
    """The same name; raises ``ConfigError`` where it is none of ``DECODE``."""
    if decode not in DECODE:
        raise ConfigError(f"--decode {decode}: choose {', '.join(DECODE[:-1])} or {DECODE[-1]}")
    return decode


# Parameters: those of ``seconds_of``.
def _seconds_by_cpu(
    path: str | Path, fps: int, size: int, damage: Callable[[str], None], squeezed: bool, look: Look | None
) -> Iterator[np.ndarray]:
    second = np.zeros((fps, size, size, 3), np.uint8)
    filled = 0
    for picture in _resampled(path, fps, size, damage, squeezed, look):
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
        start = (container.start_time or 0) / 1_000_000
        try:
            for packet in packets_from(container, [stream], second):
                frames = packet.decode()
                late = [f for f in frames if shown is not None and f.time is not None and f.time - start > second]
                shown = next((f for f in reversed(frames) if f not in late), shown)
                if late:
                    break
        except FFmpegError as error:
            if shown is None:
                raise MediaError(f"{path}: no picture at {second:.1f} s ({reason(error)})") from error
        if shown is None:
            raise MediaError(f"{path}: no picture at {second:.1f} s")
        return upright(shown, square_size(shown, stream))


def packets_from(container: Any, streams: Sequence[Any], second: float) -> Iterator[Any]:
    """Packets of these streams by one clock, from the last key frame of the first at or before ``second`` on.

    Where a clock may begin anew, a time says nothing of a place in the file: the packets before are read, too.
    """
    origin = (container.start_time or 0) / 1_000_000
    clock = Clock(container.format.name)
    for back in () if clock.may_begin_anew else STEPS_BACK:
        # Some formats look up times of decoding, and some find nothing after their last key frame.
        if not _sought(container, origin + second - back):
            continue
        clock, held = Clock(container.format.name), []
        packets = clock.continuous(container.demux(streams))
        for packet in packets:
            held.append(packet)
            if _is_key(packet, streams[0]):
                break
        if held and _is_key(held[-1], streams[0]) and _time(held[-1]) - origin <= second:
            yield from _from_key(chain(held, packets), streams[0], origin + second)
            return
    if not clock.may_begin_anew:
        _sought(container, origin)
    yield from _from_key(Clock(container.format.name).continuous(container.demux(streams)), streams[0], origin + second)


def _sought(container: Any, time: float) -> bool:
    """Whether a container could be set to a time."""
    from av.error import FFmpegError

    try:
        container.seek(int(time * 1_000_000), backward=True)
    except FFmpegError:
        return False
    return True


def _from_key(packets: Iterator[Any], stream: Any, time: float) -> Iterator[Any]:
    """Packets from the last key frame of a stream at or before ``time`` on, and others that last until it is shown.

    From an earlier one, where more than ``HELD`` bytes lie between it and that time.
    """
    since_key: list[Any] = []
    size = 0
    for packet in packets:
        mine = packet.stream.index == stream.index
        if mine and packet.pts is not None:
            decoded = packet.dts if packet.dts is not None else packet.pts
            if packet.is_keyframe and (_time(packet) <= time or not since_key):
                since_key = [p for p in since_key if p.stream.index != stream.index and _ends_after(p, packet)]
                size = sum(p.size for p in since_key)
            elif float(decoded * packet.time_base) > time:
                yield from (*since_key, packet)
                break
        since_key.append(packet)
        size += packet.size
        if size > HELD:
            yield from since_key
            break
    else:
        yield from since_key
    yield from packets


def _is_key(packet: Any, stream: Any) -> bool:
    return packet.stream.index == stream.index and packet.is_keyframe and packet.pts is not None


def _time(packet: Any) -> float:
    return float(packet.pts * packet.time_base)


def _ends_after(packet: Any, key: Any) -> bool:
    """Whether a packet of another stream lasts until a key frame is shown."""
    return packet.pts is not None and (packet.pts + (packet.duration or 0)) * packet.time_base > key.pts * key.time_base


# Parameters: those of ``seconds_of``.
def _resampled(
    path: str | Path, fps: int, size: int, damage: Callable[[str], None], squeezed: bool, look: Look | None
) -> Iterator[np.ndarray]:
    """(size, size, 3) uint8 pictures at a constant rate."""
    made, faults, resampler, shown, allowed = 0, 0, None, None, limits()
    with open_video(path) as container:
        stream = video_stream(container, path)
        decode_by_several(stream)
        clock = Clock(container.format.name)
        timeline = Timeline(container, stream, clock, path, fps)
        for frame in _decoded(clock.continuous(container.demux(stream))):
            if frame is None:
                faults += 1
                continue
            check_size(frame.width, frame.height, path)
            with_colours(frame)
            pts = timeline.placed(frame.pts, frame.time_base)
            if pts is None:
                continue
            frame.pts, frame.duration = pts, lasting(frame.duration, frame.time_base)
            if resampler is None or not resampler.fits(frame):
                if resampler:
                    for picture in resampler.push(None):
                        made += 1
                        yield picture
                woven = frame.interlaced_frame or (resampler is not None and resampler.woven)
                resampler = Resampler(frame, fps, size, made, timeline.source_fps, woven, squeezed)
            shown = frame
            if look:
                look(float(pts * frame.time_base), frame, stream)
            for picture in resampler.push(frame):
                made += 1
                yield picture
        if resampler:
            for picture in resampler.push(None):
                made += 1
                yield picture
    if not made and resampler:
        yield from _single(shown, fps, size, resampler.woven, squeezed)
        made = 1
    longest = f"longer than VIDEOCLIP_MAX_GAP allows ({allowed.gap} s)"
    faults, gap = faults + timeline.faults, timeline.gap
    if not made and gap:
        raise MediaError(f"{path}: {gap}, {longest}; that variable raises the limit")
    if not made:
        raise MediaError(f"{path}: holds no picture that can be decoded; the file is damaged or was cut off")
    if gap:
        damage(f"{path}: {gap}, {longest}; read {made / fps:.1f} s, raise the limit for the rest")
    if faults:
        damage(f"{path}: damaged in {faults} places; read {made / fps:.1f} s")


def _single(frame, fps: int, size: int, woven: bool, squeezed: bool) -> Iterator[np.ndarray]:
    """One picture of a video that is shorter than a picture of this rate lasts."""
    frame.pts, frame.duration = 0, max(round(1 / (fps * frame.time_base)), 1)
    resampler = Resampler(frame, fps, size, 0, 0.0, woven, squeezed)
    yield from (*resampler.push(frame), *resampler.push(None))


def _decoded(packets: Iterator) -> Iterator:
    """Frames of a stream's packets; None wherever something could not be read."""
    from av.error import FFmpegError

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
