"""Write constraints.txt and requirements-hashed.txt: what pip resolves today, and its hashes on this platform."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEAD = "# What make installs: tested together. pyproject.toml allows ranges.\n"
HASHED = "# As constraints.txt, with hashes (Linux, x86-64, Python 3.11, PyTorch for the CPU). Made by make lock.\n"


def main(keep: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--ignore-installed", "--report", report]
        known = ["-c", str(ROOT / "constraints.txt")] if keep else ["torch==2.13.0"]
        subprocess.run([*map(str, command), *known, "-e", f"{ROOT}[dev]"], check=True)
        items = json.loads(report.read_text())["install"]
    rows = sorted(
        (item["metadata"]["name"].lower().replace("_", "-"), item["metadata"]["version"], item["download_info"])
        for item in items
        if item["metadata"]["name"] != "videoclip"
    )
    pins = (f"{n}=={v.partition('+')[0]}\n" for n, v, _ in rows if n != "pip")  # pip does not replace itself
    (ROOT / "constraints.txt").write_text(HEAD + "".join(pins))
    hashes = [(n, v, info["archive_info"]["hashes"]["sha256"]) for n, v, info in rows]
    lines = (f"{n}=={v} --hash=sha256:{h}\n" for n, v, h in hashes)
    (ROOT / "requirements-hashed.txt").write_text(HASHED + "".join(lines))


if __name__ == "__main__":
    main(keep="--keep" in sys.argv)
