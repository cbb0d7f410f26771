"""Attention within each of several packed sequences.

On a GPU, in half precision, short sequences have a kernel of our own (``short_attention``), and flash attention takes
those of any length as they are. Everywhere else they are padded for attention alone, a small part of the work.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..hardware import has_compiler
from .packing import Layout

SHORT = 128
"""Tokens of the longest sequence that ``short_attention`` takes."""


def attend(query_key_value: Tensor, layout: Layout, dropout: float) -> Tensor:
    """Softmax attention of each token to those of its own sequence: (ΣL, 3, heads, D / heads) -> (ΣL, D)."""
    if has_short_attention(query_key_value, query_key_value.shape[-1], layout.longest):
        return short_attention(query_key_value, layout.offsets, layout.longest > 64, dropout)
    if has_flash_attention(query_key_value):
        return flash_attention(query_key_value, layout, dropout)
    return padded_attention(query_key_value, layout, dropout)


def has_short_attention(x: Tensor, size: int, longest: int) -> bool:
    """Whether the kernel for short sequences takes what a linear map makes of ``x``, ``size`` numbers to a head."""
    return longest <= SHORT and size in (16, 32, 64, 128) and _is_half_on_nvidia(x) and has_compiler()


def has_flash_attention(x: Tensor) -> bool:
    """Whether flash attention takes such a tensor."""
    return x.shape[-1] % 8 == 0 and _is_half_on_nvidia(x) and torch.backends.cuda.is_flash_attention_available()


def _is_half_on_nvidia(x: Tensor) -> bool:
    """Whether products with a tensor are of half precision, on an NVIDIA GPU of Ampere's kind or later."""
    if not x.is_cuda or torch.version.cuda is None or torch.cuda.get_device_capability(x.device) < (8, 0):
        return False
    dtype = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else x.dtype
    return dtype in (torch.bfloat16, torch.float16)


def short_attention(query_key_value: Tensor, ends: Tensor, is_longer: bool, dropout: float) -> Tensor:
    """``attend`` for sequences that begin at ``ends``, (B + 1,) int32, of up to 64 tokens, or ``SHORT``."""
    from .short_attention import short_attention as attend_short  # Triton is on machines with a GPU alone

    seed = torch.randint(2**62, (1,), device=query_key_value.device)
    return attend_short(query_key_value, ends, seed, dropout, is_longer)


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
