"""The page of an evaluation: figures with their intervals, what is confused with what, and what was found."""

import json
from pathlib import Path

import numpy as np

from ..benchmarks.analysis import confusion, extremes, per_video
from ..storage.places import write_whole
from . import plots
from .page import TIMELINES, template

CLASSES = 25
"""The largest classes, which are shown in the confusion map."""


def write_evaluation(path: Path, result: dict) -> None:
    """Write the page of what ``evaluate`` returns."""
    table = confusion(result)
    figures, by_class = {}, []
    if table is not None:
        large = table.largest(CLASSES)
        shares = large.seconds / np.maximum(large.seconds.sum(1, keepdims=True), 1)
        figures["confusion"] = plots.confusion_map(large.classes, shares.tolist())
        by_class = table.by_class()
        figures["timelines"] = plots.timelines(per_video(result)[:TIMELINES])
    page = template("evaluation.html.j2")
    text = page.render(
        result=result,
        tables=tables(result),
        intervals=result["intervals"],
        figures=figures,
        by_class=by_class,
        extremes=extremes(result.get("items", [])),
        config=json.dumps(result["config"], indent=1),
    )
    write_whole(path, text)


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
