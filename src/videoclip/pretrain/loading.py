"""Batches from a corpus, drawn ahead of time, and the same whoever draws them."""

import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch.utils.data import DataLoader, Dataset

from ..corpus.store import Corpus
from ..processes import START, apart_from_main
from .clips import Batch, draw_batch

if TYPE_CHECKING:
    from .run import State
    from .trainer import PretrainConfig


class Draws(Dataset):
    """The batches of one epoch: batch ``i`` is the same whoever draws it, and whenever."""

    def __init__(self, corpus: Corpus, plan: list[list[int]], config: "PretrainConfig", epoch: int):
        self.corpus, self.plan, self.config, self.epoch = corpus, plan, config, epoch

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, i: int) -> Batch:
        if i >= len(self.plan):
            raise IndexError(i)
        rng = random.Random(f"{self.config.seed} {self.epoch} {i}")
        videos = self.corpus.read(self.plan[i])
        return draw_batch(videos, self.config.clips, self.config.model.max_text_tokens, rng)


def load_batches(
    corpus: Corpus, state: "State", config: "PretrainConfig", which: Sequence[int] | None = None
) -> Iterator[Batch]:
    """These batches of an epoch, or the rest of it; ``config.workers`` processes draw them ahead of time."""
    rest = range(state.batch, len(state.plan)) if which is None else which
    batches = DataLoader(
        Draws(corpus, state.plan, config, state.epoch),
        batch_size=None,
        sampler=rest,
        num_workers=config.workers,
        multiprocessing_context=START if config.workers else None,
        pin_memory=torch.cuda.is_available(),
    )
    with apart_from_main():
        drawn = iter(batches)
    yield from drawn
