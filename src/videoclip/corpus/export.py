"""A corpus as files that anything can read: ``.npy`` or safetensors, HowTo100M-style captions, the encoder."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path, PurePosixPath

import numpy as np

from ..errors import CorpusError, VideoclipError
from ..progress import track
from ..provenance import provenance
from ..storage.folders import claim
from ..storage.places import write_whole
from ..storage.whole import remove_unfinished, share, whole
from .importers import KIND
from .rows import NarratedVideo
from .store import Corpus

FORMATS = ("npy", "safetensors")
FILE_BYTES = 1 << 30
"""Features in one file of safetensors."""


def export(corpus: Corpus, folder: Path, form: str, pattern: str = "*") -> int:
    """Write the videos whose ids match a pattern into a folder; returns how many; goes on where it was interrupted.

    ``npy`` gives one file per video, at the path that its id is; ``safetensors`` gives files of many videos, each a
    tensor named by its id. ``captions.json`` is in the form of HowTo100M's ``raw_caption.json``; ``videoclip import``
    takes back what this wrote.

    Raises:
        CorpusError: an id cannot be a path below the folder, or nothing matches.
        ConfigError: the folder holds something else.
    """
    if form not in FORMATS:
        raise VideoclipError(f"no format '{form}'; choose from {', '.join(FORMATS)}")
    rows = corpus.matching(pattern)
    if not rows:
        raise CorpusError(f"{corpus.path}: no video matches '{pattern}'")
    claim(folder, "export", {"corpus": corpus.path, "format": form, "match": pattern})
    remove_unfinished(folder)
    note = asdict(corpus.kind) | provenance(0)
    with (
        track("export", len(rows), "videos") as advance,
        whole(folder / "captions.json") as new,
        open(new, "w") as captions,
    ):
        captions.write("{")
        between = ""
        for videos in _groups(corpus, rows, 1 if form == "npy" else FILE_BYTES):
            (_npy if form == "npy" else _safetensors)(folder, videos, corpus)
            for video in videos:
                columns = {key: [getattr(c, key) for c in video.captions] for key in ("start", "end", "text")}
                captions.write(f"{between}\n{json.dumps(video.id)}: {json.dumps(columns)}")
                between = ","
            advance(len(videos))
        captions.write("}\n")
    write_whole(folder / KIND, json.dumps(note, indent=1))
    return len(rows)


def _groups(corpus: Corpus, rows: list[int], size: int) -> Iterator[list[NarratedVideo]]:
    """Videos in groups of at least ``size`` bytes of features, read some at a time."""
    group, held = [], 0
    for start in range(0, len(rows), 16):
        for video in corpus.read(rows[start : start + 16]):
            group.append(video)
            held += video.features.nbytes
            if held >= size:
                yield group
                group, held = [], 0
    if group:
        yield group


def _npy(folder: Path, videos: list[NarratedVideo], _: Corpus) -> None:
    for video in videos:
        path = folder / _below(video.id)
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.parent.resolve().is_relative_to(folder.resolve()):
                raise CorpusError(f"{path.parent}: is a link that leads out of {folder}; remove it")
            with whole(path) as new, open(new, "wb") as file:
                np.save(file, video.features)


def _below(video: str) -> PurePosixPath:
    """The path of a video's file; ids come from strangers' files, and must not lead out of the folder."""
    path = PurePosixPath(f"{video}.npy")
    if path.is_absolute() or ".." in path.parts or "\\" in video or "\0" in video or not PurePosixPath(video).name:
        raise CorpusError(f"video '{video}': its id cannot be the path of a file; export it with --format safetensors")
    return path


def _safetensors(folder: Path, videos: list[NarratedVideo], corpus: Corpus) -> None:
    from safetensors.numpy import save_file

    path = folder / f"features-{corpus.row(videos[0].id):08d}.safetensors"
    if not path.is_file():
        metadata = {key: str(value) for key, value in asdict(corpus.kind).items()}
        with whole(path) as new:
            save_file({video.id: np.ascontiguousarray(video.features) for video in videos}, new, metadata)
            share(new)
