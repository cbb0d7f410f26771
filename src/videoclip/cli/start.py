"""The commands to begin with: the demo, its world, and what to tell of an installation."""

from pathlib import Path
from typing import Annotated

import typer

from ..ranges import SEED, Range
from .options import AsJson, Device, example, local_argument, local_option, number_option, print_json

app = typer.Typer()
PANEL = "Start here"


@app.command(rich_help_panel=PANEL, epilog=example("videoclip demo --out demo --videos 100"))
def demo(
    out: Annotated[Path, local_option(help="Folder for videos, corpus, model, metrics and report.")],
    videos: Annotated[int, number_option(Range(20, 1_000_000), help="One-minute videos to render.")] = 400,
    seed: Annotated[int, number_option(SEED, help="Seed of the world and of the training.")] = 1,
    set: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Change the training's preset.")] = None,
    as_json: AsJson = False,
    device: Device = "",
) -> None:
    """Run the whole system on rendered narrated videos, from pixels to a report."""
    from ..recipes.demo import DemoConfig, run_demo
    from ..report.screen import print_scores

    metrics = run_demo(out, DemoConfig(videos, seed, set=set or []))
    if as_json:
        print_json(metrics)
        return
    print_scores(metrics)
    took = f"{sum(metrics['seconds'].values()) / 60:.1f} minutes{' and what was killed' if metrics['killed'] else ''}"
    typer.echo(f"\n{took}. The report: {out / 'report.html'}")
    typer.echo(f"Search its test videos: videoclip serve --library {out / 'library'}")


@app.command(rich_help_panel=PANEL, epilog=example("videoclip world narrated --videos 100"))
def world(
    folder: Annotated[Path, local_argument(help="Folder to render into.")],
    videos: Annotated[int, number_option(Range(1, 1_000_000), help="One-minute videos to render.")] = 400,
    seed: Annotated[int, number_option(SEED, help="Seed: the same one gives the same files.")] = 1,
    narrator: Annotated[
        str, typer.Option(help="'lagging' like real speech, 'scattered' over several sentences too, or 'faithful'.")
    ] = "lagging",
    families: Annotated[int, number_option(Range(1, 64), help="Kinds of tasks, which look and sound different.")] = 8,
    speak: Annotated[
        bool, typer.Option("--speak", help="Narration as sound in the videos, by espeak-ng, in place of captions.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Render narrated videos with exact ground truth: MP4, SRT (or speech) and truth.json."""
    from ..world.render import render_world

    truth = render_world(folder, videos, seed, narrator, families, speak=speak)
    if as_json:
        print_json({"videos": videos, "seed": seed, "truth": str(truth)})
    else:
        typer.echo(f"rendered {videos} videos; what happens in them: {truth}")


@app.command(rich_help_panel=PANEL, epilog=example("videoclip doctor"))
def doctor(as_json: AsJson = False) -> None:
    """Tell versions, processor, GPU, codecs and what is broken, for a report of a fault; nothing private."""
    from ..report.doctor import as_text, examine

    facts = examine()
    if as_json:
        print_json(facts)
    else:
        typer.echo(as_text(facts))


@app.command(rich_help_panel=PANEL, epilog=example("videoclip inspect talk.mp4"))
def inspect(
    files: Annotated[list[Path], local_argument(help="Video files, or folders of them.")],
    language: Annotated[str, typer.Option(help="Captions that are preferred where there are several.")] = "en",
    as_json: AsJson = False,
) -> None:
    """Show what is seen in a file: streams, length, captions found and chosen, date, and why it cannot be used."""
    from ..media.files import find_videos
    from ..media.inspection import inspect as look
    from ..report.lines import print_inspection

    seen = [look(video, language) for video in find_videos(files, language=language)]
    if as_json:
        print_json([one.as_json() for one in seen])
    else:
        for one in seen:
            print_inspection(one)
