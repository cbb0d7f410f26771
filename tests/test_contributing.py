"""The recipes of CONTRIBUTING.md work, by their words alone: its blocks are applied to a copy of the package."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import videoclip

GUIDE = Path(__file__).parent.parent / "CONTRIBUTING.md"
BLOCK = re.compile(r"```python\n# (?P<what>[^\n]*)\n(?P<text>.*?)```", re.DOTALL)
RECIPES = {
    section.partition("\n")[0].strip(): [(m["what"], m["text"]) for m in BLOCK.finditer(section)]
    for section in re.split(r"^### ", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
}


def apply(what: str, text: str, root: Path) -> None:
    """Write a new module, or insert lines before or after the line that is named."""
    name, place, anchor = re.fullmatch(r"(\S+?)(?:, (before|after): (.*))?", what).groups()
    path = root / name
    if place is None:
        assert not path.exists()
        path.write_text(text)
        return
    lines = path.read_text().splitlines(keepends=True)
    (at,) = [i for i, line in enumerate(lines) if line.strip().startswith(anchor)]
    lines.insert(at + (place == "after"), text)
    path.write_text("".join(lines))


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, str]:
    """What goes wrong with each recipe, in one process that runs what they end with, one after the other."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(Path(videoclip.__file__).parent, root / "src" / "videoclip")
    for blocks in RECIPES.values():
        for what, text in blocks[:-1]:
            apply(what, text, root)
    scripts = {name: blocks[-1][1] for name, blocks in RECIPES.items()}
    code = (
        "import json, traceback\n"
        f"scripts, wrong = {scripts!r}, {{}}\n"
        "for name, script in scripts.items():\n"
        "    try:\n        exec(script, {})\n        wrong[name] = ''\n"
        "    except BaseException:\n        wrong[name] = traceback.format_exc()\n"
        "print(json.dumps(wrong))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(root / "src")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_there_is_a_recipe_for_all_that_people_add():
    assert list(RECIPES) == ["A model", "An encoder", "A benchmark", "A loss", "A source of captions"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_works_by_its_words_alone_and_touches_two_files(outcomes, recipe):
    blocks = RECIPES[recipe]
    assert blocks[-1][0] == "then"
    assert len({what.partition(",")[0] for what, _ in blocks[:-1]}) <= 2
    assert outcomes[recipe] == ""
