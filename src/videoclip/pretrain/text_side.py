"""A text side for an encoder, by MIL-NCE (Miech et al., CVPR 2020): the encoder's own joint embedding.

The encoder stays as it is: features of single seconds are read from a corpus, and the sentences spoken around each are
its bag. What comes out stands where the published text side of S3D stands (``model.mil_nce``): a baseline, and a
ready-made model to start from (``init=joint:mil-nce:FOLDER``).
"""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from ..config import dump_config
from ..corpus.rows import NarratedVideo
from ..corpus.store import Corpus
from ..encoders.s3d_text import words_of
from ..errors import ConfigError
from ..model.loss import mil_nce
from ..model.mil_nce import MilNce, MilNceConfig
from ..progress import track
from ..provenance import provenance
from ..ranges import COUNT, SEED, Range, ranged
from ..storage.places import write_whole

READ_AT_ONCE = 256
"""Videos."""


@dataclass(frozen=True)
@ranged
class TextSideConfig:
    """How a text side is trained, and its sizes."""

    word_size: Annotated[int, Range(1, 65_536)] = 64
    hidden_size: Annotated[int, Range(1, 65_536)] = 256
    around: Annotated[float, Range(0, 3600)] = 0.5
    """Seconds before and after a second of video whose sentences are in its bag."""
    bag: Annotated[int, Range(1, 1000)] = 2
    """Sentences that are drawn from it."""
    batch: Annotated[int, Range(2, 1_000_000)] = 256
    updates: Annotated[int, COUNT] = 3000
    lr: Annotated[float, Range(1e-9, 10)] = 2e-3
    fewest: Annotated[int, COUNT] = 5
    """Times that a word is said, for it to be in the vocabulary."""
    seed: Annotated[int, SEED] = 0


def train_text_side(corpus: Corpus, rows: Sequence[int], config: TextSideConfig, out: Path) -> MilNce:
    """Train on videos of a corpus; the embedding, which ``load_model("mil-nce:OUT")`` loads again.

    Raises:
        ConfigError: fewer seconds with captions than a batch needs, or ``out`` holds something else.
    """
    if out.exists() and any(out.iterdir()):
        raise ConfigError(f"{out}: is not empty; choose another folder for the text side")
    began = time.monotonic()
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    features, bags, said = _seconds(corpus, rows, config)
    if len(bags) < config.batch:
        raise ConfigError(
            f"{len(bags)} seconds with captions are fewer than a batch of {config.batch}; set batch lower"
        )
    counts = Counter(word for text in said for word in set(words_of(text)))
    words = sorted(word for word, count in counts.items() if count >= config.fewest)
    kind = corpus.kind
    sizes = config.word_size, config.hidden_size, kind.feature_size
    model = MilNce(MilNceConfig(tuple(words), *sizes, kind.encoder, kind.normalized))
    ids = model.text.word_ids(said)
    optimizer = torch.optim.Adam(model.parameters(), config.lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.lr, total_steps=config.updates, pct_start=0.1)
    losses = []
    with track("train", config.updates, "updates") as advance:
        for _ in range(config.updates):
            drawn = rng.choice(len(bags), config.batch, replace=False)
            texts = ids[np.array([rng.choice(bags[i], config.bag) for i in drawn])]
            loss = mil_nce(features[drawn], model.text(texts.flatten(0, 1)).view(*texts.shape[:2], -1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
            advance(1, f"loss {np.mean(losses[-20:]):.3f}")
    model.save(out)
    made = provenance(config.seed, dump_config(config)) | {"corpus": corpus.path, "videos": len(rows)}
    made |= {"seconds": time.monotonic() - began, "loss": float(np.mean(losses[-50:]))}
    write_whole(out / "result.json", json.dumps(made, indent=1))
    return model.eval()


def _seconds(corpus: Corpus, rows: Sequence[int], config: TextSideConfig) -> tuple[Tensor, list[list[int]], list[str]]:
    """Seconds around which something is said: their features (N, F), the numbers of their sentences, all sentences."""
    features, bags, said = [np.empty((0, corpus.kind.feature_size), np.float32)], [], []
    for start in range(0, len(rows), READ_AT_ONCE):
        for video in corpus.read(rows[start : start + READ_AT_ONCE]):
            of_seconds = [_bag(video, second, config.around) for second in range(video.seconds)]
            features.append(np.asarray(video.features, np.float32)[[bool(bag) for bag in of_seconds]])
            bags += [[len(said) + i for i in bag] for bag in of_seconds if bag]
            said += [caption.text for caption in video.captions]
    return torch.from_numpy(np.concatenate(features)), bags, said


def _bag(video: NarratedVideo, second: int, around: float) -> list[int]:
    """Numbers of the captions that are spoken around a second."""
    begin, end = second - around, second + 1 + around
    return [i for i, caption in enumerate(video.captions) if caption.start < end and caption.end > begin]
