"""How fast do videos become S3D's features?

    python bench/extract.py [SECONDS]

Every row is a process of its own. The encoder alone gets frames that lie in memory; the baseline is the plain network,
eager, in fp32, a second at a time. End to end is ``videoclip extract`` from files of two sizes, with its memory for a
video and for one five times as long. Weights are random, with shaken statistics, so that BatchNorm does something.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from media import moving_noise
from result import product_rate, report

from videoclip.corpus.extract import ExtractOptions, extract
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import Encoder
from videoclip.encoders.s3d import S3D, fast_network
from videoclip.hardware import has_bf16
from videoclip.media.files import VideoFile

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
BATCH = 4 if DEVICE.type == "cpu" else 32
ROUNDS = 6
GFLOP_PER_SECOND = 70.4
"""Of the convolutions, for one second of video."""


def network() -> S3D:
    torch.manual_seed(0)
    net = S3D().eval()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm3d) and module.running_var is not None:
                module.running_var.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.1)
    return net


def frames(seconds: int) -> torch.Tensor:
    return torch.randint(0, 256, (seconds, 30, 224, 224, 3), dtype=torch.uint8, generator=torch.manual_seed(1))


@torch.inference_mode()
def alone(kind: str) -> dict:
    """Seconds of video per second, in the best of some rounds; ours also how close it is to plain."""
    plain, ours = network().to(DEVICE), fast_network(network(), DEVICE)
    some = frames(1 if kind == "plain" else BATCH)
    run = {
        "plain": lambda pixels: plain(pixels.to(DEVICE).permute(0, 4, 1, 2, 3).float() / 255),
        "ours": ours,
    }[kind]
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        run(some).cpu()
        taken.append(time.perf_counter() - began)
    made = {"rate": len(some) / min(taken), "GiB": _peak()}
    if kind == "ours":
        few = frames(2)
        wanted = plain(few.to(DEVICE).permute(0, 4, 1, 2, 3).float() / 255)
        made["cosine"] = float(torch.nn.functional.cosine_similarity(wanted, ours(few).float()).min())
    return made


def end_to_end(files: list[str]) -> dict:
    encoder = Encoder("s3d-random", 512, 30, 224, fast_network(network(), DEVICE, BATCH), batch_seconds=BATCH)
    encoder.encode(np.zeros((BATCH, 30, 224, 224, 3), np.uint8))
    sources = [VideoFile(Path(path), str(i)) for i, path in enumerate(files)]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        extract(sources, encoder, Path(folder) / "c.lance", ExtractOptions(silent=True))
        took = time.perf_counter() - began
        seconds = sum(video.seconds for video in Corpus(Path(folder) / "c.lance").read(range(len(files))))
    return {"rate": seconds / took, "GiB": _peak()}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def in_a_process(*arguments: str) -> dict:
    """A part; files as the command line has them, which lets threads that wait sleep early (``hardware``)."""
    known = os.environ | ({"GOMP_SPINCOUNT": "10000"} if arguments[0] == "end" else {})
    command = [sys.executable, __file__, "part", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=known)
    return json.loads(done.stdout)


def main(seconds: int) -> None:
    turns = [(in_a_process("alone", "plain"), in_a_process("alone", "ours")) for _ in range(2)]
    plain, ours = (max(rows, key=lambda row: row["rate"]) for rows in zip(*turns, strict=True))  # machines are noisy
    rows = [
        {"what": "plain, eager, fp32, encoder alone", **plain, "cosine": 1.0},
        {"what": "ours, encoder alone", **ours},
    ]
    with tempfile.TemporaryDirectory() as folder:
        for width, height, length in ((640, 360, seconds), (1280, 720, seconds), (640, 360, 5 * seconds)):
            files = [moving_noise(Path(folder) / f"{n}.mp4", length, width, height) for n in range(2)]
            made = in_a_process("end", *map(str, files))
            what = f"ours, two files of {width}×{height}, {length} s each, to the corpus"
            rows.append({"what": what, **made, "cosine": ours["cosine"]})
    rate = product_rate(DEVICE, "bf16" if has_bf16(DEVICE) else "fp32")
    rows = [
        {
            "what": row["what"], "video s/s": row["rate"], "of plain": row["rate"] / plain["rate"],
            "of the encoder alone": row["rate"] / ours["rate"], "GFLOP/s": row["rate"] * GFLOP_PER_SECOND,
            "GiB": row["GiB"], "cosine": row["cosine"],
        }
        for row in rows
    ]  # fmt: skip
    limit = (
        f"the convolutions of a second of video are {GFLOP_PER_SECOND} GFLOP, and matrix products run at "
        f"{rate / 1e9:,.0f} GFLOP/s here, so that at most {rate / 1e9 / GFLOP_PER_SECOND:.2f} s/s"
        + ("" if has_bf16(DEVICE) else "; this processor has no instructions for bf16")
    )
    report("extract", ours["rate"], plain["rate"], "s of video per s", rows, limit)


if __name__ == "__main__":
    if sys.argv[1:2] == ["part"]:
        print(json.dumps(alone(sys.argv[3]) if sys.argv[2] == "alone" else end_to_end(sys.argv[3:])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 24)
