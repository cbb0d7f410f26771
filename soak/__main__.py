"""``python soak`` lists the soaks, ``python soak NAME …`` runs one: what breaks over time, or when things fail.

They take minutes to hours and are no part of the tests.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "bench"))  # how they are run, and how they report

from programs import run  # noqa: E402

if __name__ == "__main__":
    run(HERE, ["__main__", "reading"], sys.argv[1:])
