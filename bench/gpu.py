"""How near to its limit does a GPU work, in training, features, decoding, neighbours? And first: does it compute right?

    python bench/gpu.py [PART ...] [--small]

Parts, by default all: checks, step, profile, loop, s3d, video, neighbours. Each is a process of its own, and is written
when it is done, so that one part can be measured again by its name, and one that fails takes none with it. Writes
``bench/results/gpu.gpu.json``. Without a GPU, or with ``--small``, all of it runs with small sizes, which says that it
works and nothing of speed: nothing is written then.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from baselines import TEXT_TOKENS, VIDEO_TOKENS
from result import RESULTS, print_table, product_rate, write

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
NAME = "gpu.gpu"
"""Of the file of results: that of a bench on a GPU."""
PRECISION = "bf16" if DEVICE.type == "cuda" else "fp32"


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    pairs: tuple[int, ...]
    """Of a step."""
    rounds: int
    loop_videos: int
    """Of a corpus; a batch has 32, or a quarter of them if these are fewer."""
    updates: int
    seconds: int
    """That S3D sees together."""
    film: int
    """Seconds of each of ``films`` files."""
    films: int
    vectors: int
    """Videos of which neighbours are sought."""


ON_GPU = Sizes((512, 1024, 2048), 6, 640, 60, 32, 20, 16, 1_100_000)
SMALL = Sizes((8,), 1, 8, 3, 2, 3, 2, 4000)


def row(what: str, ours: float, baseline: float | None, unit: str, reach: str = "", better: str = "more") -> dict:
    """A line of the table; ``baseline`` None where there is nothing to compare with."""
    ratio = None if not baseline else ours / baseline if better == "more" else baseline / ours
    cell = {"baseline": "–" if baseline is None else baseline, "ratio": "–" if ratio is None else ratio}
    return {"what": what, "ours": ours, **cell, "unit": unit, "reach": reach}


# Is it right? -----------------------------------------------------------------------------------------------


def checks(_: Sizes) -> Iterator[dict]:
    """Attention, gradients and features against the CPU's in float32: their differences, and what is allowed."""
    for what, apart, limit in (*_attention(), *_training(), _encoding(), _queue(), *_decoding()):
        yield row(what, apart, None, "difference", f"≤ {limit:g}")
        if not apart <= limit:
            raise SystemExit(f"wrong on {DEVICE}: {what} differs by {apart:.2g}, allowed is {limit:g}")


def _attention() -> Iterator[tuple[str, float, float]]:
    """Every kind of attention that the device has, over packed sequences, forward and backward."""
    from videoclip.model.attention import (
        flash_attention,
        has_flash_attention,
        has_short_attention,
        padded_attention,
        short_attention,
    )  # fmt: skip
    from videoclip.model.packing import Layout

    for longest in (64, 128):
        lengths = torch.randint(1, longest + 1, (64,), generator=torch.manual_seed(0))
        exact = torch.randn(int(lengths.sum()), 3, 12, 64)
        given = torch.randn(len(exact), 768)
        wanted = _with_gradient(partial(padded_attention, dropout=0.0), exact, Layout(lengths, exact.device), given)
        x, layout = exact.to(DEVICE, torch.bfloat16), Layout(lengths, DEVICE)
        ways: dict[str, Callable] = {"padded": partial(padded_attention, dropout=0.0)}
        if has_flash_attention(x):
            ways["flash"] = partial(flash_attention, dropout=0.0)
        if has_short_attention(x, 64, layout.longest):
            ways["short"] = lambda x, layout: short_attention(x, layout.offsets, layout.longest > 64, 0.0)
        for kind, way in ways.items():
            got = _with_gradient(way, x, layout, given.to(DEVICE, torch.bfloat16))
            for name, a, b in zip(("", ", backward"), got, wanted, strict=True):
                apart = float((a.float().cpu() - b).abs().max() / b.abs().max())
                yield f"attention, {kind}, bf16, up to {longest} tokens{name}", apart, 0.03


def _with_gradient(way: Callable, x: torch.Tensor, layout: Any, given: torch.Tensor) -> tuple[torch.Tensor, Any]:
    x = x.detach().requires_grad_()
    out = way(x, layout)
    out.backward(given)
    return out.detach(), x.grad


def _training() -> Iterator[tuple[str, float, float]]:
    """Loss and gradients of packed pairs."""
    from train_step import batch_of

    from videoclip.hardware import has_compiler
    from videoclip.model.config import ModelConfig
    from videoclip.model.videoclip import VideoCLIP

    config = ModelConfig(video_layers=2, text_layers=2, dropout=0.0)
    batch = batch_of(16, torch.device("cpu"))
    torch.manual_seed(0)
    reference = VideoCLIP(config)
    loss, wanted = _gradients(reference, batch, "fp32")
    for precision, limit in (("fp32", 1e-3), ("bf16", 0.1)):
        model = VideoCLIP(config)
        model.load_state_dict(reference.state_dict())
        model.to(DEVICE)
        if DEVICE.type == "cuda" and has_compiler():
            model.compile_layers()
        got_loss, got = _gradients(model, batch.to(DEVICE), precision)
        scale = max(float(g.abs().max()) for g in wanted)
        apart = max(float((a.cpu() - b).abs().max()) for a, b in zip(got, wanted, strict=True)) / scale
        yield f"gradients, {precision}", apart, limit
        yield f"loss, {precision}", abs(got_loss - loss) / loss, limit


def _gradients(model: Any, batch: Any, precision: str) -> tuple[float, list[torch.Tensor]]:
    from videoclip.model.loss import LossConfig, contrastive_loss
    from videoclip.pretrain.step import autocast

    with autocast(precision, model.device)():
        video, text = model(batch.video, batch.text)
    loss = contrastive_loss(video, text, LossConfig())
    loss.backward()
    return float(loss.detach()), [p.grad for p in model.parameters() if p.grad is not None]


@torch.inference_mode()
def _encoding() -> tuple[str, float, float]:
    from extract import network

    from videoclip.encoders.s3d import fast_network

    pixels = _pixels_of(2)
    wanted = network()(pixels.permute(0, 4, 1, 2, 3).float() / 255)
    got = fast_network(network(), DEVICE, ON_GPU.seconds if DEVICE.type == "cuda" else 0)(pixels).float().cpu()
    return "S3D's features, 1 - cosine", 1 - float(torch.cosine_similarity(wanted, got).min()), 1e-4


def _queue() -> tuple[str, float, float]:
    """What threads put into the queue before a network, and what comes of it, row by row."""
    from videoclip.encoders.queue import DeviceQueue

    def means(pixels: torch.Tensor) -> torch.Tensor:
        return pixels.to(DEVICE, non_blocking=True).float().mean((2, 3))

    pieces = _pixels_of(100)[:, :1, :16, :16].numpy()
    with DeviceQueue(lambda pixels: means(pixels).flatten(1), 8) as queue, ThreadPoolExecutor(10) as pool:
        got = np.concatenate(list(pool.map(queue.vectors, np.split(pieces, 20))))
    wanted = pieces.astype(np.float64).mean((2, 3)).reshape(100, -1)
    return "rows of the queue before a network", float(np.abs(got - wanted).max() / 255), 1e-5


def _decoding() -> Iterator[tuple[str, float, float]]:
    """The GPU's decoder and scaling, where there are any, against the CPU's: of frames in order, and out of it."""
    from media import moving_noise

    from videoclip.media.nvdec import Irregular, decoded_seconds, missing

    if why := missing():
        print(f"no decoding by the GPU: {why}", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = moving_noise(Path(folder) / "a.mp4", 3, 640, 360)
        try:
            ours, wanted = list(decoded_seconds(path, 30, 224, False)), list(_seconds_by_cpu(path))
        except Irregular as error:  # the CPU would decode it: nothing is wrong, but nothing is gained
            print(f"no decoding by the GPU: {error}", file=sys.stderr)
            return
        yield "seconds decoded by the GPU, fewer or more", float(abs(len(ours) - len(wanted))), 0.0
        apart = np.abs(np.stack(ours).astype(int) - np.stack(wanted)).mean()
        yield "pictures decoded by the GPU, levels of 255", float(apart), 1.0


def _seconds_by_cpu(path: Path) -> Iterator[np.ndarray]:
    from videoclip.media.video import seconds_of

    return seconds_of(path, 30, 224, decode="cpu")


def _pixels_of(seconds: int) -> torch.Tensor:
    from extract import frames

    return frames(seconds)


# Training ---------------------------------------------------------------------------------------------------


def step(sizes: Sizes) -> Iterator[dict]:
    """A step of the full-size model, and the plain one."""
    from train_step import batch_of, flops, ours, plain, seconds

    half = DEVICE.type == "cuda"
    rate = product_rate(DEVICE, PRECISION)
    reach = {512: "≥ 13,000", 1024: "≥ 14,000"}
    step, baseline = ours(DEVICE, PRECISION), plain(DEVICE, half)
    for pairs in sizes.pairs:
        batch = batch_of(pairs, DEVICE)
        took = seconds({"ours": step} | ({"plain": baseline} if pairs <= 1024 else {}), batch, sizes.rounds)
        plain_rate = pairs / took["plain"] if "plain" in took else None
        yield row(f"a step of {pairs} pairs", pairs / took["ours"], plain_rate, "pairs/s", reach.get(pairs, ""))
        done = flops(batch) / took["ours"]
        share = f"{done / rate:.0%} of products alone"
        yield row(f"… its products, {share}", done / 1e12, None, "TFLOP/s", "≥ 45 % of 774")
    if half:
        held = torch.cuda.max_memory_allocated() / 2**30
        yield row("memory, the largest of these steps", held, None, "GiB")


CLASSES = {
    "attention": r"_forward_kernel|_backward_kernel|flash|fmha|attention",
    "products": r"gemm|nvjet|cutlass|xmma|cublas|\bmm\b|addmm|linear|bmm",
    "optimiser and clipping": r"adam|multi_tensor|foreach|clip_grad",
    "copies": r"memcpy|memset|copy",
    "element-wise, sums, dropout, embedding": r"",
}
"""Kinds of kernels, by what their names hold; the first that fits counts."""


def profile(sizes: Sizes) -> Iterator[dict]:
    """Where a step's time goes, by kernel."""
    from train_step import batch_of, ours, seconds

    pairs = sizes.pairs[0]
    batch, step = batch_of(pairs, DEVICE), ours(DEVICE, PRECISION)
    whole = 1000 * seconds({"ours": step}, batch, sizes.rounds)["ours"]
    kinds = [torch.profiler.ProfilerActivity.CPU]
    if DEVICE.type == "cuda":
        kinds = [torch.profiler.ProfilerActivity.CUDA, *kinds]
    count = min(sizes.rounds, 3)
    with torch.profiler.profile(activities=kinds) as seen:
        for _ in range(count):
            step(batch)
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
    spent, launched = dict.fromkeys(CLASSES, 0.0), 0
    for name, ms in _kernels(seen):
        kind = next(kind for kind, pattern in CLASSES.items() if re.search(pattern, name, re.IGNORECASE))
        spent[kind], launched = spent[kind] + ms / count, launched + 1
    yield row(f"a step of {pairs} pairs", whole, None, "ms")
    for kind, ms in spent.items():
        yield row(f"… {kind}", ms, None, "ms")
    if DEVICE.type == "cuda":
        yield row(f"… idle, between {launched // count} kernels", max(whole - sum(spent.values()), 0.0), None, "ms")


def _kernels(seen: Any) -> Iterator[tuple[str, float]]:
    """Names and milliseconds of what ran: kernels of a GPU, or operations of a CPU without those inside them."""
    if DEVICE.type == "cpu":
        yield from ((event.key, event.self_cpu_time_total / 1000) for event in seen.key_averages())
        return
    for event in seen.events():
        is_kernel = event.device_type.name == "CUDA"
        is_mark = getattr(event, "is_user_annotation", False) or re.match(r"##|Torch-C|Profiler|Optim", event.name)
        if is_kernel and not is_mark:
            yield event.name, event.time_range.elapsed_us() / 1000


def loop(sizes: Sizes) -> Iterator[dict]:
    """The trainer's own loop, from a corpus on disk that the system keeps in memory, and a step alone."""
    from loader import make_corpus
    from train_step import ours, seconds

    from videoclip.pretrain.config import PretrainConfig
    from videoclip.pretrain.loading import workers_here

    videos = min(sizes.loop_videos // 4, 32)
    many, most = ((0, 12) if DEVICE.type == "cuda" else (0, 1)), {}
    with tempfile.TemporaryDirectory() as folder:
        corpus = make_corpus(Path(folder) / "c.lance", sizes.loop_videos)
        per_epoch = sizes.loop_videos // videos
        for workers in (None, *many):
            config = PretrainConfig(
                corpus=str(corpus.path), out=f"{folder}/run-{workers}", epochs=-(-sizes.updates // per_epoch),
                train_videos="*", validation_videos="video0", validate_epochs=0, workers=workers, precision=PRECISION,
                batches=_random(videos), init="",
            )  # fmt: skip
            began, batch = _watched(config)
            shutil.rmtree(config.out)
            warm = min(len(began) // 3, 20)
            most[workers] = (len(began) - 1 - warm) * len(batch) / (began[-1] - began[warm])
        pairs = len(batch)
        alone = pairs / seconds({"ours": ours(DEVICE, PRECISION)}, batch, sizes.rounds)["ours"]
    for workers, rate in most.items():
        how = f"workers={workers}" if workers is not None else f"the default, {workers_here()} workers"
        reach = "≥ 95 % of the step" if workers is None else ""
        yield row(f"the trainer's loop, {pairs} pairs, {how}; baseline: the step", rate, alone, "pairs/s", reach)


def _watched(config: Any) -> tuple[list[float], Any]:
    """When each update of a training began, and a batch of the last one."""
    from videoclip.pretrain import step, trainer

    began, known = [], []

    def noted(training: Any, batches: Any, *rest: Any) -> Any:
        began.append(time.perf_counter())
        known[:] = batches
        return step.train_step(training, batches, *rest)

    with patch.object(trainer, "train_step", noted):
        trainer.pretrain(config)
    return began, known[0]


def _random(videos: int) -> Any:
    from videoclip.pretrain.neighbours import BatchConfig

    return BatchConfig(rule="random", videos=videos, candidates=2 * videos)


# Features ---------------------------------------------------------------------------------------------------


@torch.inference_mode()
def s3d(sizes: Sizes) -> Iterator[dict]:
    """S3D on the device, from the host's memory, and how long it takes to compile, for the first time and again."""
    from extract import network

    count = sizes.seconds
    with tempfile.TemporaryDirectory() as cache:
        first, again = (_first_call(sizes, cache) for _ in range(2))
    for what, took, reach in (("first", first, "≤ 40 s"), ("later", again, "≤ 5 s")):
        yield row(f"S3D's first call, in a {what} process", took, None, "s", reach)
    pixels, ours = _pixels_of(count), _fast(count)
    there, plain = pixels.to(DEVICE), network().to(DEVICE)

    def eager() -> torch.Tensor:
        return torch.cat([plain(s.permute(0, 4, 1, 2, 3).float() / 255) for s in there.split(4)])

    took = {"ours": _best(partial(ours, there), sizes.rounds), "plain": _best(eager, sizes.rounds)}
    rate = count / took["ours"]
    yield row(f"S3D on the device, {count} s a batch", rate, count / took["plain"], "s/s", "≥ 2,000")
    host = _from_host(ours, pixels.numpy(), 8 * sizes.rounds)
    yield row("S3D from the host's memory; baseline: on the device", host, rate, "s/s", "≥ 90 %")


def first_call(sizes: Sizes) -> Iterator[dict]:
    """In a process of its own, for ``s3d``: the seconds of the first call."""
    ours, pixels = _fast(sizes.seconds), _pixels_of(sizes.seconds).to(DEVICE)
    yield row("first", _seconds(partial(ours, pixels)), None, "s")


def _first_call(sizes: Sizes, cache: str) -> float:
    known = os.environ | {"TORCHINDUCTOR_CACHE_DIR": cache}
    return _part("first_call", sizes == SMALL, known)[0]["ours"]


def _fast(size: int) -> Callable[[torch.Tensor], torch.Tensor]:
    from extract import network

    from videoclip.encoders.s3d import fast_network

    return fast_network(network(), DEVICE, size)


def _from_host(ours: Callable, pixels: np.ndarray, batches: int) -> float:
    """Seconds of video per second through the queue, put in by four threads."""
    from videoclip.encoders.queue import DeviceQueue

    def pieces(count: int) -> Iterator[np.ndarray]:
        yield from (pixels[i % len(pixels)] for i in range(count))

    with DeviceQueue(ours, len(pixels)) as queue, ThreadPoolExecutor(4) as pool:
        each = batches * len(pixels) // 4
        queue.vectors(pieces(2 * len(pixels)))
        began = time.perf_counter()
        list(pool.map(queue.vectors, [pieces(each) for _ in range(4)]))
        return 4 * each / (time.perf_counter() - began)


def video(sizes: Sizes) -> Iterator[dict]:
    """Decoding by the CPU and by the GPU, and files to features, by as many files at a time as there are cores."""
    from media import moving_noise

    from videoclip.corpus.extract import ExtractOptions, extract
    from videoclip.encoders.encoder import Encoder
    from videoclip.media.files import VideoFile
    from videoclip.media.nvdec import missing
    from videoclip.parallel import in_parallel

    size = sizes.seconds
    encoder = Encoder("s3d-random", 512, 30, 224, _fast(size), batch_seconds=size)
    encoder.encode(_pixels_of(size).numpy())
    alone = _from_host(encoder.network, _pixels_of(size).numpy(), 2 * sizes.rounds)
    for width, height in ((640, 360), (1280, 720)):
        with tempfile.TemporaryDirectory() as folder:
            one = moving_noise(Path(folder) / "0.mp4", sizes.film, width, height)
            files = [one, *(Path(shutil.copy(one, f"{folder}/{n}.mp4")) for n in range(1, sizes.films))]
            length = sizes.film * len(files)
            began = time.perf_counter()
            list(in_parallel(_decoded, files))
            decoding = length / (time.perf_counter() - began)
            began = time.perf_counter()
            _decoded(one)
            single = sizes.film / (time.perf_counter() - began)
            size_of = f"{width}×{height}"
            yield row(f"decoding {size_of}, {sizes.films} files; baseline: one", decoding, single, "s/s")
            if not missing():
                _decoded(one, decode="gpu")
                began = time.perf_counter()
                list(in_parallel(partial(_decoded, decode="gpu"), files))
                by_gpu = length / (time.perf_counter() - began)
                yield row(f"decoding {size_of} by the GPU; baseline: by the CPU", by_gpu, decoding, "s/s")
                decoding = max(decoding, by_gpu)
            sources = [VideoFile(path, path.stem) for path in files]
            began = time.perf_counter()
            extract(sources, encoder, Path(folder) / "c.lance", ExtractOptions(silent=True))
            rate, bound = length / (time.perf_counter() - began), min(decoding, alone)
            yield row(f"files of {size_of} to features; baseline: what bounds it", rate, bound, "s/s", "≥ 80 %")


def _decoded(path: Path, _: threading.Event | None = None, decode: str = "cpu") -> int:
    from videoclip.media.video import seconds_of

    return sum(1 for _ in seconds_of(path, 30, 224, decode=decode))


# Neighbours -------------------------------------------------------------------------------------------------


def neighbours(sizes: Sizes) -> Iterator[dict]:
    """The nearest of every centre among all videos, and FAISS's on the CPU of some of them, scaled."""
    import faiss
    from neighbours import made

    from videoclip.pretrain.neighbours import BatchConfig, nearest

    vectors = made(sizes.vectors)
    centres = vectors[np.random.default_rng(1).choice(len(vectors), len(vectors) // 32, replace=False)]
    nearest(vectors, centres[:32], 64, BatchConfig())
    began = time.perf_counter()
    found = nearest(vectors, centres, 64, BatchConfig())
    ours = time.perf_counter() - began
    few = min(len(centres), 500)
    began = time.perf_counter()
    _, wanted = faiss.knn(centres[:few], vectors, 64)
    plain = (time.perf_counter() - began) * len(centres) / few
    what = f"neighbours of {len(centres):,} among {len(vectors):,}; baseline: FAISS, of {few} and scaled"
    yield row(what, ours, plain, "s", "≤ 20 s", "less")
    same = np.mean([len(set(a) & set(b)) / 64 for a, b in zip(found[:few].tolist(), wanted.tolist(), strict=True)])
    yield row("… the same ones as FAISS's", float(same), None, "of 64", "all")


# ------------------------------------------------------------------------------------------------------------


def _best(run: Callable[[], torch.Tensor], rounds: int) -> float:
    _seconds(run)
    return min(_seconds(run) for _ in range(rounds))


def _seconds(run: Callable[[], torch.Tensor]) -> float:
    began = time.perf_counter()
    run().cpu()
    return time.perf_counter() - began


PARTS: dict[str, Callable[[Sizes], Iterable[dict]]] = {
    part.__name__: part for part in (checks, step, profile, loop, s3d, video, neighbours)
}
"""By the names that they are called by."""
HIDDEN = {"first_call": first_call}


def _part(name: str, small: bool, environment: Any = None) -> list[dict]:
    """The rows of a part, by a process of its own; those that were there when it failed, and that it did."""
    command = [sys.executable, __file__, "--one", name, *(["--small"] if small else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=environment)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"what"')]
    if done.returncode:
        rows.append(row(f"FAILED, exit {done.returncode}", 0.0, None, ""))
    return rows


def main(names: list[str], small: bool) -> None:
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise SystemExit(f"no part '{unknown[0]}'; choose from {', '.join(PARTS)}")
    known = RESULTS / f"{NAME}.json"
    table = json.loads(known.read_text())["table"] if known.is_file() and names else []
    table = [each for each in table if each.get("part") in PARTS]  # those of an older form are measured anew
    failed = []
    for name in names or PARTS:
        began = time.perf_counter()
        rows = [{"part": name, **each} for each in _part(name, small)]
        table = [each for each in table if each.get("part") != name] + rows
        table.sort(key=lambda each: list(PARTS).index(each["part"]))
        failed += [name] if rows[-1]["what"].startswith("FAILED") else []
        print_table(f"{name}, {time.perf_counter() - began:.0f} s", rows or [row("nothing", 0.0, None, "")])
        if not small:
            _write(table)
        if failed == ["checks"]:
            break  # how fast something wrong is interests nobody
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def _write(table: list[dict]) -> None:
    kept = [each for each in table if not each["what"].startswith("FAILED")]
    right = [each for each in kept if each["part"] == "checks"]
    figures = {"name": "gpu", "ours": len(right), "baseline": len(right), "ratio": 1.0, "unit": "checks passed"}
    figures["limit"] = f"clips are padded to {VIDEO_TOKENS} tokens and texts to {TEXT_TOKENS} by the baseline"
    write(NAME, figures | {"command": "gpu.py"}, table)


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    is_small = "--small" in sys.argv or DEVICE.type == "cpu"
    if "--one" in sys.argv:
        for made_row in (PARTS | HIDDEN)[arguments[0]](SMALL if is_small else ON_GPU):
            print(json.dumps(made_row), flush=True)
    else:
        main(arguments, is_small)
