"""The whole system on rendered narrated videos: from pixels to a report, in one folder and in minutes.

Each stage is taken up where an interrupted call left it.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from ..benchmarks.truth import read_truth
from ..benchmarks.world import evaluate_world, recall_probe
from ..config import defaults, dump_config, load_config
from ..corpus.extract import extract
from ..corpus.store import Corpus
from ..encoders.load import load_encoder
from ..library.index import index
from ..media.files import find_videos
from ..pretrain.config import PretrainConfig
from ..pretrain.run import read_history
from ..pretrain.trainer import pretrain
from ..provenance import provenance
from ..ranges import SEED, Range, ranged
from ..report.page import write_report
from ..storage.folders import claim
from ..storage.places import write_whole
from ..world.render import render_world
from ..world.script import split_of


@dataclass(frozen=True)
@ranged
class DemoConfig:
    """What the demo renders and how it trains; ``preset`` is a configuration of ``videoclip pretrain``."""

    videos: Annotated[int, Range(20, 1_000_000)] = 400
    seed: Annotated[int, SEED] = 1
    preset: str = "demo"
    set: list[str] = field(default_factory=list)
    """Changes to the preset, as ``key=value``."""


def run_demo(out: Path, config: DemoConfig) -> dict:
    """Render, extract, pre-train, evaluate, index and report into ``out``; returns what ``metrics.json`` holds.

    Raises:
        ConfigError: ``out`` holds something else, or a demo of another configuration.
    """
    overrides = [f"corpus={out / 'corpus.lance'}", f"out={out / 'run'}", f"seed={config.seed}"]
    in_a_batch = load_config(PretrainConfig, config.preset).batches.videos
    trained = sum(split_of(number) == "train" for number in range(config.videos))
    overrides += ["train_videos=train/*", "validation_videos=val/*", f"batches.videos={min(in_a_batch, trained)}"]
    overrides += config.set
    training = load_config(PretrainConfig, config.preset, overrides)
    clock = Clock(claim(out, "demo", dump_config(config), defaults(DemoConfig)) / "seconds.json")
    with clock("render"):
        render_world(out / "videos", config.videos, config.seed)
    with clock("extract"):
        extract(find_videos(out / "videos"), load_encoder("demo"), out / "corpus.lance")
    corpus, truth = Corpus(out / "corpus.lance"), read_truth(out)
    with clock("pretrain"):
        model = pretrain(training, recall_probe(corpus, truth))
        model.save_pretrained(out / "model")
    with clock("evaluate"):
        result = evaluate_world(model, corpus, truth)
    with clock("library"):
        index([out / "videos" / "test"], out / "library", model, load_encoder("demo"))
    counts = [entry["split"] for entry in truth["videos"].values()]
    result |= provenance(config.seed, {"demo": dump_config(config), "pretrain": dump_config(training)})
    result |= {"training_videos": counts.count("train"), "test_videos": counts.count("test")}
    result |= {"command": f"videoclip demo --out DIR --videos {config.videos} --seed {config.seed}"}
    started = time.monotonic()
    result |= {"seconds": clock.seconds, "killed": clock.killed}
    write_report(
        out / "report.html", result, read_history(out / "run" / "history.jsonl"), lambda v: out / "videos" / f"{v}.mp4"
    )
    clock.seconds["report"] = time.monotonic() - started
    metrics = {key: value for key, value in result.items() if key not in ("items", "videos", "similarity")}
    write_whole(out / "metrics.json", json.dumps(metrics, indent=1))
    write_whole(out / "predictions.json", json.dumps({"items": result["items"], "videos": result["videos"]}))
    return metrics


def advice_on_demo(encoder: str, videos: Sequence[Path]) -> str:
    """What is to be said before videos are read by this encoder; empty where it is fit for them.

    The demo's has seen nothing but drawn worlds, which are known by their ``truth.json``.
    """
    rendered = [(folder / "truth.json").is_file() for path in videos for folder in (path, *path.resolve().parents)]
    there = any(path.exists() for path in videos)
    if not there or encoder != load_encoder("demo").name or any(rendered):
        return ""
    return (
        "a model of the demo's encoder knows drawn worlds only and finds little in real videos; "
        "name a model of the hub (--model)"
    )


class Clock:
    """Seconds of each stage, over all the calls that it took.

    A stage that was killed could not write down its time: ``killed`` then says that the seconds are too few.
    """

    def __init__(self, path: Path):
        self._path = path
        noted = {"seconds": {}, "running": "", "killed": False}
        noted |= json.loads(path.read_text()) if path.is_file() else {}
        self.seconds: dict[str, float] = noted["seconds"]
        self.killed: bool = noted["killed"] or bool(noted["running"])

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.monotonic()
        self._note(stage)
        try:
            yield
        finally:
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.monotonic() - started, 1)
            self._note("")

    def _note(self, running: str) -> None:
        noted = {"seconds": self.seconds, "running": running, "killed": self.killed}
        write_whole(self._path, json.dumps(noted))
