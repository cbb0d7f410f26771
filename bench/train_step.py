"""How many pairs per second does a training step of the full-size model do?

    python bench/train_step.py [PAIRS]

Pairs are cut as the paper's are, out of videos of HowTo100M's lengths. A step is forward, loss, backward, clipping and
Adam. The baseline is two plain Hugging Face BERTs over inputs padded to 34 and 63 tokens, eager, in fp32 (on a GPU,
under fp16 autocast with a gradient scaler), on the same pairs. Steps of all kinds take turns, and medians count, since
machines are noisy.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from unittest.mock import patch

import torch
from baselines import TEXT_TOKENS, VIDEO_TOKENS, PlainVideoCLIP, padded, plain_loss
from result import product_rate, report

from videoclip.hardware import has_bf16, has_compiler
from videoclip.model import attention, videoclip
from videoclip.model.config import ModelConfig
from videoclip.model.videoclip import VideoCLIP
from videoclip.pretrain.clips import Batch, ClipConfig, draw_batch
from videoclip.pretrain.config import PretrainConfig
from videoclip.pretrain.estimate import made_up
from videoclip.pretrain.step import Training, autocast, train_step

ROUNDS = 3
"""Steps of each kind that are timed, after one that is not."""
FLOPS_PER_TOKEN = {"video": 6 * 6 * 12 * 768**2, "text": 6 * 12 * 12 * 768**2}
"""Of forward and backward: six for each weight of the 6 and 12 layers."""


def batch_of(pairs: int, device: torch.device) -> Batch:
    videos = [made_up(i, 512) for i in range(max(pairs // 16, 1))]
    return draw_batch(videos, ClipConfig(pairs_per_video=min(pairs, 16)), 61, random.Random(0)).to(device)


def tokens(batch: Batch, is_padded: bool = False) -> dict[str, int]:
    """Tokens of a batch in each tower, as packed or as the baseline pads them."""
    if is_padded:
        return {"video": VIDEO_TOKENS * len(batch), "text": TEXT_TOKENS * len(batch)}
    return {"video": len(batch.video.values) + 2 * len(batch), "text": len(batch.text.values)}


def flops(batch: Batch, is_padded: bool = False) -> int:
    """Floating-point operations of a step's matrix products outside attention."""
    return sum(FLOPS_PER_TOKEN[tower] * count for tower, count in tokens(batch, is_padded).items())


def ours(device: torch.device, precision: str, with_flash: bool = False) -> Callable[[Batch], None]:
    """The trainer's step; or with flash attention in place of the kernel for short sequences."""
    torch.manual_seed(0)
    model = VideoCLIP(ModelConfig()).to(device).train()
    if device.type == "cuda" and has_compiler():
        model.compile_layers()
    optimizer = torch.optim.Adam(model.parameters(), 5e-5, (0.9, 0.98), fused=True)
    training = Training(model, optimizer, PretrainConfig(precision=precision), autocast(precision, device))

    def step(batch: Batch) -> None:
        with without_short_attention() if with_flash else nullcontext():
            train_step(training, [batch], [[]], 0, 5e-5)

    return step


@contextmanager
def without_short_attention() -> Iterator[None]:
    with (
        patch.object(attention, "has_short_attention", lambda *_: False),
        patch.object(videoclip, "has_short_attention", lambda *_: False),
    ):
        yield


def plain(device: torch.device, half: bool) -> Callable[[Batch], None]:
    """A step of the baseline; its padding is done before it is timed."""
    torch.manual_seed(0)
    model = PlainVideoCLIP().to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), 5e-5, (0.9, 0.98))
    scaler = torch.amp.GradScaler(device.type, enabled=half)
    of_batch: dict[int, tuple[torch.Tensor, ...]] = {}

    def step(batch: Batch) -> None:
        full = of_batch.get(id(batch)) or of_batch.setdefault(id(batch), padded(batch))
        with torch.autocast(device.type, torch.float16, enabled=half):
            loss = plain_loss(*model(*full))
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        scaler.step(optimizer)
        scaler.update()

    return step


def seconds(steps: dict[str, Callable[[Batch], None]], batch: Batch, rounds: int = ROUNDS) -> dict[str, float]:
    """Median time of a step of each kind, in seconds."""
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds + 1):
        for name, step in steps.items():
            began = time.perf_counter()
            step(batch)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(times[1:]) for name, times in taken.items()}


def main(pairs: int) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pairs = pairs or (512 if device.type == "cuda" else 64)
    batch = batch_of(pairs, device)
    half = device.type == "cuda"
    baseline = "plain, padded, " + ("fp16 autocast" if half else "fp32")
    precisions = ["fp32", "bf16"] if has_bf16(device) else ["fp32"]
    steps = {baseline: plain(device, half)}
    if half:
        steps["ours, packed, bf16, flash attention"] = ours(device, "bf16", with_flash=True)
    steps |= {f"ours, packed, {precision}": ours(device, precision) for precision in precisions}
    taken = seconds(steps, batch)
    packed, full = flops(batch), flops(batch, is_padded=True)
    rows = []
    for name, time_of_step in taken.items():
        rows.append(
            {
                "step": name,
                "pairs/s": pairs / time_of_step,
                "ratio": taken[baseline] / time_of_step,
                "GFLOP/s in products": (full if name == baseline else packed) / time_of_step / 1e9,
                "GiB": torch.cuda.max_memory_allocated() / 2**30 if half else "",
            }
        )
    rate = {p: product_rate(device, p) for p in precisions}
    share = 1 - sum(tokens(batch).values()) / sum(tokens(batch, is_padded=True).values())
    limit = (
        f"{share:.0%} of the padded positions are padding, so that packing alone gives at most "
        f"{full / packed:.2f} ×; matrix products of this size run at "
        + ", ".join(f"{rate[p] / 1e9:,.0f} GFLOP/s in {p}" for p in precisions)
        + ("" if "bf16" in precisions else "; this processor has no instructions for bf16")
    )
    name = "train_step" if pairs in (64, 512) else f"train_step-{pairs}"
    report(name, rows[-1]["pairs/s"], rows[0]["pairs/s"], f"pairs/s, {pairs} pairs a step", rows, limit)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
