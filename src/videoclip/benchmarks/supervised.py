"""Training on a benchmark and measuring what it brought, on the test videos before and after."""

from dataclasses import replace
from pathlib import Path, PurePath

from ..config import defaults, dump_config
from ..corpus.store import Corpus
from ..errors import ConfigError
from ..model.card import About
from ..model.joint import load_videoclip
from ..provenance import provenance
from ..storage.folders import claim
from ..tasks.finetune import FinetuneConfig
from ..tasks.finetune import finetune as train
from .evaluate import check_features, evaluate
from .table import BENCHMARKS, benchmark

FIGURES = {
    "retrieval": ("retrieval", "text_to_video", "R@1"),
    "multiple-choice": ("multiple_choice", "accuracy"),
    "segmentation": ("segmentation", "frame_accuracy"),
    "localization": ("localization", "recall"),
    "moments": ("moments", "rank_at_1"),
}
"""Where the metric that training for a task improves stands in a result."""
RULES = {"segmentation": ("spread", "background")}
"""Of segmentation, the rules by which models are compared: the one for zero-shot, and the one for a model that was
trained, which has learnt a text for background."""
LEFT_OUT = ("items", "videos", "similarity", "seed", "versions", "commit", "machine", "date")
"""What a result after training does without: predictions, and what the result of the training says itself."""


def train_and_test(name: str, model: str, corpus: Corpus, data: Path, config: FinetuneConfig, out: Path) -> dict:
    """Train a model for a task of a benchmark into ``out``; what ``result.json`` holds.

    ``by_rule`` has the metric of the model before and after, by each rule of segmentation (``""`` where there is none).

    Raises:
        ConfigError: ``out`` holds something else, or the model cannot be trained, or not for this task.
        VideoclipError: annotations or features are missing.
    """
    chosen, task = benchmark(name), task_of(name, config.task)
    config = replace(config, task=task)
    settings = {"benchmark": name, "model": model, "corpus": corpus.path} | dump_config(config)
    start = load_videoclip(model)
    check_features(start, corpus)
    examples, validation = chosen.trains[task](corpus, data)
    claim(out, "finetune", settings, defaults(FinetuneConfig))

    def measured() -> dict[str, dict]:
        return {
            rule: evaluate(name, start, corpus, data, split=chosen.trained_split, rule=rule)
            for rule in RULES.get(task, ("",))
        }

    before = measured()
    lines = train(start, examples, validation, config, out)
    after = measured()
    task_and_metric = " ".join(FIGURES[task]).replace("_", " ")
    start.save_pretrained(
        out / "model",
        About(
            f"By `videoclip finetune {name} --task {task}`, from {PurePath(model).name}.",
            f"{len(examples):,} examples of the training set.",
            {f"{task_and_metric} {rule}".strip(): figure_of(task, result) for rule, result in after.items()},
        ),
    )
    validated = [line["validation"] for line in lines]
    by_rule = {rule: (figure_of(task, before[rule]), figure_of(task, after[rule])) for rule in before}
    return provenance(config.seed, settings) | {
        "figure": FIGURES[task],
        "zero_shot": next(iter(by_rule.values()))[0],
        "fine_tuned": list(by_rule.values())[-1][1],
        "by_rule": {rule: {"before": a, "after": b} for rule, (a, b) in by_rule.items()},
        "is_worse": max(b for _, b in by_rule.values()) < max(a for a, _ in by_rule.values()),
        "best_epoch": validated.index(max(validated)),
        "epochs": lines,
        "examples": len(examples),
        "validation_examples": len(validation),
        "test": {key: value for key, value in list(after.values())[-1].items() if key not in LEFT_OUT},
    }


def task_of(name: str, task: str = "") -> str:
    """The task to train on a benchmark; by default its first.

    Raises:
        ConfigError: it has no such task, or nothing can be trained on it.
        VideoclipError: there is no such benchmark.
    """
    tasks = list(benchmark(name).trains)
    if not tasks:
        trained = ", ".join(other for other in BENCHMARKS if benchmark(other).trains)
        raise ConfigError(f"{name} has no training videos; choose from {trained}")
    if task and task not in tasks:
        raise ConfigError(f"{name} has no task '{task}' to train; choose from {', '.join(tasks)}")
    return task or tasks[0]


def figure_of(task: str, result: dict) -> float:
    """The metric that training for a task improves."""
    for key in FIGURES[task]:
        result = result[key]
    return float(result)  # type: ignore[arg-type]
