"""Other people's features and captions into a corpus: streamed, resumable; what does not fit is left out and named."""

import csv
import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from ..encoders.encoder import FeatureKind
from ..errors import CorpusError, MediaError, VideoclipError
from ..media.caption_sets import SENTENCE_SECONDS, is_caption_set, read_caption_set
from ..media.captions import Caption, read_captions
from ..media.files import CaptionFiles
from ..progress import track
from ..ranges import SECONDS, Range, ranged
from ..storage.names import noted
from ..storage.places import Place
from ..text import read_text
from .extract import list_set_aside
from .features import FeatureStore, open_features
from .rows import NarratedVideo
from .store import COMMIT_BYTES, Corpus

S3D_SIZE = 512
UNIT = 0.02
"""How far from 1 the length of a feature may be that counts as of unit length."""
KIND = "corpus.json"
"""Beside exported features: which encoder made them, and whether they are of unit length."""


@dataclass
class ImportSummary:
    """What an import did; ``left_out`` counts reasons, ``set_aside`` names the videos that could not be read."""

    kind: FeatureKind
    added: int = 0
    seconds: int = 0
    captions: int = 0
    present: int = 0
    past_the_end: int = 0
    """Videos with a caption that begins after their last second; of many, features are not one a second."""
    left_out: Counter = field(default_factory=Counter)
    set_aside: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [f"{self.added} videos added ({self.seconds / 3600:.2f} h, {self.captions} captions)"]
        parts.append(f"{self.present} were there")
        parts += [f"{count} left out: {reason}" for reason, count in self.left_out.items()]
        if self.set_aside:
            parts.append(f"{len(self.set_aside)} set aside")
        if self.past_the_end > self.added / 2:
            parts.append(
                f"captions of {self.past_the_end} of them go on after the features end: are these one a second, and of "
                "the whole video?"
            )
        return ", ".join(parts)


@dataclass(frozen=True)
@ranged
class ImportConfig:
    """What is imported, and how."""

    encoder: str = ""
    """Identity of the encoder that made the features; by default what lies beside them, or s3d."""
    normalize: bool = False
    """Scale every feature to unit length."""
    keep_repeats: bool = False
    """Leave captions as they are, where else words said twice by rolling captions are kept once."""
    silent: bool = False
    """Take videos without captions too."""
    commit_bytes: Annotated[int, Range(1, 2**40)] = COMMIT_BYTES
    """Features that a killed job can lose."""
    sentence_seconds: Annotated[float, SECONDS] = SENTENCE_SECONDS
    """How long a sentence lasts of which only the time is known."""


def import_features(
    features: Path,
    out: Place,
    captions: Path | None = None,
    ids: Path | None = None,
    config: ImportConfig | None = None,
) -> ImportSummary:
    """Bring features, and captions if there are any, into the corpus ``out``; what it holds already is left alone.

    Args:
        features: a folder of ``.npy`` or ``.pth.tar`` files, or of the published code's shards.
        captions: a folder of caption files, or one file for many videos (``media.caption_sets`` has the forms).
        ids: a list of the videos to take: one id a line, or a CSV with a column ``video_id``.

    Raises:
        CorpusError: the features are not those of the corpus, or no video has captions.
        VideoclipError: something named here is not there or not readable.
    """
    config = config or ImportConfig()
    store = open_features(features)
    wanted = read_ids(ids) if ids else None
    names = {key: video for video in wanted or () if (key := store.find(video)) is not None}
    kind = _kind_of(features, store, config)
    if captions is None and (features / KIND).is_file() and (features / "captions.json").is_file():
        captions = features / "captions.json"  # of a corpus that was exported
    if captions is None and not config.silent:
        raise CorpusError("no captions to go with the features: name them with --captions, or pass --allow-silent")
    corpus, summary = Corpus.create(out, kind), ImportSummary(kind)
    with (
        corpus.writing(),
        track("import", len(store), "videos") as advance,
        corpus.appending(config.commit_bytes) as writer,
    ):
        for key, video, said in _pairs(store, captions, config, summary):
            advance()
            if wanted is not None and key not in names:
                summary.left_out["not in the list of ids"] += 1
                continue
            video = video or names.get(key) or store.name(key)
            if noted(video) in writer:
                summary.present += 1
            elif isinstance(said, MediaError):
                summary.set_aside[video] = str(said)
            elif not said and not config.silent:
                summary.left_out["without captions (--allow-silent takes them)"] += 1
            else:
                try:
                    loaded = _video(store, key, video, said, kind, config)
                    writer.add(loaded)
                except CorpusError as error:
                    summary.set_aside[video] = str(error)
                    continue
                summary.added += 1
                summary.seconds += loaded.seconds
                summary.captions += len(said)
                summary.past_the_end += bool(said) and said[-1].start > loaded.seconds
    list_set_aside(out, summary.set_aside)
    if wanted is not None and len(names) < len(wanted):
        summary.left_out["in the list of ids, but without features"] = len(wanted) - len(names)
    return summary


def _pairs(
    store: FeatureStore, captions: Path | None, config: ImportConfig, summary: ImportSummary
) -> Iterator[tuple[str, str, list[Caption] | MediaError]]:
    """(key of the features, id in the captions, captions) of every video; first those that have captions."""
    spoken: set[str] = set()
    for video, said in _captions(captions, store, config, summary) if captions else ():
        key = store.find(video)
        if key is None:
            summary.left_out["in the captions, but without features"] += 1
        elif key not in spoken:
            spoken.add(key)
            yield key, video, said
    for key in store:
        if key not in spoken:
            yield key, "", []


def _captions(
    path: Path, store: FeatureStore, config: ImportConfig, summary: ImportSummary
) -> Iterator[tuple[str, list[Caption] | MediaError]]:
    if is_caption_set(path):
        yield from read_caption_set(path, store.find, config.keep_repeats, config.sentence_seconds)
    elif path.is_dir():
        written = CaptionFiles(path, list(store))
        if written.without_video:
            summary.left_out["caption files without features"] = written.without_video
        for key in store:
            found, _ = written.of(key)
            if found:
                try:
                    yield store.name(key), read_captions(found)
                except MediaError as error:
                    yield store.name(key), error
    else:
        raise VideoclipError(f"{path}: no such file or folder of captions")


def read_ids(path: Path) -> set[str]:
    """Ids of videos: one a line, or the column ``video_id`` of a CSV file with a heading.

    Raises:
        VideoclipError: no such file, or no id in it.
    """
    lines = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    heading = [name.strip(' "') for name in lines[0].split(",")] if lines else []
    if "video_id" in heading:
        rows, column = csv.reader(lines[1:]), heading.index("video_id")
        found = {row[column].strip() for row in rows if len(row) > column} - {""}
    else:
        found = set(lines)
    if not found:
        raise VideoclipError(f"{path}: names no videos")
    return found


def _video(
    store: FeatureStore, key: str, video: str, said: list[Caption], kind: FeatureKind, config: ImportConfig
) -> NarratedVideo:
    """A video as the corpus takes it; ``CorpusError`` says why it does not."""
    features, path = store.read(key)
    if features.ndim != 2 or not len(features) or features.shape[1] != kind.feature_size:
        raise CorpusError(f"{path}: features of shape {features.shape}, expected (seconds, {kind.feature_size})")
    if config.normalize:
        features = _scaled(features)
    elif _is_unit(features) not in (kind.normalized, None):
        expected = "of unit length" if kind.normalized else "not of unit length"
        raise CorpusError(f"{path}: its features are not like the others, which are {expected}; --normalize scales all")
    if features.dtype != np.float16:
        with np.errstate(over="ignore"):  # what becomes infinite is found by the corpus
            features = features.astype(np.float16)
    return NarratedVideo(noted(video), features, said, path)


def _is_unit(features: np.ndarray) -> bool | None:
    """Whether features are of unit length, told from two seconds; None where those are zero."""
    some = (features[second].astype(np.float32) for second in (0, len(features) // 2))
    lengths = [length for second in some if (length := math.sqrt(second @ second))]
    return all(abs(length - 1) < UNIT for length in lengths) if lengths else None


def _scaled(features: np.ndarray) -> np.ndarray:
    features = features.astype(np.float32)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def _kind_of(folder: Path, store: FeatureStore, config: ImportConfig) -> FeatureKind:
    """Identity, size and length of the features: as noted beside them, or as the first that can be read are."""
    note: dict[str, Any] = json.loads(read_text(folder / KIND)) if (folder / KIND).is_file() else {}
    encoder = config.encoder or note.get("encoder") or "s3d"
    reason = "it is empty"
    for key in store:
        try:
            features, path = store.read(key)
        except CorpusError as error:
            reason = str(error)
            continue
        if features.ndim == 2 and len(features):
            size = features.shape[1]
            if encoder == "s3d" and size != S3D_SIZE:
                raise CorpusError(
                    f"{path}: features of {size} numbers are not those of s3d, which have {S3D_SIZE}; name the encoder "
                    "that made them with --encoder"
                )
            return FeatureKind(encoder, size, config.normalize or _is_unit(features) is not False)
        reason = f"{path}: features of shape {features.shape}"
    raise CorpusError(f"{folder}: none of its {len(store)} files holds features (seconds, F); the last: {reason}")
