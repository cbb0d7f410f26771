"""Everything of interest on a GPU, in one call: first that it computes what the CPU does, then how fast.

    python bench/gpu.py [QUICK]

Without a GPU it checks the same things on the CPU, with small sizes. Writes ``bench/results/gpu.json``, beside what the
benches write that it calls. With an argument, checks alone.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from extract import network
from result import product_rate, report
from train_step import batch_of

from videoclip.encoders.s3d import fast_network
from videoclip.hardware import has_bf16, has_compiler
from videoclip.model.attention import (
    flash_attention,
    has_flash_attention,
    has_short_attention,
    padded_attention,
    short_attention,
)
from videoclip.model.config import ModelConfig
from videoclip.model.loss import LossConfig, contrastive_loss
from videoclip.model.packing import Layout
from videoclip.model.videoclip import VideoCLIP
from videoclip.pretrain.step import autocast

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
BENCHES = (
    "train_step",
    "train_step 1024",
    "network",
    "extract 60",
    "loader 2000 400",
    "neighbours index 100000",
    "evaluate",
)


def attention() -> list[dict]:
    """Every kind of attention that the device has, over packed sequences, against padded attention in float32."""
    lengths = torch.randint(3, 64, (64,), generator=torch.manual_seed(0))
    exact = torch.randn(int(lengths.sum()), 3, 12, 64)
    wanted = padded_attention(exact, Layout(lengths, torch.device("cpu")), 0.0)
    x, layout = exact.to(DEVICE, torch.bfloat16), Layout(lengths, DEVICE)
    ways: dict[str, Callable[[torch.Tensor, Layout, float], torch.Tensor]] = {"padded": padded_attention}
    if has_flash_attention(x):
        ways["flash"] = flash_attention
    if has_short_attention(x, 64, layout.longest):
        ways["short"] = lambda x, layout, dropout: short_attention(x, layout.offsets, False, dropout)
    apart = {name: float((way(x, layout, 0.0).float().cpu() - wanted).abs().max()) for name, way in ways.items()}
    return [{"what": f"attention, {kind}, bf16", "difference": far, "limit": 0.03} for kind, far in apart.items()]


def training() -> list[dict]:
    """Loss and gradients of packed pairs, on the device against those on the CPU in float32."""
    config = ModelConfig(video_layers=2, text_layers=2, dropout=0.0)
    batch = batch_of(16, torch.device("cpu"))
    torch.manual_seed(0)
    reference = VideoCLIP(config)
    loss, wanted = _gradients(reference, batch, "fp32")
    rows = []
    for precision, limit in (("fp32", 1e-3), ("bf16", 0.1)):
        model = VideoCLIP(config)
        model.load_state_dict(reference.state_dict())
        model.to(DEVICE)
        if DEVICE.type == "cuda" and has_compiler():
            model.compile_layers()
        got_loss, got = _gradients(model, batch.to(DEVICE), precision)
        scale = max(float(g.abs().max()) for g in wanted)
        apart = max(float((a.cpu() - b).abs().max()) for a, b in zip(got, wanted, strict=True)) / scale
        rows.append({"what": f"gradients, {precision}", "difference": apart, "limit": limit})
        rows.append({"what": f"loss, {precision}", "difference": abs(got_loss - loss) / loss, "limit": limit})
    return rows


def _gradients(model: VideoCLIP, batch, precision: str) -> tuple[float, list[torch.Tensor]]:
    with autocast(precision, model.device)():
        video, text = model(batch.video, batch.text)
    loss = contrastive_loss(video, text, LossConfig())
    loss.backward()
    return float(loss.detach()), [p.grad for p in model.parameters() if p.grad is not None]


@torch.inference_mode()
def encoding() -> dict:
    pixels = torch.randint(0, 256, (2, 30, 224, 224, 3), dtype=torch.uint8, generator=torch.manual_seed(0))
    wanted = network()(pixels.permute(0, 4, 1, 2, 3).float() / 255)
    got = fast_network(network(), DEVICE)(pixels.to(DEVICE)).float().cpu()
    cosine = float(torch.nn.functional.cosine_similarity(wanted, got).min())
    return {"what": "S3D's features, 1 - cosine", "difference": 1 - cosine, "limit": 1e-4}


def main(quick: bool) -> None:
    rows = [*attention(), *training(), encoding()]
    rate = product_rate(DEVICE, "bf16" if has_bf16(DEVICE) else "fp32")
    wrong = [row for row in rows if not row["difference"] <= row["limit"]]
    report("gpu", len(rows) - len(wrong), len(rows), "checks passed", rows, f"products at {rate / 1e12:.3g} TFLOP/s")
    if wrong:
        raise SystemExit(f"wrong on {DEVICE}: {', '.join(row['what'] for row in wrong)}")
    for bench in () if quick else BENCHES:
        name, *arguments = bench.split()
        subprocess.run([sys.executable, str(Path(__file__).parent / f"{name}.py"), *arguments], check=False)


if __name__ == "__main__":
    main(len(sys.argv) > 1)
