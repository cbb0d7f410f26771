"""Which videos lie in some folders, and which caption files belong to them: one set of rules for all commands."""

import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import MediaError, MediaWarning, VideoclipError
from ..storage.names import noted
from .belonging import VIDEO_SUFFIXES, Names
from .caption_sets import is_caption_set, read_caption_set
from .captions import SUFFIXES, Caption, read_captions
from .languages import Marks, by_preference, wanted_language

PASSED_OVER = (
    "$recycle.bin",
    "recycler",
    "system volume information",
    "lost+found",
    "found.000",
    "lost.dir",
    "__macosx",
)
PASSED_OVER += ("@eadir", "#recycle", "@recycle", "#snapshot", "@recently-snapshot")
"""Folders that systems and disks keep for themselves, beside hidden ones."""
STRAY = "captions whose name is that of no video here (a.mp4 goes with a.srt, a.en.srt, Subs/a.srt)"
"""What is said of captions beside a video that has none."""
STORES = ("blobs", ".git")
"""Folders beside views of links: of the hub's caches, and of git-annex."""


@dataclass(frozen=True)
class VideoFile:
    """A video file, and the captions that lie beside it."""

    path: Path
    id: str
    """Its path below its folder (``noted``), without suffix (with it, where another has that name)."""
    captions: Path | Sequence[Caption] | None = None
    """The file that holds them; or themselves, where one file holds those of many videos."""
    language: str = ""
    """Of the captions, as the file's name says."""


@dataclass
class Found:
    """Videos, in the order of their paths, and what was passed over of what looks like one, with the reason."""

    videos: list[VideoFile] = field(default_factory=list)
    passed_over: dict[str, str] = field(default_factory=dict)


def find_videos(places: Path | Sequence[Path], captions: Path | None = None, language: str = "en") -> list[VideoFile]:
    """All videos that these folders hold, with their subfolders, or that are named themselves, in order.

    Args:
        captions: a folder of caption files, or a file for many videos (``caption_sets`` has the forms); by default they
            lie among the videos.
        language: captions that are preferred where there are several.

    Raises:
        VideoclipError: a place does not exist.
        MediaError: ``captions`` is a file of another form.
    """
    return look_for_videos(places, captions, language).videos


def look_for_videos(places: Path | Sequence[Path], captions: Path | None = None, language: str = "en") -> Found:
    """As ``find_videos``, with what was passed over.

    Raises:
        ConfigError: there is no such language.
    """
    language = wanted_language(language)
    found: dict[Path, VideoFile] = {}
    passed_over: dict[str, str] = {}
    for place in [places] if isinstance(places, Path) else places:
        for given in (place, captions):
            if given is not None and not given.exists():
                raise VideoclipError(f"{given}: no such file or folder")
        root = place if place.is_dir() else place.parent
        lying = list(files_below(place, VIDEO_SUFFIXES, passed_over)) if place.is_dir() else [place]
        for video in _with_captions(root, lying, captions, language, passed_over if place.is_dir() else {}):
            found.setdefault(video.path, video)
    return Found([found[path] for path in sorted(found)], passed_over)


def _with_captions(
    root: Path, lying: list[Path], captions: Path | None, language: str, passed_over: dict[str, str]
) -> Iterator[VideoFile]:
    names = [path.relative_to(root).as_posix() for path in lying]
    identities = _identities(names)
    written: CaptionFiles | None = None
    said: dict[str, list[Caption]] = {}
    bare = Counter(path.stem for path in lying)
    if captions is not None and is_caption_set(captions):
        known = {*identities, *bare}
        for video, captions_of_it in read_caption_set(captions, known.__contains__):
            if isinstance(captions_of_it, MediaError):
                warnings.warn(str(captions_of_it), MediaWarning, stacklevel=2)
            elif captions_of_it:
                said[video] = captions_of_it
    elif lying:
        written = CaptionFiles(captions or root, _neighbours(root, lying), language, beside=captions is None)
    if written:
        passed_over |= {name: why for name, why in written.passed_over.items() if not name.lower().endswith(".json")}
    for name, identity, path in zip(names, identities, lying, strict=True):
        if written:
            beside, spoken = written.of(name)
        else:
            beside, spoken = said.get(identity) or said.get(path.stem), ""
        if written and not beside:
            passed_over |= {str(stray): STRAY for stray in written.strays if stray.parent == path.parent}
        yield VideoFile(resolved(path), noted(identity), beside, spoken)


def _identities(names: Sequence[str]) -> list[str]:
    """Each video's path without suffix; with it where another has the same and a more usual one."""
    first: dict[str, str] = {}
    for name in sorted(names, key=lambda name: _usual(Path(name).suffix.lower())):
        first.setdefault(Path(name).with_suffix("").as_posix(), name)
    without = [Path(name).with_suffix("").as_posix() for name in names]
    return [short if first[short] == name else name for short, name in zip(without, names, strict=True)]


def _usual(suffix: str) -> int:
    """How usual a suffix is, from 0 on."""
    return VIDEO_SUFFIXES.index(suffix) if suffix in VIDEO_SUFFIXES else len(VIDEO_SUFFIXES)


def _neighbours(root: Path, lying: Sequence[Path]) -> list[str]:
    """Names below ``root`` of the videos that captions may belong to: of one that is named alone, also those beside."""
    if len(lying) == 1 and lying[0].parent == root:
        beside = [p for p in root.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES and not _is_hidden(p.name)]
        return sorted({p.name for p in (*beside, *lying)})
    return [path.relative_to(root).as_posix() for path in lying]


def resolved(path: Path) -> Path:
    """A path without links of folders and ``..``, and with the name by which the file lies there."""
    return Path(os.path.realpath(path.parent)) / path.name


class CaptionFiles:
    """The caption files of a folder and below, by the video that each belongs to (``belonging``).

    What belongs to none by its folder goes to a video elsewhere of that bare name, if there is one alone, and such
    files in one folder alone.
    """

    def __init__(self, folder: Path, videos: Sequence[str], language: str = "en", beside: bool = False):
        """Look for them.

        Args:
            videos: paths below the folder that they lie in, with suffixes or, of ids, without.
            beside: whether the folder is that of the videos, where a JSON file may be anything.
        """
        self.language, self.beside = language, beside
        self._files: dict[str, list[tuple[Marks, Path]]] = {}
        self.passed_over: dict[str, str] = {}
        self.strays: list[Path] = []
        """Those that belong to no video; JSON, which may be anything, aside."""
        names = Names(videos)
        elsewhere: dict[str, list[tuple[str, Marks, Path]]] = {}
        lying = list(files_below(folder, SUFFIXES, self.passed_over))
        for path in lying:
            below = path.relative_to(folder).with_suffix("").as_posix()
            found, marks = names.beside(below)
            for video in found:
                self._files.setdefault(video, []).append((marks, path))
            if not found and (far := names.elsewhere(below)):
                elsewhere.setdefault(far[0], []).append((far[1], far[2], path))
            elif not found and path.suffix.lower() != ".json":
                self.strays.append(path)
        for video, files in elsewhere.items():
            if video not in self._files and len({place for place, _, _ in files}) == 1:
                self._files[video] = [(marks, path) for _, marks, path in files]
        self.without_video = len({*lying} - {path for files in self._files.values() for _, path in files})
        """How many of the folder's caption files belong to none of the videos."""

    def of(self, video: str) -> tuple[Path | None, str]:
        """A video's caption file and its language, by the video's name as it was given; none where none is captions.

        Where there are several, what is in them decides with the names: one without captions hides none that has some.
        """
        files = sorted(self._files.get(video, []), key=_plainest)
        for marks, path in by_preference([(marks, (marks, path)) for marks, path in files], self.language):
            sure = len(files) == 1 and not (self.beside and path.suffix.lower() == ".json")
            if sure or _holds_captions(path):
                return path, marks.language
        return None, ""


def _plainest(file: tuple[Marks, Path]) -> tuple[int, int]:
    """Captions by how usual their form is, and by how little their name adds (``a.en.srt`` before ``a.en.1.srt``)."""
    return SUFFIXES.index(file[1].suffix.lower()), len(file[1].name)


def _holds_captions(path: Path) -> bool:
    try:
        return bool(read_captions(path))
    except MediaError:
        return False


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in PASSED_OVER


def files_below(folder: Path, suffixes: Sequence[str], passed_over: dict[str, str] | None = None) -> Iterator[Path]:
    """Files of a folder and below with one of these suffixes, in order, as they lie there.

    Hidden ones, and what systems keep for themselves, are passed over. A link has the name that it has here; it is
    taken if what it leads to lies in the folder, or in the store of a cache or archive of which the folder is a view.

    Args:
        passed_over: gets links that lead elsewhere or nowhere, with the reason.
    """
    passed_over = {} if passed_over is None else passed_over
    for place, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not _is_hidden(name))
        for name in below:
            inner = Path(place) / name
            if inner.is_symlink() and _leads_out(real := Path(os.path.realpath(inner)), folder):
                passed_over[str(inner)] = f"a link to a folder outside {folder}; name {real} itself"
        for name in sorted(names):
            path = Path(place) / name
            if path.suffix.lower() not in suffixes or _is_hidden(name):
                continue
            real = Path(os.path.realpath(path))  # which does not mind links in a circle
            if not real.is_file():
                passed_over[str(path)] = "not a file" if real.exists() else "a link to a file that is not there"
            elif path.is_symlink() and _leads_out(real, folder):
                passed_over[str(path)] = f"a link that leads out of {folder}; name it itself, or the folder of {real}"
            else:
                yield path


def _leads_out(real: Path, folder: Path) -> bool:
    """Whether a link of a folder leads out of it, and not into the store that the folder is a view of."""
    root = Path(os.path.realpath(folder))
    stores = [store for store in real.parents if store.name in STORES]
    return not real.is_relative_to(root) and not any(root.is_relative_to(store.parent) for store in stores)
