"""The pages say what is so: links lead somewhere, commands exist, programs parse."""

import ast
import re
import shlex
import subprocess
import sys
import unicodedata
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer
import yaml

import videoclip
from videoclip.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
FILES = [*PAGES, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))]
COMMANDS = typer.main.get_command(app).commands
GENERATED = {"benchmarks.md", "api.md", "commands.md", "configuration.md"}
COLUMNS = 120


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def lines_of(path: Path) -> list[tuple[bool, str]]:
    """Lines of a page, each with whether it is code: fenced, or indented by four spaces."""
    found, fenced = [], False
    for line in path.read_text().splitlines():
        fence = line.lstrip().startswith("```")
        found.append((fenced or fence or line.startswith("    "), line))
        fenced ^= fence
    return found


def blocks_of(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def anchors_of(path: Path) -> set[str]:
    """Where links into a page can lead: those of its headings that forges and MkDocs name alike."""
    heads = [line.lstrip("#").strip() for code, line in lines_of(path) if not code and line.startswith("#")]
    on_forges = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
    latin = [unicodedata.normalize("NFKD", head).encode("ascii", "ignore").decode() for head in heads]
    return on_forges & {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", head).strip().lower()) for head in latin}


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_link_leads_somewhere(path):
    text = "\n".join(line for code, line in lines_of(path) if not code)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (path.parent / unquote(place)).resolve() if place else path
        if not target.is_file() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_command_has_these_options(path):
    text = "\n".join(line for code, line in lines_of(path) if code).replace("\\\n", " ")
    spans = re.findall(r"`(videoclip [a-z][^`\n]*)`", path.read_text())
    for line in [*re.findall(r"(?:^|\s)(?:\$ )?(videoclip [a-z].*)", text), *spans]:
        line = re.split(r"\s#\s|\s*(?:&&|\|\||[|;>]|·)\s*", line)[0].rstrip("…, ").replace("[…]", "")
        try:
            _, called, *arguments = shlex.split(line)
        except ValueError:  # of a sentence that begins with the name
            continue
        if not re.fullmatch(r"[a-z-]+", called):
            continue
        assert called in COMMANDS, line
        known = {spelling for param in COMMANDS[called].params for spelling in (*param.opts, *param.secondary_opts)}
        known |= {"--help", "-h"}
        unknown = [one for one in arguments if re.match(r"--?[a-z]", one) and one.partition("=")[0] not in known]
        assert not unknown, line


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_program_parses_and_imports_what_there_is(path):
    for code in blocks_of(path, "python"):
        if path.name == "CONTRIBUTING.md":  # whose blocks are lines of modules, which a test of its own runs
            continue
        if path.name in GENERATED and re.fullmatch(r"[\w.]+(\(.*\))?", code.strip(), re.DOTALL):
            continue  # how something is called
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module == "videoclip" and not node.level:
                assert {alias.name for alias in node.names} <= set(videoclip.__all__)


def test_every_page_is_in_the_navigation():
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    of_root = ["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]  # which .ci/site.py brings
    pages = [str(page.relative_to(ROOT / "docs")) for page in PAGES]
    assert sorted(re.findall(r"'([\w/-]+\.md)'", str(nav))) == sorted([*pages, *of_root])


@pytest.mark.parametrize("path", [path for path in FILES if path.name not in GENERATED], ids=named)
def test_no_line_is_longer_than_a_screen(path):
    long = [line for _, line in lines_of(path) if len(line) > COLUMNS and not line.lstrip().startswith("|")]
    assert not long


def test_the_readme_is_read_in_a_minute_or_two():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_the_site_is_built_without_a_warning_and_asks_no_other_server(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = [page.read_text() for page in tmp_path.rglob("*.html")]
    asked = [re.findall(r"<(?:link|script|img|source)\b[^>]*(?:src|href)=[\"']?(?:https?:)?//[^>]*>", p) for p in pages]
    assert len(pages) > len(PAGES)
    assert not [tag for found in asked for tag in found]
