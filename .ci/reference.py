"""Write docs/reference/: commands, configuration and Python API, from the code that they describe.

    python .ci/reference.py [FOLDER]

Commands come from the tree of commands and the signatures of their functions, and the API from the source, so that
what is written hangs neither on the width of a terminal nor on the versions of Python and of the libraries that print
commands. Examples of the API are those of ``docs/reference/examples.py``, which a test runs.
"""

import ast
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from importlib.resources import files
from pathlib import Path
from textwrap import dedent, wrap
from typing import Any, get_args, get_type_hints

import typer

import videoclip
from videoclip import errors
from videoclip.cli.main import app
from videoclip.config import dump_config, load_config, presets, sentences_of
from videoclip.encoders.config import EncoderConfig
from videoclip.pretrain.config import PretrainConfig
from videoclip.ranges import ranges_of
from videoclip.tasks.finetune import FinetuneConfig

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
MADE = "<!-- Written by .ci/reference.py, from the code. -->"
WIDTH = 120
VALUES = {int: "N", float: "NUMBER", bool: "", Path: "PATH"}
"""How the value of an option is called, by its type; any other is a TEXT."""
CONFIGURATIONS = {
    "Pre-training": ("videoclip pretrain", PretrainConfig),
    "Fine-tuning": ("videoclip finetune", FinetuneConfig),
    "Training an encoder": ("videoclip train-encoder", EncoderConfig),
}
GROUPS = {
    "Corpus": "Corpora",
    "FeatureKind": "Features",
    "load_model": "Models",
    "evaluate": "Metrics",
    "Library": "Libraries",
    "VideoclipError": "Errors",
}
"""Headings of the API, by the name that is the first below each."""
VARIABLES = {
    "VIDEOCLIP_BF16": "`0` or `1`: whether numbers of 16 bits are used, whatever the hardware would choose.",
    "VIDEOCLIP_DEVICE": "Where models run, as `--device`.",
    "VIDEOCLIP_LIBRARY": "Your own library, where `--library` names none.",
    "VIDEOCLIP_OFFLINE": "`1`: nothing is asked of the network. `HF_HUB_OFFLINE` does the same for the hub.",
    "VIDEOCLIP_TOKEN": "What a visitor of `videoclip serve` must know.",
    "VIDEOCLIP_WEIGHTS": "Folder of the published weights (default: `~/.cache/videoclip/weights`).",
}
"""What the environment sets, beside the limits, which docs/reliability.md lists."""


# Commands -----------------------------------------------------------------------------------------------------


def commands() -> Iterator[str]:
    """All commands, in the panels of ``--help``."""
    group: Any = typer.main.get_command(app)
    yield from ("# Commands", "")
    yield from _filled(
        "`videoclip search --help` explains a command in the terminal. Exit codes: 0 done, 1 a comparison differs, 2 a "
        "mistake or a fault of the machine (one line says which), 130 interrupted, 143 stopped by SIGTERM."
    )
    yield from ("These options stand before the command:", "")
    own = get_type_hints(group.callback, include_extras=True)
    yield from _options([param for param in group.params if param.name in own], own)
    panel = None
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if command.rich_help_panel != panel:
            panel = command.rich_help_panel
            yield from (f"## {panel}", "")
        yield from _command(name, command)


def _command(name: str, command: Any) -> Iterator[str]:
    hints = get_type_hints(command.callback, include_extras=True)
    shown = [param for param in command.params if not getattr(param, "hidden", False)]
    arguments = [param for param in shown if param.param_type_name == "argument"]
    options = [param for param in shown if param.param_type_name == "option"]
    needed = [f"{_option(param, hints)}" for param in options if param.required]
    usage = " ".join(["videoclip", name, *map(_argument, arguments), *needed, "[OPTIONS]"])
    yield from (f"### {name}", "", command.help, "", "```", usage, "```", "")
    if arguments:
        yield from ("| argument | meaning |", "| --- | --- |")
        yield from (f"| `{_argument(param)}` | {_cell(_help(param))} |" for param in arguments)
        yield ""
    yield from _options(options, hints)
    yield from ("Example:", "", "```", command.epilog.removeprefix("Example: "), "```", "")


def _options(params: list, hints: dict) -> Iterator[str]:
    yield from ("| option | default | meaning |", "| --- | --- | --- |")
    for param in params:
        default = param.default
        is_plain = default not in (None, "", False) and not callable(default)
        shown = "required" if param.required else f"`{default}`" if is_plain else ""
        yield f"| `{_option(param, hints)}` | {shown} | {_cell(_help(param))}{_range(hints[param.name])} |"
    yield ""


def _argument(param: Any) -> str:
    word = param.metavar or (param.name.upper() + ("..." if param.nargs == -1 else ""))
    return word if param.required else f"[{word}]"


def _option(param: Any, hints: dict) -> str:
    kinds = _leaves(hints[param.name])
    value = param.metavar or next((VALUES[kind] for kind in VALUES if kind in kinds), "TEXT")
    if any(kind.__name__ == "Place" for kind in kinds if isinstance(kind, type)):
        value = "PLACE"
    return f"{', '.join(param.opts)} {value}".strip()


def _leaves(hint: Any) -> set:
    """The types that an annotation names."""
    parts = [part for part in get_args(hint) if isinstance(part, type) or get_args(part)]
    return set().union(*map(_leaves, parts)) if parts else {hint}


def _help(param: Any) -> str:
    return (param.help or "").replace("\\[", "[")


def _range(hint: Any) -> str:
    """The range of an option's number."""
    for info in getattr(hint, "__metadata__", ()):
        if getattr(info, "min", None) is not None and getattr(info, "max", None) is not None:
            return f" From {_number(info.min)} to {_number(info.max)}."
    return ""


def _number(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def _cell(text: str) -> str:
    """Plain text within a table."""
    return re.sub(r"([|*<])", r"\\\1", text)


# Configuration ------------------------------------------------------------------------------------------------


def configuration() -> Iterator[str]:
    """All keys of all configurations, and how the presets differ."""
    yield from ("# Configuration", "")
    yield from _filled(
        "Keys are given as `key=value` on the command line, over a preset (`--config paper`) or a YAML file. "
        "`videoclip pretrain --show` prints them with the values that a run would have. A key that does not exist, or "
        "a value outside its range, is refused with the nearest that would do."
    )
    for title, (command, kind) in CONFIGURATIONS.items():
        yield from (f"## {title}", "", f"`{command}`", "")
        yield from _keys(kind(), "")
    yield from _presets()
    yield from ("## Environment variables", "", "| variable | meaning |", "| --- | --- |")
    yield from (f"| `{name}` | {meaning} |" for name, meaning in VARIABLES.items())
    yield from ("| `VIDEOCLIP_MAX_…` | [Limits of what is read](../reliability.md#limits-of-what-is-read). |", "")


def _keys(config: Any, prefix: str) -> Iterator[str]:
    """A table of a group's own keys, then the tables of the groups in it."""
    kind, values = type(config), dump_config(config)
    sentences, ranges = sentences_of(kind), ranges_of(kind)
    groups = [key for key in values if is_dataclass(getattr(config, key))]
    yield from ("| key | default | range | meaning |", "| --- | --- | --- | --- |")
    for key in values:
        if key not in groups:
            among = str(ranges[key][0]).removeprefix("from ") if key in ranges else ""
            meaning = _cell(sentences.get(key, ""))
            yield f"| `{prefix}{key}` | `{_value(values[key])}` | {among} | {meaning} |"
    yield ""
    for key in groups:
        yield from (f"### {prefix}{key}", "", *_filled(sentences.get(key, "")))
        yield from _keys(getattr(config, key), f"{prefix}{key}.")


def _presets() -> Iterator[str]:
    """The keys in which the presets differ."""
    names = presets()
    flat = {name: dict(_flat(dump_config(load_config(PretrainConfig, name)), "")) for name in names}
    yield from ("## Presets", "")
    for name in names:
        lines = files("videoclip.presets").joinpath(f"{name}.yaml").read_text(encoding="utf-8").splitlines()
        said = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
        yield from _filled(f"**{name}**: {' '.join(said)}")
    yield from ("They differ in these keys; all others have their defaults.", "")
    yield from (f"| key | {' | '.join(names)} |", f"| --- |{' --- |' * len(names)}")
    default = dict(_flat(dump_config(PretrainConfig()), ""))
    for key in default:
        values = [flat[name][key] for name in names]
        if any(value != default[key] for value in values):
            yield f"| `{key}` | {' | '.join(f'`{_value(value)}`' for value in values)} |"
    yield ""


def _flat(values: dict, prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _value(value: Any) -> str:
    """As it is written on the command line."""
    return value or "''" if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# The Python API -----------------------------------------------------------------------------------------------


def api() -> Iterator[str]:
    """Every public name of the package, with an example."""
    yield from ("# Python API", "")
    yield from _filled(
        "Everything here is imported from `videoclip`; other modules may change in any version. The examples run after "
        "`make demo`, one after another, in the folder of the clone. Letters in shapes: N how many, T seconds, F "
        "numbers in a feature, D numbers in a vector."
    )
    for name, example in examples().items():
        if name in GROUPS:
            yield from (f"## {GROUPS[name]}", "")
        yield from (f"### {name}", "")
        thing = getattr(videoclip, name)
        yield from _class(name, thing) if inspect.isclass(thing) else _function(name, _tree(thing))
        yield from ("Example:", "", "```python", example, "```", "")
        if inspect.isclass(thing):
            yield from _members(name, thing)


def examples() -> dict[str, str]:
    """The example of each public name, in an order in which one leads to the next."""
    cells = re.split(r"^# %% (\w+)\n", (FOLDER / "examples.py").read_text(), flags=re.MULTILINE)[1:]
    return {name: code.strip() for name, code in zip(cells[::2], cells[1::2], strict=True)}


def _class(name: str, kind: type) -> Iterator[str]:
    tree = _tree(kind)
    doc = ast.get_docstring(tree) or ""
    first = next((part for part in tree.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"), None)
    if first:
        yield from ("```py", f"{name}{_arguments(first)}", "```", "")
    yield from _described(doc)
    if is_dataclass(kind):
        yield from _fields(tree, sentences_of(kind))
    if kind is errors.VideoclipError:
        yield from ("| error | meaning |", "| --- | --- |")
        below = [e for e in vars(errors).values() if inspect.isclass(e) and issubclass(e, kind) and e is not kind]
        yield from (f"| `{e.__name__}` | {_cell(' '.join((e.__doc__ or '').split()))} |" for e in below)
        yield ""


def _members(name: str, kind: type) -> Iterator[str]:
    """What the class itself, or one of ours that it is made of, says of its public values and methods."""
    owners = [_tree(owner) for owner in kind.__mro__ if owner.__module__.startswith("videoclip")]
    own = [part for owner in owners for part in owner.body if isinstance(part, ast.FunctionDef)]
    own = [part for part in own if not part.name.startswith("_") and ast.get_docstring(part)]
    values = [part for part in own if any(ast.unparse(d).endswith("property") for d in part.decorator_list)]
    if values:
        yield from ("| value | type | meaning |", "| --- | --- | --- |")
        for part in values:
            meaning = " ".join((ast.get_docstring(part) or "").partition("\n\n")[0].split()).replace("``", "`")
            yield f"| `{part.name}` | {_hint(part.returns)} | {_cell(meaning)} |"
        yield ""
    for part in own:
        if part not in values:
            yield from (f"#### {name}.{part.name}", "", "```py", f"{name}.{part.name}{_arguments(part)}", "```", "")
            yield from _described(ast.get_docstring(part) or "")


def _fields(tree: ast.ClassDef, sentences: dict[str, str]) -> Iterator[str]:
    """A dataclass's fields; what they mean, where the class does not say it as a whole."""
    yield from (
        "| field | type | default |" + " meaning |" * bool(sentences),
        "| --- | --- | --- |" + " --- |" * bool(sentences),
    )
    for part in tree.body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            key, default = part.target.id, f"`{ast.unparse(part.value)}`" if part.value else ""
            meaning = f" {_cell(sentences.get(key, ''))} |" if sentences else ""
            yield f"| `{key}` | {_hint(part.annotation)} | {default} |{meaning}"
    yield ""


def _hint(annotation: ast.expr | None) -> str:
    """A type, for a table."""
    return _cell(ast.unparse(_plain(annotation))) if annotation else ""


def _function(name: str, tree: ast.FunctionDef) -> Iterator[str]:
    yield from ("```py", f"{name}{_arguments(tree)}", "```", "")
    yield from _described(ast.get_docstring(tree) or "")


def _tree(thing: Any) -> Any:
    """The source of a class or function, with numbers and texts in place of the names of defaults."""
    tree = ast.parse(dedent(inspect.getsource(thing)))
    named = vars(sys.modules[thing.__module__])
    for part in ast.walk(tree):
        if isinstance(part, ast.arguments):
            part.defaults = [
                ast.Constant(named[default.id])
                if isinstance(default, ast.Name) and isinstance(named.get(default.id), int | float | str)
                else default
                for default in part.defaults
            ]
    return tree.body[0]


def _arguments(tree: ast.FunctionDef) -> str:
    """``(name: kind = default) -> kind`` as in the source, without self, one line for each where it is long."""
    tree = _plain(tree)
    for group in (tree.args.posonlyargs, tree.args.args):
        if group and group[0].arg in ("self", "cls"):
            del group[0]
    returned = f" -> {ast.unparse(tree.returns)}" if tree.returns else ""
    parts = list(_parameters(tree.args))
    line = f"({', '.join(parts)}){returned}"
    return line if len(line) <= 90 else "(\n" + "".join(f"    {part},\n" for part in parts) + f"){returned}"


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    """Each parameter as it is written."""
    plain = [*arguments.posonlyargs, *arguments.args]
    missing = [None] * (len(plain) - len(arguments.defaults))
    for one, default in zip(plain, [*missing, *arguments.defaults], strict=True):
        yield _parameter(one, default)
    if arguments.vararg or arguments.kwonlyargs:
        yield f"*{_parameter(arguments.vararg) if arguments.vararg else ''}"
    for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(one, default)
    if arguments.kwarg:
        yield f"**{_parameter(arguments.kwarg)}"


def _parameter(one: ast.arg, default: ast.expr | None = None) -> str:
    shown = f"{one.arg}: {ast.unparse(one.annotation)}" if one.annotation else one.arg
    return f"{shown}{' = ' if one.annotation else '='}{ast.unparse(default)}" if default else shown


class _Unquoted(ast.NodeTransformer):
    """Annotations that are written as text, as what they say."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return ast.parse(node.value, mode="eval").body if isinstance(node.value, str) else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if isinstance(node.value, ast.Name) and node.value.id == "Annotated" and isinstance(node.slice, ast.Tuple):
            return self.visit(node.slice.elts[0])
        return self.generic_visit(node)  # type: ignore[return-value]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        named = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg)
        for argument in named:
            if argument and argument.annotation:
                argument.annotation = self.visit(argument.annotation)
        node.returns = self.visit(node.returns) if node.returns else None
        return node


def _plain(tree: Any) -> Any:
    return _Unquoted().visit(tree)


def _described(doc: str) -> Iterator[str]:
    """A docstring as Markdown: its sections become lists."""
    section, items = "", []
    for line in [*doc.splitlines(), "."]:
        if line in ("Args:", "Raises:", "Returns:", "Ranges:", "."):
            yield from _section(section, items)
            section, items = line, []
        elif section:
            items.append(line)
        else:
            yield line.replace("``", "`")
    yield ""


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if not title:
        return
    text = dedent("\n".join(lines)).strip()
    yield from ("**Arguments**" if title == "Args:" else f"**{title.removesuffix(':')}**", "")
    if title == "Returns:":
        yield text.replace("``", "`")
    else:
        for line in text.splitlines():
            name, colon, rest = line.partition(": ")
            is_new = colon and not line.startswith(" ")
            yield (f"- `{name}`: {rest}" if is_new else f"  {line.strip()}").replace("``", "`")
    yield ""


def _filled(text: str) -> list[str]:
    return [*wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False), ""]


def _page(lines: Callable[[], Iterator[str]]) -> Callable[[], str]:
    """The lines as the text of a file."""
    return lambda: re.sub("\n{3,}", "\n\n", "\n".join([MADE, "", *lines()]).rstrip() + "\n")


PAGES = {"commands.md": _page(commands), "configuration.md": _page(configuration), "api.md": _page(api)}

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for page, made in PAGES.items():
        (folder / page).write_text(made(), encoding="utf-8")
