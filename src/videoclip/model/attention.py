"""Attention within each of several packed sequences.

On a GPU that has it, in half precision, flash attention takes sequences of any length as they are. Everywhere else they
are padded for attention alone, which is a small part of the work.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .packing import Layout


def attend(query_key_value: Tensor, layout: Layout, dropout: float) -> Tensor:
    """Softmax attention of each token to those of its own sequence: (ΣL, 3, heads, D / heads) -> (ΣL, D)."""
    if has_flash_attention(query_key_value):
        return flash_attention(query_key_value, layout, dropout)
    return padded_attention(query_key_value, layout, dropout)


def has_flash_attention(x: Tensor) -> bool:
    """Whether flash attention takes such a tensor: of half precision, on an NVIDIA GPU of Ampere's kind or later."""
    return (
        x.is_cuda
        and x.dtype in (torch.bfloat16, torch.float16)
        and x.shape[-1] % 8 == 0
        and torch.version.cuda is not None
        and torch.cuda.get_device_capability(x.device) >= (8, 0)
        and torch.backends.cuda.is_flash_attention_available()
    )


def flash_attention(query_key_value: Tensor, layout: Layout, dropout: float) -> Tensor:
    """``attend`` without padding. PyTorch's public interface to this kernel has no dropout, so it is called itself."""
    query, key, value = query_key_value.unbind(1)
    ends, longest = layout.offsets, layout.longest
    out = torch.ops.aten._flash_attention_forward(
        query, key, value, ends, ends, longest, longest, dropout, False, False
    )
    return out[0].flatten(1)


def padded_attention(query_key_value: Tensor, layout: Layout, dropout: float) -> Tensor:
    """``attend`` by padding to the longest sequence."""
    B, L = len(layout.lengths), layout.longest
    full, mask = query_key_value, None
    if not layout.is_even:
        full = full.new_zeros(B * L, *full.shape[1:]).index_copy(0, layout.places, full)
        mask = layout.valid[:, None, None, :]
    query, key, value = full.view(B, L, *full.shape[1:]).permute(2, 0, 3, 1, 4)
    out = F.scaled_dot_product_attention(query, key, value, mask, dropout_p=dropout)
    out = out.transpose(1, 2).reshape(B * L, -1)
    return out if layout.is_even else out.index_select(0, layout.places)
