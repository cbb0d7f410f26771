"""The page of an experiment: one table and one plot of all variants, over the seeds."""

import json
from collections.abc import Iterator
from pathlib import Path

from ..storage.places import write_whole
from . import plots
from .page import template


def write_comparison(path: Path, result: dict) -> None:
    """Write the page of an experiment's ``result.json``."""
    rows = result["variants"]
    figures = {name: [row[name]["values"] for row in rows] for name in figure_names(result)}
    plot = plots.variants([row["variant"] for row in rows], figures)
    page = template("comparison.html.j2")
    config = json.dumps(result["config"], indent=1)
    write_whole(path, page.render(result=result, names=list(figures), plot=plot, config=config))


def figure_names(result: dict) -> list[str]:
    """The figures that were compared, in order."""
    return [name for name, value in result["variants"][0].items() if isinstance(value, dict) and "mean" in value]


def in_lines(result: dict) -> Iterator[str]:
    """The table as Markdown: mean ± spread in per cent, and the difference to the first variant in points."""
    names = figure_names(result)
    yield "| variant | " + " | ".join(names) + " |"
    yield "| --- |" + " ---: |" * len(names)
    for i, row in enumerate(result["variants"]):
        cells = []
        for name in names:
            of = row[name]
            cell = f"{100 * of['mean']:.1f} ± {100 * of['spread']:.1f}"
            if i:
                cell += f" ({100 * of['difference']:+.1f} ± {100 * of['spread_of_difference']:.1f})"
            cells.append(cell)
        yield f"| {row['variant']} | " + " | ".join(cells) + " |"
