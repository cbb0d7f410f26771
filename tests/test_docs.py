"""What the documentation names is there: pages, anchors, commands, options, and what is imported."""

import ast
import re
import shlex
import unicodedata
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from textwrap import dedent

import pytest
import typer

from videoclip.cli.main import app

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))])
FENCED = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
COMMANDS = typer.main.get_command(app).commands
OPTIONS = {
    "": {option for param in typer.main.get_command(app).params for option in param.opts},
    **{name: {o for p in command.params for o in (*p.opts, *p.secondary_opts)} for name, command in COMMANDS.items()},
}
HELP = {"--help", "-h"}
WIDTH = 120
LONGER = {
    *("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/ablation.md", "docs/benchmarks.md"),
    *("docs/better-in-a-day.md", "docs/demo-encoder.md", "docs/evaluate.md", "docs/narrated-world.md"),
    *("docs/performance.md", "docs/published-weights.md", "docs/ready-made-models.md", "docs/reliability.md"),
    *("docs/scale-out.md", "docs/search-your-videos.md", "docs/train-on-your-videos.md"),
}
"""Pages whose prose has longer lines: still to be wrapped."""
OWN_BLOCKS = {"CONTRIBUTING.md"}
"""Pages whose Python is applied and run by a test of their own."""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"`[^`\n]+`", "", FENCED.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """What headings are called both on the forge and on the site."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE):
        plain = re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading).strip()
        forge = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        latin = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
        site = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", latin).strip().lower())
        found |= {forge} & {site}
    return found


def code(page: Path) -> Iterator[str]:
    """Lines of code of a page: in fenced and indented blocks, each with what it goes on with, and within sentences."""
    text = page.read_text(encoding="utf-8")
    blocks = [match["text"] for match in FENCED.finditer(text) if match["language"] != "python"]
    rest = FENCED.sub("", text)
    indented = [line for line in rest.splitlines() if line.startswith("    ")]
    yield from "\n".join([*blocks, *indented]).replace("\\\n", " ").splitlines()
    yield from re.findall(r"`([^`\n]+)`", rest)


def calls(line: str) -> Iterator[tuple[str, list[str]]]:
    """Each call of videoclip in a line of a shell: the command, empty for none, and its arguments."""
    for part in re.split(r"&&|\|\||[;|]", line.partition(" #")[0]):
        try:
            words = shlex.split(part)
        except ValueError:
            words = part.split()
        at = words.index("videoclip") if "videoclip" in words else len(words)
        before = words[:at]
        if before and before[-1] != "-m" and not all("=" in word for word in before):
            continue
        given = words[at + 1 :]
        if given and re.fullmatch(r"[a-z-]+", given[0]):
            is_option = given[0].startswith("-")
            yield ("", given) if is_option else (given[0], given[1:])


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    missing = []
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            missing.append(target)
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_and_options_exist(page):
    wrong = []
    for line in code(page):
        for command, arguments in calls(line):
            known = OPTIONS.get(command)
            options = [a.partition("=")[0] for a in arguments if re.match(r"--?[a-z]", a)]
            if known is None or not {*options} <= known | HELP:
                wrong.append(line)
    assert not wrong


def test_calls_are_found_wherever_they_stand():
    assert [*calls("A=1 videoclip world w --speak && videoclip nothing x  # videoclip y")] == [
        ("world", ["w", "--speak"]),
        ("nothing", ["x"]),
    ]
    assert [*calls("torchrun --nproc-per-node 8 -m videoclip pretrain a=1")] == [("pretrain", ["a=1"])]
    assert [*calls("pip install videoclip and more")] == []
    assert sum(1 for page in PAGES for line in code(page) for _ in calls(line)) > 150


@pytest.mark.parametrize("page", [page for page in PAGES if name(page) not in OWN_BLOCKS], ids=name)
def test_python_parses_and_what_it_imports_is_there(page):
    for block in FENCED.finditer(page.read_text(encoding="utf-8")):
        if block["language"] != "python":
            continue
        for node in ast.walk(ast.parse(dedent(block["text"]))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "videoclip":
                module = import_module(node.module or "")
                assert not [alias.name for alias in node.names if not hasattr(module, alias.name)]


def test_every_page_is_in_the_navigation_once():
    listed = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(listed) == len({*listed})
    assert {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} <= {*listed}
    assert not [page for page in listed if not (DOCS / page).exists() and not (ROOT / page).exists()]


def test_the_site_asks_no_other_server_and_claims_no_address():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert "font: false" in text
    assert not re.search(r"https?://|site_url|repo_url", text)


@pytest.mark.parametrize("page", [page for page in PAGES if name(page) not in LONGER], ids=name)
def test_lines_of_prose_are_short(page):
    lines = FENCED.sub("", page.read_text(encoding="utf-8")).splitlines()
    prose_lines = [line for line in lines if not line.lstrip().startswith("|") and not line.startswith("    ")]
    assert not [line for line in prose_lines if len(line) > WIDTH]
