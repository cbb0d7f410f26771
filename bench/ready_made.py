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

from videoclip.recipes.ready_made import Comparison, compare_ready_made, in_lines


def main(out: Path, sizes: str = "", seeds: str = "", narrator: str = Comparison.narrator) -> None:
    chosen = replace(Comparison(), narrator=narrator)
    for name, numbers in (("sizes", sizes), ("seeds", seeds)):
        if numbers:
            chosen = replace(chosen, **{name: tuple(int(number) for number in numbers.split(","))})
    print("\n".join(in_lines(compare_ready_made(out, chosen, os.cpu_count() or 1))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
