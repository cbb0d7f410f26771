"""Write docs/reference/: commands, configuration and Python API, from the code that they describe.

    python .ci/reference.py [FOLDER]

Examples of the API are those of ``docs/reference/examples.py``, which a test runs. What is written hangs neither on the
width of a terminal nor on the versions of the libraries that parse and print commands.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from importlib.resources import files
from pathlib import Path
from textwrap import fill
from typing import Any

import typer

import videoclip
from videoclip.cli.main import app
from videoclip.config import dump_config, presets, sentences_of
from videoclip.encoders.config import EncoderConfig
from videoclip.pretrain.config import PretrainConfig
from videoclip.ranges import ranges_of
from videoclip.tasks.finetune import FinetuneConfig

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
MADE = "<!-- Written by .ci/reference.py, from the code. -->\n"
CONFIGURATIONS = {
    "Pre-training": ("videoclip pretrain", PretrainConfig),
    "Fine-tuning": ("videoclip finetune", FinetuneConfig),
    "Training an encoder": ("videoclip train-encoder", EncoderConfig),
}


def commands() -> str:
    """All commands, in the panels of ``--help``."""
    page = [f"{MADE}\n# Commands\n", _filled(
        "Every command also has `--help`. Before the command: `--quiet` prints results and errors alone, `--verbose` "
        "logs what is loaded and where an error comes from. Exit codes: 0 done, 1 a comparison differs, 2 a mistake or "
        "a fault of the machine (one line says which), 130 interrupted, 143 stopped by SIGTERM."
    )]  # fmt: skip
    panel = ""
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        if command.hidden:
            continue
        if command.rich_help_panel != panel:
            panel = command.rich_help_panel
            page.append(f"\n## {panel}\n")
        page.append(f"\n### {name}\n{_filled(_plain(command.help))}")
        page.append(f"\n```\n{command.epilog.removeprefix('Example: ')}\n```\n\n")
        rows = [_option(param) for param in command.params if not getattr(param, "hidden", False)]
        page.append(_table(("option", "meaning", "default"), [row for row in rows if row]))
    return "".join(page)


def _option(param: Any) -> tuple[str, str, str] | None:
    if param.name == "help":
        return None
    spelling = ", ".join(f"`{one}`" for one in (*param.opts, *param.secondary_opts))
    if param.param_type_name == "argument":
        spelling = f"`{(param.metavar or param.name).upper().strip('{}')}`"
    needed = "needed" if param.required else ""
    default = param.default
    shown = "" if default in (None, "", False, ()) or callable(default) else f"`{default}`"
    return spelling, _plain(getattr(param, "help", "") or ""), needed or shown


def configuration() -> str:
    """All keys of all configurations, and the presets."""
    page = [f"{MADE}\n# Configuration\n", _filled(
        "Keys are given as `key=value` on the command line, over a preset (`--config paper`) or a YAML file. "
        "`videoclip pretrain --show` prints them with the values that a run would have. A key that does not exist, or "
        "a value outside its range, is refused with the nearest that would do."
    )]  # fmt: skip
    for title, (command, kind) in CONFIGURATIONS.items():
        page.append(f"\n## {title}\n\n`{command}`\n\n")
        page.append(_table(("key", "meaning", "range", "default"), list(_keys(kind(), ""))))
    page.append("\n## Presets\n\n" + _filled("What differs from the defaults above, as `--config NAME` takes it."))
    for name in presets():
        text = files("videoclip.presets").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
        page.append(f"\n### {name}\n\n```yaml\n{text.strip()}\n```\n")
    return "".join(page)


def _keys(config: Any, prefix: str) -> Iterator[tuple[str, ...]]:
    kind = type(config)
    sentences, ranges = sentences_of(kind), ranges_of(kind)
    for key, value in dump_config(config).items():
        group = getattr(config, key)
        if is_dataclass(group):
            yield f"**`{prefix}{key}.`**", sentences.get(key, ""), "", ""
            yield from _keys(group, f"{prefix}{key}.")
            continue
        shown = "" if value in (None, "") else f"`{value}`"
        yield f"`{prefix}{key}`", sentences.get(key, ""), str(ranges[key][0]) if key in ranges else "", shown


def api() -> str:
    """Every public name of the package, with an example."""
    page = [f"{MADE}\n# Python API\n", _filled(
        "Everything here is imported from `videoclip`; other modules may change in any version. The examples run after "
        "`make demo`, one after another, in the folder of the clone. Letters in shapes: N how many, T seconds, F "
        "numbers in a feature, D numbers in a vector."
    )]  # fmt: skip
    for name, example in examples().items():
        member = getattr(videoclip, name)
        page.append(f"\n## {name}\n\n```python\n{_signature(name, member)}\n```\n\n{_documented(member)}\n")
        page.append(f"\n```python\n{example}\n```\n")
        if inspect.isclass(member):
            page += [f"\n{_method(name, *method)}" for method in _methods(member)]
    return "".join(page)


def examples() -> dict[str, str]:
    """The example of each public name, in an order in which one leads to the next."""
    cells = re.split(r"^# %% (\w+)\n", (FOLDER / "examples.py").read_text(), flags=re.MULTILINE)[1:]
    return {name: code.strip() for name, code in zip(cells[::2], cells[1::2], strict=True)}


def _methods(kind: type) -> Iterator[tuple[str, Any]]:
    """What the class itself, or one of ours that it is made of, says of its public methods and properties."""
    for owner in [c for c in kind.__mro__ if c.__module__.startswith("videoclip")]:
        for name, member in vars(owner).items():
            plain = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
            plain = getattr(plain, "func", plain)  # of a cached property
            if not name.startswith("_") and inspect.isfunction(plain) and inspect.getdoc(plain):
                yield name, member


def _method(owner: str, name: str, member: Any) -> str:
    plain = getattr(member, "__func__", None) or getattr(member, "fget", None) or getattr(member, "func", member)
    is_value = not isinstance(member, classmethod | staticmethod) and not inspect.isfunction(member)
    call = f"{owner}.{name}" if is_value else _signature(f"{owner}.{name}", plain)
    return f"### {owner}.{name}\n\n```python\n{call}\n```\n\n{_documented(plain)}\n"


def _signature(name: str, member: Any) -> str:
    """How it is called: names and defaults; what they are is in the docstring."""
    if inspect.isclass(member) and issubclass(member, Exception):
        return f"{name}(message)"
    try:
        parameters = [p for p in inspect.signature(member).parameters.values() if p.name not in ("self", "cls")]
    except ValueError:
        return name
    shown = [_parameter(p) for p in parameters]
    line = f"{name}({', '.join(shown)})"
    return line if len(line) <= 100 else f"{name}(\n" + "".join(f"    {one},\n" for one in shown) + ")"


def _parameter(parameter: inspect.Parameter) -> str:
    name = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "") + parameter.name
    if parameter.default is parameter.empty:
        return name
    default = parameter.default
    shown = default.__name__ if inspect.isfunction(default) else repr(default)
    return f"{name}={shown}".replace("'", '"')


def _documented(member: Any) -> str:
    """A docstring as Markdown: the names of its parts in bold, their entries as a list, code as code."""
    wanted, in_part = [], False
    for line in (inspect.getdoc(member) or "").splitlines():
        if re.fullmatch(r"(Args|Returns|Raises|Yields|Ranges):", line):
            wanted += [f"**{line[:-1]}**", ""]
            in_part = True
        elif in_part and (found := re.match(r" {4}([\w*][\w*, ]*): (.*)", line)):
            wanted.append(f"- `{found[1]}`: {found[2]}")
        elif in_part and line.startswith("        "):
            wanted.append(f"  {line.strip()}")
        else:
            in_part = in_part and (not line or line.startswith("    "))
            wanted.append(line.strip() if in_part else line)
    return re.sub(r"``(.+?)``", r"`\1`", "\n".join(wanted))


def _plain(text: str) -> str:
    """Help as it is meant: without the marks that the terminal wants."""
    return " ".join(text.replace("\\[", "[").split())


def _filled(text: str) -> str:
    return "\n" + fill(text, 120, break_long_words=False, break_on_hyphens=False) + "\n"


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


PAGES = {"commands.md": commands, "configuration.md": configuration, "api.md": api}

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for page, made in PAGES.items():
        (folder / page).write_text(made(), encoding="utf-8")
