"""What VideoCLIP adds to a ready-made joint model: nothing at first, and what its towers learn from then on.

A pooled vector is the ready-made model's, which is frozen, plus the tower's through a gate of zeros. So training starts
at what the ready-made model knows, and few videos of one's own can only add to it.
"""

import torch
from torch import Tensor, nn

from .packing import Packed
from .tokenizer import bert_tokenizer


class Gate(nn.Module):
    """A tower's vectors in another model's space, number by number as much of them as is learned: (…, H) -> (…, D)."""

    def __init__(self, hidden_size: int, size: int):
        super().__init__()
        self.out = nn.Linear(hidden_size, size)
        self.gate = nn.Parameter(torch.zeros(size))

    def forward(self, vectors: Tensor) -> Tensor:
        return self.gate * self.out(vectors).float()


def texts_of(text: Packed) -> list[str]:
    """The texts of packed token ids, as far as word pieces tell; for models that read words, or pieces of their own."""
    return bert_tokenizer().decode([ids.tolist() for ids in text.split()])
