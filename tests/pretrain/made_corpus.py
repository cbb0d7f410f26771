"""A small corpus from which words can be learned."""

import numpy as np

from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.media.captions import Caption

WORDS = ["onion", "bread", "cheese", "pan", "cake", "egg", "pot", "pepper"]
SETTINGS = [
    "model.hidden_size=32", "model.heads=2", "model.intermediate_size=64", "model.video_layers=1",
    "model.text_layers=1", "model.positions=64", "init=", "clips.rule=overlapped", "clips.pairs_per_video=4",
    "clips.max_seconds=8", "clips.min_text_tokens=4", "clips.max_text_tokens=12", "validation_videos=v2?",
    "batches.rule=retrieved", "batches.videos=2", "batches.candidates=4", "batches.vector_from=training",
    "batches.per_update=4", "batches.negatives=update", "optimizer.lr=1e-3", "optimizer.warmup_updates=5",
    "optimizer.decay_updates=0", "log_every=1", "precision=fp32", "checkpoint_minutes=0",
]  # fmt: skip
"""Of a tiny model that learns them in seconds; an update has four batches."""


def made_corpus(path, videos: int = 24, seconds: int = 40) -> str:
    """Videos in which each word is shown, as a direction in feature space, while it is said."""
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((len(WORDS), 16))
    corpus = Corpus.create(path, FeatureKind("made", 16))
    made = []
    for i in range(videos):
        shown = rng.integers(0, len(WORDS), seconds // 4)
        features = directions[shown].repeat(4, 0) + 0.3 * rng.standard_normal((seconds, 16))
        captions = [Caption(4 * j, 4 * j + 3, f"here is the {WORDS[k]}") for j, k in enumerate(shown)]
        made.append(NarratedVideo(f"v{i}", features.astype(np.float16), captions))
    corpus.append(made)
    return str(path)
