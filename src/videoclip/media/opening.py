"""Media files opened, for reading and for writing: a path is a file, whatever it is called, and a file is all there is.

FFmpeg takes ``http:x.mp4`` for an address, ``%05d`` for a series and a list of names for the files that it names. Here
a path is only ever the file of that name, and only containers that hold their own pictures and sound are read.
"""

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import MediaError
from ..parallel import cores
from .limits import limits

FORMATS = (
    *("mov", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "m4v", "flv", "asf", "ogg", "mxf", "gxf", "nut"),
    *("rm", "dv", "wtv", "nsv", "ivf", "obu", "h261", "h263", "h264", "hevc", "vvc", "vc1", "mjpeg", "yuv4mpegpipe"),
    *("gif", "apng", "mp3", "aac", "ac3", "eac3", "dts", "flac", "wav", "w64", "aiff", "caf", "amr", "au", "ape", "wv"),
    *("tta", "roq", "swf", "smk", "bink", "av1"),
)
"""Containers that are read, by FFmpeg's names. None names other files: no playlists, no lists of parts, no series of
pictures."""
ANNEX_B = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
"""FFmpeg's filters that write a stream as Annex B of its standard says."""
HEADED = "mpeg2video", "mpeg4"
"""Codecs whose stream begins with headers that containers may keep apart."""
MOST_THREADS, PIXELS_BY_SEVERAL = 16, 2560 * 1440
"""Of a decoder, as FFmpeg chooses by itself; and of a frame, up to which several are decoded at the same time."""


def address(path: str | Path) -> str:
    """What FFmpeg takes for the file of that path and for nothing else."""
    return f"file:{os.path.abspath(path)}"


def open_video(path: str | Path, formats: Sequence[str] = FORMATS) -> Any:
    """A file as PyAV's container.

    Args:
        formats: that it may have, by FFmpeg's names; by the bytes of no other does it choose how it is read.

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
    options = {"protocol_whitelist": "file", "format_whitelist": ",".join(formats)}  # nothing else is ever asked
    try:
        return av.open(address(path), options=options, metadata_errors="replace")
    except (FFmpegError, ValueError) as error:
        kind = "in a format that is not read" if _is_no_format(error) else "not a video that can be read"
        raise MediaError(f"{path}: {kind} ({reason(error)})") from error


def create_video(path: str | Path, options: dict[str, str] | None = None) -> Any:
    """A new file as PyAV's container, of the format that its suffix names.

    Raises:
        MediaError: it cannot be written there.
    """
    import av
    from av.error import FFmpegError

    try:
        return av.open(address(path), "w", options=options or {})
    except (FFmpegError, ValueError) as error:
        raise MediaError(f"{path}: cannot be written ({reason(error)})") from error


def video_stream(container: Any, path: str | Path) -> Any:
    """The best video stream of an open container, covers and thumbnails aside.

    Raises:
        SoundOnly: it has sound alone, or sound with a cover.
        MediaError: it has no video that can be decoded.
    """
    stream = container.streams.best("video")
    if stream is not None and is_cover(stream):
        stream = next((other for other in container.streams.video if not is_cover(other)), None)
    if stream is None:
        kinds = ", ".join(sorted({s.type for s in container.streams if not is_cover(s)})) or "no streams"
        cover = " and a cover picture" if any(is_cover(s) for s in container.streams) else ""
        kind = SoundOnly if container.streams.audio else MediaError
        raise kind(f"{path}: has no video stream, only {kinds}{cover}")
    if not stream.codec_context:
        raise MediaError(f"{path}: the video is in a codec that this FFmpeg cannot decode")
    check_size(stream.width, stream.height, path)
    stream.codec_context.options = {"max_pixels": str(limits().pixels)}  # what the decoder finds may be larger
    return stream


def decoder_threads() -> int:
    """Threads that decode, and filter, what this thread reads: its share of the cores, as far as FFmpeg uses them."""
    return min(cores(), MOST_THREADS)


def decode_by_several(stream: Any) -> None:
    """Let a stream be decoded by as many threads as the work of this one may use."""
    stream.codec_context.thread_count = decoder_threads()
    is_large = stream.codec_context.width * stream.codec_context.height > PIXELS_BY_SEVERAL
    # Frames that are decoded at the same time lie in memory at the same time; slices of one do not.
    stream.thread_type = "SLICE" if is_large else "AUTO"


def first_frame(container: Any, stream: Any) -> Any | None:
    """The first picture of an open container's stream; None where it cannot be decoded."""
    from av.error import FFmpegError

    try:
        return next(container.decode(stream), None)
    except FFmpegError:
        return None


def standalone(packets: Iterable[Any], stream: Any) -> Iterator[Any]:
    """The stream's packets for a decoder that knows nothing of the container: with the headers that this keeps apart.

    Raises:
        MediaError: they cannot be read.
    """
    from av import BitStreamFilterContext, Packet
    from av.error import FFmpegError

    context = stream.codec_context
    codec, head = context.codec.canonical_name, context.extradata
    try:
        written = BitStreamFilterContext(ANNEX_B[codec], stream) if codec in ANNEX_B else None
        for packet in packets:
            if written:
                yield from written.filter(packet)
            elif head and codec in HEADED:
                first = Packet(head + bytes(packet))
                first.pts, first.dts, first.time_base = packet.pts, packet.dts, packet.time_base
                head = None
                yield first
            else:
                yield packet
    except (FFmpegError, IndexError) as error:  # the latter of a packet of a stream that the header does not name
        raise MediaError(reason(error)) from error


class SoundOnly(MediaError):
    """A file whose sound can be read, and that has no pictures but perhaps a cover."""


def length_of_sound(path: str | Path) -> float:
    """Seconds of a file's sound, counted in its packets."""
    from av.error import FFmpegError

    began, ended = None, 0.0
    with open_video(path) as container:
        sound = container.streams.audio[0]
        try:
            for packet in container.demux(sound):
                if packet.pts is not None and packet.time_base is not None:
                    start = float(packet.pts * packet.time_base)
                    began = start if began is None else min(began, start)
                    ended = max(ended, start + float((packet.duration or 0) * packet.time_base))
        except FFmpegError:
            pass  # what was heard until the damage
    return ended - (began or 0.0)


def is_cover(stream: Any) -> bool:
    """Whether a stream is a picture that belongs to a recording, such as a cover or a thumbnail."""
    marks = stream.disposition.name or ""
    return stream.type == "video" and ("attached_pic" in marks or "timed_thumbnails" in marks)


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


def reason(error: Exception) -> str:
    """What FFmpeg says is wrong."""
    return getattr(error, "strerror", None) or str(error)


def _is_no_format(error: Exception) -> bool:
    """Whether FFmpeg knows the file's format, and it is none of ``FORMATS``."""
    return getattr(error, "errno", None) == errno.EINVAL
