"""The page of an evaluation: figures with their intervals, what is confused with what, and what was found."""

import json
from pathlib import Path

import numpy as np

from . import plots
from .page import TIMELINES, template

CLASSES = 25
"""The largest classes, which are shown in the confusion map."""


def write_evaluation(path: Path, result: dict, analysis: dict) -> None:
    """Write the page of a result.

    Args:
        result: what ``videoclip evaluate`` writes.
        analysis: ``intervals`` (name -> (low, high)), ``confusion`` (``Confusion`` or None), ``extremes`` and the
            predictions for whole ``videos``.
    """
    confusion = analysis["confusion"]
    figures, by_class = {}, []
    if confusion is not None:
        large = confusion.largest(CLASSES)
        shares = large.seconds / np.maximum(large.seconds.sum(1, keepdims=True), 1)
        figures["confusion"] = plots.confusion_map(large.classes, shares.tolist())
        by_class = confusion.by_class()
        figures["timelines"] = plots.timelines(analysis["videos"][:TIMELINES])
    page = template("evaluation.html.j2")
    text = page.render(
        result=result,
        tables=tables(result),
        intervals=analysis["intervals"],
        figures=figures,
        by_class=by_class,
        extremes=analysis["extremes"],
        config=json.dumps(result["config"], indent=1),
    )
    path.write_text(text, encoding="utf-8")


def tables(result: dict) -> dict[str, dict[str, str]]:
    """Every group of figures of a result as one flat table each; what is nested has its names joined."""
    groups = {
        name.replace("papers", "paper's"): _flat(value)
        for name, value in result.items()
        if isinstance(value, dict) and name not in ("config", "versions", "seconds", "left_out", "intervals")
    }
    return {name: table for name, table in groups.items() if table}


def _flat(group: dict, prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in group.items():
        label = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, dict):
            flat |= _flat(value, f"{label} · ")
        elif isinstance(value, bool):
            flat |= {label: "every second has the same label: this says nothing"} if value else {}
        elif isinstance(value, float):
            flat[label] = f"{value:.4g}" if name in ("median_rank", "mean_rank", "auc") else f"{100 * value:.1f} %"
        else:
            flat[label] = str(value)
    return flat
