"""A small corpus from which words can be learned."""

import numpy as np

from videoclip.corpus.store import Corpus, NarratedVideo
from videoclip.encoders import FeatureKind
from videoclip.media.captions import Caption

WORDS = ["onion", "bread", "cheese", "pan", "cake", "egg", "pot", "pepper"]


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
