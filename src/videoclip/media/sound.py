"""A file's sound as a stream: one voice track, mono, 16,000 samples a second, on the clock of its pictures.

Sample 0 is the container's start, from which captions and pictures count too. Gaps are silence; samples that overlap
those before, or that come before the start, are left out. Memory does not grow with the length of the file.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MediaError
from .clock import Clock
from .container import undamaged
from .languages import same_language
from .limits import limits
from .opening import open_video, reason

RATE = 16_000
"""Samples a second: what speech recognisers take."""
JITTER = 0.1
"""Seconds by which a time stamp may differ from the count of samples before it is believed."""
PREROLL = 2.0
"""Seconds before a moment from which on sound is decoded, so that the decoder has settled."""
LATE = 10.0
"""Seconds past the declared end at which a time stamp is taken for damage."""
BLOCK = 10 * RATE
"""Samples of silence that are made at a time."""
ASIDE = ("comment", "visual_impaired", "karaoke", "lyrics")
"""Flags of tracks that are not what people say in the video."""


def has_sound(path: str | Path) -> bool:
    """Whether a file has a sound stream, decodable or not.

    Raises:
        MediaError: it cannot be opened.
    """
    with open_video(path) as container:
        return bool(container.streams.audio)


def sound_of(path: str | Path, language: str = "", start: float = 0.0) -> Iterator[np.ndarray]:
    """Blocks of samples, (N,) float32 mono at ``RATE``, without a gap from ``start`` on; none for a file without sound.

    Args:
        language: of the track that is preferred where there are several; else the default one.
        start: seconds from the container's start.

    Raises:
        MediaError: the file cannot be opened, or nothing of its sound can be decoded.
    """
    with open_video(path) as container:
        stream = _stream(container, language, path)
        if stream is None:
            return
        timeline = _Timeline(path, container, start)
        if start > PREROLL and not timeline.clock.may_begin_anew:
            _seek(container, start - PREROLL)
        for frame in _frames(timeline, container, stream):
            yield from timeline.placed(frame)
        yield from timeline.rest()
        if not timeline.decoded and timeline.fault:
            raise MediaError(f"{path}: the sound cannot be decoded ({timeline.fault})")


def _stream(container: Any, language: str, path: str | Path) -> Any | None:
    """The track that is heard; None where there is no sound."""
    tracks = [stream for stream in container.streams.audio if stream.codec_context]
    if container.streams.audio and not tracks:
        raise MediaError(f"{path}: the sound is in a codec that this FFmpeg cannot decode")

    def rank(stream: Any) -> tuple:
        flags = stream.disposition.name or ""
        told = stream.language or ""
        return any(flag in flags for flag in ASIDE), not same_language(told, language), "default" not in flags

    return min(tracks, key=rank, default=None)


def _seek(container: Any, seconds: float) -> None:
    from av.error import FFmpegError

    with suppress(FFmpegError):  # then what comes before is decoded, and left out
        container.seek(int(seconds * 1_000_000) + (container.start_time or 0), backward=True)


def _frames(timeline: "_Timeline", container: Any, stream: Any) -> Iterator[Any]:
    """Decoded frames of a track; what cannot be decoded is a fault of the timeline."""
    from av.error import FFmpegError

    for packet in timeline.clock.continuous(undamaged(container.demux(stream))):
        try:
            yield from packet.decode()
        except EOFError:
            return
        except FFmpegError as error:
            timeline.fault = reason(error)


class _Timeline:
    """Puts decoded sound where its time stamps say, sample by sample."""

    def __init__(self, path: str | Path, container: Any, start: float):
        self.path, self.clock = path, Clock(container.format.name)
        self.origin = (container.start_time or 0) / 1_000_000
        self.declared = (container.duration or 0) / 1_000_000
        self.next = round(start * RATE)
        """The sample, counted from the container's start, that is yielded next."""
        self.surplus = 0
        """Samples that are left out of what is resampled next."""
        self.decoded, self.fault = False, ""
        self._resampler: Any = None

    def placed(self, frame: Any) -> Iterator[np.ndarray]:
        """What is to be heard until the end of a frame: silence where nothing was, then its samples."""
        seconds = None if frame.time is None else frame.time - self.origin
        if seconds is not None:
            if self._is_damaged(seconds):
                self.fault = "wrong time stamps"
                return
            apart = round(seconds * RATE) - self.next + self.surplus
            if apart > JITTER * RATE:
                yield from self.rest()
                yield from self._silence(round(seconds * RATE) - self.next)
            elif apart < -JITTER * RATE:
                self.surplus = self.next - round(seconds * RATE)
        yield from self._kept(self._resampled(frame))

    def rest(self) -> Iterator[np.ndarray]:
        """What the resampler still holds."""
        if self._resampler is not None:
            yield from self._kept(self._resampled(None))
            self._resampler = None
        self.surplus = 0

    def _is_damaged(self, seconds: float) -> bool:
        allowed = limits()
        if seconds > 3600 * allowed.hours:
            raise MediaError(f"{self.path}: is longer than {allowed.hours} hours; VIDEOCLIP_MAX_HOURS raises the limit")
        is_known = self.declared and not self.clock.may_begin_anew and not self.clock.beginnings
        is_late = is_known and seconds > 1.1 * self.declared + LATE
        return bool(is_late) or seconds - self.next / RATE > allowed.gap

    def _silence(self, samples: int) -> Iterator[np.ndarray]:
        for first in range(0, samples, BLOCK):
            block = np.zeros(min(BLOCK, samples - first), np.float32)
            self.next += len(block)
            yield block

    def _kept(self, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for block in blocks:
            left_out = min(self.surplus, len(block))
            self.surplus -= left_out
            self.next += len(block) - left_out
            if left_out < len(block):
                yield block[left_out:]

    def _resampled(self, frame: Any | None) -> Iterator[np.ndarray]:
        """A frame as mono samples at ``RATE``; the resampler is made anew where the sound changes its form."""
        import av
        from av.error import FFmpegError

        if self._resampler is None:
            self._resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        try:
            made = self._resampler.resample(frame)
        except ValueError:  # another rate, layout or format than before
            yield from self._resampled(None)
            self._resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
            made = self._resampler.resample(frame)
        except FFmpegError as error:
            self.fault, made = reason(error), []
        for part in made:
            self.decoded = True
            yield np.nan_to_num(part.to_ndarray()[0], nan=0.0, posinf=0.0, neginf=0.0)
