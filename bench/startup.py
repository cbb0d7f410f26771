"""How fast does it start?

    python bench/startup.py LIBRARY

Whole processes, from the shell: importing the package, ``--help``, a text query from cold into a library (such as the
demo's). The baseline is a process that imports PyTorch, which every query needs.
"""

import statistics
import subprocess
import sys
import time

from result import report

TIMES = 7


def seconds(*arguments: str) -> float:
    """The median time of a process of this Python."""
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def main(library: str) -> None:
    bare = seconds("-c", "pass")
    rows = [
        {"process": "python alone", "s": bare, "limit": ""},
        {
            "process": "import videoclip",
            "s": seconds("-c", "import videoclip") - bare,
            "limit": "0.2, beside python alone",
        },
        {"process": "videoclip --help", "s": seconds("-m", "videoclip", "--help"), "limit": "0.4"},
        {"process": "import torch", "s": seconds("-c", "import torch"), "limit": ""},
    ]
    query = seconds("-m", "videoclip", "search", "--library", library, "someone slices a red onion")
    rows.append({"process": "videoclip search, from cold", "s": query, "limit": "6"})
    report("startup", query, rows[3]["s"], "s for a query from cold", rows, "6 s", "less")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
