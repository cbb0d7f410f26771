"""What is a ready-made model worth to who has few videos? It alone, VideoCLIP on top of it, and VideoCLIP from scratch.

python bench/ready_made.py OUT [SIZES [SEEDS]]     such as: python bench/ready_made.py runs/ready-made 25,100 1

Writes OUT/ready-made.json and OUT/ready-made.svg; what is done in OUT is not done again.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

from videoclip.recipes.ready_made import Comparison, compare_ready_made, in_lines


def main(out: Path, *numbers: str) -> None:
    parts = [tuple(int(number) for number in text.split(",")) for text in numbers]
    chosen = replace(Comparison(), **dict(zip(("sizes", "seeds"), parts, strict=False)))
    print("\n".join(in_lines(compare_ready_made(out, chosen, os.cpu_count() or 1))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
