"""What is said in a video, in which language, and where that is from: beside the file, inside it, or heard."""

from collections.abc import Callable
from pathlib import Path

from .captions import Narration, read_captions
from .container import embedded_captions
from .files import VideoFile
from .languages import by_preference

BESIDE, INSIDE, HEARD = "beside", "inside", "heard"
"""Where captions are from: a file of their own, a track of the video, or a speech recogniser."""


def narration_of(video: VideoFile, language: str = "en") -> Narration:
    """What is said in a video, by the first of ``SOURCES`` that says something.

    Args:
        language: that is preferred where there are several.

    Raises:
        MediaError: the caption file, or the video, cannot be read.
    """
    return next((said for source in SOURCES if (said := source(video, language)) is not None), Narration())


def _beside(video: VideoFile, language: str) -> Narration | None:
    if video.captions is None:
        return None
    said = read_captions(video.captions) if isinstance(video.captions, Path) else video.captions
    return Narration(said, video.language, BESIDE)


def _inside(video: VideoFile, language: str) -> Narration | None:
    tracks = by_preference([(track.marks, track) for track in embedded_captions(video.path)], language)
    if not tracks:
        return None
    return Narration(tracks[0].captions, tracks[0].marks.language, INSIDE)


SOURCES: list[Callable[[VideoFile, str], Narration | None]] = [
    _beside,
    _inside,
]
"""Where captions come from, the best first: a video and a language -> what is said, or None where it does not know."""
