"""How many pairs per second does a training step of the full-size model do?

    python bench/train_step.py [PAIRS]

Lengths are those of the paper's configuration: 3 to 32 seconds, 8 to 61 word pieces, uniformly. A step is forward,
loss, backward, clipping and Adam. The baseline is two plain Hugging Face BERTs over inputs padded to 34 and 63 tokens,
eager, in fp32 (on a GPU, under fp16 autocast with a gradient scaler), on the same pairs.
"""

import random
import sys
import time
from collections.abc import Callable

import torch
from baselines import PlainVideoCLIP, padded, plain_loss
from result import report

from videoclip.model.loss import LossConfig, contrastive_loss
from videoclip.model.padding import collate_text, collate_video
from videoclip.model.videoclip import ModelConfig, VideoCLIP
from videoclip.pretrain.trainer import autocast

STEPS = 3
"""Steps that are timed, after one that is not."""


def batch_of(pairs: int, device: torch.device) -> list[torch.Tensor]:
    """A padded batch of random pairs, as the loader gives it."""
    rng = random.Random(0)
    videos = [torch.randn(rng.randint(3, 32), 512) for _ in range(pairs)]
    texts = [[rng.randrange(1000, 30000) for _ in range(rng.randint(8, 61))] for _ in range(pairs)]
    return [tensor.to(device) for tensor in (*collate_video(videos), *collate_text(texts))]


def pairs_per_second(step: Callable[[], None], pairs: int, device: torch.device) -> float:
    step()
    _wait(device)
    began = time.perf_counter()
    for _ in range(STEPS):
        step()
    _wait(device)
    return STEPS * pairs / (time.perf_counter() - began)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def ours(batch: list[torch.Tensor], device: torch.device, precision: str) -> Callable[[], None]:
    """A step as the trainer does it."""
    torch.manual_seed(0)
    model = VideoCLIP(ModelConfig()).to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), 5e-5, (0.9, 0.98), fused=True)
    cast = autocast(precision, device)

    def step() -> None:
        with cast():
            video, text = model(*batch)
        loss = contrastive_loss(video, text, LossConfig())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()

    return step


def plain(batch: list[torch.Tensor], device: torch.device, half: bool) -> Callable[[], None]:
    """A step of the baseline."""
    torch.manual_seed(0)
    model = PlainVideoCLIP().to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), 5e-5, (0.9, 0.98))
    scaler = torch.amp.GradScaler(device.type, enabled=half)
    full = padded(*batch)

    def step() -> None:
        with torch.autocast(device.type, torch.float16, enabled=half):
            loss = plain_loss(*model(*full))
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        scaler.step(optimizer)
        scaler.update()

    return step


def main() -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else (512 if device.type == "cuda" else 32)
    batch = batch_of(pairs, device)
    valid = (int(batch[1].sum()) + 2 * pairs, int(batch[3].sum()))
    half = device.type == "cuda"
    steps = {"plain, padded, " + ("fp16 autocast" if half else "fp32"): plain(batch, device, half)}
    steps |= {f"ours, {precision}": ours(batch, device, precision) for precision in ("fp32", "bf16")}
    rows = [{"step": name, "pairs/s": pairs_per_second(step, pairs, device)} for name, step in steps.items()]
    baseline = rows[0]["pairs/s"]
    rows = [row | {"ratio": row["pairs/s"] / baseline} for row in rows]
    share = sum(valid) / (pairs * (34 + 63))
    limit = f"2.5 × on a CPU, 3 × on a GPU; {100 * share:.0f} % of the padded positions hold something"
    report("train_step", rows[-1]["pairs/s"], baseline, f"pairs/s, {pairs} pairs a step", rows, limit)


if __name__ == "__main__":
    main()
