"""How does cost grow? Corpus, video and library over two orders of magnitude, with the fitted exponent of each.

    python bench/scaling.py [SHARE]     SHARE of the sizes, such as 0.1, for a quick look

Each exponent is that of time (or memory) against size, by least squares of the logarithms of the last three sizes, a
factor of ten apart: 0 is constant, 1 linear.
Writes a plot beside the table.
"""

import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import torch
from library import Made, fill, queries
from media import moving_noise, repeated
from neighbours import made
from result import gib_in_use, report

from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.encoders.load import load_encoder
from videoclip.library.calibration import Calibration
from videoclip.library.search import Library, Query
from videoclip.library.store.about import locked
from videoclip.model.config import ModelConfig
from videoclip.model.videoclip import VideoCLIP
from videoclip.pretrain.clips import ClipConfig, draw_batch
from videoclip.pretrain.estimate import made_up
from videoclip.pretrain.neighbours import BatchConfig, nearest

PLOT = Path(__file__).parent.parent / "docs" / "images" / "scaling.png"
STEPS = (1, 3, 10, 30, 100)
Curve = list[tuple[int, float]]


def seconds(run: Callable, *arguments, times: int = 3) -> float:
    """Median time of ``run(*arguments)``."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        run(*arguments)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def corpora(smallest: int, folder: Path, steps: Sequence[int] = STEPS) -> dict[str, Curve]:
    """Drawing a batch, and finding neighbours of an epoch, in corpora of so many videos."""
    some = [made_up(i, 512) for i in range(20)]
    curves: dict[str, Curve] = {
        "adding videos": [], "opening a corpus": [], "drawing a batch": [], "finding an epoch's neighbours": []
    }  # fmt: skip
    for videos in (smallest * step for step in steps):
        path = folder / f"{videos}.lance"
        began = time.perf_counter()
        with Corpus.create(path, FeatureKind("s3d", 512)).appending() as writer:
            for i in range(videos):
                video = some[i % len(some)]
                writer.add(NarratedVideo(f"v{i}", video.features[:60], video.captions[:17]))
        curves["adding videos"].append((videos, time.perf_counter() - began))
        corpus = Corpus(path)
        curves["opening a corpus"].append((videos, seconds(_ids, path)))
        _draw(corpus)
        curves["drawing a batch"].append((videos, seconds(_draw, corpus, times=9)))
        vectors = made(10 * videos)
        took = seconds(nearest, vectors, vectors[::32], 64, BatchConfig(), times=1)
        curves["finding an epoch's neighbours"].append((10 * videos, took))
        shutil.rmtree(path)
    return curves


def _ids(path: Path) -> list[str]:
    return Corpus(path).ids


def _draw(corpus: Corpus) -> None:
    rows = random.sample(range(len(corpus)), 32)
    draw_batch(corpus.read(rows), ClipConfig(), 61, random.Random(0))


def videos(shortest: int, folder: Path) -> dict[str, Curve]:
    """Features of a video, and the vectors of its seconds, by its length in seconds."""
    encoder, model = load_encoder("demo"), VideoCLIP(ModelConfig()).eval()
    short = moving_noise(folder / "short.mp4", shortest, 320, 180)
    encoder.encode_file(short)
    curves: dict[str, Curve] = {"encoding a video": [], "memory while encoding it": [], "vectors of its seconds": []}
    for step in STEPS:
        path, length, peak = repeated(short, step), shortest * step, [0.0]
        curves["encoding a video"].append((length, seconds(encoder.encode_file, path, times=1)))
        encoder.encode_file(path, between=partial(_note, peak))
        curves["memory while encoding it"].append((length, max(peak)))
        features = np.random.default_rng(0).standard_normal((length, 512), np.float32)
        curves["vectors of its seconds"].append((length, seconds(model.video_tokens, features, times=1)))
    return curves


def _note(peak: list[float]) -> None:
    peak.append(gib_in_use())


def libraries(smallest: int, folder: Path) -> dict[str, Curve]:
    """Adding moments to a library and searching it, by its number of moments."""
    curves: dict[str, Curve] = {"adding moments": [], "searching a library": []}
    for moments in (smallest * step for step in STEPS):
        path = folder / str(moments)
        began = time.perf_counter()
        writer, vectors = fill(path, moments)
        with locked(path):
            writer.optimize(timedelta(0))
        curves["adding moments"].append((moments, time.perf_counter() - began))
        texts = queries(vectors)[:60]
        names = [f"query {i}" for i in range(len(texts))]
        bank = texts[:50]
        np.savez(path / "calibration_1.npz", bank=bank, threshold=Calibration(bank, -1e9).threshold)
        library = Library(path, Made(dict(zip(names, texts, strict=True))))  # type: ignore[arg-type]
        ask = iter(names)
        for _ in range(10):
            _search(library, ask)
        curves["searching a library"].append((moments, seconds(_search, library, ask, times=40)))
        shutil.rmtree(path)
        del writer, vectors
    return curves


def _search(library: Library, ask: Iterator[str]) -> None:
    library.search(Query(next(ask), "sight", everything=True))


MAY = {
    "finding an epoch's neighbours": "2 while the search is exact (up to 2,000,000 videos), about 1.5 beyond",
    "adding moments": "1, with a step where an index is first built, between the last two sizes",
}
"""What must grow faster than linearly."""


def exponent(curve: Curve) -> float:
    """Of the upper of the two decades, the last three sizes; below it, what is constant hides what grows."""
    sizes, costs = np.log(np.array(curve[-3:], float)).T
    return float(np.polyfit(sizes, costs, 1)[0])


def plot(groups: dict[str, dict[str, Curve]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(groups), figsize=(15, 5))
    for axis, (unit, curves) in zip(axes, groups.items(), strict=True):
        for name, curve in curves.items():
            axis.loglog(*zip(*curve, strict=True), "o-", label=f"{name}: {exponent(curve):.2f}")
        axis.set_xlabel(unit)
        axis.set_ylabel("seconds, or GiB")
        axis.grid(True, which="major", alpha=0.3)
        axis.legend(fontsize=8)
    figure.suptitle("Cost against size, with fitted exponents")
    figure.tight_layout()
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, dpi=110)


def main(share: float) -> None:
    torch.manual_seed(0)
    folder = Path(tempfile.mkdtemp(prefix="scaling-"))
    try:
        corpora(40, folder, (1,))  # what is loaded at its first use is not measured
        groups = {
            "videos in the corpus": corpora(max(int(100 * share), 40), folder),
            "seconds of a video": videos(max(int(10 * share), 2), folder),
            "moments in the library": libraries(max(int(1000 * share), 300), folder),
        }
    finally:
        shutil.rmtree(folder)
    plot(groups)
    rows = [
        {
            "what": name, "by": unit, "from": curve[0][0], "to": curve[-1][0],
            "first": curve[0][1], "last": curve[-1][1], "exponent": exponent(curve), "may be": MAY.get(name, "1"),
        }
        for unit, curves in groups.items()
        for name, curve in curves.items()
    ]  # fmt: skip
    worst = max(row["exponent"] for row in rows if row["what"] not in MAY)
    report("scaling", worst, 1.0, "largest exponent of what may be linear", rows, "1", "less")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
