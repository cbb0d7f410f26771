"""YouCook2: which of the validation set's segments does a sentence describe? (paper, table 1)

The annotations are enough. Beside them, the paper's own list of pairs is used if it is there (a pickle, which is read
without running anything in it); without them, the CSV of MIL-NCE's 3,350 zero-shot clips does too.
"""

import csv
import json
from pathlib import Path

import numpy as np

from ..corpus.store import Corpus
from ..errors import VideoclipError
from ..model.joint import JointModel
from ..published.pickles import InertUnpickler
from ..tasks.finetune import Described
from ..tasks.paragraph import cut_spans, paragraph_retrieval, with_background
from ..tasks.retrieval import NORMALIZATIONS
from .benchmark import DEFAULT, Benchmark, Examples, Options, annotation_file, features_of, hold_out
from .clips import Clip, available, retrieve_clips

ANNOTATIONS = "youcookii_annotations_trainval.json"
ZERO_SHOT = "youcook2_zero_shot.csv"
PAIRS = "youcook_val.pkl"
WHERE = "http://youcook2.eecs.umich.edu/download"
SUBSETS = {"test": "validation", "val": "validation", "train": "training"}
"""The sentences of the real test videos are not published; everyone tests on the validation videos."""


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
    try:
        videos = json.loads(path.read_text(encoding="utf-8"))["database"]
        return {
            f"{video}_{i}": Clip(video, a["sentence"], *map(float, a["segment"]))
            for video, entry in videos.items()
            if entry["subset"] == subset
            for i, a in enumerate(entry.get("annotations", ()))
        }
    except (ValueError, KeyError, TypeError) as error:
        raise VideoclipError(f"{path}: not YouCook2's annotations ({type(error).__name__}: {error})") from error


def _from_csv(path: Path) -> list[Clip]:
    with open(path, newline="", encoding="utf-8") as file:
        try:
            return [Clip(r["video_id"], r["text"], float(r["start"]), float(r["end"])) for r in csv.DictReader(file)]
        except (KeyError, TypeError, ValueError) as error:
            raise VideoclipError(f"{path}: expected columns end,start,task,text,video_id ({error})") from error


def _from_pairs(path: Path, segments: dict[str, Clip]) -> list[Clip]:
    with open(path, "rb") as file:
        pairs = InertUnpickler(file, str(path)).read()
    try:
        return [Clip(s.video, p["caption"], s.start, s.end) for p in pairs if (s := segments.get(p["id"]))]
    except (KeyError, TypeError) as error:
        raise VideoclipError(f"{path}: expected a list of {{'id', 'caption'}} ({error})") from error


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
