"""The command line: one thin function per command. Heavy imports happen inside, so that ``--help`` is quick."""

import errno
import os
import re
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import Stopped, VideoclipError
from ..storage.folders import output_file
from ..storage.places import Place, is_cut_off, place
from . import library as cli_library

app = typer.Typer(
    name="videoclip",
    help="Narrated videos made understandable by text: contrastive pre-training, zero-shot tasks and search.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
)
app.add_typer(cli_library.app)
INTERRUPTED = 130
"""Exit code after Ctrl-C, as Typer gives it."""
SHOWN = 20
"""Files that are named on the screen of those set aside."""
GO_ON = "and run the same command again: it goes on from here"
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
START, OWN, TASKS = "Start here", "From your own videos to a model", "What a model understands"
PUBLISHED = "Published weights and data"


@app.command(rich_help_panel=START)
def demo(
    out: Annotated[Path, typer.Option(help="Folder for videos, corpus, model, metrics and report.")],
    videos: Annotated[int, typer.Option(min=20, help="One-minute videos to render.")] = 400,
    seed: Annotated[int, typer.Option(help="Seed of the world and of the training.")] = 1,
    set: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Change the training's preset.")] = None,
) -> None:
    """Run the whole system on rendered narrated videos, from pixels to a report."""
    from ..recipes.demo import DemoConfig, run_demo
    from ..report.screen import print_scores

    metrics = run_demo(out, DemoConfig(videos, seed, set=set or []))
    print_scores(metrics)
    took = f"{sum(metrics['seconds'].values()) / 60:.1f} minutes{' and what was killed' if metrics['killed'] else ''}"
    typer.echo(f"\n{took}. The report: {out / 'report.html'}")
    typer.echo(f"Search its test videos: videoclip serve --library {out / 'library'}")


@app.command(rich_help_panel=START)
def world(
    folder: Annotated[Path, typer.Argument(help="Folder to render into.")],
    videos: Annotated[int, typer.Option(min=1, help="One-minute videos to render.")] = 400,
    seed: Annotated[int, typer.Option(help="Seed: the same one gives the same files.")] = 1,
    narrator: Annotated[str, typer.Option(help="'lagging' like real speech, or 'faithful'.")] = "lagging",
    families: Annotated[int, typer.Option(min=1, max=64, help="Kinds of tasks, which look and sound different.")] = 8,
) -> None:
    """Render narrated videos with exact ground truth: MP4, SRT and truth.json."""
    from ..world.render import render_world

    typer.echo(
        f"rendered {videos} videos; what happens in them: {render_world(folder, videos, seed, narrator, families)}"
    )


@app.command(rich_help_panel=OWN)
def extract(
    videos: Annotated[Path, typer.Argument(help="Folder of videos (searched with its subfolders), or one file.")],
    out: Annotated[str, typer.Option(help="Corpus to make or to add to, such as my.lance.")],
    captions: Annotated[
        Path | None, typer.Option(help="Folder of captions [default: beside the videos], or raw_caption.json.")
    ] = None,
    encoder: Annotated[
        str, typer.Option(help="s3d, image:NAME, demo, a trained encoder's folder, or several: s3d+image:NAME.")
    ] = "s3d",
    weights: Annotated[str, typer.Option(help="For s3d: the path of s3d_howto100m.pth [default: as downloaded].")] = "",
    allow_silent: Annotated[bool, typer.Option("--allow-silent", help="Also take videos without captions.")] = False,
    workers: Annotated[int, typer.Option(min=0, help="Files to work on at the same time; 0: one per core.")] = 0,
    reuse: Annotated[str, typer.Option(help="Corpus whose features and captions are taken over, not made again.")] = "",
    ray: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Work on a Ray cluster: auto, ray://HOST:PORT, or local.")
    ] = "",
) -> None:
    """Turn videos and captions into a corpus of features; goes on where it was interrupted."""
    from ..corpus.extract import extract as run
    from ..corpus.extract import find_videos
    from ..corpus.store import Corpus
    from ..encoders.encoder import load_encoder

    sources = find_videos(videos, captions)
    made, engine = Corpus(reuse) if reuse else None, None
    if ray:
        from ..corpus.cluster import on_ray

        if reuse:
            raise VideoclipError("--reuse and --ray do not go together; leave one out")
        engine = on_ray(ray, encoder, weights, workers)
    summary = run(sources, load_encoder(encoder, weights), place(out), allow_silent, workers, made, engine)
    _print_set_aside(summary.set_aside, out)
    for warning in summary.warnings[:SHOWN]:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"{out}: {summary}")


@app.command(rich_help_panel=OWN)
def pretrain(
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Such as corpus=my.lance epochs=10.")
    ] = None,
    config: Annotated[str, typer.Option(help="A preset's name (demo, paper) or a YAML file.")] = "paper",
    show: Annotated[bool, typer.Option("--show", help="Print the configuration and stop.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the configuration, sizes, memory and expected time, and stop.")
    ] = False,
) -> None:
    """Train a model on a corpus; resumes by itself."""
    from ..config import dump_config, load_config
    from ..pretrain.trainer import PretrainConfig
    from ..pretrain.trainer import pretrain as run

    run_config = load_config(PretrainConfig, config, settings or [])
    if show:
        import yaml

        typer.echo(yaml.safe_dump(dump_config(run_config), sort_keys=False), nl=False)
        return
    if dry_run:
        _print_estimate(run_config)
        return
    run(run_config)
    if os.environ.get("RANK", "0") == "0":  # of torchrun's processes one speaks
        typer.echo(f"the model: {place(run_config.out) / 'model'}")


@app.command(rich_help_panel=OWN)
def rerun(
    made: Annotated[Path, typer.Argument(help="A run's folder, or what evaluate --json wrote.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for what is made anew [default: beside it, …-again].")
    ] = None,
) -> None:
    """Repeat a run or an evaluation from what lies beside it, and compare; exits with 1 where they differ."""
    from ..recipes.rerun import print_comparison
    from ..recipes.rerun import rerun as run

    compared = run(made, out or made.with_name(f"{made.stem}-again"))
    print_comparison(compared)
    raise typer.Exit(int(compared.verdict == "different"))


@app.command("train-encoder", rich_help_panel=OWN)
def train_encoder(
    videos: Annotated[Path, typer.Argument(help="Folder of narrated videos.")],
    out: Annotated[Path, typer.Option(help="Folder for the encoder.")],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Such as updates=800 width=0.25.")
    ] = None,
    captions: Annotated[
        Path | None, typer.Option(help="Folder of captions; by default they lie beside the videos.")
    ] = None,
    match: Annotated[str, typer.Option(help="Which videos, as a shell pattern over their ids.")] = "*",
) -> None:
    """Train a small video encoder on narrated videos, by MIL-NCE."""
    from fnmatch import fnmatchcase

    from ..config import load_config
    from ..corpus.extract import find_videos
    from ..encoders.train import EncoderConfig
    from ..encoders.train import train_encoder as run

    sources = find_videos(videos, captions)
    pairs = [(s.path, s.captions) for s in sources if isinstance(s.captions, Path) and fnmatchcase(s.id, match)]
    run(pairs, load_config(EncoderConfig, "", settings or []), out)
    typer.echo(f"the encoder: {out}")


@app.command(rich_help_panel=PUBLISHED)
def download(
    name: Annotated[str, typer.Argument(help="videoclip, s3d-howto100m or mil-nce.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the files [default: $VIDEOCLIP_WEIGHTS or the user's cache].")
    ] = None,
    mirror: Annotated[str, typer.Option(metavar="URL", help="Address of a folder with copies.")] = "",
    source: Annotated[
        Path | None, typer.Option("--from", metavar="PATH", help="A copy of yours: the file, or its folder.")
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Get it anew, whatever came before.")] = False,
) -> None:
    """Get published weights; resumes, retries, and checks that they are still the same."""
    from ..published.download import download as run

    for path in run(name, out, mirror, source, forget):
        typer.echo(path)
    if name == "videoclip":
        typer.echo("next: videoclip convert with this path and a folder for the model")


@app.command(rich_help_panel=PUBLISHED)
def convert(
    checkpoint: Annotated[Path, typer.Argument(help="checkpoint_best.pt, or a state dict of it.")],
    folder: Annotated[Path, typer.Argument(help="Folder for the model.")],
) -> None:
    """Turn the published VideoCLIP checkpoint into a model's folder; nothing in the file is run."""
    from ..model.official import convert as run

    official = run(checkpoint, folder)
    towers = official.model.parameter_counts()
    typer.echo(f"{folder}: {sum(towers.values()):,} parameters ({', '.join(f'{n} {c:,}' for n, c in towers.items())})")
    if official.unused:
        typer.echo(f"not needed: {', '.join(official.unused)}")
    if official.inert:
        typer.echo(f"left unread: objects of {', '.join(official.inert[:SHOWN])}")


@app.command("import", rich_help_panel=PUBLISHED)
def import_(
    features: Annotated[Path, typer.Argument(help="Folder of .npy files, or of the published code's shards.")],
    out: Annotated[str, typer.Option(help="Corpus to make or to add to, such as howto100m.lance.")],
    captions: Annotated[
        Path | None, typer.Option(help="HowTo100M's raw_caption.json, or a folder of caption files.")
    ] = None,
    ids: Annotated[
        Path | None, typer.Option(help="Take these only: a file of one id a line, or a CSV with a column video_id.")
    ] = None,
    encoder: Annotated[
        str, typer.Option(help="Name of the encoder that made them [default: as noted beside them, or s3d].")
    ] = "",
    normalize: Annotated[bool, typer.Option("--normalize", help="Scale every feature to unit length.")] = False,
    keep_repeats: Annotated[
        bool, typer.Option("--keep-repeats", help="Leave what rolling captions say twice as it is.")
    ] = False,
    allow_silent: Annotated[bool, typer.Option("--allow-silent", help="Also take videos without captions.")] = False,
) -> None:
    """Bring other people's features and captions into a corpus; goes on where it was interrupted."""
    from ..corpus.importers import ImportConfig, import_features

    config = ImportConfig(encoder, normalize, keep_repeats, allow_silent)
    summary = import_features(features, place(out), captions, ids, config)
    _print_set_aside(summary.set_aside, out)
    typer.echo(f"{out}: {summary}; features of {summary.kind}")


@app.command(rich_help_panel=PUBLISHED)
def export(
    corpus: Annotated[str, typer.Argument(help="A corpus.")],
    folder: Annotated[Path, typer.Argument(help="Folder to write into.")],
    format: Annotated[str, typer.Option(help="npy (a file per video) or safetensors (many videos a file).")] = "npy",
    match: Annotated[str, typer.Option(help="Which videos, as a shell pattern over their ids.")] = "*",
) -> None:
    """Write a corpus as .npy or safetensors files, with its captions as JSON."""
    from ..corpus.export import export as run
    from ..corpus.store import Corpus

    typer.echo(f"{folder}: {run(Corpus(corpus), folder, format, match)} videos")


@app.command(rich_help_panel=TASKS)
def evaluate(
    name: Annotated[
        str, typer.Argument(help="world, youcook2, msrvtt, msrvtt-mc, didemo, coin, crosstask, htm-align.")
    ],
    model: Annotated[str, typer.Option(help="A model's folder or hub name, or mil-nce for that baseline.")],
    data: Annotated[Path, typer.Option(help="Folder with the benchmark's files (world: with truth.json).")],
    corpus: Annotated[str, typer.Option(help="Corpus of the videos' features [default: DATA/corpus.lance].")] = "",
    json: Annotated[Path | None, typer.Option(help="File to write figures and predictions into.")] = None,
    report: Annotated[Path | None, typer.Option(help="Page to write: figures, confusions, examples (.html).")] = None,
    split: Annotated[str, typer.Option(help="Which videos: test, val or train.")] = "test",
    rule: Annotated[
        str, typer.Option(help="Of segmentation: spread (ours), paper, or background (after fine-tuning).")
    ] = "spread",
    per_class: Annotated[bool, typer.Option("--per-class", help="Also print the figures of each class.")] = False,
    template: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Phrasing such as 'a video of {}'; several are averaged.")
    ] = None,
    normalization: Annotated[
        str, typer.Option(help="Of retrieval scores: dual-softmax or query-bank [default: none].")
    ] = "",
) -> None:
    """Measure a model on a benchmark, without training on it."""
    import json as json_module

    from ..benchmarks.analysis import confusion, extremes, intervals, per_video
    from ..benchmarks.benchmark import Options, benchmark
    from ..corpus.store import Corpus
    from ..model.joint import load_model
    from ..model.prompts import Prompted
    from ..provenance import provenance
    from ..report.screen import print_classes, print_scores

    run, options = benchmark(name), Options(split, rule, normalization)
    for written in (json, report):
        if written:
            output_file(written)
    features = Corpus(_corpus_of(data, corpus))
    loaded = load_model(model)
    result = run(Prompted(loaded, template) if template else loaded, features, data, options)
    config = {"benchmark": name, "model": model, "data": str(data), "encoder": features.kind.encoder}
    config |= {"corpus": features.path}
    config |= {"split": split, "rule": rule, "templates": template or [], "normalization": normalization}
    result |= {"intervals": intervals(result)} | provenance(result.get("seed", 0), config)
    print_scores(result)
    table = confusion(result)
    if per_class:
        print_classes(table.by_class() if table else [], result)
    if json:
        json.write_text(json_module.dumps(result, indent=1))
    if report:
        from ..report.evaluation import write_evaluation

        analysis = {"intervals": result["intervals"], "confusion": table, "videos": per_video(result)}
        write_evaluation(report, result, analysis | {"extremes": extremes(result.get("items", []))})


@app.command(rich_help_panel=TASKS)
def align(
    video: Annotated[Path, typer.Argument(help="A narrated video.")],
    captions: Annotated[Path, typer.Option(help="What is said in it, and when: .srt, .vtt, .ass or .json.")],
    model: Annotated[str, typer.Option(help="A model's folder or hub name.")],
    out: Annotated[
        Path | None, typer.Option(help="SRT to write, of what is shown when; all sentences go into .json beside it.")
    ] = None,
    encoder: Annotated[str, typer.Option(help="As for extract [default: the one the model was trained on].")] = "",
    weights: Annotated[str, typer.Option(help="For s3d: the path of s3d_howto100m.pth [default: as downloaded].")] = "",
    reach: Annotated[float, typer.Option(min=1, help="Seconds from the speech in which it is looked for.")] = 15.0,
) -> None:
    """Find out which sentences of a narration describe something that is seen, and when."""
    import json as json_module

    import numpy as np

    from ..encoders.encoder import encoder_named, load_encoder
    from ..media.captions import Caption, read_captions, write_captions
    from ..model.joint import load_model
    from ..model.videoclip import VideoCLIP
    from ..tasks.alignment import align as run

    if out:
        output_file(out)
    joint, said = load_model(model), read_captions(captions)
    if not said:
        raise VideoclipError(f"{captions}: holds no captions")
    known = joint.config.encoder if isinstance(joint, VideoCLIP) else "s3d"
    features = (load_encoder(encoder, weights) if encoder else encoder_named(known, weights)).encode_file(video)
    sentences = joint.encode_text([c.text for c in said]).numpy()
    spoken = np.array([(c.start, c.end) for c in said])
    found = run(joint.video_tokens(features).numpy(), sentences, spoken, reach)
    rows = [
        {"text": c.text, "spoken": [c.start, c.end], "shown": span.tolist(), "at": float(time),
         "confidence": round(float(sure), 3), "kept": bool(kept)}
        for c, span, time, sure, kept in zip(
            said, found.spans, found.times, found.probability, found.kept, strict=True
        )
    ]  # fmt: skip
    for row in rows:
        mark = f"{row['shown'][0]:7.1f} to {row['shown'][1]:.1f} s" if row["kept"] else "      not shown"
        typer.echo(f"{row['spoken'][0]:7.1f} s  {mark:<22} {row['confidence']:.2f}  {row['text']}")
    typer.echo(f"{sum(row['kept'] for row in rows)} of {len(rows)} sentences describe something that is seen")
    if out:
        kept = sorted((row for row in rows if row["kept"]), key=lambda row: row["shown"])
        write_captions(out, [Caption(row["shown"][0], row["shown"][1], row["text"]) for row in kept])
        out.with_suffix(".json").write_text(json_module.dumps(rows, indent=1))


@app.command(rich_help_panel=TASKS)
def finetune(
    name: Annotated[str, typer.Argument(help="world, youcook2, msrvtt, msrvtt-mc, didemo, coin or crosstask.")],
    model: Annotated[str, typer.Option(help="The model to start from: a folder or hub name.")],
    data: Annotated[Path, typer.Option(help="Folder with the benchmark's files (world: with truth.json).")],
    out: Annotated[Path, typer.Option(help="Folder for the trained model and result.json.")],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Such as epochs=5 optimizer.lr=1e-4.")
    ] = None,
    corpus: Annotated[str, typer.Option(help="Corpus of the videos' features [default: DATA/corpus.lance].")] = "",
    task: Annotated[str, typer.Option(help="Of a benchmark with several, such as segmentation.")] = "",
) -> None:
    """Train a model further on a benchmark's training set; goes on where it was interrupted."""
    import json as json_module

    from ..benchmarks.supervised import train_and_test
    from ..config import load_config
    from ..corpus.store import Corpus
    from ..tasks.finetune import FinetuneConfig

    config = load_config(FinetuneConfig, "", [*(settings or []), *([f"task={task}"] if task else [])])
    result = train_and_test(name, model, Corpus(_corpus_of(data, corpus)), data, config, out)
    (out / "result.json").write_text(json_module.dumps(result, indent=1))
    figure = " ".join(result["figure"]).replace("_", " ")
    typer.echo(f"{figure}: {100 * result['zero_shot']:.1f} % before, {100 * result['fine_tuned']:.1f} % after")
    typer.echo(f"best epoch {result['best_epoch']} of {len(result['epochs']) - 1}; the model: {out / 'model'}")


@app.command(rich_help_panel=TASKS)
def experiment(
    name: Annotated[str, typer.Argument(help="ablation, beyond or few-families; in one folder they share runs.")],
    out: Annotated[Path, typer.Option(help="Folder for worlds, runs, NAME.json and NAME.html.")],
    seeds: Annotated[str, typer.Option(help="Seeds of worlds and trainings, with commas.")] = "1,2,3",
    only: Annotated[list[str] | None, typer.Option(help="Run this variant alone; can be given several times.")] = None,
    videos: Annotated[int, typer.Option(min=20, help="Videos of each world.")] = 400,
    workers: Annotated[int, typer.Option(min=0, help="Trainings at the same time; 0: one per core.")] = 0,
) -> None:
    """Train variants of the method on rendered videos and compare them; goes on where it was interrupted."""
    from ..recipes.experiment import run_experiment
    from ..report.comparison import in_lines, write_comparison

    try:
        numbers = [int(seed) for seed in seeds.split(",")]
    except ValueError as error:
        raise VideoclipError(f"--seeds '{seeds}': write numbers with commas between, such as 1,2,3") from error
    result = run_experiment(name, out, numbers, only or [], videos, workers)
    page = out / f"{name}.html"
    write_comparison(page, result)
    for line in in_lines(result):
        typer.echo(line)
    typer.echo(f"{result['seconds'] / 60:.0f} minutes. The report: {page}")


def _corpus_of(data: Path, corpus: str) -> Place:
    """The corpus that is named, or the one that lies in a benchmark's folder or beside it."""
    if not data.is_dir():
        raise VideoclipError(f"{data}: no such folder; it is to hold the benchmark's annotations")
    places = [place(corpus)] if corpus else [data / "corpus.lance", data.parent / "corpus.lance"]
    return next((there for there in places if there.exists()), places[0])


def _print_set_aside(set_aside: dict[str, str], out: str) -> None:
    for name, reason in list(set_aside.items())[:SHOWN]:
        typer.echo(f"set aside: {reason if name in reason else f'{name}: {reason}'}", err=True)
    if len(set_aside) > SHOWN:
        typer.echo(f"… and {len(set_aside) - SHOWN} more, listed in {out}.set-aside.json", err=True)


def _print_estimate(config) -> None:
    import yaml

    from ..config import dump_config
    from ..pretrain.estimate import estimate
    from ..progress import clock

    config, e = estimate(config)
    gigabytes = "{:.2f} GB".format
    towers = ", ".join(f"{name} {count:,}" for name, count in e.parameters.items())
    lines = {
        "corpus": f"{e.corpus}: {e.videos:,} videos to train on, {e.held_out:,} held out",
        "parameters": f"{sum(e.parameters.values()):,} trained ({towers}); "
        f"{e.published_parameters:,} in the published layout, with those that nothing uses",
        "pairs": f"{e.pairs_per_update:,} per update, {e.pairs_per_epoch:,} per epoch",
        "updates": f"{e.updates_per_epoch:,} per epoch, {e.updates:,} in {e.epochs} epochs",
        "memory": f"{gigabytes(e.memory / 1e9)} per process: weights {gigabytes(e.weights / 1e9)}, gradients "
        f"{gigabytes(e.gradients / 1e9)}, optimiser state {gigabytes(e.optimizer_state / 1e9)}, activations "
        f"{gigabytes(e.activations / 1e9)}",
        "time": f"{clock(e.seconds)} on this machine in one process ({e.device}, {e.precision}): "
        f"{e.seconds_per_update:.3g} s per update, {clock(e.seconds_for_vectors)} per epoch for video vectors, without "
        "reading and validation",
        "measured": e.measured,
    }
    typer.echo(yaml.safe_dump(dump_config(config), sort_keys=False))
    for name, text in lines.items():
        typer.echo(f"{name:<11}{text}")


def main() -> None:
    """Run a command; the user's mistakes, and the machine's faults, are one line and exit code 2."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        app()
    except Stopped:
        typer.echo("videoclip: stopped as asked; the same command goes on from here", err=True)
    except VideoclipError as error:
        typer.echo(f"videoclip: {error}", err=True)
        sys.exit(2)
    except (OSError, RuntimeError) as error:
        fault = _fault(error)
        if fault is None:
            raise
        typer.echo(f"videoclip: {fault}", err=True)
        sys.exit(2)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            typer.echo("videoclip: interrupted; the same command goes on from here", err=True)
        raise


def _fault(error: OSError | RuntimeError) -> str | None:
    """What the system refused, where, and what to do; None for what is no fault of the machine."""
    native = re.search(r"\(os error (\d+)\)", str(error))  # as Lance tells it
    number = error.errno if isinstance(error, OSError) and error.errno else int(native[1]) if native else 0
    if number not in FAULTS:
        cut_off = f"the line to the object store broke off ({str(error)[:200]}); {GO_ON.removeprefix('and ')}"
        return cut_off if is_cut_off(error) else None
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error, OSError) and error.filename else ""
    return f"{where}{os.strerror(number)}; {FAULTS[number]}"


def _stop(*_: object) -> None:
    raise Stopped


if __name__ == "__main__":
    main()
