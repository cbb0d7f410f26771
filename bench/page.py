"""Writes docs/benchmarks.md from the JSON that benches and soaks left in ``bench/results`` and ``soak/results``."""

import json
from pathlib import Path

from result import RESULTS, SOAKED

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
HEAD = """# Measured

Every figure below was measured by the command beside it, on the machine that is named. Machines are shared and noisy,
so look at the ratios, which are against a plain baseline in the same run. `python bench/page.py` writes this page from
`bench/results` and `soak/results`. What each technique of the method brings, over several seeds, is in
[ablation.md](ablation.md) (`videoclip experiment ablation --out DIR`).
"""


def main() -> None:
    parts = [HEAD]
    for path in sorted(RESULTS.glob("*.json")):
        made = json.loads(path.read_text())
        if "table" in made:  # a simulation has none, and measures nothing
            parts.append(section(made, "bench"))
    for path in sorted(SOAKED.glob("*.json")):
        parts.append(section(json.loads(path.read_text()), "soak"))
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    print(PAGE)


def section(made: dict, kind: str) -> str:
    """A bench's part of the page, or a soak's."""
    columns = list(made["table"][0])
    named, run = ("", "bench/") if kind == "bench" else ("soak ", "soak ")
    where = " on a GPU" if "NVIDIA" in made["machine"] else ""
    lines = [f"## {named}{made['name']}{where}", "", f"`python {run}{made['command']}`"]
    if "figures" in made:
        lines += ["", "; ".join(f"{what} {figure}" for what, figure in made["figures"].items()) + "."]
    else:
        lines += [
            "",
            f"{made['ours']:,.4g} {made['unit']}; baseline {made['baseline']:,.4g}; **{made['ratio']:.2f} ×**.",
        ]
    if made.get("limit"):
        lines[-1] += f" Limit: {made['limit']}."
    lines += ["", f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    rows = [[cell(row.get(column, "")) for column in columns] for row in made["table"]]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    versions = ", ".join(f"{k} {v}" for k, v in made["versions"].items() if k in ("python", "torch", "av", "videoclip"))
    return "\n".join([*lines, "", f"{made['machine']}; {versions}; {made['date']}.", ""])


def cell(value) -> str:
    return f"{value:,.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
