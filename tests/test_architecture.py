import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
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
BROUGHT = {"anyio", "starlette", "ctranslate2", "datasets", "triton"}
"""Libraries that fastapi, faster-whisper, mteb and torch cannot do without, so that they alone are declared."""
PARAMETERS = 6
"""Of a public function, unless a comment that begins with ``# Parameters:`` says why it takes more."""


def name_of(path: Path) -> str:
    """``media.video`` and the like; of a package the name of its folder, empty for the whole."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def layer(module: str) -> int:
    """Place of ``media.video`` and the like in the order; -1 for modules at the root that belong to no layer."""
    first = module.split(".")[0]
    return LAYERS.index(first) if first in LAYERS else -1


def imported(path: Path) -> set[str]:
    """Our own modules that a file imports, as ``media.video``: anywhere in it, in functions and for types too."""
    return imports_of(path.read_text(), list(path.relative_to(SOURCE).parts[:-1]))


def imports_of(source: str, package: list[str]) -> set[str]:
    """Of the text of a file that lies in a package: each name of ``from . import a, b`` that is a module."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            ours = [a.name.split(".")[1:] for a in node.names if a.name.split(".")[0] == "videoclip"]
            found |= {".".join(parts) for parts in ours}
        elif isinstance(node, ast.ImportFrom):
            module = node.module.split(".") if node.module else []
            if node.level:
                base = [*package[: len(package) - (node.level - 1)], *module]
            elif module[0] == "videoclip":
                base = module[1:]
            else:
                continue
            for alias in node.names:
                inner = ".".join([*base, alias.name])
                found.add(inner if inner in NAMES else ".".join(base))
    return found


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Sets of modules of which each imports all others, by whatever way."""
    reached = {name: reachable(graph, name) for name in graph}
    found = [{other for other in reached[name] if name in reached[other]} for name in graph if name in reached[name]]
    return [circle for i, circle in enumerate(found) if circle not in found[:i]]


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    found, todo = set(), [start]
    while todo:
        new = graph.get(todo.pop(), set()) - found
        found |= new
        todo += new
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_import_points_against_the_order_of_the_layers(path):
    if path == SOURCE / "__init__.py":
        return
    own = layer(name_of(path))
    for name in imported(path):
        assert layer(name) <= own, f"{path.name} imports {name}"


def test_no_modules_import_each_other_within_layers_either():
    whole = SOURCE / "__init__.py"  # imports nothing until a name is asked for
    assert circles({name_of(path): imported(path) for path in MODULES if path != whole}) == []


def test_every_import_is_seen_wherever_it_stands():
    text = "from . import store, extract\nimport videoclip.media.video\nfrom videoclip import errors\n"
    text += "if TYPE_CHECKING:\n    from ..model.joint import JointModel\ndef f():\n    from .store import Corpus\n"
    seen = {"corpus.store", "corpus.extract", "media.video", "errors", "model.joint"}
    assert imports_of(text, ["corpus"]) == seen
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [{"b", "c"}]


def parameters(path: Path) -> list[tuple[str, int, bool]]:
    """A file's public functions and methods, how many parameters each has, and whether a comment says why so many."""
    lines, found = path.read_text().splitlines(), []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not re.match("_(?!_init__)", node.name):
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            count = sum(argument.arg not in ("self", "cls") for argument in every)
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            signature = lines[first - 2 : node.body[0].lineno - 1]
            found.append((node.name, count, any(re.search(r"#\s*Parameters: \w", line) for line in signature)))
    return found


@pytest.mark.parametrize(
    "path", [p for p in MODULES if p.parent.name != "cli"], ids=lambda p: str(p.relative_to(SOURCE))
)
def test_a_public_function_has_few_parameters_or_says_why(path):
    for function, count, says_why in parameters(path):
        assert count <= PARAMETERS or says_why, f"{path.name}: {function} has {count} parameters"


def test_a_reason_for_many_parameters_stands_above_the_function_or_in_its_signature(tmp_path):
    many = ", ".join("abcdefg")
    source = f"# Parameters: of a form\ndef above({many}): ...\nclass C:\n    def none(self, {many}): ...\n"
    source += f"def inside(  # Parameters: of a form\n    {many}\n): ...\n@property\ndef few(a, b): ...\n"
    (tmp_path / "a.py").write_text(source)
    found = {("above", 7, True), ("none", 7, False), ("inside", 7, True), ("few", 2, False)}
    assert set(parameters(tmp_path / "a.py")) == found


def test_no_module_needs_what_neither_the_package_nor_an_extra_declares():
    """What only a library of ours brings today, such as the client of the hub's, another version of it may not."""
    project = tomllib.loads((SOURCE.parents[1] / "pyproject.toml").read_text())["project"]
    extras = [line for extra, lines in project["optional-dependencies"].items() if extra != "dev" for line in lines]
    declared = {name_of_package(line) for line in [*project["dependencies"], *extras]}
    imported_names = set()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported_names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                imported_names.add(node.module.split(".")[0])
    packages = {name: {name_of_package(p) for p in of} for name, of in packages_distributions().items()}
    foreign = imported_names - sys.stdlib_module_names - {"videoclip"}
    known = BROUGHT | {"open_clip"}  # of open_clip_torch, which tests do without
    assert {name for name in foreign if not packages.get(name, {name_of_package(name)}) & declared} <= known


def name_of_package(line: str) -> str:
    return re.split(r"[\[<>=;! ]", line)[0].lower().replace("_", "-")


@pytest.mark.parametrize(("library", "files"), [("faiss", 2), ("av", 7), ("lance", 2), ("lancedb", 1), ("fastapi", 1)])
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


def test_the_root_holds_only_what_everything_uses():
    assert len(list(SOURCE.glob("*.py"))) <= 12


def test_below_the_root_an_init_file_says_what_its_folder_is_and_nothing_else():
    for path in SOURCE.glob("*/**/__init__.py"):
        (only,) = ast.parse(path.read_text()).body
        assert isinstance(only, ast.Expr), path


def test_what_is_printed_lies_in_report_and_commands_are_thin():
    """A command parses, calls, and prints what report makes of the result: a program wants the rest, too."""
    for path in (SOURCE / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                statements = sum(isinstance(part, ast.stmt) for part in ast.walk(node)) - 1
                assert statements <= 36, f"{path.name}: {node.name} has {statements} statements"
