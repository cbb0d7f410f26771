"""Which videos lie in some folders, and which caption files belong to them: one set of rules for all commands."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import VideoclipError
from .captions import SUFFIXES, Caption, howto100m_captions, stream_captions

VIDEO_SUFFIXES = (
    *(".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".flv", ".wmv", ".3gp", ".ogv", ".mts"),
    *(".m2ts", ".mxf", ".vob", ".asf", ".f4v", ".divx", ".m2v", ".y4m"),
)
"""Files of a folder that are taken for videos; a file that is named itself can have any name."""
UNNAMED = ("", "und")
"""How captions are marked whose language nobody names."""


@dataclass(frozen=True)
class VideoFile:
    """A video file, and the captions that lie beside it."""

    path: Path
    id: str
    """Its path below the folder that it was found in, without suffix (with it, where another file has that name)."""
    captions: Path | Sequence[Caption] | None = None
    """The file that holds them; or themselves, where one file holds those of many videos."""
    language: str = ""
    """Of the captions, as the file's name says."""


def find_videos(places: Path | Sequence[Path], captions: Path | None = None, language: str = "en") -> list[VideoFile]:
    """All videos that these folders hold, with their subfolders, or that are named themselves, in order.

    Hidden files are passed over, and links that lead out of the named folder are not followed.

    Args:
        captions: a folder of caption files, or HowTo100M's ``raw_caption.json``; by default they lie among the videos.
        language: captions that are preferred where there are several.

    Raises:
        VideoclipError: a place does not exist.
        MediaError: ``captions`` is a file of another form.
    """
    found: dict[Path, VideoFile] = {}
    for place in [places] if isinstance(places, Path) else places:
        for given in (place, captions):
            if given is not None and not given.exists():
                raise VideoclipError(f"{given}: no such file or folder")
        root = place if place.is_dir() else place.parent
        lying = list(files_below(place, VIDEO_SUFFIXES)) if place.is_dir() else [place]
        for video in _with_captions(root, lying, captions, language):
            found.setdefault(video.path, video)
    return [found[path] for path in sorted(found)]


def _with_captions(root: Path, lying: list[Path], captions: Path | None, language: str) -> Iterator[VideoFile]:
    names = [path.relative_to(root).with_suffix("").as_posix() for path in lying]
    stems, taken = Counter(path.stem for path in lying), set()
    written: CaptionFiles | None = None
    said: dict[str, list[Caption]] = {}
    if captions is not None and captions.is_file():
        known = {*names, *stems}
        said = {video: howto100m_captions(entry) for video, entry in stream_captions(captions) if video in known}
    elif lying:
        written = CaptionFiles(captions or root, language)
    for name, path in zip(names, lying, strict=True):
        alone = stems[path.stem] == 1
        beside, spoken = written.of(name, alone) if written else (said.get(name) or (said.get(path.stem), "")[0], "")
        identity = name if name not in taken else path.relative_to(root).as_posix()
        taken.add(identity)
        yield VideoFile(path.resolve(), identity, beside, spoken)


class CaptionFiles:
    """The caption files of a folder and below, by the video that each belongs to.

    ``a.srt``, and ``a.en.srt`` with a language, both belong to the video ``a`` of the same folder; or to one elsewhere
    whose bare name is that, where no other caption file's is.
    """

    def __init__(self, folder: Path, language: str = "en"):
        self.language = language
        self._files: dict[str, dict[str, Path]] = {}  # path of the video below the folder -> language -> file
        for path in files_below(folder, SUFFIXES):
            name = path.relative_to(folder).with_suffix("").as_posix()
            self._files.setdefault(name, {}).setdefault("", path)
            stem, _, language = name.rpartition(".")
            if stem and "/" not in language:
                self._files.setdefault(stem, {}).setdefault(language, path)
        often = Counter(name.rpartition("/")[2] for name in self._files)
        self._elsewhere = {bare: name for name in self._files if often[bare := name.rpartition("/")[2]] == 1}

    def of(self, video: str, alone: bool = True) -> tuple[Path | None, str]:
        """A video's caption file and its language, by the video's path without suffix.

        Args:
            alone: whether no other video has this bare name, so that captions elsewhere are its.
        """
        there = self._files.get(video)
        if there is None and alone:
            there = self._files.get(self._elsewhere.get(video.rpartition("/")[2], ""))
        if not there:
            return None, ""
        chosen = preferred(there, self.language)
        return there[chosen], chosen


def preferred(languages: Iterable[str], wanted: str) -> str:
    """Of several languages the wanted one; or else what names none, or the first by name."""
    return min(languages, key=lambda name: (not name.startswith(wanted), name not in UNNAMED, name))


def files_below(folder: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    """Files of a folder and below with one of these suffixes, in order, as they lie there.

    Hidden ones are passed over, and so are links that lead out of the folder.
    """
    root = folder.resolve()
    for place, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            path = Path(place) / name
            if path.suffix.lower() in suffixes and not name.startswith("."):
                real = path.resolve()
                if real.is_file() and real.is_relative_to(root):
                    yield path
