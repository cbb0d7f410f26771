"""How a bench reports: one table on the screen, one JSON file in ``bench/results``."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from videoclip.provenance import versions

RESULTS = Path(__file__).parent / "results"


def report(
    name: str, ours: float, baseline: float, unit: str, table: list[dict], limit: str = "", better: str = "more"
) -> None:
    """Print the table and write ``bench/results/<name>.json``.

    Args:
        limit: what bounds the figure.
        better: whether ``more`` or ``less`` of the unit is better; the ratio is above 1 where ours is better.
    """
    from rich.console import Console
    from rich.table import Table

    ratio = ours / baseline if better == "more" else baseline / ours
    shown = Table(title=f"{name}: {ours:,.4g} {unit}, baseline {baseline:,.4g}: {ratio:.2f} ×")
    for column in table[0]:
        shown.add_column(column)
    for row in table:
        shown.add_row(*(f"{v:,.4g}" if isinstance(v, float) else str(v) for v in row.values()))
    Console().print(shown)
    RESULTS.mkdir(exist_ok=True)
    made = {"name": name, "ours": ours, "baseline": baseline, "ratio": ratio, "unit": unit, "limit": limit}
    made |= {
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "machine": machine(),
        "versions": versions(),
        "date": datetime.now(UTC).date().isoformat(),
        "table": table,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(made, indent=1) + "\n")


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}, no GPU"
