"""Attention for many short packed sequences on a GPU, as one Triton program for each sequence and head.

Flash attention's tiles are made for long sequences; clips of seconds and sentences have tens of tokens. Here a whole
sequence is in registers: scores, softmax, dropout and output in one pass, and the backward pass computes the
probabilities anew instead of reading them. Dropout's random numbers come from a counter, so that both passes draw the
same ones.
"""

import torch
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from torch import Tensor
from torch.library import triton_op, wrap_triton


@triton.jit
def _probabilities(query, key, length, scale: tl.constexpr, BLOCK: tl.constexpr):
    """Softmax over a sequence's keys, (BLOCK, BLOCK) float32; zero for what is beyond its end."""
    column = tl.arange(0, BLOCK)
    score = tl.dot(query, tl.trans(key)) * scale
    score = tl.where(column[None, :] < length, score, float("-inf"))
    weight = tl.exp(score - tl.max(score, 1)[:, None])
    return weight / tl.sum(weight, 1)[:, None]


@triton.jit
def _kept(seed, program, dropout: tl.constexpr, BLOCK: tl.constexpr):
    """Which probabilities dropout keeps: (BLOCK, BLOCK) bool."""
    index = tl.arange(0, BLOCK)
    return tl.rand(seed, (program * BLOCK + index[:, None]) * BLOCK + index[None, :]) >= dropout


@triton.jit
def _forward_kernel(
    packed, ends, seeds, out, scale: tl.constexpr, dropout: tl.constexpr,
    HEADS: tl.constexpr, SIZE: tl.constexpr, BLOCK: tl.constexpr, DROPS: tl.constexpr,
):  # fmt: skip
    sequence, head = tl.program_id(0), tl.program_id(1)
    begin = tl.load(ends + sequence)
    length = tl.load(ends + sequence + 1) - begin
    row, column = tl.arange(0, BLOCK), tl.arange(0, SIZE)
    token = (begin + row).to(tl.int64)[:, None]
    at = packed + token * (3 * HEADS * SIZE) + head * SIZE + column[None, :]
    inside = row[:, None] < length
    query = tl.load(at, mask=inside, other=0.0)
    key = tl.load(at + HEADS * SIZE, mask=inside, other=0.0)
    value = tl.load(at + 2 * HEADS * SIZE, mask=inside, other=0.0)
    weight = _probabilities(query, key, length, scale, BLOCK)
    if DROPS:
        kept = _kept(tl.load(seeds), sequence * HEADS + head, dropout, BLOCK)
        weight = tl.where(kept, weight / (1 - dropout), 0.0)
    result = tl.dot(weight.to(value.dtype), value)
    tl.store(out + token * (HEADS * SIZE) + head * SIZE + column[None, :], result.to(value.dtype), mask=inside)


@triton.jit
def _backward_kernel(
    packed, ends, seeds, gradient, out, scale: tl.constexpr, dropout: tl.constexpr,
    HEADS: tl.constexpr, SIZE: tl.constexpr, BLOCK: tl.constexpr, DROPS: tl.constexpr,
):  # fmt: skip
    sequence, head = tl.program_id(0), tl.program_id(1)
    begin = tl.load(ends + sequence)
    length = tl.load(ends + sequence + 1) - begin
    row, column = tl.arange(0, BLOCK), tl.arange(0, SIZE)
    token = (begin + row).to(tl.int64)[:, None]
    of_three = token * (3 * HEADS * SIZE) + head * SIZE + column[None, :]
    at, inside = packed + of_three, row[:, None] < length
    query = tl.load(at, mask=inside, other=0.0)
    key = tl.load(at + HEADS * SIZE, mask=inside, other=0.0)
    value = tl.load(at + 2 * HEADS * SIZE, mask=inside, other=0.0)
    of_result = tl.load(gradient + token * (HEADS * SIZE) + head * SIZE + column[None, :], mask=inside, other=0.0)
    weight = _probabilities(query, key, length, scale, BLOCK)
    of_weight = tl.dot(of_result, tl.trans(value))
    dropped = weight
    if DROPS:
        kept = _kept(tl.load(seeds), sequence * HEADS + head, dropout, BLOCK)
        dropped = tl.where(kept, weight / (1 - dropout), 0.0)
        of_weight = tl.where(kept, of_weight / (1 - dropout), 0.0)
    of_value = tl.dot(tl.trans(dropped.to(value.dtype)), of_result)
    of_score = weight * (of_weight - tl.sum(weight * of_weight, 1)[:, None]) * scale
    of_score = of_score.to(value.dtype)
    to = out + of_three
    tl.store(to, tl.dot(of_score, key).to(value.dtype), mask=inside)
    tl.store(to + HEADS * SIZE, tl.dot(tl.trans(of_score), query).to(value.dtype), mask=inside)
    tl.store(to + 2 * HEADS * SIZE, of_value.to(value.dtype), mask=inside)


@triton_op("videoclip::short_attention", mutates_args={})
def short_attention(packed: Tensor, ends: Tensor, seed: Tensor, dropout: float, is_longer: bool) -> Tensor:
    """Softmax attention of each token to those of its own sequence.

    Args:
        packed: queries, keys and values, (ΣL, 3, heads, D / heads), of half precision.
        ends: where each sequence begins, and where the last one ends, (B + 1,) int32.
        seed: of dropout, (1,) int64.
        is_longer: whether a sequence has more than 64 tokens; none has more than 128.

    Returns:
        (ΣL, D).
    """
    packed = packed.contiguous()
    out = packed.new_empty(packed.shape[0], packed.shape[2] * packed.shape[3])
    _launch(_forward_kernel, packed, ends, seed, dropout, is_longer, out)
    return out


@triton_op("videoclip::short_attention_backward", mutates_args={})
def _backward(gradient: Tensor, packed: Tensor, ends: Tensor, seed: Tensor, dropout: float, is_longer: bool) -> Tensor:
    packed = packed.contiguous()
    out = torch.empty_like(packed)
    _launch(_backward_kernel, packed, ends, seed, dropout, is_longer, gradient.contiguous(), out)
    return out


def _launch(kernel, packed: Tensor, ends: Tensor, seed: Tensor, dropout: float, is_longer: bool, *more: Tensor) -> None:
    _, _, heads, size = packed.shape
    wrap_triton(kernel)[(ends.shape[0] - 1, heads)](
        packed, ends, seed, *more, size**-0.5, dropout,
        HEADS=heads, SIZE=size, BLOCK=128 if is_longer else 64, DROPS=dropout > 0, num_warps=8 if is_longer else 4,
    )  # fmt: skip


def _note(ctx, inputs, output) -> None:
    packed, ends, seed, ctx.dropout, ctx.is_longer = inputs
    ctx.save_for_backward(packed, ends, seed)


def _differentiate(ctx, gradient: Tensor):
    packed, ends, seed = ctx.saved_tensors
    return _backward(gradient, packed, ends, seed, ctx.dropout, ctx.is_longer), None, None, None, None


short_attention.register_autograd(_differentiate, setup_context=_note)
