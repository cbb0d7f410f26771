"""What is written beside every result, so that it can be repeated: seed, configuration, versions, git state."""

import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from . import __version__

PACKAGES = ("torch", "numpy", "av", "faiss-cpu", "pylance", "tokenizers", "safetensors")


def provenance(seed: int, config: dict[str, Any] | None = None) -> dict[str, Any]:
    """Seed, configuration, versions of what matters, commit, machine and date."""
    return {
        "seed": seed,
        "versions": versions(),
        "commit": commit(),
        "machine": f"{platform.system()} {platform.machine()}",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **({"config": config} if config is not None else {}),
    }


def versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0], "videoclip": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The commit that the package runs from, with a plus sign where files differ from it; empty outside git."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=False, timeout=10)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        if not git("ls-files", "--error-unmatch", "provenance.py"):
            return ""
        return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.TimeoutExpired):
        return ""
