"""The commands for what a model understands: evaluate, align, finetune, experiment."""

from pathlib import Path
from typing import Annotated

import typer

from ..benchmarks.table import BENCHMARKS
from ..errors import VideoclipError
from ..ranges import PROCESSES, SEED, Range, check
from ..recipes.experiments import EXPERIMENTS
from ..storage.folders import output_file
from .options import (
    AnyPlace,
    AsJson,
    Device,
    JsonFile,
    about,
    example,
    is_stdout,
    keys_option,
    local_argument,
    local_name,
    local_option,
    number_option,
    place_option,
    print_json,
    write_json,
)

app = typer.Typer()
PANEL = "What a model understands"
CorpusOption = Annotated[
    AnyPlace | None, place_option(help="Corpus of the videos' features (default: DATA/corpus.lance).")
]


@app.command(
    rich_help_panel=PANEL,
    epilog=example("videoclip evaluate youcook2 --model runs/mine/model --data youcook2 --json scores.json"),
)
def evaluate(
    name: Annotated[str, typer.Argument(help=f"{', '.join(BENCHMARKS)}, or mteb:TASK.")],
    model: Annotated[str, typer.Option(help="A model's folder or hub name, or mil-nce for that baseline.")],
    data: Annotated[Path, local_option(help="Folder with the benchmark's files (mteb: to keep features in).")],
    corpus: CorpusOption = None,
    json: JsonFile = None,
    report: Annotated[Path | None, local_option(help="Page to write: metrics, confusions, examples (.html).")] = None,
    split: Annotated[str, typer.Option(help="Which videos, such as val or train (default: mostly test).")] = "",
    rule: Annotated[
        str,
        typer.Option(help="Of segmentation: spread (ours), paper, background (after fine-tuning); default: spread."),
    ] = "",
    per_class: Annotated[bool, typer.Option("--per-class", help="Also print the metrics of each class.")] = False,
    template: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Phrasing such as 'a video of {}'; several are averaged.")
    ] = None,
    normalization: Annotated[
        str, typer.Option(help="Of retrieval scores: dual-softmax or query-bank (default: none).")
    ] = "",
    device: Device = "",
) -> None:
    """Measure a model on a benchmark, without training on it."""
    from ..benchmarks.evaluate import evaluate as run
    from ..report.screen import print_classes, print_scores

    for written in (json, report):
        if written and not is_stdout(written):
            output_file(written)
    options = {"split": split, "rule": rule, "normalization": normalization, "templates": template or []}
    result = run(name, model, corpus, data, **options)
    if report:
        from ..report.evaluation import write_evaluation

        write_evaluation(report, result)
    if json:
        write_json(json, result)
    if is_stdout(json):
        return
    print_scores(result)
    if per_class:
        print_classes(result)


@app.command(
    rich_help_panel=PANEL,
    epilog=example("videoclip align talk.mp4 --captions talk.srt --model runs/mine/model --out shown.srt"),
)
def align(
    video: Annotated[Path, local_argument(help="A narrated video.")],
    captions: Annotated[Path, local_option(help="What is said in it, and when: .srt, .vtt, .ass or .json.")],
    model: Annotated[str, typer.Option(help="A model's folder or hub name.")],
    out: Annotated[
        Path | None, local_option(help="SRT to write, of what is shown when; all sentences go into .json beside it.")
    ] = None,
    encoder: Annotated[str, local_name(help="As for extract (default: the one the model was trained on).")] = "",
    weights: Annotated[str, local_name(help="For s3d: the path of s3d_howto100m.pth (default: as downloaded).")] = "",
    reach: Annotated[
        float, number_option(Range(1, 1e7), help="Seconds from the speech where it is looked for.")
    ] = 15.0,
    json: JsonFile = None,
    device: Device = "",
) -> None:
    """Find out which sentences of a narration describe something that is seen, and when."""
    from dataclasses import asdict

    from ..media.captions import read_captions, write_captions
    from ..model.joint import encoder_for, load_model
    from ..report.lines import print_aligned
    from ..tasks.one_video import aligned, said_within, shown_captions

    for written in (*((out, out.with_suffix(".json")) if out else ()), json):
        if written and not is_stdout(written):
            output_file(written, video, captions)
    joint, said = load_model(model), read_captions(captions)
    if not said:
        raise VideoclipError(f"{captions}: holds no captions")
    features = encoder_for(joint, encoder, weights).encode_file(video)
    with about(captions):
        within = said_within(said, len(features))
    if len(within) < len(said):
        typer.echo(f"{captions}: left out {len(said) - len(within)} captions after the video's end", err=True)
    sentences = aligned(joint, features, within, reach)
    if out:
        write_captions(out, shown_captions(sentences))
        write_json(out.with_suffix(".json"), [asdict(s) for s in sentences])
    if json:
        write_json(json, [asdict(s) for s in sentences])
    if not is_stdout(json):
        print_aligned(sentences)


@app.command(
    rich_help_panel=PANEL,
    epilog=example("videoclip finetune coin --model runs/mine/model --data coin --out runs/coin epochs=5"),
)
def finetune(
    name: Annotated[str, typer.Argument(help=f"One with training videos, of {', '.join(BENCHMARKS)}.")],
    model: Annotated[str, typer.Option(help="The model to start from: a folder or hub name.")],
    data: Annotated[Path, local_option(help="Folder with the benchmark's files (world: with truth.json).")],
    out: Annotated[Path, local_option(help="Folder for the trained model and result.json.")],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Such as epochs=5 optimizer.lr=1e-4.")
    ] = None,
    corpus: CorpusOption = None,
    task: Annotated[str, typer.Option(help="Of a benchmark with several, such as segmentation.")] = "",
    show: Annotated[bool, keys_option("tasks.finetune", "FinetuneConfig")] = False,
    as_json: AsJson = False,
    device: Device = "",
) -> None:
    """Train a model further on a benchmark's training set; resumes where it was interrupted."""
    from ..benchmarks.evaluate import open_corpus
    from ..benchmarks.supervised import train_and_test
    from ..config import load_config
    from ..report.screen import print_finetuned
    from ..tasks.finetune import FinetuneConfig

    for setting in settings or []:
        if setting.startswith("task="):
            raise VideoclipError(f"{setting}: write --{setting.replace('=', ' ')}")
    config = load_config(FinetuneConfig, "", [*(settings or []), f"task={task}"])
    result = train_and_test(name, model, open_corpus(corpus, data), data, config, out)
    write_json(out / "result.json", result)
    if as_json:
        print_json(result)
    else:
        print_finetuned(result, out / "model")


@app.command(rich_help_panel=PANEL, epilog=example("videoclip experiment beyond --out experiments --seeds 1,2,3"))
def experiment(
    name: Annotated[str, typer.Argument(help=f"{', '.join(EXPERIMENTS)}; in one folder they share runs.")],
    out: Annotated[Path, local_option(help="Folder for worlds, runs, NAME.json and NAME.html.")],
    seeds: Annotated[str, typer.Option(help="Seeds of worlds and trainings, with commas.")] = "1,2,3",
    only: Annotated[list[str] | None, typer.Option(help="Run this variant alone; can be given several times.")] = None,
    videos: Annotated[int, number_option(Range(20, 1_000_000), help="Videos of each world.")] = 400,
    workers: Annotated[int, number_option(PROCESSES, help="Trainings at the same time; 0: one per core.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Train variants of the method on rendered videos and compare them; resumes where it was interrupted."""
    from ..recipes.experiment import run_experiment
    from ..report.comparison import in_lines, write_comparison

    try:
        numbers = [int(seed) for seed in seeds.split(",")]
    except ValueError as error:
        raise VideoclipError(f"--seeds '{seeds}': write numbers with commas between, such as 1,2,3") from error
    for number in numbers:
        check("--seeds", number, SEED, whole=True)
    if len(set(numbers)) < len(numbers):
        raise VideoclipError(f"--seeds '{seeds}': names one twice, whose figures would be taken for two runs")
    result = run_experiment(name, out, numbers, only or [], videos, workers)
    page = out / f"{name}.html"
    write_comparison(page, result)
    if as_json:
        print_json(result)
        return
    for line in in_lines(result):
        typer.echo(line)
    typer.echo(f"{result['seconds'] / 60:.0f} minutes. The report: {page}")
