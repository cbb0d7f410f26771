"""DiDeMo, by two protocols that are never to be confused.

``moments``: which span of the right video does the sentence describe? That is what the published code computes, and
the paper's 16.6 / 46.9. ``retrieval``: which video do all of its sentences, one after the other, describe? That is what
others report, and what the paper compares with.
"""

from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from ..corpus.store import Corpus
from ..model.joint import JointModel
from ..tasks.finetune import Described, Timed
from ..tasks.moments import CHUNK_SECONDS, CHUNKS, mean_rank, moment_scores, rank_moments
from ..tasks.retrieval import NORMALIZATIONS, retrieve
from .annotations import Name, Number, Text, check, read_json, wrong
from .benchmark import DEFAULT, Benchmark, Examples, Options, annotation_file, features_of, hold_out
from .clips import Clip, available

FILES = {"test": ["test_data.json", "didemo_test_data.json"], "val": ["val_data.json"], "train": ["train_data.json"]}
LENGTH = CHUNK_SECONDS * CHUNKS
"""Seconds of a video that are annotated."""
WHERE = "https://github.com/LisaAnne/LocalizingMoments/tree/master/data"


Chunk = Annotated[Number, Field(ge=0, lt=CHUNKS)]


def _forwards(chunks: tuple[int, int]) -> tuple[int, int]:
    if chunks[1] < chunks[0]:
        raise ValueError(f"ends with chunk {chunks[1]}, which is before its first, {chunks[0]}")
    return chunks


def _some(times: list) -> list:
    if not times:
        raise ValueError("holds no annotator's moment")
    return times


@dataclass(frozen=True)
class Description:
    """An entry of the annotations: a sentence, and the first and last chunk of what each annotator saw it in."""

    video: Name
    description: Text
    times: Annotated[list[Annotated[tuple[Chunk, Chunk], AfterValidator(_forwards)]], AfterValidator(_some)]


def evaluate_didemo(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Moment ranking inside the right video, and retrieval among the videos of the split.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, FILES[options.split], WHERE)
    asked = read_descriptions(path)
    features = features_of(corpus, [item.video for item in asked])
    there = [item for item in asked if item.video in features]
    tokens = {video: model.video_tokens(seconds[:LENGTH]).numpy() for video, seconds in features.items()}
    texts = model.encode_text([item.description for item in there]).numpy()
    ranked = [rank_moments(tokens[item.video], text) for item, text in zip(there, texts, strict=True)]

    said = defaultdict(list)
    for item in there:
        said[item.video].append(item.description)
    clips, parts, _ = available([Clip(video, " ".join(texts)) for video, texts in said.items()], features)
    found = retrieve(model, [clip.text for clip in clips], parts, normalization=options.normalization)
    return {
        "moments": asdict(moment_scores(ranked, [item.times for item in there])) | {"descriptions": len(there)},
        "retrieval": found.metrics(),
        "left_out": {"without_features": len(asked) - len(there)},
        "annotations": path.name,
        "items": [
            {
                "video": item.video,
                "query": item.description,
                "times": item.times,
                "ranked": moments[:5],
                "rank_of_moment": mean_rank(moments, item.times),
            }
            for item, moments in zip(there, ranked, strict=True)
        ],
    }


def read_descriptions(path: Path) -> list[Description]:
    """The descriptions in their order.

    Raises:
        VideoclipError: there are none, or an entry is no description; names it.
    """
    entries = read_json(path, list)
    if not entries:
        wrong(path, "the whole", "holds no descriptions")
    return [check(Description, entry, path, f"entry {i}") for i, entry in enumerate(entries)]


def moments_to_rank(corpus: Corpus, data: Path) -> Examples:
    """Descriptions of the training videos with their moments.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    asked, features = _to_train_on(corpus, data)
    made = []
    for item in asked:
        made.append((item.video, Timed(features[item.video][:LENGTH], item.description, item.times)))
    return hold_out(made)


def videos_to_find(corpus: Corpus, data: Path) -> Examples:
    """Training videos, each with all of its descriptions as one text.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    asked, features = _to_train_on(corpus, data)
    said = defaultdict(list)
    for item in asked:
        said[item.video].append(item.description)
    return hold_out([(video, Described(features[video], [" ".join(texts)])) for video, texts in said.items()])


def _to_train_on(corpus: Corpus, data: Path) -> tuple[list[Description], dict[str, np.ndarray]]:
    """The training descriptions whose videos have features, and those."""
    asked = read_descriptions(annotation_file(data, FILES["train"], WHERE))
    features = features_of(corpus, [item.video for item in asked])
    return [item for item in asked if item.video in features], features


BENCHMARK = Benchmark(
    evaluate_didemo,
    splits=tuple(FILES),
    normalizations=NORMALIZATIONS,
    trains={"moments": moments_to_rank, "retrieval": videos_to_find},
)
