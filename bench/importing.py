"""How fast are other people's features imported? Against reading the same files and doing nothing with them.

python bench/importing.py [FILES]

Every file holds 30 seconds of S3D features in float16. The baseline is a loop of ``numpy.load``. The last row is the
memory of an import with captions from one JSON file of over a gigabyte.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from result import report

PEAK = """
import re
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
print(json.dumps({"files": count, "seconds": round(took, 2), "files/s": round(count / took), "mb": round(peak)}))
"""
OURS = """
import json, sys, time
from pathlib import Path
from videoclip.corpus.importers import ImportConfig, import_features
began = time.monotonic()
captions = Path(sys.argv[3]) if sys.argv[3:] else None
count = import_features(Path(sys.argv[1]), Path(sys.argv[2]), captions, None, ImportConfig(silent=True)).added
took = time.monotonic() - began
"""
NUMPY = """
import json, os, sys, time
import numpy as np
began = time.monotonic()
paths = [os.path.join(root, name) for root, _, names in os.walk(sys.argv[1]) for name in names]
for path in paths: np.load(path)
count, took = len(paths), time.monotonic() - began
"""
BYTES = NUMPY.replace("np.load(path)", "open(path, 'rb').read()")
READERS = {"import": OURS, "numpy.load alone": NUMPY, "bytes alone": BYTES}
SECONDS, SIZE, KINDS = 30, 512, 64


def main(files: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make(folder / "features", files)
        for reader in (NUMPY, OURS):  # once unmeasured, so that all find the files in memory
            _measure(reader, folder / "features", folder / "warm.lance")
        rows = []
        for i in range(3):
            for label, code in READERS.items():
                rows.append({"what": label} | _measure(code, folder / "features", folder / f"{i}.lance"))
        best = {r: min((row for row in rows if row["what"] == r), key=lambda row: row["seconds"]) for r in READERS}
        said = _captions(folder / "raw_caption.json")
        streamed = _measure(OURS, folder / "features" / "000", folder / "said.lance", folder / "raw_caption.json")
        table = [*best.values(), {"what": f"import with captions from {said:.1f} GB of JSON"} | streamed]
    ours, baseline = best["import"]["files/s"], best["numpy.load alone"]["files/s"]
    limit = "at least 0.8 of reading alone, and 300 MB with captions"
    report("import", ours, baseline, "files per second", table, limit)


def _make(folder: Path, files: int) -> None:
    vectors = np.random.default_rng(0).standard_normal((KINDS, SECONDS, SIZE))
    features = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float16)
    for i in range(files):
        place = folder / f"{i // 1000:03d}"
        place.mkdir(parents=True, exist_ok=True)
        np.save(place / f"v{i:06d}.npy", features[i % KINDS])


def _captions(path: Path, videos: int = 200_000) -> float:
    """HowTo100M's captions of many videos, 110 each; returns the size in GB."""
    rng = random.Random(0)
    words = ["the", "a", "of", "and", "to", "in", "is", "you", "that", "it", "cut", "add", "stir", "oil", "onion"]
    starts = [round(3.5 * i, 2) for i in range(110)]
    ends = [round(start + 4.1, 2) for start in starts]
    with open(path, "w") as file:
        for i in range(videos):
            entry = {"start": starts, "end": ends, "text": [" ".join(rng.choices(words, k=8)) for _ in starts]}
            file.write(f'{"," if i else "{"}"v{i:06d}": {json.dumps(entry)}')
        file.write("}")
    return path.stat().st_size / 1e9


def _measure(code: str, *arguments: Path) -> dict:
    os.sync()  # what was written before is not written back during this
    command = [sys.executable, "-c", code + PEAK, *map(str, arguments)]
    measured = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    shutil.rmtree(arguments[1], ignore_errors=True)
    return measured


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
