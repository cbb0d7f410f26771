"""COIN: what is done in each second of a video, of 778 steps (paper, table 5).

Zero-shot. The figures of the paper's rule stand beside ours: with the published weights that rule calls everything
background, and its frame accuracy is the share of background.
"""

import json
from pathlib import Path

from ..corpus.store import Corpus
from ..errors import VideoclipError
from ..model.joint import JointModel
from ..tasks.finetune import Example, Labelled, one_label
from ..tasks.metrics import segmentation_metrics
from ..tasks.segmentation import RULES, background_text, labels_of_seconds, segment
from .benchmark import DEFAULT, Benchmark, Examples, Options, annotation_file, features_of, hold_out

FILE, WHERE = "COIN.json", "https://coin-dataset.github.io"
SUBSETS = {"test": "testing", "train": "training"}


def evaluate_coin(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Segmentation of the testing (or training) videos, with every label of the data set as a candidate.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, [FILE], WHERE)
    videos, labels = read_segments(path, SUBSETS[options.split])
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


def seconds_to_label(corpus: Corpus, data: Path) -> Examples:
    """Training videos, every second with its label or none.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    videos, labels = read_segments(annotation_file(data, [FILE], WHERE), SUBSETS["train"])
    place = {label: i for i, label in enumerate(labels)}
    made: list[tuple[str, Example]] = []
    for video, seconds in features_of(corpus, videos).items():
        shown = labels_of_seconds([(s, e, place[label]) for s, e, label in videos[video]], len(seconds))
        made.append((video, Labelled(seconds, labels, one_label(shown, len(labels)))))
    return hold_out(made)


BENCHMARK = Benchmark(evaluate_coin, splits=tuple(SUBSETS), rules=RULES, trains={"segmentation": seconds_to_label})
