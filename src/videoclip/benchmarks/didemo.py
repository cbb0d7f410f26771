"""DiDeMo, by two protocols that are never to be confused.

``moments``: which span of the right video does the sentence describe? That is what the published code computes, and
the paper's 16.6 / 46.9. ``retrieval``: which video do all of its sentences, one after the other, describe? That is what
others report, and what the paper compares with.
"""

import json
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

from ..corpus.store import Corpus
from ..errors import VideoclipError
from ..model.joint import JointModel
from ..tasks.moments import CHUNK_SECONDS, CHUNKS, mean_rank, moment_scores, rank_moments
from ..tasks.retrieval import retrieve
from .benchmark import DEFAULT, Clip, Options, annotation_file, available, features_of

FILES = {"test": ["test_data.json", "didemo_test_data.json"], "val": ["val_data.json"], "train": ["train_data.json"]}
LENGTH = CHUNK_SECONDS * CHUNKS
"""Seconds of a video that are annotated."""
WHERE = "https://github.com/LisaAnne/LocalizingMoments/tree/master/data"


def evaluate_didemo(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Moment ranking inside the right video, and retrieval among the videos of the split.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, FILES.get(options.split, [f"{options.split}_data.json"]), WHERE)
    asked = read_descriptions(path)
    model.check_features(corpus.kind, corpus.path)
    features = features_of(corpus, [item["video"] for item in asked])
    there = [item for item in asked if item["video"] in features]
    tokens = {video: model.video_tokens(seconds[:LENGTH]).numpy() for video, seconds in features.items()}
    texts = model.encode_text([item["description"] for item in there]).numpy()
    ranked = [rank_moments(tokens[item["video"]], text) for item, text in zip(there, texts, strict=True)]

    said = defaultdict(list)
    for item in there:
        said[item["video"]].append(item["description"])
    clips, parts, _ = available([Clip(video, " ".join(texts)) for video, texts in said.items()], features)
    found = retrieve(model, [clip.text for clip in clips], parts, normalization=options.normalization)
    return {
        "moments": asdict(moment_scores(ranked, [item["times"] for item in there])) | {"descriptions": len(there)},
        "retrieval": found.metrics(),
        "left_out": {"without_features": len(asked) - len(there)},
        "annotations": path.name,
        "items": [
            {
                "video": item["video"],
                "query": item["description"],
                "times": item["times"],
                "ranked": moments[:5],
                "rank_of_moment": mean_rank(moments, item["times"]),
            }
            for item, moments in zip(there, ranked, strict=True)
        ],
    }


def read_descriptions(path: Path) -> list[dict]:
    """Each description with its ``video`` and the annotators' ``times``."""
    try:
        asked = json.loads(path.read_text(encoding="utf-8"))
        return [{key: item[key] for key in ("video", "description", "times")} for item in asked]
    except (ValueError, KeyError, TypeError) as error:
        raise VideoclipError(f"{path}: not DiDeMo's descriptions ({type(error).__name__}: {error})") from error
