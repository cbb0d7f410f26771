"""Sequences of different lengths, one after the other: nothing is computed for padding.

A third of a padded batch of clips and texts is padding. All of a transformer but attention works on single tokens, so
that packed tokens, (ΣL, D), are all it needs; attention asks a ``Layout`` where one sequence ends and the next begins.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from .tokenizer import bert_tokenizer

CLIP_SPECIALS = 2
"""Special tokens before the seconds of a clip: ``[CLS] [SEP]``."""


@dataclass(frozen=True)
class Packed:
    """B sequences."""

    values: Tensor  # (ΣL, …)
    lengths: Tensor  # (B,) int64, on the CPU wherever the values are
    layouts: "dict[int, Layout]" = field(default_factory=dict, repr=False, compare=False)
    """Those that have been asked for, by their special tokens."""

    def __post_init__(self):
        if len(self.values) != int(self.lengths.sum()) or not len(self.lengths) or int(self.lengths.min()) < 1:
            raise ValueError(f"lengths of at least 1 add up to the number of values: {self}")

    def __len__(self) -> int:
        return len(self.lengths)

    def __repr__(self) -> str:
        return f"Packed({len(self.lengths)} sequences, {tuple(self.values.shape)})"

    def layout(self, special: int = 0) -> "Layout":
        """Where the tokens are when so many special ones have been put before each sequence."""
        if special not in self.layouts:
            self.layouts[special] = Layout(self.lengths + special, self.values.device, special)
        return self.layouts[special]

    def to(self, device: torch.device) -> "Packed":
        return self.moved(lambda x: to(x, device))

    def moved(self, move: Callable[[Tensor], Tensor]) -> "Packed":
        """The same sequences, with what is known of their layouts, after ``move`` of every tensor."""
        values = move(self.values)
        layouts = {special: layout.moved(move, values.device) for special, layout in self.layouts.items()}
        return Packed(values, self.lengths, layouts)

    def split(self) -> tuple[Tensor, ...]:
        """The sequences, each (L, …)."""
        return self.values.split(self.lengths.tolist())

    def rows(self, wanted: Sequence[int]) -> "Packed":
        """Some of the sequences, in this order."""
        parts = self.split()
        return Packed(torch.cat([parts[i] for i in wanted]), self.lengths[list(wanted)])

    def followed_by(self, other: "Packed") -> "Packed":
        """The sequences of both."""
        whole = Packed(torch.cat([self.values, other.values]), torch.cat([self.lengths, other.lengths]))
        for special in self.layouts.keys() & other.layouts.keys():
            whole.layouts[special] = self.layouts[special].followed_by(other.layouts[special])
        return whole

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
    """Where the tokens of B packed sequences are, for what depends on it: attention, positions and pooling.

    All of it follows from the lengths, and is computed where it is first asked for.
    """

    lengths: Tensor  # (B,) int64, on the CPU, with the special tokens
    device: torch.device
    special: int = 0
    """Tokens at the beginning of each sequence that come from elsewhere than the others."""

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
    def within(self) -> Tensor:
        """Number of each token in its sequence, from 0: (ΣL,) int64."""
        return self._here(torch.from_numpy(self._within))

    @cached_property
    def sources(self) -> Tensor:
        """Where each token comes from, among the special ones of one sequence and then all others: (ΣL,) int64."""
        is_own = self._within >= self.special
        return self._here(torch.from_numpy(np.where(is_own, self.special + is_own.cumsum() - 1, self._within)))

    @cached_property
    def places(self) -> Tensor:
        """Number of each token in a padded tensor (B × longest): (ΣL,) int64."""
        rows = np.repeat(np.arange(len(self.lengths)), self.lengths.numpy())
        return self._here(torch.from_numpy(rows * self.longest + self._within))

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
        return self._here(torch.from_numpy(np.flatnonzero(self._within)))

    def prepared(self) -> "Layout":
        """The same, with all that a tower on a GPU asks for."""
        _ = self.longest, self.offsets, self.within, self.others, self.special and self.sources
        return self

    def moved(self, move: Callable[[Tensor], Tensor], device: torch.device) -> "Layout":
        """The same on a device, to which ``move`` brings what is there already."""
        there = {name: move(x) for name, x in vars(self).items() if isinstance(x, Tensor) and name != "lengths"}
        return self._known(Layout(self.lengths, device, self.special), longest=self.longest, **there)

    def followed_by(self, other: "Layout") -> "Layout":
        """Of the sequences of both, without special tokens; nothing is read from the device."""
        end = int(self.lengths.sum())
        return self._known(
            Layout(torch.cat([self.lengths, other.lengths]), self.device),
            offsets=torch.cat([self.offsets, other.offsets[1:] + end]),
            within=torch.cat([self.within, other.within]),
            others=torch.cat([self.others, other.others + end]),
        )

    @staticmethod
    def _known(layout: "Layout", **parts: Tensor | int) -> "Layout":
        vars(layout).update(parts)
        return layout

    @property
    def _within(self) -> np.ndarray:
        lengths = self.lengths.numpy()
        return np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths)

    def _here(self, tensor: Tensor) -> Tensor:
        return to(tensor, self.device)


def to(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device; a GPU fetches it when its turn comes, from a GPU it is there on return."""
    return tensor.to(device, non_blocking=device.type == "cuda")


def mean_of_others(tokens: Tensor, layout: Layout) -> Tensor:
    """Mean of each sequence's tokens without the first, ``[CLS]``: (ΣL, D) -> (B, D) float32."""
    begins = layout.firsts - torch.arange(len(layout.lengths), device=layout.device)
    return torch.nn.functional.embedding_bag(layout.others, tokens.float(), begins, mode="mean")
