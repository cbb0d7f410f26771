"""What is a ready-made model worth to who has few videos? It alone, VideoCLIP on top of it, and VideoCLIP from scratch.

    python bench/ready_made.py OUT [SIZES [SEEDS [NARRATOR]]]

Such as: python bench/ready_made.py runs/ready-made 25,100 1

NARRATOR is that of the ready-made model's school, lagging or faithful.

Writes OUT/ready-made.json and OUT/ready-made.svg; what is done in OUT is not done again.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

from result import report

from videoclip.recipes.ready_made import ON_TOP, READY, Comparison, compare_ready_made, in_lines


def main(out: Path, sizes: str = "", seeds: str = "", narrator: str = Comparison.narrator) -> None:
    chosen = replace(Comparison(), narrator=narrator)
    for name, numbers in (("sizes", sizes), ("seeds", seeds)):
        if numbers:
            chosen = replace(chosen, **{name: tuple(int(number) for number in numbers.split(","))})
    result = compare_ready_made(out, chosen, os.cpu_count() or 1)
    print("\n".join(in_lines(result)))
    found = {variant: figures["R@1"] for variant, figures in result["variants"].items()}
    rows = [
        {"videos": size} | {variant: spread(values[place]) for variant, values in found.items()}
        for place, size in enumerate(chosen.sizes)
    ]
    alone, on_top = (100 * mean(found[variant][-1]) for variant in (READY, ON_TOP))
    limit = f"what the encoder can tell; seeds {', '.join(map(str, chosen.seeds))}, narrator of its school: {narrator}"
    name = "ready-made" if narrator == Comparison.narrator else f"ready-made-{narrator}"
    report(name, on_top, alone, f"R@1 in per cent on top of a ready-made model, {chosen.sizes[-1]} videos", rows, limit)


def spread(values: list[float]) -> str:
    return f"{100 * mean(values):.1f} ± {100 * stdev(values):.1f}" if len(values) > 1 else f"{100 * values[0]:.1f}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
