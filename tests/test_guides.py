"""The commands of the guides run, in order, and print what stands under them.

A ``console`` block holds commands (``$ videoclip …``), each with what it prints; commands in plain blocks need a
network, a GPU or much data, and tests/test_docs.py looks at their options alone. The guides begin where `make demo`
ends; here that is a small one. Numbers, names and quotes may differ, what repeats counts once, and ``…`` is anything.
"""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from small_demo import make_small_demo

DOCS = Path(__file__).parents[1] / "docs"
GUIDES = [path for path in sorted(DOCS.glob("*.md")) if "```console\n" in path.read_text()]
PLAIN = {"index": "--meaning never --read-screen never", "search": "--everything"}
"""As without extras, which may be installed here; and whatever so small a model finds."""
ELSEWHERE = '("google/', '"models/videoclip"', "mteb"
"""What programs name that is not on every machine."""
MASKS = [
    (r".*:\d\d left\n", ""),  # what a slow machine tells on the way
    (r"(said |written |in other words )?“[^”]*”", "“”"),
    (r"[\w./-]+\.(mp4|lance)", r"FILE.\1"),
    (r"(< )?\d+ %|\b(seen|said|written)\b", "SHARE"),
    (r" +\(default here\)", ""),
    (r"not shown|[\d.]+ to [\d.]+ s\b", "SPAN"),
    (r"[━─]+", "─"),
    (r"s (before|after) it is|most is shown as it is", "s after it is"),
    (r"\b(bf16|fp32)\b", "bf16"),
    (r"-?\d[\d.,:]*", "0"),
    (r"\s+", " "),
    (r"(\S.{8,}?)( ?\1)+", r"\1"),
]


def commands_of(page: Path) -> list[tuple[str, str]]:
    """Commands of a page without their ``videoclip``, each with what it is said to print."""
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    text = "".join(blocks).replace("\\\n", " ")
    return re.findall(r"^\$ videoclip (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)


def programs_of(page: Path) -> list[str]:
    """Python blocks of a page, but for those that take a model of the hub or what others published."""
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [block for block in blocks if not any(name in block for name in ELSEWHERE)]


def shape(printed: str) -> str:
    for pattern, mask in MASKS:
        printed = re.sub(pattern, mask, printed)
    return printed.strip()


PROGRAMS = [page for page in (DOCS.parent / "README.md", *GUIDES) if programs_of(page)]


@pytest.fixture(scope="module")
def demo(world, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    make_small_demo(world, folder)
    return folder


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_the_commands_of_a_guide_print_what_stands_under_them(page, demo, tmp_path, monkeypatch, videoclip):
    shutil.copytree(demo, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for line, told in commands_of(page):
        name, *arguments = shlex.split(line)
        code, printed, said = videoclip(name, *arguments, *shlex.split(PLAIN.get(name, "")))
        assert code == 0, f"{line}: {said}"
        place, real = 0, shape(said + printed)
        for part in (part.strip() for part in shape(told).split("…")):
            place = real.find(part, place)
            assert place >= 0, f"{line}\nis to print\n  {part}\nand printed\n  {real}"
            place += len(part)


@pytest.mark.parametrize("page", PROGRAMS, ids=lambda page: page.stem)
def test_the_programs_of_a_guide_run_after_its_commands(page, demo, tmp_path, monkeypatch, videoclip):
    shutil.copytree(demo, tmp_path, dirs_exist_ok=True)
    shutil.copy(tmp_path / "runs" / "demo" / "videos" / "test" / "kitchen_00019.mp4", tmp_path / "new.mp4")
    monkeypatch.chdir(tmp_path)
    for line, _ in commands_of(page):
        name, *arguments = shlex.split(line)
        assert videoclip(name, *arguments, *shlex.split(PLAIN.get(name, "")))[0] == 0
    names: dict = {}
    for program in programs_of(page):
        exec(program, names)


def test_the_guides_that_can_run_somewhere_show_what_they_print():
    assert len(GUIDES) >= 8
    assert all(told.strip() for page in GUIDES for _, told in commands_of(page))


@pytest.mark.parametrize(
    ("told", "printed", "same"),
    [
        (
            "extract: 20/20 videos · 7.4/s",
            "extract: 9/20 · 0:18 left\nextract: 20/20 videos · 1,3.4/s",
            True,
        ),
        ("  1. 0:06–0:12    66 %  a/b_1.mp4\n  2. 0:01–0:02    seen  c.mp4", "1. 0:00–0:01    seen  d.mp4", True),
        ("20 videos added", "20 videos skipped", False),
    ],
)
def test_what_may_differ_and_what_not(told, printed, same):
    assert (shape(told) == shape(printed)) == same
