"""COIN: what is done in each second of a video, of 778 steps (paper, table 5).

Zero-shot. The figures of the paper's rule stand beside ours: with the published weights that rule calls everything
background, and its frame accuracy is the share of background.
"""

import json
from pathlib import Path

from ..corpus.store import Corpus
from ..errors import VideoclipError
from ..model.joint import JointModel
from ..tasks.metrics import segmentation_metrics
from ..tasks.segmentation import background_text, labels_of_seconds, segment
from .benchmark import DEFAULT, Options, annotation_file, features_of

FILE, WHERE = "COIN.json", "https://coin-dataset.github.io"
SUBSETS = {"test": "testing", "val": "testing", "train": "training"}


def evaluate_coin(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Segmentation of the testing (or training) videos, with every label of the data set as a candidate.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, [FILE], WHERE)
    videos, labels = read_segments(path, SUBSETS.get(options.split, options.split))
    model.check_features(corpus.kind, corpus.path)
    features = features_of(corpus, videos)
    texts = model.encode_text(labels).numpy()
    place = {label: i for i, label in enumerate(labels)}
    background = background_text(model, options.rule)
    truth, predicted, published, items = [], [], [], []
    for video, seconds in features.items():
        tokens = model.video_tokens(seconds).numpy()
        truth.append(labels_of_seconds([(s, e, place[label]) for s, e, label in videos[video]], len(seconds)))
        predicted.append(segment(tokens, texts, options.rule, background))
        published.append(segment(tokens, texts, "paper"))
        items.append({"video": video, "truth": truth[-1].tolist(), "prediction": predicted[-1].tolist()})
    return {
        "segmentation": {"rule": options.rule} | segmentation_metrics(predicted, truth),
        "segmentation_by_the_papers_rule": segmentation_metrics(published, truth),
        "left_out": {"without_features": len(videos) - len(features)},
        "annotations": path.name,
        "classes": labels,
        "items": items,
    }


def read_segments(path: Path, subset: str) -> tuple[dict[str, list[tuple[float, float, str]]], list[str]]:
    """Segments (start, end, label) of each video of a subset, and the labels of all videos in order."""
    try:
        database = json.loads(path.read_text(encoding="utf-8"))["database"]
        segments = {
            video: [(float(a["segment"][0]), float(a["segment"][1]), str(a["label"])) for a in entry["annotation"]]
            for video, entry in database.items()
        }
        chosen = {video: segments[video] for video, entry in database.items() if entry["subset"] == subset}
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise VideoclipError(f"{path}: not COIN's annotations ({type(error).__name__}: {error})") from error
    if not chosen:
        raise VideoclipError(f"{path}: no videos of subset '{subset}'")
    return chosen, sorted({label for said in segments.values() for _, _, label in said})
