"""Can the data keep up? Pairs per second from a corpus on disk to packed batches, and what memory does meanwhile.

    python bench/loader.py [VIDEOS] [BATCHES]

The corpus has videos of HowTo100M's lengths: 390 s of S3D's features, 110 captions. Batches are the paper's, 32 random
videos with 16 pairs each. The baseline is what one writes in an afternoon: a .npy file of features and a JSON file of
captions per video, a Hugging Face tokenizer for each text, everything padded, with the same number of workers.
"""

import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from baselines import TEXT_TOKENS, VIDEO_TOKENS
from result import gib_in_use, report
from torch.utils.data import DataLoader, Dataset

from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.model.config import ModelConfig
from videoclip.pretrain.clips import Batch
from videoclip.pretrain.config import PretrainConfig
from videoclip.pretrain.estimate import made_up
from videoclip.pretrain.loading import load_batches
from videoclip.pretrain.run import State
from videoclip.pretrain.tokens import tokens_of
from videoclip.progress import track

PLAIN_BATCHES, PLAIN_VIDEOS = 20, 640
WORKERS = (0, 1, 2, 8) if (os.cpu_count() or 1) >= 8 else (0, 1, 2)


class PlainPairs(Dataset):
    """The same pairs, near enough, by plain means: text by growing around a caption, a clip around its middle."""

    def __init__(self, folder: Path, batches: int):
        from transformers import BertTokenizer

        words = str(files("videoclip.data") / "bert-base-uncased-vocab.txt")
        self.tokenizer = BertTokenizer(words)
        self.names = sorted(path.stem for path in folder.glob("*.npy"))
        self.folder, self.batches = folder, batches

    def __len__(self) -> int:
        return self.batches

    def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
        rng, items = random.Random(i), []
        for name in rng.sample(self.names, 32):
            features = np.load(self.folder / f"{name}.npy").astype(np.float32)
            captions = json.loads((self.folder / f"{name}.json").read_text())
            items += [self._pair(features, captions, rng) for _ in range(16)]
        return {key: torch.stack([item[key] for item in items]) for key in items[0]}

    def _pair(self, features: np.ndarray, captions: list, rng: random.Random) -> dict[str, torch.Tensor]:
        first = rng.randrange(len(captions))
        last = min(first + rng.randint(1, 8), len(captions))
        text = self.tokenizer(
            " ".join(caption[2] for caption in captions[first:last]),
            max_length=TEXT_TOKENS, padding="max_length", truncation=True, return_tensors="pt",
        )  # fmt: skip
        length = rng.randint(3, VIDEO_TOKENS - 2)
        start = min(int(captions[first][0]), len(features) - length)
        clip = np.zeros((VIDEO_TOKENS - 2, features.shape[1]), np.float32)
        clip[:length] = features[start : start + length]
        mask = torch.arange(VIDEO_TOKENS - 2) < length
        return {"video": torch.from_numpy(clip), "mask": mask, **{name: x[0] for name, x in text.items()}}


def make_corpus(path: Path, videos: int) -> Corpus:
    """Made-up videos, with one in a hundred made anew and the others of the same features, told apart by their ids."""
    corpus = Corpus.create(path, FeatureKind("s3d", 512))
    some = [made_up(i, 512) for i in range(min(videos, 200))]
    with corpus.appending() as writer, track("corpus", videos, "videos") as advance:
        for i in range(videos):
            video = some[i % len(some)]
            writer.add(NarratedVideo(f"video{i}", video.features, video.captions))
            advance()
    return corpus


def make_files(folder: Path, videos: int) -> None:
    folder.mkdir()
    for i in range(videos):
        video = made_up(i % 200, 512)
        np.save(folder / f"video{i}.npy", video.features)
        said = [(caption.start, caption.end, caption.text) for caption in video.captions]
        (folder / f"video{i}.json").write_text(json.dumps(said))


def rate(batches: Iterator, count: int, memory: list[tuple[int, float]]) -> float:
    """Pairs per second after the first batch; notes GiB of this process and its workers along the way."""
    next(batches)
    began = time.perf_counter()
    for number in range(1, count):
        batch = next(batches)
        if number % max(count // 10, 1) == 0:
            memory.append((number, gib_in_use()))
    pairs = len(batch) if isinstance(batch, Batch) else len(batch["video"])
    return (count - 1) * pairs / (time.perf_counter() - began)


def main(videos: int, batches: int) -> None:
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        corpus = make_corpus(Path(folder) / "corpus.lance", videos)
        make_files(Path(folder) / "plain", PLAIN_VIDEOS)
        for workers in WORKERS:
            config = PretrainConfig(corpus=str(corpus.path), model=ModelConfig(encoder="s3d"), workers=workers)
            count = batches if workers == WORKERS[-1] else max(batches // 10, 20)
            plan = [random.Random(i).sample(range(videos), 32) for i in range(count)]
            memory: list[tuple[int, float]] = []
            ready = tokens_of(corpus, config.clips.max_caption_tokens)
            ours = rate(iter(load_batches(corpus, State(plan=plan), config, tokens=ready)), count, memory)
            loader = DataLoader(
                PlainPairs(Path(folder) / "plain", PLAIN_BATCHES), batch_size=None, num_workers=workers,
                multiprocessing_context="forkserver" if workers else None,
            )  # fmt: skip
            plain = rate(iter(loader), PLAIN_BATCHES, [])
            early = statistics.mean(gib for _, gib in memory[1:4])
            late = statistics.mean(gib for _, gib in memory[-3:])
            rows.append(
                {
                    "workers": workers, "batches": count, "pairs/s": ours, "plain pairs/s": plain,
                    "ratio": ours / plain, "GiB after a tenth": early, "GiB at the end": late,
                }
            )  # fmt: skip
        size = sum(file.stat().st_size for file in (Path(folder) / "corpus.lance").rglob("*") if file.is_file())
    limit = (
        f"at least 10,000 pairs/s in one process; {videos:,} videos, {size / 2**30:.1f} GiB; plain: {PLAIN_VIDEOS} "
        f"videos; {batches} batches are an hour of training at {batches * 512 / 3600:,.0f} pairs/s"
    )
    report("loader", rows[-1]["pairs/s"], rows[-1]["plain pairs/s"], f"pairs/s, {WORKERS[-1]} workers", rows, limit)


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:3])) if len(sys.argv) > 1 else main(20_000, 1000)
