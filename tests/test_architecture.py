import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import videoclip

SOURCE = Path(videoclip.__file__).parent
LAYERS = [
    *("storage", "published", "media", "encoders", "corpus", "world", "model", "pretrain", "tasks", "benchmarks"),
    *("library", "report", "recipes", "serve", "cli", "__main__"),
]
"""From the first to the last: a layer imports only those before it. Other modules at the root import no layer."""
HEAVY = (
    "torch",
    "faiss",
    "av",
    "lance",
    "transformers",
    "pyarrow",
    "matplotlib",
    "pydantic",
    "numpy",
    "lancedb",
    "fastapi",
)
MODULES = sorted(SOURCE.rglob("*.py"))


def layer(module: str) -> int:
    """Place of ``media.video`` and the like in the order; -1 for modules at the root that belong to no layer."""
    first = module.split(".")[0]
    return LAYERS.index(first) if first in LAYERS else -1


def imported(path: Path) -> list[str]:
    """Our own modules that a file imports, as ``media.video``."""
    package = list(path.relative_to(SOURCE).with_suffix("").parts[:-1])
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - (node.level - 1)]
            found.append(".".join(base + ([node.module] if node.module else [a.name for a in node.names][:1])))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("videoclip."):
            found.append((node.module or "").removeprefix("videoclip."))
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_import_points_against_the_order_of_the_layers(path):
    if path == SOURCE / "__init__.py":
        return
    own = layer(".".join(path.relative_to(SOURCE).with_suffix("").parts))
    for name in imported(path):
        assert layer(name) <= own, f"{path.name} imports {name}"


@pytest.mark.parametrize(("library", "files"), [("faiss", 2), ("av", 3), ("lance", 2), ("lancedb", 1), ("fastapi", 1)])
def test_each_big_library_is_known_to_few_files(library, files):
    named = re.compile(rf"^\s*(import|from) {library}\b", re.MULTILINE)
    knowing = [path.name for path in MODULES if named.search(path.read_text())]
    assert 1 <= len(knowing) <= files, knowing


def test_help_and_import_load_no_big_library():
    code = f"import sys, videoclip, videoclip.cli.main; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_a_user_imports_is_there():
    from videoclip import Corpus, Library, VideoCLIP, load_encoder

    assert {x.__name__ for x in (Corpus, Library, VideoCLIP, load_encoder)} <= set(videoclip.__all__)
