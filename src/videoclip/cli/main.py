"""The command line as a whole; commands import what they need when they run, so that ``--help`` is quick."""

import errno
import logging
import os
import re
import signal
import sys
import warnings
from io import TextIOWrapper
from typing import Annotated

import typer

from .. import __version__
from ..errors import Stopped, VideoclipError
from ..hardware import sleep_early
from ..progress import show_progress
from ..storage.remote import is_cut_off
from . import library, published, start, training, understanding

app = typer.Typer(
    name="videoclip",
    help="Narrated videos made understandable by text: contrastive pre-training, zero-shot tasks and search.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for panel in (start, training, understanding, published, library):
    app.add_typer(panel.app)
log = logging.getLogger(__name__)
DECODING = "extract", "index"
"""Commands that decode and compute at the same time."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as Typer gives it."""
STOPPED = 143
"""Exit code after SIGTERM, as shells give it: the work is not whole, and what comes after ``&&`` waits for it."""
GO_ON = "and run the same command again: it goes on from here"
SMALLER = "choose smaller sizes, such as batches.videos, clips.pairs_per_video or model.hidden_size, or fewer workers"
FAULTS = {
    errno.ENOSPC: f"make room {GO_ON}",
    errno.EDQUOT: f"make room in your quota {GO_ON}",
    errno.EFBIG: f"raise the limit of file sizes (ulimit -f) {GO_ON}",
    errno.EMFILE: f"raise the limit of open files (ulimit -n) {GO_ON}",
    errno.ENFILE: f"close programs that hold files open {GO_ON}",
    errno.EROFS: "choose a folder on a disk that can be written",
    errno.EACCES: "check who may read and write it",
    errno.EPERM: "check who may read and write it",
    errno.ENOTDIR: "choose a folder; a file lies where one should be",
    errno.ENOMEM: f"close other programs, or lower --workers, {GO_ON}",
    errno.EIO: f"check the disk {GO_ON}",
}
"""What to do about a fault of the machine."""


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"videoclip {__version__}")
        raise typer.Exit


@app.callback()
def videoclip(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors alone.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what is loaded and done, and where an error comes from.")
    ] = False,
) -> None:
    if quiet and verbose:
        raise VideoclipError("--quiet and --verbose: choose one")
    if context.invoked_subcommand in DECODING:
        sleep_early()
    show_progress(not quiet)
    if verbose:
        logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.INFO)
        logging.getLogger("videoclip").setLevel(logging.DEBUG)
    if quiet:
        logging.getLogger().setLevel(logging.ERROR)
        warnings.simplefilter("ignore")


def main() -> None:
    """Run a command; the user's mistakes, and the machine's faults, are one line and exit code 2."""
    signal.signal(signal.SIGTERM, _stop)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names in any bytes can be shown
    try:
        app()
    except Stopped:
        typer.echo("videoclip: stopped as asked; the same command goes on from here", err=True)
        sys.exit(STOPPED)
    except VideoclipError as error:
        log.debug("where the error comes from", exc_info=True)
        typer.echo(f"videoclip: {error}", err=True)
        sys.exit(2)
    except (OSError, RuntimeError, MemoryError) as error:
        fault = _fault(error)
        if fault is None:
            raise
        typer.echo(f"videoclip: {fault}", err=True)
        sys.exit(2)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            typer.echo("videoclip: interrupted; the same command goes on from here", err=True)
        raise


def _fault(error: OSError | RuntimeError | MemoryError) -> str | None:
    """What the system refused, where, and what to do; None for what is no fault of the machine."""
    if isinstance(error, MemoryError) or re.search("allocate memory|out of memory", str(error), re.IGNORECASE):
        return f"not enough memory ({str(error)[:200].splitlines()[0] if str(error) else 'none left'}); {SMALLER}"
    native = re.search(r"\(os error (\d+)\)", str(error))  # as Lance tells it
    number = error.errno if isinstance(error, OSError) and error.errno else int(native[1]) if native else 0
    if number not in FAULTS:
        cut_off = f"the line to the object store broke off ({str(error)[:200]}); {GO_ON.removeprefix('and ')}"
        return cut_off if is_cut_off(error) else None
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error, OSError) and error.filename else ""
    return f"{where}{os.strerror(number)}; {FAULTS[number]}"


def _stop(*_: object) -> None:
    raise Stopped
