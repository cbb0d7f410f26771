"""Which videos lie in some folders, and which captions belong to them."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import VideoclipError
from .captions import SUFFIXES

VIDEO_SUFFIXES = (
    *(".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".flv", ".wmv", ".3gp", ".ogv", ".mts"),
    *(".m2ts", ".mxf", ".vob", ".asf", ".f4v", ".divx", ".m2v", ".y4m"),
)
"""Files of a folder that are taken for videos; a file that is named itself can have any name."""


@dataclass(frozen=True)
class VideoFile:
    """A video file of a folder, and the captions that lie beside it."""

    path: Path
    captions: Path | None = None
    language: str = ""


def find_files(places: Sequence[Path], language: str = "en") -> list[VideoFile]:
    """All videos that these folders hold, with their subfolders, or that are named themselves.

    Links that lead out of the named folder are not followed.

    Raises:
        VideoclipError: a place does not exist.
    """
    found: dict[Path, VideoFile] = {}
    for place in places:
        if not place.exists():
            raise VideoclipError(f"{place}: no such file or folder")
        root = place.resolve()
        names = [root] if root.is_file() else _walk(root)
        beside: dict[Path, dict[str, list[Path]]] = {}
        for path in names:
            if path.parent not in beside:
                beside[path.parent] = _caption_files(path.parent)
            captions, spoken = _preferred(beside[path.parent].get(path.stem, []), path.stem, language)
            found[path] = VideoFile(path, captions, spoken)
    return [found[path] for path in sorted(found)]


def _walk(root: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(root):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder) / name
            if path.suffix.lower() in VIDEO_SUFFIXES and not name.startswith("."):
                real = path.resolve()
                if real.is_file() and real.is_relative_to(root):
                    yield real


def _caption_files(folder: Path) -> dict[str, list[Path]]:
    """Caption files by the name of the video they belong to: ``a.srt`` and ``a.en.srt`` both to ``a``."""
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            for stem in {path.stem, path.with_suffix("").stem}:
                files.setdefault(stem, []).append(path)
    return files


def _preferred(files: Sequence[Path], stem: str, language: str) -> tuple[Path | None, str]:
    """Of a video's caption files the one in the language, or without one, or any; and its language."""
    spoken = {path: path.stem.removeprefix(stem).strip(".") for path in files}
    ranked = sorted(files, key=lambda p: (not spoken[p].startswith(language), spoken[p] != "", spoken[p], p.suffix))
    return (ranked[0], spoken[ranked[0]]) if ranked else (None, "")
