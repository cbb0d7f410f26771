"""Training on a benchmark and measuring what it brought, on the test videos before and after."""

from dataclasses import replace
from pathlib import Path

from ..config import dump_config
from ..corpus.store import Corpus
from ..model.joint import load_videoclip
from ..provenance import provenance
from ..storage.folders import claim
from ..tasks.finetune import FinetuneConfig
from ..tasks.finetune import finetune as train
from .benchmark import benchmark
from .examples import FIGURES, figure_of, task_of, test_options, training_examples


def train_and_test(name: str, model: str, corpus: Corpus, data: Path, config: FinetuneConfig, out: Path) -> dict:
    """Train a model for a task of a benchmark into ``out``; what ``result.json`` holds.

    Raises:
        ConfigError: ``out`` holds something else, or the model cannot be trained.
        VideoclipError: annotations or features are missing.
    """
    config = replace(config, task=task_of(name, config.task))
    settings = {"benchmark": name, "model": model, "corpus": corpus.path} | dump_config(config)
    start = load_videoclip(model)
    start.check_features(corpus.kind, corpus.path)
    examples, validation = training_examples(name, config.task, corpus, data)
    claim(out, "finetune", settings)
    measure = benchmark(name)
    before = measure(start, corpus, data, test_options(name, config.task, trained=False))
    lines = train(start, examples, validation, config, out)
    after = measure(start, corpus, data, test_options(name, config.task, trained=True))
    validated = [line["validation"] for line in lines]
    return provenance(config.seed, settings) | {
        "figure": FIGURES[config.task],
        "zero_shot": figure_of(config.task, before),
        "fine_tuned": figure_of(config.task, after),
        "best_epoch": validated.index(max(validated)),
        "epochs": lines,
        "examples": len(examples),
        "validation_examples": len(validation),
        "test": {key: value for key, value in after.items() if key not in ("items", "videos", "similarity")},
    }
