"""The reference is that of the code, and its examples run."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from small_demo import make_small_demo

import videoclip

ROOT = Path(__file__).parents[1]


def module_of(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = module_of(ROOT / ".ci" / "reference.py")


@pytest.mark.parametrize("page", reference.PAGES)
def test_each_page_is_what_the_code_says_now(page):
    written = (ROOT / "docs" / "reference" / page).read_text()
    assert written == reference.PAGES[page](), "run python .ci/reference.py"


def test_every_public_name_has_an_example():
    assert set(reference.examples()) == set(videoclip.__all__) - {"__version__"}


def test_every_variable_of_the_environment_is_described():
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    found = set(re.findall(r"VIDEOCLIP_[A-Z][A-Z0-9_]*\b", source))
    assert {name for name in found if not name.startswith("VIDEOCLIP_MAX")} == set(reference.VARIABLES)


@pytest.fixture
def made(world, tmp_path) -> Path:
    """Where the demo was made."""
    make_small_demo(world, tmp_path)
    return tmp_path


def test_the_examples_run_where_the_demo_was_made(made):
    code = "\n".join(reference.examples().values())
    done = subprocess.run([sys.executable, "-c", code], cwd=made, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "no/such.lance" in done.stdout
