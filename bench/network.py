"""How many seconds of video does S3D see in a second, on the device alone?

    python bench/network.py [SECONDS]

Pixels lie in the device's memory. The baseline is the plain network, eager, in fp32; the other row is ours with the
library's max-pools in place of our own. All take turns, and the best of some rounds counts.
"""

import sys
import time
from collections.abc import Callable
from unittest.mock import patch

import torch
import torch.nn.functional as F
from extract import BATCH, DEVICE, GFLOP_PER_SECOND, frames, network
from result import product_rate, report

from videoclip.encoders import s3d
from videoclip.hardware import has_bf16

ROUNDS = 4


def library_pool(x: torch.Tensor, kernel: tuple, stride: tuple, padding: int = 0) -> torch.Tensor:
    return F.max_pool3d(x, kernel, stride, padding, ceil_mode=True)


@torch.inference_mode()
def main(count: int) -> None:
    pixels, plain = frames(count).to(DEVICE), network().to(DEVICE)
    ours, with_library = s3d.fast_network(network(), DEVICE), s3d.fast_network(network(), DEVICE)

    def eager() -> torch.Tensor:
        made = [plain(second.permute(0, 4, 1, 2, 3).float() / 255) for second in pixels.split(4)]
        return torch.cat(made)

    def library() -> torch.Tensor:
        with patch.object(s3d, "max_pool", library_pool):
            return with_library(pixels)

    ways: dict[str, Callable[[], torch.Tensor]] = {"plain, eager, fp32": eager, "ours": lambda: ours(pixels)}
    ways["ours, the library's max-pools"] = library
    first = {name: _seconds(way) for name, way in ways.items()}
    taken = {name: min(_seconds(way) for _ in range(ROUNDS)) for name, way in ways.items()}
    rows = [
        {
            "network": name,
            "s/s": count / taken[name],
            "ratio": taken["plain, eager, fp32"] / taken[name],
            "GFLOP/s": GFLOP_PER_SECOND * count / taken[name],
            "first call, s": first[name],
        }
        for name in ways
    ]
    cosine = float(F.cosine_similarity(eager().float(), ours(pixels).float()).min())
    rate = product_rate(DEVICE, "bf16" if has_bf16(DEVICE) else "fp32")
    limit = f"products run at {rate / 1e12:.3g} TFLOP/s; 1 - cosine to plain is {1 - cosine:.1e}"
    report("network", rows[1]["s/s"], rows[0]["s/s"], f"s of video per s, {count} s a batch", rows, limit)


def _seconds(way: Callable[[], torch.Tensor]) -> float:
    began = time.perf_counter()
    way().cpu()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else BATCH)
