"""Which videos of a corpus are trained on, and batches of them, drawn ahead of time, the same whoever draws them."""

import os
import random
from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import DataLoader, Dataset

from ..corpus.store import Corpus
from ..errors import ConfigError, CorpusError
from ..processes import START, apart_from_main
from .clips import Batch, draw_batch
from .config import PretrainConfig
from .run import State
from .tokens import Tokens

WORKERS = 4
"""Processes that draw batches for a GPU, where there are cores for them: what one trains on in a second, they draw."""


def split(corpus: Corpus, config: PretrainConfig) -> tuple[list[int], list[int]]:
    """Rows to train on and rows to validate on; videos without captions are in neither.

    Raises:
        CorpusError: nothing to train on.
    """
    spoken = corpus.rows_with_captions()
    train = [row for row in corpus.matching(config.train_videos) if row in spoken]
    if not train:
        raise CorpusError(f"{corpus.path}: no video with captions matches train_videos '{config.train_videos}'")
    if config.validation_videos:
        held_out = [row for row in corpus.matching(config.validation_videos) if row in spoken]
    else:
        held_out = random.Random(f"{config.seed} held out").sample(train, max(len(train) // 50, 1))
    if not held_out:
        raise CorpusError(
            f"{corpus.path}: no video with captions matches validation_videos '{config.validation_videos}'"
        )
    kept = set(held_out)
    train = [row for row in train if row not in kept]
    if len(train) < config.batches.videos:
        raise ConfigError(
            f"batches.videos is {config.batches.videos}, but {corpus.path} has {len(train)} videos to train on; "
            f"set batches.videos={max(len(train), 1)} or less"
        )
    return train, held_out


def workers_here() -> int:
    """How many processes draw batches by default: none beside a training that takes all cores itself."""
    return min(WORKERS, (os.cpu_count() or 1) - 1) if torch.cuda.is_available() else 0


class Draws(Dataset):
    """The batches of one epoch: batch ``i`` is the same whoever draws it, and whenever."""

    def __init__(
        self, corpus: Corpus, plan: list[list[int]], config: PretrainConfig, epoch: int, tokens: Tokens | None = None
    ):
        self.corpus, self.plan, self.config, self.epoch, self.tokens = corpus, plan, config, epoch, tokens

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, i: int) -> Batch:
        if i >= len(self.plan):
            raise IndexError(i)
        rng = random.Random(f"{self.config.seed} {self.epoch} {i}")
        rows = self.plan[i]
        tokens = [self.tokens[row] for row in rows] if self.tokens else None
        return draw_batch(self.corpus.read(rows), self.config.clips, self.config.model.max_text_tokens, rng, tokens)


def load_batches(
    corpus: Corpus,
    state: State,
    config: PretrainConfig,
    which: Sequence[int] | None = None,
    tokens: Tokens | None = None,
) -> Iterator[Batch]:
    """These batches of an epoch, or the rest of it; ``config.workers`` processes draw them ahead of time."""
    rest = range(state.batch, len(state.plan)) if which is None else which
    workers = workers_here() if config.workers is None else config.workers
    batches = DataLoader(
        Draws(corpus, state.plan, config, state.epoch, tokens),
        batch_size=None,
        sampler=rest,
        num_workers=workers,
        multiprocessing_context=START if workers else None,
        pin_memory=torch.cuda.is_available(),
    )
    with apart_from_main():
        drawn = iter(batches)
    yield from drawn
