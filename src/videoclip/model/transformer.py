"""BERT without its words: what both towers of VideoCLIP are (``videoclip``), over packed sequences (``packing``)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import attend, has_short_attention, short_attention
from .config import ModelConfig
from .packing import Layout

BERT_EPS = 1e-12


class Layer(nn.Module):
    """One post-norm BERT layer: self-attention, then a two-layer perceptron, each added to its input and normalised."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        size = config.hidden_size
        self.heads, self.dropout = config.heads, config.dropout
        self.query_key_value = nn.Linear(size, 3 * size)
        self.attention_out = nn.Linear(size, size)
        self.attention_norm = nn.LayerNorm(size, eps=BERT_EPS)
        self.widen = nn.Linear(size, config.intermediate_size)
        self.narrow = nn.Linear(config.intermediate_size, size)
        self.mlp_norm = nn.LayerNorm(size, eps=BERT_EPS)

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """(ΣL, D) -> (ΣL, D)."""
        if has_short_attention(x, x.shape[1] // self.heads, layout.longest):
            return self.of_short(x, layout.offsets, layout.longest > 64)
        return self.after_attention(x, attend(self._heads(x), layout, self._dropout))

    def of_short(self, x: Tensor, ends: Tensor, is_longer: bool) -> Tensor:
        """All of the layer, for short sequences on a GPU (``short_attention``): (ΣL, D), (B + 1,) int32 -> (ΣL, D)."""
        return self.after_attention(x, short_attention(self._heads(x), ends, is_longer, self._dropout))

    def _heads(self, x: Tensor) -> Tensor:
        """Queries, keys and values: (ΣL, D) -> (ΣL, 3, heads, D / heads)."""
        return self.query_key_value(x).view(len(x), 3, self.heads, -1)

    @property
    def _dropout(self) -> float:
        return self.dropout if self.training else 0.0

    def after_attention(self, x: Tensor, attended: Tensor) -> Tensor:
        """The rest of the layer, which knows nothing of sequences: (ΣL, D), (ΣL, D) -> (ΣL, D)."""
        p = self.dropout
        x = self.attention_norm(x + F.dropout(self.attention_out(attended), p, self.training))
        return self.mlp_norm(x + F.dropout(self.narrow(F.gelu(self.widen(x))), p, self.training))


class Transformer(nn.Module):
    """BERT without its word embeddings: position and type embeddings, LayerNorm, layers."""

    def __init__(self, config: ModelConfig, layers: int):
        super().__init__()
        self.dropout = config.dropout
        self.position_embedding = nn.Embedding(config.positions, config.hidden_size)
        self.type_embedding = nn.Parameter(torch.empty(config.hidden_size))  # token type 0, the only one in use
        self.norm = nn.LayerNorm(config.hidden_size, eps=BERT_EPS)
        self.layers = nn.ModuleList(Layer(config) for _ in range(layers))

    def forward(self, tokens: Tensor, positions: Tensor, layout: Layout) -> Tensor:
        """(ΣL, D), (ΣL,) int -> (ΣL, D)."""
        x = self.norm(tokens + self.position_embedding(positions) + self.type_embedding)
        x = F.dropout(x, self.dropout, self.training)
        for layer in self.layers:
            x = layer(x, layout)
        return x
