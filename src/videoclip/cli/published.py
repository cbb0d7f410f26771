"""The commands for other people's weights and data: download, convert, import, export."""

from pathlib import Path
from typing import Annotated

import typer

from ..ranges import SECONDS
from .options import (
    AnyPlace,
    AsJson,
    Device,
    example,
    local_argument,
    local_option,
    number_option,
    place_argument,
    place_option,
    print_json,
)

app = typer.Typer()
PANEL = "Published weights and data"


@app.command(rich_help_panel=PANEL, epilog=example("videoclip download s3d-howto100m"))
def download(
    name: Annotated[str, typer.Argument(help="videoclip, s3d-howto100m or mil-nce.")],
    out: Annotated[
        Path | None, local_option(help="Folder for the files (default: $VIDEOCLIP_WEIGHTS or the user's cache).")
    ] = None,
    mirror: Annotated[str, typer.Option(metavar="URL", help="Address of a folder with copies.")] = "",
    source: Annotated[Path | None, local_option("--from", help="A copy of yours: the file, or its folder.")] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Get it anew, whatever came before.")] = False,
    as_json: AsJson = False,
) -> None:
    """Get published weights; resumes, retries, and checks that they are still the same."""
    from ..published.download import download as run

    paths = run(name, out, mirror, source, forget)
    if as_json:
        print_json([str(path) for path in paths])
        return
    for path in paths:
        typer.echo(path)
    if name == "videoclip":
        typer.echo("next: videoclip convert with this path and a folder for the model")


@app.command(rich_help_panel=PANEL, epilog=example("videoclip models --measure"))
def models(
    measure: Annotated[
        bool, typer.Option("--measure", help="Time those that are on this machine, with a made video of 640×360.")
    ] = False,
    as_json: AsJson = False,
    device: Device = "",
) -> None:
    """List ready-made models that are worth a try, and which is taken where none is named."""
    from dataclasses import asdict

    from ..encoders.ready_made.catalogue import CATALOGUE, default_model
    from ..recipes.measuring import rates
    from ..report.lines import print_models

    found, default = rates(CATALOGUE) if measure else {}, default_model().name
    if as_json:
        rows = [asdict(row) | {"default": row.name == default, "rate": found.get(row.name)} for row in CATALOGUE]
        print_json(rows)
    else:
        print_models(CATALOGUE, default, found)


@app.command(rich_help_panel=PANEL, epilog=example("videoclip convert checkpoint_best.pt published-model"))
def convert(
    checkpoint: Annotated[Path, local_argument(help="checkpoint_best.pt, or a state dict of it.")],
    folder: Annotated[Path, local_argument(help="Folder for the model.")],
    as_json: AsJson = False,
) -> None:
    """Turn the published VideoCLIP checkpoint into a model's folder; nothing in the file is run."""
    from ..model.convert import convert as run
    from ..report.lines import SHOWN

    model, official = run(checkpoint, folder)
    towers = model.parameter_counts()
    if as_json:
        print_json({"model": str(folder), "parameters": towers, "unused": official.unused, "unread": official.inert})
        return
    typer.echo(f"{folder}: {sum(towers.values()):,} parameters ({', '.join(f'{n} {c:,}' for n, c in towers.items())})")
    if official.unused:
        typer.echo(f"not needed: {', '.join(official.unused)}")
    if official.inert:
        typer.echo(f"left unread: objects of {', '.join(official.inert[:SHOWN])}")


@app.command(
    "import",
    rich_help_panel=PANEL,
    epilog=example("videoclip import features --captions captions --out howto100m.lance"),
)
def import_(
    features: Annotated[
        Path, local_argument(help="Folder of .npy or .pth.tar files, or of the published code's shards.")
    ],
    out: Annotated[AnyPlace, place_option(help="Corpus to make or to add to, such as howto100m.lance.")],
    captions: Annotated[
        Path | None,
        local_option(help="Folder of caption files; or captions of HowTo100M, HTM-AA, HowToCaption or HowToStep."),
    ] = None,
    ids: Annotated[
        Path | None, local_option(help="Take these only: a file of one id a line, or a CSV with a column video_id.")
    ] = None,
    encoder: Annotated[
        str, typer.Option(help="Name of the encoder that made them (default: as noted beside them, or s3d).")
    ] = "",
    normalize: Annotated[bool, typer.Option("--normalize", help="Scale every feature to unit length.")] = False,
    keep_repeats: Annotated[
        bool, typer.Option("--keep-repeats", help="Leave what rolling captions say twice as it is.")
    ] = False,
    sentence_seconds: Annotated[
        float, number_option(SECONDS, help="How long a sentence lasts of which only the time is known (HTM-AA).")
    ] = 5.0,
    allow_silent: Annotated[bool, typer.Option("--allow-silent", help="Also take videos without captions.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring other people's features and captions into a corpus; resumes where it was interrupted."""
    from dataclasses import asdict

    from ..corpus.importers import ImportConfig, import_features
    from ..report.lines import print_set_aside

    config = ImportConfig(encoder, normalize, keep_repeats, allow_silent, sentence_seconds=sentence_seconds)
    summary = import_features(features, out, captions, ids, config)
    print_set_aside(summary.set_aside, f"{out}.set-aside.json")
    if as_json:
        print_json(asdict(summary))
    else:
        typer.echo(f"{out}: {summary}; features of {summary.kind}")


@app.command(rich_help_panel=PANEL, epilog=example("videoclip export my.lance features --format npy"))
def export(
    corpus: Annotated[AnyPlace, place_argument(help="A corpus.")],
    folder: Annotated[Path, local_argument(help="Folder to write into.")],
    format: Annotated[str, typer.Option(help="npy (a file per video) or safetensors (many videos a file).")] = "npy",
    match: Annotated[str, typer.Option(help="Which videos, as a shell pattern over their ids.")] = "*",
    as_json: AsJson = False,
) -> None:
    """Write a corpus as .npy or safetensors files, with its captions as JSON."""
    from ..corpus.export import export as run
    from ..corpus.store import Corpus

    count = run(Corpus(corpus), folder, format, match)
    if as_json:
        print_json({"folder": str(folder), "videos": count})
    else:
        typer.echo(f"{folder}: {count} videos")
