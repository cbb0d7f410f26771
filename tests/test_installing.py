"""Remedies that say ``pip install`` work however the package was installed."""

import json
import re
from pathlib import Path

import pytest

import videoclip
from videoclip import errors


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
    root = Path(__file__).parents[1]
    files = [root / name for name in ("README.md", "pyproject.toml", "CITATION.cff", "SECURITY.md", "CONTRIBUTING.md")]
    files += [*root.glob("docs/*.md"), *root.glob("src/**/*.py"), *root.glob(".github/**/*.yml")]
    assert not [str(path) for path in files if "github.com/videoclip" in path.read_text()]


def test_no_figure_is_written_with_a_path_of_the_machine_that_measured_it():
    root = Path(__file__).parents[1]
    files = [root / "docs" / "benchmarks.md", *root.glob("bench/results/*.json"), *root.glob("soak/results/*.json")]
    assert len(files) > 20
    lines = [line for path in files for line in path.read_text().splitlines()]
    commands = [line for line in lines if "python bench" in line or '"command"' in line]
    assert not [line for line in commands if re.search(r"\s/\w", line)]
