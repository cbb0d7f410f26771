import ast
import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

import videoclip

REPOSITORY = Path(__file__).parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def imported_for_type_checkers() -> dict[str, str]:
    """What the package's ``if TYPE_CHECKING:`` imports, name -> module."""
    source = Path(videoclip.__file__).read_text()
    (block,) = [node for node in ast.parse(source).body if isinstance(node, ast.If)]
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {a.asname or a.name: "." * node.level + (node.module or "") for node in imports for a in node.names}


def test_exports_are_the_same_for_people_type_checkers_and_at_run_time():
    assert set(videoclip.__all__) == {*videoclip._WHERE, "__version__"}
    assert imported_for_type_checkers() == videoclip._WHERE
    assert len(set(videoclip.__all__)) == len(videoclip.__all__)


@pytest.mark.parametrize("name", videoclip._WHERE)
def test_every_export_is_what_its_module_defines(name):
    assert getattr(videoclip, name).__module__ == f"videoclip{videoclip._WHERE[name]}"


def test_what_there_is_can_be_listed():
    assert dir(videoclip) == sorted(videoclip.__all__)


def test_a_name_that_is_not_exported_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Corpora'"):
        videoclip.Corpora  # noqa: B018


def test_the_package_is_typed():
    assert files("videoclip").joinpath("py.typed").is_file()


def test_the_version_is_written_once_and_shown(videoclip):
    import videoclip as package

    code, out, _ = videoclip("--version")
    assert (code, out) == (0, f"videoclip {package.__version__}\n")
    assert "version" in PROJECT["project"]["dynamic"]
    assert REPOSITORY / PROJECT["tool"]["hatch"]["version"]["path"] == Path(package.__file__)


def test_results_name_the_version_that_made_them():
    from videoclip.provenance import versions

    assert versions()["videoclip"] == videoclip.__version__


def test_the_version_is_in_the_changelog_and_the_citation():
    changes = (REPOSITORY / "CHANGELOG.md").read_text()
    released = re.findall(r"^## (\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)$", changes, re.MULTILINE)
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert released[0] == (videoclip.__version__, str(citation["date-released"]))
    assert str(citation["version"]) == videoclip.__version__
    assert changes.index("## Unreleased") < changes.index(f"## {released[0][0]}")


def test_forms_for_issues_are_forms_and_ask_for_the_doctor():
    forms = {path.name: yaml.safe_load(path.read_text()) for path in REPOSITORY.glob(".github/ISSUE_TEMPLATE/*.yml")}
    assert "videoclip doctor" in str(forms["bug.yml"])
    for name, form in forms.items():
        if name != "config.yml":
            assert {"name", "description", "body"} <= form.keys(), name
            ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
            assert ids
            assert len(ids) == len(set(ids)), name
