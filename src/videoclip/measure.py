"""The benches of the repository, by name: ``videoclip bench``."""

import ast
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import VideoclipError

NO_BENCH = ("result", "baselines", "page")
"""What benches share."""


def benches() -> dict[str, Path]:
    """Scripts by name.

    Raises:
        VideoclipError: the package was installed without the repository, which holds them.
    """
    for root in (Path(__file__).parents[2], Path.cwd()):
        folder = root / "bench"
        if (folder / "result.py").is_file():
            return {path.stem: path for path in sorted(folder.glob("*.py")) if path.stem not in NO_BENCH}
    raise VideoclipError("the benches are in the repository; clone it, and run this command in its folder")


def questions() -> dict[str, str]:
    """What each bench asks: the first sentence of its docstring."""
    docs = {name: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for name, path in benches().items()}
    return {name: (doc or "").split("\n")[0] for name, doc in docs.items()}


def run_bench(name: str, arguments: Sequence[str]) -> int:
    """Run a bench, which prints its table and writes ``bench/results/<name>.json``; returns its exit code.

    Raises:
        VideoclipError: there is none of this name.
    """
    known = benches()
    if name not in known:
        raise VideoclipError(f"no bench '{name}'; there are {', '.join(known)}")
    return subprocess.run([sys.executable, str(known[name]), *arguments], check=False).returncode
