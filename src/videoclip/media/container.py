"""What a video file holds beside its frames in order: subtitles, pictures here and there."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .captions import Caption, clean
from .clock import Clock, seconds_at
from .cues import COMMENT
from .languages import FORCED, HEARING, RECOGNISED, Marks, language_in, standard
from .opening import decode_by_several, open_video, video_stream
from .upright import square_size, turn_of, upright

TEXT_SUBTITLES = ("subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text")
"""Codecs of subtitles that are text; others are pictures of text."""
KEYS_APART = 4.0
"""Seconds between key frames from which on what is between them is decoded, too."""
ASIDE = (*FORCED, "commentary", "comments", "lyrics", "karaoke")
"""Words of titles of tracks that do not hold what is said."""


def has_captions(path: str | Path) -> bool:
    """Whether a video file has a subtitle track that is text, without reading it."""
    with open_video(path) as container:
        return bool(_text_tracks(container))


@dataclass(frozen=True)
class Track:
    """What a subtitle track says, and how it is marked."""

    marks: Marks
    captions: list[Caption]


def embedded_captions(path: str | Path) -> list[Track]:
    """Sentences of a video file's own subtitle tracks that are text, in the order of the tracks."""
    with open_video(path) as container:
        texts = _text_tracks(container)
        start = (container.start_time or 0) / 1_000_000
        found: dict[int, list[Caption]] = {stream.index: [] for stream in texts}
        clock = Clock(container.format.name)
        for packet in clock.continuous(undamaged(container.demux(texts))) if texts else ():
            found[packet.stream.index] += _said(packet, start)
        said = {stream.index: clean(found[stream.index]) for stream in texts}
        return [Track(_marks(stream), said[stream.index]) for stream in texts if said[stream.index]]


def _marks(stream: Any) -> Marks:
    """What a track's language, its flags and its title say; comments on what is seen are as little as forced ones."""
    flags = stream.disposition.name or ""
    title = re.findall(r"[^\W_]+", stream.metadata.get("title", "").lower())
    forced = any(flag in flags for flag in ("forced", "comment", "lyrics")) or any(word in ASIDE for word in title)
    hearing = "hearing_impaired" in flags or any(word in HEARING for word in title)
    recognised = any(word in RECOGNISED for word in title)
    told = standard(stream.language or stream.metadata.get("language", ""))
    titled = language_in(title)
    is_finer = titled.startswith(f"{told}-")  # Portuguese (Brazil)
    return Marks(titled if is_finer else told or titled, forced, hearing, recognised)


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
            if packet.stream.codec_context.name in ("ass", "ssa"):
                text = COMMENT.sub("", text)
            else:  # FFmpeg made it one, and braces of the text are marked
                text = text.replace("\\{", "{").replace("\\}", "}")
            yield Caption(max(began, 0.0), max(began, 0.0) + length, text)
    except (FFmpegError, AttributeError):
        return


class Pictures:
    """The best picture of each ``every`` seconds of a video, of those that it is shown: upright, ``width`` pixels wide.

    The best is the one with most in it, so that a black or blank one is taken only where there is no other. Those of
    earlier stretches are kept as ``kept`` makes them, (H, W, 3) uint8 RGB in, since a long video has many.
    """

    def __init__(self, every: float, width: int, kept: Callable[[np.ndarray], Any] = lambda picture: picture):
        self.every, self.width, self.kept = every, width, kept
        self.last, self.place = -every, -1
        self.best: tuple[float, float, np.ndarray] | None = None
        self.done: list[tuple[float, Any]] = []

    def look(self, second: float, frame: Any, stream: Any) -> None:
        """Consider a decoded frame of a stream, shown at ``second``, later than those before; not all are needed."""
        if second < max(self.last + self.every / 4, 0.0):
            return
        self.last, place = second, int(second // self.every)
        if place != self.place:
            self._finish()
            self.place = place
        picture = _small(frame, stream, self.width)
        content = float(picture.astype(np.float32).std())
        if self.best is None or content > self.best[0] * 1.2:
            self.best = content, second, picture

    def _finish(self) -> None:
        if self.best:
            _, second, picture = self.best
            self.done.append((second, self.kept(picture)))
            self.best = None

    def __iter__(self) -> Iterator[tuple[float, Any]]:
        """(second, picture as it is kept), in their order."""
        self._finish()
        return iter(self.done)


def pictures(
    path: str | Path, every: float, width: int, kept: Callable[[np.ndarray], Any] = lambda picture: picture
) -> Iterator[tuple[float, Any]]:
    """The best pictures of a file, as ``Pictures`` gives them, for which little of it is decoded.

    Key frames alone are where there is one in most stretches, all frames where there are too few. What a damaged file
    cannot give is left out.
    """
    with open_video(path) as container:
        duration = (container.duration or 0) / 1_000_000
    for keys_only in (True, False):
        found, times = Pictures(every, width, kept), [0.0]
        for second, frame, stream in _frames(path, keys_only, every / 4):
            found.look(second, frame, stream)
            times.append(second)
        if len(times) > 1 and max(np.diff([*times, max(duration, times[-1])])) <= 1.5 * every:
            break
    return iter(found)


def looks(path: str | Path, apart: float, widest: int) -> Iterator[tuple[float, np.ndarray]]:
    """(second, (H, W, 3) uint8 RGB) of pictures at least ``apart`` seconds from each other, upright, one at a time.

    Key frames alone are decoded where they are close together (``KEYS_APART``), else all frames.

    Args:
        widest: longer side of the pictures in pixels, at most.

    Raises:
        MediaError: the file cannot be opened, or holds no pictures.
    """
    for second, frame, stream in _frames(path, _has_close_keys(path), apart):
        wide, high = square_size(frame, stream)
        scale = min(widest / max(wide, high), 1.0)
        size = (max(round(wide * scale / 2) * 2, 2), max(round(high * scale / 2) * 2, 2))
        yield second, upright(frame, size)


def _has_close_keys(path: str | Path) -> bool:
    """Whether key frames are never far apart, by the packets alone."""
    times = [0.0]
    with open_video(path) as container:
        stream = video_stream(container, path)
        start = (container.start_time or 0) / 1_000_000
        for packet in undamaged(container.demux(stream)):
            if packet.is_keyframe and packet.pts is not None:
                times.append(float(packet.pts * packet.time_base) - start)
        times.append(max((container.duration or 0) / 1_000_000, times[-1]))
    return bool(max(np.diff(times)) <= KEYS_APART)


def _frames(path: str | Path, keys_only: bool, apart: float) -> Iterator[tuple[float, Any, Any]]:
    """(second, frame, its stream) of frames at least so many seconds apart; what is damaged is left out."""
    from av.error import FFmpegError

    last = -apart
    with open_video(path) as container:
        stream = video_stream(container, path)
        decode_by_several(stream)
        if keys_only:
            stream.codec_context.skip_frame = "NONKEY"
        start = (container.start_time or 0) / 1_000_000
        packets = Clock(container.format.name).continuous(undamaged(container.demux(stream)))
        for packet in packets:
            try:
                frames = packet.decode()
            except EOFError:
                return
            except FFmpegError:
                if keys_only:
                    return
                continue
            for frame in frames:
                second = seconds_at(frame, start)
                if second >= last + apart and second >= 0:
                    last = second
                    yield second, frame, stream


def _small(frame: Any, stream: Any, width: int) -> np.ndarray:
    """A frame upright and ``width`` pixels wide, at most four times as high."""
    turned = turn_of(frame).exchanged
    wide, high = square_size(frame, stream)[:: -1 if turned else 1]
    height = min(max(round(width * high / wide / 2) * 2, 2), 4 * width)
    return upright(frame, (height, width) if turned else (width, height))
