"""Which video a caption file belongs to, by the names of both and the folders that they lie in.

``a.srt``, ``a.mp4.srt`` and ``a.en.sdh.srt`` belong to the video ``a.mp4`` of the same folder: a file goes to the video
with whose name its own begins, the longest one, if the rest says something of captions. Folders of captions count as
such rests: ``Subs/a.srt``, ``de/a.srt``, ``Subs/a/2_English.srt``, and ``Subs/English.srt`` beside one video alone.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from .languages import Marks, marks_of, names_a_language

VIDEO_SUFFIXES = (
    *(".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".flv", ".wmv", ".3gp", ".ogv", ".mts"),
    *(".m2ts", ".mxf", ".vob", ".asf", ".f4v", ".divx", ".m2v", ".y4m"),
)
"""Files of a folder that are taken for videos; a file that is named itself can have any name."""
JOINTS = "._- (["
"""What may stand between a video's name and what its caption file's name adds to it."""
FOLDERS = ("subs", "sub", "subtitles", "subtitle", "captions", "cc", "srt", "vtt")
"""Folders that hold the captions of the videos beside them, as others that are named after a language."""
TAIL = re.compile(r"[._ -](?:\d{3,4}x\d{3,4}|\d{3,4}[pi]|f\d{2,3}|hd|sd|4k|gallery|avo|as)$", re.IGNORECASE)
"""What programs write behind a video's name, and not behind that of its captions: its size, its format, its view."""
YOUTUBE_TRACK = re.compile(r"([._][a-z]{2,3}(?:-[A-Za-z]{2,4})?)-[\w-]{11}$")
"""A language with the id of a track behind it."""


@dataclass(frozen=True)
class _Reading:
    """One way to read a caption file's name: the folder and the name of a video, and what the rest says."""

    folder: str
    name: str
    marks: Marks


class Names:
    """The videos of some folders, by what a caption file's name may say of them."""

    def __init__(self, videos: Sequence[str]):
        """Take paths below a folder, with suffixes or, of ids, without."""
        self._exact: dict[str, list[str]] = {}
        self._alike: dict[str, list[str]] = {}
        self._bare: dict[str, list[str]] = {}
        self._within: dict[str, list[str]] = {}
        for video in videos:
            for name in dict.fromkeys((video, stem(video))):
                self._exact.setdefault(name, []).append(video)
                self._alike.setdefault(_folded(name), []).append(video)
                self._bare.setdefault(_folded(name).rpartition("/")[2], []).append(video)
            self._within.setdefault(_folded(video.rpartition("/")[0]), []).append(video)
        for video in videos:
            if (short := _without_tail(stem(video))) != stem(video):
                self._alike.setdefault(_folded(short), []).append(video)

    def beside(self, below: str) -> tuple[list[str], Marks]:
        """Videos that a caption file belongs to by its path without suffix, and what that says; none for none."""
        for reading in _readings(below):
            path = _joined(reading.folder, reading.name)
            if found := self._exact.get(path) or self._alike.get(_folded(path)):
                return found, reading.marks
        folder, _, name = below.rpartition("/")
        outer, said = _outside(folder)
        marks = marks_of(_parts(re.sub(r"^\d{1,2}[-_. ]+", "", name)))
        if marks is None or not marks.language:
            return [], Marks()
        marks = replace(marks, language=marks.language or said.language)
        if outer != folder and len(alone := self._within.get(_folded(outer), [])) == 1:
            return alone, marks  # Subs/2_English.srt
        above, _, video = folder.rpartition("/")
        return self._alike.get(_folded(_joined(_outside(above)[0], video)), []), marks  # Subs/Episode 1/2_English.srt

    def elsewhere(self, below: str) -> tuple[str, str, Marks] | None:
        """The one video of that bare name, wherever it lies, the folder of the captions, and what their name says."""
        for reading in _readings(below):
            if len(found := set(self._bare.get(_folded(reading.name), ()))) == 1:
                return found.pop(), _outside(reading.folder)[0], reading.marks
        return None


def stem(name: str) -> str:
    """A video's name without its suffix; what ends in something else, such as an id, has none."""
    path = Path(name)
    return path.with_suffix("").as_posix() if path.suffix.lower() in VIDEO_SUFFIXES else name


def _readings(below: str) -> Iterator[_Reading]:
    """What a caption file's path may say, that with the most of it as the name of a video first."""
    folder, _, name = below.rpartition("/")
    outer, said = _outside(folder)
    rest = YOUTUBE_TRACK.sub(r"\1", name)
    for place, outside in {folder: Marks(), outer: said}.items():
        yield _Reading(place, name, outside)
        for at in range(len(rest) - 1, 0, -1):
            if rest[at] in JOINTS:
                marks = marks_of(_parts(rest[at:].lstrip("-")))
                if marks is not None:
                    yield _Reading(place, rest[:at].rstrip(" -"), _both(marks, outside))


def _parts(rest: str) -> list[str]:
    return [part for part in re.split(r"[._\s()\[\]]+", rest) if part.strip("-")]


def _both(marks: Marks, outside: Marks) -> Marks:
    return marks if marks.language else replace(marks, language=outside.language)


def _outside(folder: str) -> tuple[str, Marks]:
    """The folder around folders of captions, and the language that these name."""
    path, language = PurePosixPath(folder), ""
    while path.name and (path.name.lower() in FOLDERS or names_a_language(path.name)):
        found = marks_of([path.name]) if path.name.lower() not in FOLDERS else None
        language, path = language or (found.language if found else ""), path.parent
    return "" if str(path) == "." else str(path), Marks(language)


def _without_tail(name: str) -> str:
    while (shorter := TAIL.sub("", name)) != name:
        name = shorter
    return name


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _folded(name: str) -> str:
    """A name as people and file systems take it for the same: in any case, with composed letters or not."""
    return unicodedata.normalize("NFC", name).casefold()
