"""What is said in a video, in which language, and where that is written: beside the file, or inside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .captions import Caption, read_captions
from .container import embedded_captions
from .files import UNNAMED, VideoFile, preferred

BESIDE, INSIDE = "beside", "inside"


@dataclass(frozen=True)
class Narration:
    """What is said in a video; ``source`` is ``BESIDE`` or ``INSIDE``, or empty where nothing is."""

    captions: Sequence[Caption] = ()
    language: str = ""
    source: str = ""


def narration_of(video: VideoFile, language: str = "en") -> Narration:
    """What is said in a video: what its caption file says, or else a subtitle track of its own that is text.

    Another source of captions is one more step here.

    Args:
        language: of the track that is preferred where there are several.

    Raises:
        MediaError: the caption file, or the video, cannot be read.
    """
    if isinstance(video.captions, Path):
        return Narration(read_captions(video.captions), video.language, BESIDE)
    if video.captions is not None:
        return Narration(video.captions, video.language, BESIDE)
    tracks = embedded_captions(video.path)
    if not tracks:
        return Narration()
    chosen = preferred(tracks, language)
    return Narration(tracks[chosen], "" if chosen in UNNAMED else chosen, INSIDE)
