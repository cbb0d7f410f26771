"""YouCook2: which of the validation set's segments does a sentence describe? (paper, table 1)

The annotations are enough. Beside them, the paper's own list of pairs is used if it is there (a pickle, which is read
without running anything in it); without them, the CSV of MIL-NCE's 3,350 zero-shot clips does too.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..corpus.store import Corpus
from ..errors import VideoclipError
from ..model.joint import JointModel
from ..published.pickles import InertUnpickler
from ..tasks.finetune import Described
from ..tasks.paragraph import cut_spans, paragraph_retrieval, with_background
from ..tasks.retrieval import NORMALIZATIONS
from .annotations import Name, Second, Span, Text, check, check_in, check_once, read_database, read_table, shown, wrong
from .benchmark import DEFAULT, Benchmark, Examples, Options, annotation_file, features_of, hold_out
from .clips import Clip, available, retrieve_clips

ANNOTATIONS = "youcookii_annotations_trainval.json"
ZERO_SHOT = "youcook2_zero_shot.csv"
PAIRS = "youcook_val.pkl"
WHERE = "http://youcook2.eecs.umich.edu/download"
SUBSETS = {"test": "validation", "val": "validation", "train": "training"}
"""The sentences of the real test videos are not published; everyone tests on the validation videos."""


@dataclass(frozen=True)
class Segment:
    """A part of a video as the annotations have it, in seconds."""

    segment: Span
    sentence: Text


@dataclass(frozen=True)
class Video:
    """An entry of the annotations; only those of test videos have no segments."""

    subset: str
    duration: Second | None = None
    annotations: list[Segment] | None = None


@dataclass(frozen=True)
class ZeroShotClip:
    """A row of MIL-NCE's list."""

    video_id: Name
    start: Second
    end: Second
    text: Text


@dataclass(frozen=True)
class Pair:
    """An entry of the paper's own list: ``<video>_<number of the segment>``, and the sentence."""

    id: Name
    caption: Text


def evaluate_youcook2(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Retrieval among the segments of the validation (or training) videos, and of whole videos by their sentences.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    clips, source = read_clips(data, options.split)
    features = features_of(corpus, [clip.video for clip in clips])
    result = retrieve_clips(model, features, clips, source, options.normalization)
    return result | {"paragraphs": retrieve_paragraphs(model, features, clips)}


def retrieve_paragraphs(model: JointModel, features: dict[str, np.ndarray], clips: list[Clip]) -> dict:
    """Whole videos by all of their sentences in order, with and without what lies between their segments."""
    sentences, removed, kept = [], [], []
    for video, seconds in features.items():
        own = sorted((c for c in clips if c.video == video and c.start < len(seconds)), key=lambda c: c.start)
        if own:
            spans = [(clip.start, min(clip.end, len(seconds))) for clip in own]
            sentences.append(model.encode_text([clip.text for clip in own]).numpy())
            removed.append(model.encode_video(cut_spans(seconds, spans)).numpy())
            kept.append(model.encode_video(cut_spans(seconds, with_background(spans, len(seconds)))).numpy())
    return paragraph_retrieval(sentences, removed, kept)


def read_clips(folder: Path, split: str = "test") -> tuple[list[Clip], str]:
    """Segments with their sentences, and the name of the file that says which."""
    path = annotation_file(folder, [ANNOTATIONS, ZERO_SHOT], WHERE)
    if path.name == ZERO_SHOT:
        if SUBSETS[split] != SUBSETS["val"]:
            raise VideoclipError(f"{path}: lists validation clips alone; put {ANNOTATIONS} beside it ({WHERE})")
        return _from_csv(path), path.name
    segments = _from_annotations(path, SUBSETS[split])
    if not segments:
        raise VideoclipError(f"{path}: no segments of subset '{SUBSETS[split]}'")
    pairs = path.with_name(PAIRS)
    if pairs.is_file() and split != "train":
        return _from_pairs(pairs, segments), pairs.name
    return list(segments.values()), path.name


def _from_annotations(path: Path, subset: str) -> dict[str, Clip]:
    """The segments of a subset by ``<video>_<number>``; the entries of all videos are checked."""
    segments = {}
    for place, name, video in read_database(path, Video):
        if video.annotations is None and video.subset in SUBSETS.values():
            wrong(path, place, "has no annotations")
        for i, said in enumerate(video.annotations or []):
            check_in(path, f"{place}: annotations.{i}.segment", said.segment, video.duration)
            if video.subset == subset:
                segments[f"{name}_{i}"] = Clip(name, said.sentence, *said.segment)
    keys = ((f"segment {shown(name)}", (c.text, c.start, c.end, c.video)) for name, c in segments.items())
    check_once(path, keys, "segment")
    return segments


def _from_csv(path: Path) -> list[Clip]:
    rows = read_table(path, ZeroShotClip)
    for place, row in rows:
        check(Span, (row.start, row.end), path, place)
    clips = [Clip(row.video_id, row.text, row.start, row.end) for _, row in rows]
    check_once(path, ((place, (row.text, row.start, row.end, row.video_id)) for place, row in rows), "clip")
    return clips


def _from_pairs(path: Path, segments: dict[str, Clip]) -> list[Clip]:
    with open(path, "rb") as file:
        read = check(list, InertUnpickler(file, str(path)).read(), path, "the whole")
    pairs = [check(Pair, pair, path, f"entry {i}") for i, pair in enumerate(read)]
    clips = [Clip(s.video, pair.caption, s.start, s.end) for pair in pairs if (s := segments.get(pair.id))]
    if not clips:
        wrong(path, "the whole", f"names none of the {len(segments)} segments of {ANNOTATIONS}")
    return clips


def clips_to_find(corpus: Corpus, data: Path) -> Examples:
    """The segments of the training videos with their sentences.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    clips, _ = read_clips(data, "train")
    clips, parts, _ = available(clips, features_of(corpus, [clip.video for clip in clips]))
    return hold_out([(c.video, Described(part, [c.text])) for c, part in zip(clips, parts, strict=True)])


BENCHMARK = Benchmark(
    evaluate_youcook2, splits=tuple(SUBSETS), normalizations=NORMALIZATIONS, trains={"retrieval": clips_to_find}
)
