"""What the program sees in a media file, and what it makes of it: for whoever wonders why a result is as it is."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from ..errors import MediaError
from .container import undamaged
from .dates import recorded_at
from .files import VideoFile
from .narration import narration_of
from .opening import open_video, video_stream

TRANSFERS = {16: "HDR (PQ)", 18: "HDR (HLG)"}
"""Transfer functions of ITU-T H.273 that need tone mapping."""
MARKS = {"attached_pic": "a cover picture", "forced": "forced", "hearing_impaired": "hearing impaired"}
"""Marks of a stream that decide whether it is used, as FFmpeg and as we name them."""


@dataclass(frozen=True)
class Track:
    """A stream of a file. ``details`` are what matters of it, in words; ``used``: whether pictures are read from it."""

    kind: str
    codec: str
    language: str
    details: tuple[str, ...]
    used: bool


@dataclass(frozen=True)
class Inspection:
    """What is seen in a file.

    ``seconds`` are counted in the packets of its pictures (or sound), ``declared`` what its header says; ``recorded``
    is the date that filters by date compare. ``problem`` says why it cannot be used, where that is so.
    """

    path: str
    container: str = ""
    seconds: float = 0.0
    declared: float = 0.0
    pictures: int = 0
    recorded: str = ""
    tracks: tuple[Track, ...] = ()
    captions: str = ""
    """The file or the track that captions come from; empty where there are none."""
    language: str = ""
    sentences: int = 0
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def inspect(video: VideoFile, language: str = "en") -> Inspection:
    """Look at a file as indexing and extraction do; nothing is raised, the ``problem`` is told.

    Args:
        language: of captions that is preferred where there are several.
    """
    seen: dict[str, Any] = {"path": str(video.path)}
    try:
        seen |= _streams(video)
        seen["recorded"] = datetime.fromtimestamp(recorded_at(video.path), UTC).isoformat(timespec="seconds")
        said = narration_of(video, language)
        beside = video.captions if said.source == "beside" else "a track of the file" if said.captions else ""
        seen |= {"captions": str(beside or ""), "language": said.language, "sentences": len(said.captions)}
    except MediaError as error:
        seen["problem"] = str(error).removeprefix(f"{video.path}: ")
    return Inspection(**seen)


def _streams(video: VideoFile) -> dict[str, Any]:
    with open_video(video.path) as container:
        try:
            used = video_stream(container, video.path)
        except MediaError:
            used = None
        tracks = tuple(_track(stream, stream is used) for stream in container.streams)
        counted = used or next(iter(container.streams.audio), None)
        first, last, count = None, 0.0, 0
        for packet in undamaged(container.demux(counted)) if counted else ():
            if packet.pts is None or packet.time_base is None:
                continue
            began = float(packet.pts * packet.time_base)
            first = began if first is None else min(first, began)
            last = max(last, began + float((packet.duration or 0) * packet.time_base))
            count += 1
        return {
            "container": container.format.long_name or container.format.name,
            "seconds": round(last - (first or 0.0), 3),
            "declared": round((container.duration or 0) / 1_000_000, 3),
            "pictures": count if used else 0,
            "tracks": tracks,
        }


def _track(stream: Any, used: bool) -> Track:
    context = stream.codec_context
    details = tuple(_details(stream, context)) if context else ("a codec that this FFmpeg cannot decode",)
    return Track(stream.type, context.name if context else "", getattr(stream, "language", None) or "", details, used)


def _details(stream: Any, context: Any) -> Iterator[str]:
    if stream.type == "video":
        yield f"{stream.width}×{stream.height}"
        if stream.average_rate:
            yield f"{float(stream.average_rate):.5g} pictures a second"
        shape = stream.sample_aspect_ratio
        if shape and shape != 1:
            yield f"pixels of {shape.numerator}:{shape.denominator}"
        if context.color_trc in TRANSFERS:
            yield TRANSFERS[context.color_trc]
    elif stream.type == "audio":
        yield f"{context.rate} Hz"
        yield context.layout.name
    marked = stream.disposition.name or ""
    yield from (said for mark, said in MARKS.items() if mark in marked)
