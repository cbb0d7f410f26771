"""The reference of the documentation, from the code: ``python .ci/reference.py`` writes docs/reference/*.md.

Commands come from the tree of commands and the signatures of their functions, never from help as it is rendered, so
that the pages are the same for every width of a terminal and every version of what draws it. Signatures in the API
come from the source. Examples are the files in docs/reference/examples, which a test runs.
"""

import ast
import inspect
import json
import re
from collections.abc import Iterator
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

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
EXAMPLES = REFERENCE / "examples"
NOTE = "<!-- Written by .ci/reference.py from the code: change it there. -->"
WIDTH = 120
VALUES = {int: "N", float: "NUMBER", bool: "", Path: "PATH"}
CONFIGS = {
    PretrainConfig: "`videoclip pretrain` takes these keys as `key=value` and in YAML files. "
    "`videoclip pretrain --config NAME --show` prints them with the values of a preset.",
    FinetuneConfig: "`videoclip finetune` takes these keys as `key=value`.",
    EncoderConfig: "`videoclip train-encoder` takes these keys as `key=value`.",
}
GROUPS = {
    "Models": ("load_model", "VideoCLIP", "JointModel", "encoder_for"),
    "Features": ("load_encoder", "Encoder", "FeatureKind"),
    "Corpora": ("Corpus", "NarratedVideo", "Caption", "CorpusDataset"),
    "Libraries": ("Library", "Query", "Found", "Hit"),
    "Metrics": ("evaluate",),
    "Errors": ("VideoclipError",),
}
"""What a user imports, by what it is for."""


def pages() -> dict[str, str]:
    """Each page of the reference, by the name of its file."""
    made = {"commands.md": commands(), "configuration.md": configuration(), "api.md": api()}
    return {name: "\n".join([NOTE, "", *lines]).rstrip() + "\n" for name, lines in made.items()}


# Commands -----------------------------------------------------------------------------------------------------


def commands() -> Iterator[str]:
    group: Any = typer.main.get_command(app)
    yield from ("# Commands", "", "Each is explained in the terminal too: `videoclip search --help`.", "")
    yield from ("These options stand before the command:", "")
    own = get_type_hints(group.callback, include_extras=True)
    yield from _options([param for param in group.params if param.name in own], own)
    panel = None
    for name, command in group.commands.items():
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
    yield from ("# Configuration", "", "Keys, what they mean, their defaults and the ranges of their numbers.", "")
    for kind, sentence in CONFIGS.items():
        title = {PretrainConfig: "Pre-training", FinetuneConfig: "Fine-tuning", EncoderConfig: "A video encoder"}[kind]
        yield from (f"## {title}", "", *wrap(sentence, WIDTH), "")
        yield from _keys(kind(), "")
        if kind is PretrainConfig:
            yield from _presets()


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
        yield from (f"### {prefix}{key}", "", *wrap(sentences.get(key, ""), WIDTH), "")
        yield from _keys(getattr(config, key), f"{prefix}{key}.")


def _presets() -> Iterator[str]:
    """The keys in which the presets differ."""
    names = presets()
    flat = {name: dict(_flat(dump_config(load_config(PretrainConfig, name)), "")) for name in names}
    yield from ("### The presets", "")
    for name in names:
        lines = files("videoclip.presets").joinpath(f"{name}.yaml").read_text(encoding="utf-8").splitlines()
        said = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
        yield from (*wrap(f"**{name}**: {' '.join(said)}", WIDTH), "")
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
    return json.dumps(value, ensure_ascii=False)


# The Python API -----------------------------------------------------------------------------------------------


def api() -> Iterator[str]:
    yield from (
        "# Python API",
        "",
        "Import everything here from `videoclip`. In shapes, N counts texts or videos, F is the",
    )
    yield from ("size of a feature and D the size of a vector.", "")
    for title, names in GROUPS.items():
        yield from (f"## {title}", "")
        for name in names:
            yield from (f"### {name}", "")
            thing = getattr(videoclip, name)
            yield from _class(name, thing) if inspect.isclass(thing) else _function(name, _tree(thing))
            yield from ("Example:", "", "```python", (EXAMPLES / f"{name}.py").read_text(encoding="utf-8").rstrip())
            yield from ("```", "")


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
    own = [part for part in tree.body if isinstance(part, ast.FunctionDef) and not part.name.startswith("_")]
    decorated = [(part, [ast.unparse(decorator) for decorator in part.decorator_list]) for part in own]
    values = [part for part, decorators in decorated if any(d.endswith("property") for d in decorators)]
    if values:
        yield from ("| value | type | meaning |", "| --- | --- | --- |")
        for part in values:
            hint = _cell(ast.unparse(_plain(part).returns)) if part.returns else ""
            meaning = (ast.get_docstring(part) or "").partition("\n\n")[0]
            yield f"| `{part.name}` | {hint} | {_cell(' '.join(meaning.split())).replace('``', '`')} |"
        yield ""
    for part in own:
        if part not in values:
            yield from (f"#### {name}.{part.name}", "", "```py", f"{name}.{part.name}{_arguments(part)}", "```", "")
            yield from _described(ast.get_docstring(part) or "")


def _fields(tree: ast.ClassDef, sentences: dict[str, str]) -> Iterator[str]:
    yield from ("| field | type | default | meaning |", "| --- | --- | --- | --- |")
    for part in tree.body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            key, default = part.target.id, f"`{ast.unparse(part.value)}`" if part.value else ""
            hint = _cell(ast.unparse(_plain(part.annotation)))
            yield f"| `{key}` | {hint} | {default} | {_cell(sentences.get(key, ''))} |"
    yield ""


def _function(name: str, tree: ast.FunctionDef) -> Iterator[str]:
    yield from ("```py", f"{name}{_arguments(tree)}", "```", "")
    yield from _described(ast.get_docstring(tree) or "")


def _tree(thing: Any) -> Any:
    return ast.parse(dedent(inspect.getsource(thing))).body[0]


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


if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
        print(f"docs/reference/{name}: {len(text.splitlines())} lines")
