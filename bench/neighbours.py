"""What does a retrieval round add to an epoch, and how fast are neighbours found?

    python bench/neighbours.py round DEMO       (the folder of a demo, for its corpus)
    python bench/neighbours.py index [VIDEOS]

``round`` trains a demo's model with batches of similar videos, then finds every video's neighbours by vectors made in
several ways, and compares them with those found by embedding 16 clips of each video anew, which is the published way
and the baseline. ``index`` finds the candidates of an epoch's centres, one for every 32 videos, among made vectors of
768 numbers in clusters; the baseline is the published index.
"""

import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from result import gib_in_use, report

from videoclip.config import load_config
from videoclip.corpus.store import Corpus
from videoclip.pretrain.clips import draw_batch
from videoclip.pretrain.config import PretrainConfig, fitted
from videoclip.pretrain.loading import split
from videoclip.pretrain.neighbours import BatchConfig, nearest
from videoclip.pretrain.step import Training, autocast, train_step
from videoclip.pretrain.trainer import embed_videos, pretrain
from videoclip.storage.checkpoints import newest_checkpoint

EPOCHS, NEIGHBOURS = 12, (16, 64)
SPREAD = 0.7 ** np.arange(64).repeat(12)[:768].astype(np.float32) ** 0.25
"""How much vectors vary along each of 768 axes: less and less, as learned ones do."""


def round_of(demo: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = [f"corpus={demo / 'corpus.lance'}", f"out={folder}/run", "train_videos=train/*"]
        settings += ["batches.rule=clusters", "batches.vector_from=training", f"epochs={EPOCHS}", "validate_epochs=0"]
        config = load_config(PretrainConfig, "demo", settings)
        model = pretrain(config)
        state = newest_checkpoint(Path(folder) / "run", torch.device("cpu"))["state"]  # pyright: ignore[reportOptionalSubscript]
        corpus = Corpus(config.corpus)
        rows, _ = split(corpus, config)
        config = fitted(config, corpus.kind)
        cast = autocast(config.precision, model.device)
        epoch = _seconds_of_an_epoch(model, corpus, rows, config, cast)
    table, reference = [], {}
    for name, clips, seed in (
        ("16 clips of each", 16, 0),
        ("16 other clips", 16, 1),
        ("8 clips", 8, 2),
        ("4 clips", 4, 3),
        ("2 clips", 2, 4),
        ("what training computed", 0, 0),
    ):
        began = time.perf_counter()
        vectors = state["vectors"].float().numpy()
        if clips:
            few = replace(
                config, seed=seed, batches=replace(config.batches, vector_from="clips", clips_per_vector=clips)
            )
            vectors = embed_videos(model, corpus, rows, few, cast)
        missing = int(np.isnan(vectors[:, 0]).sum())
        took = time.perf_counter() - began
        found = {k: nearest(vectors, vectors, k + 1, config.batches)[:, 1:] for k in NEIGHBOURS}
        reference = reference or found
        table.append(
            {
                "vectors": name,
                "s": took,
                "of an epoch": took / epoch,
                **{f"overlap of {k} neighbours": _overlap(found[k], reference[k]) for k in NEIGHBOURS},
                "videos without": missing,
            }
        )
    report(
        "neighbours-round",
        table[-1]["of an epoch"],
        table[0]["of an epoch"],
        f"of an epoch's {epoch:.1f} s, {len(rows)} videos",
        table,
        "at most 8 %, at an overlap of 0.8; two draws of 16 clips overlap as the second row says",
        "less",
    )


def _seconds_of_an_epoch(model, corpus: Corpus, rows: list[int], config: PretrainConfig, cast) -> float:
    """The updates alone, of as many batches as an epoch has, with copies of the model untouched."""
    import copy

    model = copy.deepcopy(model)
    training = Training(model, torch.optim.Adam(model.parameters(), 1e-4, fused=True), config, cast)
    began = time.perf_counter()
    for i in range(0, len(rows) - config.batches.videos + 1, config.batches.videos):
        videos = corpus.read(rows[i : i + config.batches.videos])
        batch = draw_batch(videos, config.clips, config.model.max_text_tokens, random.Random(i))
        train_step(training, [batch], [[]], i, 1e-4)
    return time.perf_counter() - began


def _overlap(found: np.ndarray, reference: np.ndarray) -> float:
    return float(
        np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found.tolist(), reference.tolist(), strict=True)])
    )


def made(videos: int) -> np.ndarray:
    """Vectors in clusters of about 200 that differ as much as clusters do from each other: (videos, 768) float32."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((max(videos // 200, 8), 768), dtype=np.float32) * SPREAD
    vectors = np.empty((videos, 768), np.float32)
    for start in range(0, videos, 50_000):
        part = vectors[start : start + 50_000]
        rng.standard_normal(out=part, dtype=np.float32)
        part *= SPREAD
        part += centres[rng.integers(0, len(centres), len(part))]
    return vectors


def index(videos: int) -> None:
    """One size in this process: ours, and the published way, 512 cells of which one is probed, a query at a time."""
    import faiss

    vectors = made(videos)
    held = gib_in_use()
    centres = vectors[np.random.default_rng(1).choice(videos, videos // 32, replace=False)]
    began = time.perf_counter()
    found = nearest(vectors, centres, 64, BatchConfig())
    ours = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    right = _exact(vectors, centres[:200])
    began = time.perf_counter()
    cells: Any = faiss.index_factory(768, "IVF512,Flat")
    cells.train(vectors[:: max(len(vectors) // 100_000, 1)])
    cells.add(vectors)
    published = np.concatenate([cells.search(centre[None], 64)[1] for centre in centres])
    took = time.perf_counter() - began
    rows = [
        {"search": "ours", "s": ours, "recall of 64": _overlap(found[:200], right)},
        {"search": "512 cells, one probed, one by one", "s": took, "recall of 64": _overlap(published[:200], right)},
    ]
    limit = (
        f"{videos:,} videos, {len(centres):,} centres; peak {peak:.1f} GiB, of which {held:.1f} are the vectors; at "
        "most 6 s for 100,000; 600 s and 12 GiB for 1,100,000, at a recall of 0.95"
    )
    report(f"neighbours-{videos}", ours, took, "s", rows, limit, "less")


def _exact(vectors: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Without FAISS: numbers of the 64 nearest of each query."""
    lengths = np.einsum("nd,nd->n", vectors, vectors)
    return np.stack([np.argsort(lengths - 2 * vectors @ query)[:64] for query in queries])


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["round", demo]:
            round_of(Path(demo))
        case ["index", videos]:
            index(int(videos))
        case ["index"]:
            for size in ("100000", "1100000"):
                subprocess.run([sys.executable, __file__, "index", size], check=True)
        case _:
            raise SystemExit(__doc__)
