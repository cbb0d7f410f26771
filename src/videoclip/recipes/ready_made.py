"""What a ready-made model is worth to who has few videos: itself, VideoCLIP on top of it, VideoCLIP from scratch.

The ready-made model is the demo encoder's own MIL-NCE embedding: a text side trained on the kind of videos that the
encoder was trained on, of another world, by a narrator who lags as people do, or by one who speaks of every step while
it lasts (``faithful``: it comes close to what the encoder can tell). It meets worlds of another seed and with narration
that lags, of which VideoCLIP has some videos to learn from. On top of it, VideoCLIP learns from narration that the
ready-made model has placed (``realign``). What is done is not done again.
"""

import json
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path

from ..config import dump_config, load_config
from ..processes import apart_from_main, process_pool
from ..progress import track
from ..provenance import provenance
from ..report.plots import growth
from ..storage.folders import claim
from ..storage.places import write_whole
from .experiment import FIGURES
from .experiments import SMALL

SIZES = (25, 50, 100, 200, 400)
"""Videos to train on, beside those of validation and test."""
READY, ON_TOP = "ready-made", "on top of it"
VARIANTS = {
    READY: (),
    ON_TOP: ("clips.rule=placed", "clips.min_text_tokens=1", "clips.chatter=2", "optimizer.lr=3e-4"),
    "from scratch": ("model.similarity=cosine",),
}
"""What is compared, and what each sets."""
BASE = (
    *SMALL, "batches.rule=random", "batches.videos=16", "loss.mask_overlaps=true", "loss.soft_targets=0.3",
    "validate_epochs=0", "log_every=10",
)  # fmt: skip
SHOWN = ("R@1", "R@10", "multiple choice", "F1@50")
SCHOOL_SEED = 1000
"""That of the world which the demo's encoder was trained on."""


@dataclass(frozen=True)
class Comparison:
    """How large everything is; a test makes it small."""

    sizes: tuple[int, ...] = SIZES
    seeds: tuple[int, ...] = (1, 2, 3)
    videos: int = 500
    """Of a world: sixteen in twenty are for training, three for testing."""
    families: int = 8
    school: int = 800
    """Videos that the ready-made model's text side learns from."""
    text_updates: int = 3000
    narrator: str = "lagging"
    """Of the videos that the ready-made model's text side learns from."""
    base: tuple[str, ...] = BASE
    pairs_of_updates: tuple[int, int] = (100, 1)
    """Updates of a training: so many, and so many more for each video."""


def compare_ready_made(out: Path, chosen: Comparison | None = None, workers: int = 1) -> dict:
    """Make all parts that are missing in ``out``, and ``ready-made.json`` and ``.svg``; returns what the first holds.

    Args:
        workers: trainings at the same time, each on one core.

    Raises:
        ConfigError: ``out`` holds something else, or worlds and schools of another size.
    """
    chosen, began = chosen or Comparison(), time.monotonic()
    claim(out, "comparison", {k: v for k, v in dump_config(chosen).items() if k not in ("sizes", "seeds")})
    _make_ready(out, chosen)
    for seed in chosen.seeds:
        _make_world(out, chosen, seed)
    wanted = [(v, n, s) for s in chosen.seeds for n in (0, *chosen.sizes) for v in VARIANTS if (v == READY) == (n == 0)]
    missing = [run for run in wanted if not _result_of(out, *run).is_file()]
    run = partial(_run, out, replace(chosen, seeds=()))
    with track("compare", len(wanted), "runs", len(wanted) - len(missing)) as advance:
        if workers == 1:
            for part in missing:
                run(*part)
                advance(1, part[0])
        else:
            with process_pool(workers) as pool, apart_from_main():
                for done in as_completed([pool.submit(run, *part) for part in missing]):
                    done.result()
                    advance()
    result = {"title": "What a ready-made model is worth", "sizes": list(chosen.sizes), "seeds": list(chosen.seeds)}
    result |= {"variants": _collected(out, chosen), "seconds": time.monotonic() - began}
    result |= provenance(chosen.seeds[0], dump_config(chosen))
    write_whole(out / "ready-made.json", json.dumps(result, indent=1))
    shown = {v: {f: of[f] for f in SHOWN} for v, of in result["variants"].items()}
    write_whole(out / "ready-made.svg", growth(list(chosen.sizes), shown))
    return result


def in_lines(result: dict) -> list[str]:
    """The means and spreads over seeds as Markdown, a row for each variant and number of videos."""
    lines = ["| | videos | " + " | ".join(FIGURES) + " |", "| --- | ---: |" + " ---: |" * len(FIGURES)]
    for variant, figures in result["variants"].items():
        for i, size in enumerate(result["sizes"]):
            of = [figures[name][i] for name in FIGURES]
            cells = [f"{100 * statistics.mean(v):.1f} ± {100 * _spread(v):.1f}" for v in of]
            lines.append(f"| {variant} | {size} | " + " | ".join(cells) + " |")
    return lines


def _spread(values: Sequence[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


def _make_ready(out: Path, chosen: Comparison) -> None:
    """The text side of the demo's encoder, from a school of its own."""
    from ..corpus.store import Corpus
    from ..pretrain.text_side import TextSideConfig, train_text_side

    if (out / "text-side" / "result.json").is_file():
        return
    corpus = Corpus(_extracted(out / "school", chosen.school, SCHOOL_SEED, chosen.narrator, chosen.families))
    config = TextSideConfig(updates=chosen.text_updates)
    train_text_side(corpus, corpus.matching("train/*"), config, out / "text-side")


def _make_world(out: Path, chosen: Comparison, seed: int) -> None:
    """The world of a seed, and for each size a corpus of as many training videos and all of validation."""
    from ..corpus.store import Corpus

    world = _world_of(out, seed)
    whole = Corpus(_extracted(world, chosen.videos, seed, "lagging", chosen.families))
    train = sorted((whole.ids[row] for row in whole.matching("train/*")), key=lambda video: video.rpartition("_")[2])
    for size in chosen.sizes:
        some = Corpus.create(world / f"{size}.lance", whole.kind)
        if not len(some):  # an append is whole or not there
            rows = [whole.row(video) for video in train[:size]] + whole.matching("val/*")
            some.append(whole.read(rows))


def _extracted(folder: Path, videos: int, seed: int, narrator: str, families: int) -> Path:
    """The corpus of a rendered world."""
    from ..corpus.extract import extract
    from ..encoders.load import load_encoder
    from ..media.files import find_videos
    from ..world.render import render_world

    render_world(folder / "videos", videos, seed, narrator, families)
    extract(find_videos(folder / "videos"), load_encoder("demo"), folder / "corpus.lance")
    return folder / "corpus.lance"


def _run(out: Path, chosen: Comparison, variant: str, size: int, seed: int) -> None:
    """One training, where there is something to train, and its evaluation; on one core, in a process of its own."""
    import torch

    from ..benchmarks.truth import read_truth
    from ..benchmarks.world import evaluate_world
    from ..corpus.store import Corpus
    from ..model.joint import load_model
    from ..pretrain.config import PretrainConfig
    from ..pretrain.realign import realign
    from ..pretrain.trainer import pretrain

    torch.set_num_threads(1)
    world, target, began = _world_of(out, seed), _result_of(out, variant, size, seed), time.monotonic()
    ready = f"mil-nce:{out / 'text-side'}"
    noted: dict = {}
    if variant == READY:
        model = load_model(ready)
    else:
        at_first, more = chosen.pairs_of_updates
        narration = world / f"{size}.lance"
        if variant == ON_TOP:
            placed = target.parent.with_name(f"{target.parent.name}.lance")
            realign(Corpus(narration), load_model(ready), str(placed))
            narration = placed
        settings = [*chosen.base, *VARIANTS[variant], f"corpus={narration}", f"out={target.parent}"]
        config = load_config(PretrainConfig, "paper", [*settings, f"seed={seed}"])
        of_epoch = max(size // config.batches.videos, 1)
        config = replace(config, epochs=ceil((at_first + more * size) / of_epoch))
        config = replace(config, init=f"joint:{ready}" if variant == ON_TOP else "")
        noted, model = dump_config(config), pretrain(config)
    trained = time.monotonic() - began
    result = evaluate_world(model, Corpus(world / "corpus.lance"), read_truth(world / "videos"))
    kept = {key: value for key, value in result.items() if key not in ("items", "videos", "similarity")}
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, json.dumps(kept | {"training_seconds": trained} | provenance(seed, noted), indent=1))


def _world_of(out: Path, seed: int) -> Path:
    return out / "worlds" / str(seed)


def _result_of(out: Path, variant: str, size: int, seed: int) -> Path:
    return out / "runs" / f"{variant.replace(' ', '-')}-{size}-{seed}" / "metrics.json"


def _collected(out: Path, chosen: Comparison) -> dict[str, dict[str, list[list[float]]]]:
    """Of each variant and figure, for each size the values of the seeds."""
    found = {}
    for variant in VARIANTS:
        sizes = [0] * len(chosen.sizes) if variant == READY else chosen.sizes
        read = [[json.loads(_result_of(out, variant, n, s).read_text()) for s in chosen.seeds] for n in sizes]
        found[variant] = {name: [[of(result) for result in row] for row in read] for name, of in FIGURES.items()}
    return found
