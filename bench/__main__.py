"""``python bench`` lists the benches, ``python bench NAME …`` runs one: how fast things are, beside plain baselines."""

import sys
from pathlib import Path

from programs import run

SHARED = ("__main__", "programs", "result", "baselines", "page")
"""What benches share."""

if __name__ == "__main__":
    run(Path(__file__).parent, SHARED, sys.argv[1:])
