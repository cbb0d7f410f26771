"""What a video file holds beside its frames in order: subtitles, a date, pictures here and there; and cuts of it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MediaError
from .captions import Caption, clean
from .video import open_video, upright, video_stream

TEXT_SUBTITLES = ("subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text")
"""Codecs of subtitles that are text; others are pictures of text."""


def recorded_at(path: str | Path) -> float:
    """When a file says it was recorded, or else when it was last changed: seconds since 1970."""
    with open_video(path) as container:
        noted = container.metadata.get("creation_time", "")
    try:
        return datetime.fromisoformat(noted.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return Path(path).stat().st_mtime


def has_captions(path: str | Path) -> bool:
    """Whether a video file has a subtitle track that is text, without reading it."""
    with open_video(path) as container:
        return bool(_text_tracks(container))


def embedded_captions(path: str | Path) -> dict[str, list[Caption]]:
    """Sentences of a video file's own subtitle tracks that are text, by language (``und`` where none is named)."""
    tracks: dict[str, list[Caption]] = {}
    with open_video(path) as container:
        texts = _text_tracks(container)
        if not texts:
            return {}
        start = (container.start_time or 0) / 1_000_000
        found: dict[int, list[Caption]] = {stream.index: [] for stream in texts}
        for packet in undamaged(container.demux(texts)):
            found[packet.stream.index] += _said(packet, start)
        for stream in texts:
            if sentences := clean(found[stream.index]):
                tracks.setdefault(stream.language or "und", sentences)
    return tracks


def undamaged(packets: Iterable[Any]) -> Iterator[Any]:
    """Packets of a container until its end, or until it is damaged."""
    from av.error import FFmpegError

    try:
        yield from packets
    except (FFmpegError, IndexError):  # the latter of a stream that the header does not name
        return


def _text_tracks(container: Any) -> list:
    return [s for s in container.streams.subtitles if s.codec_context and s.codec_context.name in TEXT_SUBTITLES]


def _said(packet: Any, start: float) -> Iterator[Caption]:
    from av.error import FFmpegError

    if packet.pts is None:
        return
    began = float(packet.pts * packet.time_base) - start
    length = float((packet.duration or 0) * packet.time_base)
    try:
        for subtitle in packet.decode():
            line = subtitle.ass if isinstance(subtitle.ass, str) else subtitle.ass.decode("utf-8", "replace")
            # A decoded line is an ASS event: nine fields, of which the last is the text.
            text = line.split(",", 8)[-1] if line.count(",") >= 8 else line
            yield Caption(max(began, 0.0), max(began, 0.0) + length, text.replace("\\n", " ").replace("\\N", " "))
    except (FFmpegError, AttributeError):
        return


def pictures(path: str | Path, every: float, width: int) -> Iterator[tuple[float, np.ndarray]]:
    """(second, (H, W, 3) uint8 RGB) of the best picture of each ``every`` seconds, upright, ``width`` pixels wide.

    Key frames alone are decoded where there is one in most stretches, all frames where there are too few. The best
    picture is the one with most in it, so that a black or blank one is taken only where there is no other. What a
    damaged file cannot give is left out.
    """
    best: dict[int, tuple[float, float, np.ndarray]] = {}
    for second, picture in _sparse(path, every, width):
        place, content = int(second // every), picture.astype(np.float32).std()
        if place not in best or content > best[place][0] * 1.2:
            best[place] = float(content), second, picture
    for place in sorted(best):
        yield best[place][1:]


def _sparse(path: str | Path, every: float, width: int) -> Iterator[tuple[float, np.ndarray]]:
    """A few pictures per stretch: key frames; where those are too far apart, also what is decoded between them."""
    with open_video(path) as container:
        duration = (container.duration or 0) / 1_000_000
    keys = list(_decoded(path, width, True, every / 4))
    times = [second for second, _ in keys]
    if not times or max(np.diff([0.0, *times, max(duration, times[-1])])) > 1.5 * every:
        yield from _decoded(path, width, False, every / 4)
    else:
        yield from keys


def _decoded(path: str | Path, width: int, keys_only: bool, apart: float) -> Iterator[tuple[float, np.ndarray]]:
    from av.error import FFmpegError

    last = -apart
    with open_video(path) as container:
        stream = video_stream(container, path)
        stream.thread_type = "AUTO"
        if keys_only:
            stream.codec_context.skip_frame = "NONKEY"
        start = (container.start_time or 0) / 1_000_000
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
                frames = packet.decode()
            except (StopIteration, EOFError):
                return
            except (FFmpegError, IndexError):  # the latter of a stream that the header does not name
                if not keys_only:
                    continue
                return
            for frame in frames:
                second = (frame.time or 0.0) - start
                if second >= last + apart and second >= 0:
                    last = second
                    yield second, _small(frame, width)


def _small(frame: Any, width: int) -> np.ndarray:
    turned = round(frame.rotation / 90) % 2 if frame.rotation else 0
    wide, high = (frame.height, frame.width) if turned else (frame.width, frame.height)
    height = max(round(width * high / wide / 2) * 2, 2)
    height = min(height, 4 * width)
    size = (height, width) if turned else (width, height)
    return upright(frame.reformat(width=size[0], height=size[1], format="rgb24"), frame.rotation)


@contextmanager
def _output(path: Path) -> Iterator[Any]:
    import av

    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as container:
        yield container


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
    except (FFmpegError, ValueError) as error:
        out.unlink(missing_ok=True)
        remedy = "" if encode else "; try again with encoding"
        raise MediaError(f"{path}: {start:.1f} to {end:.1f} s cannot be cut ({error}){remedy}") from error


def _copied(path: str | Path, start: float, end: float, out: Path) -> None:
    with open_video(path) as source, _output(out) as target:
        video = video_stream(source, path)
        kept = [video, *source.streams.audio[:1]]
        streams = {stream.index: target.add_stream_from_template(stream) for stream in kept}
        origin = (source.start_time or 0) / 1_000_000
        source.seek(int((origin + start) * 1_000_000), backward=True)
        first: Fraction | None = None
        for packet in source.demux(kept):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            time = packet.pts * packet.time_base
            if first is None:
                if packet.stream.index != video.index:
                    continue
                first = packet.dts * packet.time_base
            if float(time) - origin > end and packet.stream.index == video.index and packet.is_keyframe:
                break
            if float(time) - origin > end + 1 or time < first:
                continue
            shift = round(first / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = streams[packet.stream.index]
            target.mux(packet)


def _encoded(path: str | Path, start: float, end: float, out: Path) -> None:
    with open_video(path) as source, _output(out) as target:
        video = video_stream(source, path)
        sound = source.streams.audio[0] if source.streams.audio else None
        rate = Fraction(video.average_rate or 25).limit_denominator(1001)
        picture: Any = target.add_stream("libx264", rate=rate, options={"crf": "20"})
        picture.pix_fmt = "yuv420p"
        audio: Any = target.add_stream("aac", rate=sound.rate) if sound else None
        origin = (source.start_time or 0) / 1_000_000
        source.seek(int((origin + start) * 1_000_000), backward=True)
        shown = 0
        for frame in source.decode(*([video, sound] if sound else [video])):
            second = (frame.time or 0.0) - origin
            if second < start:
                continue
            if second >= end:
                if not hasattr(frame, "samples"):
                    break
                continue
            if hasattr(frame, "samples"):
                frame.pts = None
                target.mux(audio.encode(frame))
                continue
            if not shown:
                picture.width, picture.height = _even(frame)
            array = upright(frame, frame.rotation)
            made = type(frame).from_ndarray(np.ascontiguousarray(array), format="rgb24")
            made = made.reformat(width=picture.width, height=picture.height, format="yuv420p")
            made.pts, made.time_base = round((second - start) * rate), 1 / rate
            shown += 1
            target.mux(picture.encode(made))
        if not shown:
            raise ValueError("no picture there")
        target.mux(picture.encode(None))
        if audio:
            target.mux(audio.encode(None))


def _even(frame: Any) -> Sequence[int]:
    turned = round(frame.rotation / 90) % 2 if frame.rotation else 0
    wide, high = (frame.height, frame.width) if turned else (frame.width, frame.height)
    return wide - wide % 2, high - high % 2
