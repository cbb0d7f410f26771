"""Clips and texts of different lengths as padded tensors, without computing much for the padding."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..tokenizer import bert_tokenizer


def collate_video(videos: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """B arrays of (seconds, F) -> features (B, T, F) padded with zeros, mask (B, T) bool."""
    lengths = torch.tensor([len(v) for v in videos])
    features = pad_sequence(list(videos), batch_first=True)
    return features, torch.arange(features.shape[1])[None] < lengths[:, None]


def collate_text(texts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """B lists of token ids -> ``[CLS] text [SEP] [PAD]…`` (B, L) int, mask (B, L) bool."""
    tokenizer = bert_tokenizer()
    rows = [torch.tensor([tokenizer.cls, *ids, tokenizer.sep]) for ids in texts]
    lengths = torch.tensor([len(row) for row in rows])
    token_ids = pad_sequence(rows, batch_first=True, padding_value=tokenizer.pad)
    return token_ids, torch.arange(token_ids.shape[1])[None] < lengths[:, None]


def by_length(pooled: Callable[[Tensor, Tensor], Tensor], items: Tensor, mask: Tensor, groups: int = 4) -> Tensor:
    """Apply ``pooled`` to rows of similar length together, so that little is computed for padding only."""
    if len(items) < 8 * groups:
        return pooled(items, mask)
    lengths = mask.sum(1)
    order = lengths.argsort(stable=True)
    parts = []
    for rows in order.chunk(groups):
        longest = int(lengths[rows[-1]])
        parts.append(pooled(items[rows, :longest], mask[rows, :longest]))
    return torch.cat(parts)[order.argsort()]
