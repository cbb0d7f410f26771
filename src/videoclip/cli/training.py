"""The commands from videos to a model: extract, realign, pretrain, rerun, train-encoder."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..config import presets
from ..errors import VideoclipError
from ..ranges import PROCESSES, Range
from ..storage.places import place
from .options import (
    AnyPlace,
    AsJson,
    Device,
    SpeechModel,
    Transcribe,
    example,
    keys_option,
    local_argument,
    local_name,
    local_option,
    number_option,
    place_argument,
    place_option,
    print_json,
)

if TYPE_CHECKING:
    from ..media.files import VideoFile

app = typer.Typer()
PANEL = "From your own videos to a model"
REACH = 15.0


@app.command(rich_help_panel=PANEL, epilog=example("videoclip extract my-videos --out my.lance"))
def extract(
    videos: Annotated[Path, local_argument(help="Folder of videos (searched with its subfolders), or one file.")],
    out: Annotated[AnyPlace, place_option(help="Corpus to make or to add to, such as my.lance.")],
    captions: Annotated[
        Path | None, local_option(help="Folder of captions (default: beside the videos), or a file for many videos.")
    ] = None,
    encoder: Annotated[
        str, local_name(help="s3d, image:NAME, joint:NAME, demo, a trained one's folder, or several: s3d+image:NAME.")
    ] = "s3d",
    weights: Annotated[str, local_name(help="For s3d: the path of s3d_howto100m.pth (default: as downloaded).")] = "",
    allow_silent: Annotated[bool, typer.Option("--allow-silent", help="Also take videos without captions.")] = False,
    workers: Annotated[int, number_option(PROCESSES, help="Files to work on at the same time; 0: one per core.")] = 0,
    decode: Annotated[
        str, typer.Option(help="Who decodes: auto (the GPU, with videoclip\\[gpu], else the CPU), cpu or gpu.")
    ] = "auto",
    language: Annotated[str, typer.Option(help="Captions that are preferred where there are several.")] = "en",
    reuse: Annotated[AnyPlace | None, place_option(help="Corpus whose features and captions are taken over.")] = None,
    transcribe: Transcribe = "auto",
    speech_model: SpeechModel = "",
    ray: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Work on a Ray cluster: auto, ray://HOST:PORT, or local.")
    ] = "",
    as_json: AsJson = False,
    device: Device = "",
) -> None:
    """Turn videos and captions into a corpus of features; resumes where it was interrupted."""
    from dataclasses import asdict

    from ..corpus.extract import ExtractOptions
    from ..corpus.extract import extract as run
    from ..corpus.store import Corpus
    from ..encoders.load import load_encoder
    from ..media.speech.weights import ears_for
    from ..report.lines import complain, print_inventory, print_set_aside

    sources = _videos_of(videos, captions, language)
    made, engine = Corpus(reuse) if reuse else None, None
    if ray:
        from ..corpus.cluster import on_ray

        if reuse or transcribe == "always":
            raise VideoclipError("--ray goes neither with --reuse nor with --transcribe always; leave one out")
        transcribe = "never"
        engine = on_ray(ray, encoder, weights, decode)
    ears = ears_for(transcribe, speech_model, told=complain)
    options = ExtractOptions(allow_silent, language, workers, ears=ears)
    seer = load_encoder(encoder, weights)
    summary = run(sources, seer if ray else seer.decoding_by(decode), out, options, made, engine)
    print_set_aside(summary.set_aside, f"{out}.set-aside.json", summary.warnings)
    if as_json:
        print_json(asdict(summary) | {"inventory": summary.inventory.as_json()})
    else:
        typer.echo(f"{out}: {summary}")
        print_inventory(summary.inventory)


@app.command(rich_help_panel=PANEL, epilog=example("videoclip pretrain --config best corpus=my.lance out=runs/mine"))
def pretrain(
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Such as corpus=my.lance epochs=10.")
    ] = None,
    config: Annotated[str, local_name(help=f"A preset's name ({', '.join(presets())}) or a YAML file.")] = "paper",
    show: Annotated[
        bool, typer.Option("--show", help="Print every key with what it means, its range and value, and stop.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the configuration, sizes, memory and expected time, and stop.")
    ] = False,
    as_json: AsJson = False,
    device: Device = "",
) -> None:
    """Train a model on a corpus; resumes by itself."""
    from dataclasses import asdict

    from ..config import dump_config, explained, load_config
    from ..pretrain.config import PretrainConfig
    from ..pretrain.trainer import pretrain as run

    run_config = load_config(PretrainConfig, config, settings or [])
    if show:
        if as_json:
            print_json(dump_config(run_config))
        else:
            typer.echo(explained(run_config), nl=False)
        return
    if dry_run:
        from ..pretrain.estimate import estimate
        from ..report.lines import print_estimate

        run_config, estimated = estimate(run_config)
        if as_json:
            print_json({"config": dump_config(run_config), "estimate": asdict(estimated)})
        else:
            typer.echo(explained(run_config))
            print_estimate(estimated)
        return
    run(run_config)
    if os.environ.get("RANK", "0") == "0":  # of torchrun's processes one speaks
        made = str(place(run_config.out) / "model")
        if as_json:
            print_json({"model": made})
        else:
            typer.echo(f"the model: {made}")


@app.command(
    rich_help_panel=PANEL, epilog=example("videoclip realign my.lance --model runs/mine/model --out placed.lance")
)
def realign(
    corpus: Annotated[AnyPlace, place_argument(help="Corpus whose narration is placed, such as my.lance.")],
    model: Annotated[str, local_name(help="Model that places it: a folder or a hub name.")],
    out: Annotated[AnyPlace, place_option(help="Realigned corpus to make; it refers to the other for its features.")],
    reach: Annotated[
        float, number_option(Range(1, 100_000), help="Seconds from where it is spoken in which it may be shown.")
    ] = REACH,
    context: Annotated[
        float,
        number_option(
            Range(0, 1000), help="Seconds of speech around a sentence that help to place it, where many share a moment."
        ),
    ] = 2.0,
    keep_all: Annotated[
        bool, typer.Option("--keep-all", help="Also keep sentences that seem to be about nothing that is shown.")
    ] = False,
    match: Annotated[str, typer.Option(help="Which videos, as a shell pattern over their ids.")] = "*",
    as_json: AsJson = False,
    device: Device = "",
) -> None:
    """Move narration to where a model sees what it says, to train another on; resumes where it was interrupted."""
    from dataclasses import asdict

    from ..corpus.store import Corpus
    from ..model.joint import load_model
    from ..pretrain.realign import RealignConfig
    from ..pretrain.realign import realign as run

    narrated = Corpus(corpus).source
    config = RealignConfig(reach, context, not keep_all)
    placed = run(narrated, load_model(model), out, config, narrated.matching(match))
    if as_json:
        print_json(asdict(placed) | {"advice": placed.advice})
    else:
        typer.echo(f"{out}: {placed}")


@app.command(rich_help_panel=PANEL, epilog=example("videoclip rerun runs/mine"))
def rerun(
    made: Annotated[Path, local_argument(help="A run's folder, or what evaluate --json wrote.")],
    out: Annotated[
        Path | None, local_option(help="Folder for what is made anew (default: beside it, …-again).")
    ] = None,
    as_json: AsJson = False,
    device: Device = "",
) -> None:
    """Repeat a run or an evaluation from what lies beside it, and compare; exits with 1 where they differ."""
    from dataclasses import asdict

    from ..recipes.rerun import rerun as run
    from ..report.screen import print_comparison

    compared = run(made, out or made.with_name(f"{made.stem}-again"))
    if as_json:
        print_json(asdict(compared) | {"folder": str(compared.folder), "verdict": compared.verdict})
    else:
        print_comparison(compared.differing, len(compared.figures), compared.same_weights, compared.other_versions)
        typer.echo(
            f"{compared.verdict}: {len(compared.figures)} metrics compared; what was made anew: {compared.folder}"
        )
    raise typer.Exit(int(compared.verdict == "different"))


@app.command(
    "train-encoder",
    rich_help_panel=PANEL,
    epilog=example("videoclip train-encoder my-videos --out my-encoder updates=800"),
)
def train_encoder(
    videos: Annotated[Path, local_argument(help="Folder of narrated videos.")],
    out: Annotated[Path, local_option(help="Folder for the encoder.")],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Such as updates=800 width=0.25.")
    ] = None,
    captions: Annotated[
        Path | None, local_option(help="Folder of captions; by default they lie beside the videos.")
    ] = None,
    match: Annotated[str, typer.Option(help="Which videos, as a shell pattern over their ids.")] = "*",
    show: Annotated[bool, keys_option("encoders.config", "EncoderConfig")] = False,
    as_json: AsJson = False,
) -> None:
    """Train a small video encoder on narrated videos, by MIL-NCE."""
    from fnmatch import fnmatchcase

    from ..config import load_config
    from ..encoders.config import EncoderConfig
    from ..pretrain.encoder import train_encoder as run

    config = load_config(EncoderConfig, "", settings or [])
    sources = _videos_of(videos, captions)
    pairs = [(s.path, s.captions) for s in sources if isinstance(s.captions, Path) and fnmatchcase(s.id, match)]
    run(pairs, config, out)
    if as_json:
        print_json({"encoder": str(out)})
    else:
        typer.echo(f"the encoder: {out}")


def _videos_of(videos: Path, captions: Path | None, language: str = "en") -> "list[VideoFile]":
    """The videos of a folder with their captions; there has to be one."""
    from ..media.belonging import VIDEO_SUFFIXES
    from ..media.files import look_for_videos
    from ..report.lines import print_set_aside

    found = look_for_videos(videos, captions, language)
    print_set_aside({}, "", [f"{path}: passed over, {reason}" for path, reason in found.passed_over.items()])
    if not found.videos:
        raise VideoclipError(f"{videos}: no videos in it (looked for {' '.join(VIDEO_SUFFIXES)})")
    return found.videos
