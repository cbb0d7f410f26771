"""A folder of programs: they are listed with the question that each answers, or one of them is run."""

import ast
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path


def run(folder: Path, shared: Sequence[str], arguments: Sequence[str]) -> None:
    """Run the program that is named first, which takes the other arguments; or list all with the question of each.

    Args:
        shared: modules of the folder that are no programs.
    """
    programs = {path.stem: path for path in sorted(folder.glob("*.py")) if path.stem not in shared}
    if not arguments:
        for name, path in programs.items():
            print(f"{name:17} {(ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) or '').splitlines()[0]}")
    elif arguments[0] in programs:
        sys.argv[:] = [str(programs[arguments[0]]), *arguments[1:]]
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        sys.exit(f"no {folder.name} '{arguments[0]}'; there are {', '.join(programs)}")
