"""How a bench reports: one table on the screen, one JSON file in ``bench/results``."""

import json
import os
import platform
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from videoclip.provenance import versions

if TYPE_CHECKING:
    import torch

RESULTS = Path(__file__).resolve().parent / "results"
SOAKED = Path(__file__).resolve().parent.parent / "soak" / "results"


def report(
    name: str, ours: float, baseline: float, unit: str, table: list[dict], limit: str = "", better: str = "more"
) -> None:
    """Print the table and write ``bench/results/<name>.json`` (``<name>.gpu.json`` where there is a GPU).

    Args:
        limit: what bounds the figure.
        better: whether ``more`` or ``less`` of the unit is better; the ratio is above 1 where ours is better.
    """
    ratio = ours / baseline if better == "more" else baseline / ours
    print_table(f"{name}: {ours:,.4g} {unit}, baseline {baseline:,.4g}: {ratio:.2f} ×", table)
    made = {"name": name, "ours": ours, "baseline": baseline, "ratio": ratio, "unit": unit, "limit": limit}
    made |= {"command": " ".join([Path(sys.argv[0]).name, *map(_elsewhere, sys.argv[1:])])}
    write(name if accelerator() is None else f"{name}.gpu", made, table)


def _elsewhere(argument: str) -> str:
    """An argument as it may stand in what others read: of a path of this machine its end."""
    return "/".join(Path(argument).parts[-2:]) if Path(argument).is_absolute() else argument


def soaked(name: str, command: str, figures: dict, table: list[dict]) -> None:
    """As ``report``, into ``soak/results``, of figures that have no baseline: what was tried, and what came of it."""
    print_table(f"{name}: {', '.join(f'{what} {figure}' for what, figure in figures.items())}", table)
    write(name, {"name": name, "command": command, "figures": figures}, table, SOAKED)


def write(name: str, made: dict, table: list[dict], folder: Path = RESULTS) -> None:
    """What was measured, with where, with what, and when."""
    folder.mkdir(exist_ok=True)
    made |= {"machine": machine(), "versions": versions(), "date": datetime.now(UTC).date().isoformat(), "table": table}
    (folder / f"{name}.json").write_text(json.dumps(made, indent=1) + "\n")


def print_table(title: str, rows: list[dict]) -> None:
    """Rows of the same columns, on the screen."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=title)
    for column in rows[0]:
        shown.add_column(column)
    for row in rows:
        shown.add_row(*(f"{v:,.4g}" if isinstance(v, float) else str(v) for v in row.values()))
    Console().print(shown)


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores of {processor()}, {memory:.0f} GiB, {accelerator() or 'no GPU'}"


def processor() -> str:
    """Its name, and which of the wide instructions it has: results depend on them more than on its name."""
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.is_file() else ""
    name = re.search(r"model name\s*: (.+)", text)
    flags = set(text.split())
    wide = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    return f"{name[1] if name else platform.machine()} ({', '.join(wide)})"


def gib_in_use(process: int | str = "self") -> float:
    """Memory of a process and its children, GiB: what is theirs, without files that are mapped."""
    folder = Path(f"/proc/{process}")
    try:
        kept = re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+)", (folder / "smaps_rollup").read_text(), re.MULTILINE)
        children = [pid for task in (folder / "task").iterdir() for pid in (task / "children").read_text().split()]
    except OSError:  # it ended meanwhile
        return 0.0
    return sum(map(int, kept)) / 2**20 + sum(map(gib_in_use, children))


def accelerator() -> str | None:
    torch = sys.modules.get("torch")
    return torch.cuda.get_device_name() if torch and torch.cuda.is_available() else None


def product_rate(device: "torch.device", precision: str, size: int = 2048) -> float:
    """The best rate of a matrix product of the model's kind, (size, 768) by (768, 3072), in FLOP/s."""
    import torch

    kind = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    size = 32768 if device.type == "cuda" else size
    a, b = torch.randn(size, 768, device=device, dtype=kind), torch.randn(768, 3072, device=device, dtype=kind)
    best = float("inf")
    for _ in range(8):
        began = time.perf_counter()
        torch.mm(a, b)
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return 2 * size * 768 * 3072 / best
