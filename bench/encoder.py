"""How much of what is seen is in the demo encoder's features? Linear probes on seconds, against the network untrained.

python bench/encoder.py [VIDEOS]
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from result import report

from videoclip.benchmarks.truth import read_truth
from videoclip.corpus.extract import extract
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import AnyEncoder
from videoclip.encoders.load import load_encoder
from videoclip.encoders.s3d import S3D, folded
from videoclip.media.files import find_videos
from videoclip.world.render import render_world

PARTS = ("action", "object", "colour")


def main(videos: int) -> None:
    trained = load_encoder("demo")
    torch.manual_seed(0)
    network = folded(S3D(trained.feature_size, 0.25, 3))
    untrained = replace(trained, name="untrained", network=lambda x: network(x.permute(0, 4, 1, 2, 3).float() / 255))
    with tempfile.TemporaryDirectory() as folder:
        render_world(Path(folder) / "videos", videos, 1)
        accuracies = {encoder.name: probe(encoder, Path(folder)) for encoder in (trained, untrained)}
    ours, baseline = (sum(parts.values()) / len(PARTS) for parts in accuracies.values())
    rows = [{"encoder": name, **parts} for name, parts in accuracies.items()]
    report("encoder", ours, baseline, "mean accuracy of linear probes", rows)


def probe(encoder: AnyEncoder, folder: Path) -> dict[str, float]:
    """Accuracy on seconds of test videos of linear classifiers fitted on seconds of training videos."""
    path = folder / f"{encoder.name}.lance"
    extract(find_videos(folder / "videos"), encoder, path)
    corpus, truth = Corpus(path), read_truth(folder)["videos"]
    features: dict[str, list] = {"train": [], "test": [], "val": []}
    labels: dict[str, list] = {"train": [], "test": [], "val": []}
    for video in corpus.read(range(len(corpus))):
        for step in truth[video.id]["steps"]:
            inside = range(int(np.ceil(step["start"])), int(step["end"]))
            features[truth[video.id]["split"]] += [video.features[second] for second in inside]
            labels[truth[video.id]["split"]] += [step] * len(inside)
    x, y = (torch.from_numpy(np.array(features[split], np.float32)) for split in ("train", "test"))
    x, y = (x - x.mean(0)) / x.std(0), (y - x.mean(0)) / x.std(0)
    return {part: _accuracy(x, y, *([s[part] for s in labels[k]] for k in ("train", "test"))) for part in PARTS}


def _accuracy(x: torch.Tensor, y: torch.Tensor, train: list[str], test: list[str]) -> float:
    names = sorted(set(train))
    right, wanted = (torch.tensor([names.index(name) for name in split]) for split in (train, test))
    linear = torch.nn.Linear(x.shape[1], len(names))
    optimizer = torch.optim.Adam(linear.parameters(), 0.05)
    for _ in range(300):
        optimizer.zero_grad()
        F.cross_entropy(linear(x), right).backward()
        optimizer.step()
    return float((linear(y).argmax(1) == wanted).float().mean())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
