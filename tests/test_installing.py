"""Remedies that say ``pip install`` work however the package was installed."""

import ast
import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import videoclip
from videoclip import errors

ROOT = Path(__file__).parents[1]
PROMISED = {
    "anyio": "fastapi",
    "ctranslate2": "faster-whisper",
    "datasets": "mteb",
    "open_clip": "open-clip-torch",
    "starlette": "fastapi",
    "triton": "torch",
}
"""Modules that a package of ours brings with it by what it promises."""


class Installed:
    def __init__(self, note: str | None):
        self.note = note

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self.note


@pytest.mark.parametrize(
    ("note", "command"),
    [
        (None, "pip install 'videoclip[ray]'"),
        ("{}", "pip install 'videoclip[ray]'"),
        ({"url": "https://example.org/videoclip.whl", "archive_info": {}}, "pip install 'videoclip[ray]'"),
        ({"url": "file:///a%20b/clone", "dir_info": {"editable": True}}, "pip install -e '/a b/clone[ray]'"),
        ({"url": "file:///clone", "dir_info": {}}, "pip install '/clone[ray]'"),
    ],
)
def test_the_command_is_that_of_a_clone_or_of_the_index(note, command, monkeypatch):
    text = json.dumps(note) if isinstance(note, dict) else note
    monkeypatch.setattr(errors, "distribution", lambda _: Installed(text))
    assert errors.command_for("ray") == command


def test_no_remedy_writes_that_command_itself():
    sources = [p for p in Path(videoclip.__file__).parent.rglob("*.py") if p.name != "errors.py"]
    assert not [str(p) for p in sources if re.search(r"pip install '?videoclip", p.read_text())]


def test_no_address_names_an_organisation_that_may_be_a_strangers():
    files = [ROOT / name for name in ("README.md", "pyproject.toml", "CITATION.cff", "SECURITY.md", "CONTRIBUTING.md")]
    files += [*ROOT.glob("docs/*.md"), *ROOT.glob("src/**/*.py"), *ROOT.glob(".github/**/*.yml")]
    assert not [str(path) for path in files if "github.com/videoclip" in path.read_text()]


def test_no_figure_is_written_with_a_path_of_the_machine_that_measured_it():
    files = [ROOT / "docs" / "benchmarks.md", *ROOT.glob("bench/results/*.json"), *ROOT.glob("soak/results/*.json")]
    assert len(files) > 20
    lines = [line for path in files for line in path.read_text().splitlines()]
    commands = [line for line in lines if "python bench" in line or '"command"' in line]
    assert not [line for line in commands if re.search(r"\s/\w", line)]


def test_every_package_that_is_imported_is_one_that_is_installed_with_ours():
    """What tests alone install, or a library of ours brings today, may not be there for a user."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [needed for name, group in project["optional-dependencies"].items() if name != "dev" for needed in group]
    declared = {_plain(re.split(r"[\[>=<; ]", needed)[0]) for needed in [*project["dependencies"], *extras]}
    distributions = packages_distributions()
    assert set(PROMISED.values()) <= declared
    strange = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in {name.partition(".")[0] for name in names} - {"videoclip"} - sys.stdlib_module_names:
                if not declared & {_plain(one) for one in distributions.get(name, [name])}:
                    strange.add(name)
    assert strange <= PROMISED.keys()


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
