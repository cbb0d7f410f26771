"""Sequences of different lengths, one after the other: nothing is computed for padding.

A third of a padded batch of clips and texts is padding. All of a transformer but attention works on single tokens, so
that packed tokens, (ΣL, D), are all it needs; attention asks a ``Layout`` where one sequence ends and the next begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from .tokenizer import bert_tokenizer


@dataclass(frozen=True)
class Packed:
    """B sequences."""

    values: Tensor  # (ΣL, …)
    lengths: Tensor  # (B,) int64, on the CPU wherever the values are

    def __post_init__(self):
        if len(self.values) != int(self.lengths.sum()) or not len(self.lengths) or int(self.lengths.min()) < 1:
            raise ValueError(f"lengths of at least 1 add up to the number of values: {self}")

    def __len__(self) -> int:
        return len(self.lengths)

    def __repr__(self) -> str:
        return f"Packed({len(self.lengths)} sequences, {tuple(self.values.shape)})"

    def to(self, device: torch.device) -> "Packed":
        return Packed(self.values.to(device, non_blocking=True), self.lengths)

    def pin_memory(self) -> "Packed":
        return Packed(self.values.pin_memory(), self.lengths)

    def split(self) -> tuple[Tensor, ...]:
        """The sequences, each (L, …)."""
        return self.values.split(self.lengths.tolist())

    def rows(self, wanted: Sequence[int]) -> "Packed":
        """Some of the sequences, in this order."""
        parts = self.split()
        return Packed(torch.cat([parts[i] for i in wanted]), self.lengths[list(wanted)])

    def followed_by(self, other: "Packed") -> "Packed":
        """The sequences of both."""
        return Packed(torch.cat([self.values, other.values]), torch.cat([self.lengths, other.lengths]))

    def padded(self) -> tuple[Tensor, Tensor]:
        """The sequences padded with zeros at the end, (B, L, …), and where they are, (B, L) bool."""
        mask = torch.arange(int(self.lengths.max()))[None] < self.lengths[:, None]
        full = self.values.new_zeros(*mask.shape, *self.values.shape[1:])
        full[mask.to(full.device)] = self.values
        return full, mask.to(full.device)


def pack_video(videos: Sequence[np.ndarray | Tensor]) -> Packed:
    """B arrays of (seconds, F), on the CPU, packed: (Σ seconds, F)."""
    values = torch.from_numpy(np.concatenate([np.asarray(video) for video in videos]))
    return Packed(values, torch.tensor([len(video) for video in videos]))


def pack_text(texts: Sequence[Sequence[int] | np.ndarray]) -> Packed:
    """B sequences of token ids, each as ``[CLS] text [SEP]``, packed: (ΣL,) int64."""
    tokenizer = bert_tokenizer()
    lengths = np.array([len(text) + 2 for text in texts])
    ends = lengths.cumsum()
    ids = np.empty(lengths.sum(), np.int64)
    ids[ends - lengths], ids[ends - 1] = tokenizer.cls, tokenizer.sep
    for text, end in zip(texts, ends.tolist(), strict=True):
        ids[end - len(text) - 1 : end - 1] = text
    return Packed(torch.from_numpy(ids), torch.from_numpy(lengths))


@dataclass(frozen=True)
class Layout:
    """Where the tokens of B packed sequences are, for what depends on it: attention, positions and pooling."""

    lengths: Tensor  # (B,) int64, on the CPU
    device: torch.device

    @cached_property
    def longest(self) -> int:
        return int(self.lengths.max())

    @property
    def is_even(self) -> bool:
        """Whether all sequences are equally long."""
        return int(self.lengths.min()) == self.longest

    @cached_property
    def offsets(self) -> Tensor:
        """Where each sequence begins, and where the last one ends: (B + 1,) int32."""
        return self._here(torch.cat([torch.zeros(1, dtype=torch.long), self.lengths.cumsum(0)]).int())

    @cached_property
    def within(self) -> np.ndarray:
        """Number of each token in its sequence, from 0: (ΣL,) int64, on the CPU."""
        lengths = self.lengths.numpy()
        return np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths)

    @cached_property
    def places(self) -> Tensor:
        """Number of each token in a padded tensor (B × longest): (ΣL,) int64."""
        rows = np.repeat(np.arange(len(self.lengths)), self.lengths.numpy())
        return self._here(torch.from_numpy(rows * self.longest + self.within))

    @cached_property
    def valid(self) -> Tensor:
        """Which places of a padded tensor hold a token: (B, longest) bool."""
        return self._here(torch.arange(self.longest)[None] < self.lengths[:, None])

    @cached_property
    def firsts(self) -> Tensor:
        """The first token of each sequence: (B,) int64."""
        return self.offsets[:-1].long()

    @cached_property
    def others(self) -> Tensor:
        """All tokens but the first of each sequence: (ΣL - B,) int64."""
        return self._here(torch.from_numpy(np.flatnonzero(self.within)))

    def _here(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)


def mean_of_others(tokens: Tensor, layout: Layout) -> Tensor:
    """Mean of each sequence's tokens without the first, ``[CLS]``: (ΣL, D) -> (B, D) float32."""
    begins = layout.firsts - torch.arange(len(layout.lengths), device=layout.device)
    return torch.nn.functional.embedding_bag(layout.others, tokens.float(), begins, mode="mean")
