"""What commands share: options that mean the same in several, and what they print alike."""

import typer

SHOWN = 20
"""Files that are named on the screen of those set aside."""


def print_set_aside(set_aside: dict[str, str], out: str) -> None:
    for name, reason in list(set_aside.items())[:SHOWN]:
        typer.echo(f"set aside: {reason if name in reason else f'{name}: {reason}'}", err=True)
    if len(set_aside) > SHOWN:
        typer.echo(f"… and {len(set_aside) - SHOWN} more, listed in {out}.set-aside.json", err=True)
