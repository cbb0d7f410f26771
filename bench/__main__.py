"""``python bench`` lists the benches, ``python bench NAME …`` runs one: how fast things are, beside plain baselines."""

import ast
import runpy
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
SHARED = ("__main__", "result", "baselines", "page")
"""What benches share."""


def main(arguments: list[str]) -> None:
    """Run the bench that is named first, which takes the other arguments, or list them with the question of each."""
    benches = {path.stem: path for path in sorted(FOLDER.glob("*.py")) if path.stem not in SHARED}
    if not arguments:
        for name, path in benches.items():
            print(f"{name:17} {(ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) or '').splitlines()[0]}")
    elif arguments[0] in benches:
        sys.argv[:] = [str(benches[arguments[0]]), *arguments[1:]]
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        sys.exit(f"no bench '{arguments[0]}'; there are {', '.join(benches)}")


if __name__ == "__main__":
    main(sys.argv[1:])
