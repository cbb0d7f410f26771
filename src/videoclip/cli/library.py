"""The commands for one's own videos: index, transcribe, search, segment, steps, ask, serve."""

import json as json_module
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import VideoclipError
from ..ranges import PROCESSES, SECONDS, Range
from ..storage.folders import output_file
from ..storage.places import local, write_whole
from .options import (
    AnyPlace,
    AsJson,
    Device,
    JsonFile,
    Meaning,
    ReadScreen,
    SpeechModel,
    Transcribe,
    about,
    example,
    is_stdout,
    local_argument,
    local_name,
    local_option,
    number_option,
    place_option,
    print_json,
    write_json,
)

if TYPE_CHECKING:
    from ..library.index import Indexed

app = typer.Typer()
PANEL = "Your own videos: find and label moments"
LibraryFolder = Annotated[
    AnyPlace | None,
    place_option("--library", help="The library's folder (default: your own; VIDEOCLIP_LIBRARY names another)."),
]
ModelName = Annotated[str, typer.Option(help="A model's folder or hub name, ours or a ready-made one.")]
EncoderName = Annotated[str, local_name(help="As for extract (default: the one the model was trained on).")]
Weights = Annotated[str, local_name(help="For s3d: the path of s3d_howto100m.pth (default: as downloaded).")]
OwnVideo = Annotated[Path, local_argument(help="A video file.")]


@app.command(
    "index",
    rich_help_panel=PANEL,
    epilog=example("videoclip index my-videos"),
)
def index_(
    library: LibraryFolder = None,
    videos: Annotated[
        list[Path] | None, local_argument(help="Folders, searched with their subfolders, or files.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="A model's folder or hub name, ours or a ready-made one (default: 'videoclip models').")
    ] = "",
    encoder: EncoderName = "",
    weights: Weights = "",
    prune: Annotated[bool, typer.Option("--prune", help="Remove videos whose files are gone.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and index what changes.")] = False,
    moved: Annotated[
        tuple[str, str] | None, typer.Option(metavar="OLD NEW", help="Videos that lay below OLD lie below NEW now.")
    ] = None,
    language: Annotated[
        str, typer.Option(help="Captions that are preferred where there are several (default: as before, or en).")
    ] = "",
    workers: Annotated[int, number_option(PROCESSES, help="Files to work on at the same time; 0: one per core.")] = 0,
    transcribe: Transcribe = "auto",
    speech_model: SpeechModel = "",
    replace_heard: Annotated[
        bool, typer.Option("--replace-heard", help="With --transcribe always: also what another recogniser heard.")
    ] = False,
    read_screen: ReadScreen = "auto",
    meaning: Meaning = "auto",
    look_again: Annotated[
        bool, typer.Option("--look-again", help="A model of another encoder looks at all videos anew; speech stays.")
    ] = False,
    as_json: AsJson = False,
    device: Device = "",
) -> None:
    """Make your videos searchable, or bring that up to date; resumes where it was interrupted."""
    from dataclasses import asdict

    from ..library.home import first_model, own_library
    from ..library.index import IndexOptions, index, note_state
    from ..library.index import watch as watching
    from ..library.meaning import sentences_for
    from ..library.moved import model_of, move
    from ..library.store.about import is_library, read_about
    from ..media.rapid_ocr import reader_for
    from ..media.speech.weights import ears_for
    from ..model.joint import encoder_for, load_model
    from ..recipes.demo import advice_on_demo
    from ..report.lines import complain, print_indexed

    folder = library or own_library()
    if moved:
        typer.echo(f"{folder}: {move(folder, moved[0], local(moved[1]))}")
    if not videos:
        if moved:
            return
        raise VideoclipError("name the videos to index: folders or files")
    ears, reader = ears_for(transcribe, speech_model, replace_heard, complain), reader_for(read_screen)
    options = IndexOptions(
        prune, language, workers, look_again=look_again, ears=ears, reader=reader,
        meaning=sentences_for(meaning, complain),
    )  # fmt: skip
    if not model:
        model = model_of(read_about(folder), folder) if is_library(folder) else first_model(complain)
    loaded = load_model(model)
    seer = encoder_for(loaded, encoder, weights)
    folder.mkdir(parents=True, exist_ok=True)
    if advice := advice_on_demo(seer.name, videos):
        complain(advice)

    def run() -> "Indexed":
        return index(videos, folder, loaded, seer, options, note_state(folder))

    for result in watching(videos, run) if watch else [run()]:
        if as_json:
            done = asdict(result) | {"inventory": result.inventory.as_json()}
            typer.echo(json_module.dumps(done, indent=None if watch else 1))
        else:
            print_indexed(result, folder, f" --library {shlex.quote(str(folder))}" if library else "")


@app.command(rich_help_panel=PANEL, epilog=example("videoclip transcribe talk.mp4 --out transcripts --format vtt"))
def transcribe(
    files: Annotated[list[Path], local_argument(help="Videos or recordings, or folders of them.")],
    out: Annotated[Path, local_option(help="Folder for what is heard, by the names of the files.")],
    format: Annotated[
        list[str] | None,
        typer.Option(help="srt, vtt or json (with word times); may be given again (default: srt)."),
    ] = None,
    form: Annotated[list[str] | None, typer.Option(hidden=True)] = None,
    speech_model: SpeechModel = "",
    language: Annotated[str, typer.Option(help="Of the sound track that is preferred where there are several.")] = "",
    as_json: AsJson = False,
) -> None:
    """Write down what is said in videos, by speech recognition; resumes where it was interrupted."""
    from ..media.files import look_for_videos
    from ..media.languages import wanted_language
    from ..media.speech.weights import load_transcriber
    from ..media.speech.writing import check_forms, transcribe_files
    from ..report.lines import complain, print_transcribed

    forms = format or form or ["srt"]
    check_forms(forms)
    sources = look_for_videos(files).videos
    if not sources:
        raise VideoclipError(f"{files[0]}: no videos or recordings in it")
    written = transcribe_files(sources, load_transcriber(speech_model, complain), out, forms, wanted_language(language))
    if as_json:
        done = {"model": written.model, "heard": list(written.heard), "unheard": written.unheard}
        print_json(done | {"present": written.present})
    else:
        print_transcribed(written, out)


@app.command(rich_help_panel=PANEL, epilog=example("videoclip search 'someone slices an onion'"))
def search(
    library: LibraryFolder = None,
    text: Annotated[str, typer.Argument(help="What is looked for, such as 'someone slices an onion'.")] = "",
    mode: Annotated[str, typer.Option(help="all, or sight, speech, written; several with commas.")] = "all",
    limit: Annotated[int, number_option(Range(1, 1000), help="Moments at most.")] = 10,
    like: Annotated[Path | None, local_option(help="A video clip or an image: moments that look like it.")] = None,
    folder: Annotated[str, local_name(help="Only videos below this folder.")] = "",
    after: Annotated[str, typer.Option(help="Only videos recorded since this date, such as 2026-01-31.")] = "",
    before: Annotated[str, typer.Option(help="Only videos recorded until this date.")] = "",
    shortest: Annotated[float | None, number_option(SECONDS, help="Only videos of at least so many seconds.")] = None,
    longest: Annotated[float | None, number_option(SECONDS, help="Only videos of at most so many seconds.")] = None,
    language: Annotated[str, typer.Option(help="Only videos with captions in this language.")] = "",
    by_video: Annotated[bool, typer.Option("--by-video", help="List the moments of a video together.")] = False,
    everything: Annotated[bool, typer.Option("--everything", help="Also what merely comes closest.")] = False,
    format: Annotated[str, typer.Option(help="list, json, csv, m3u, edl or fcpxml.")] = "list",
    form: Annotated[str, typer.Option(hidden=True)] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    out: Annotated[Path | None, local_option(help="File to write, in the format of its suffix.")] = None,
    export: Annotated[Path | None, local_option(help="Folder for clips of the moments.")] = None,
    encode: Annotated[bool, typer.Option("--encode", help="Cut clips at the very frame, encoding anew.")] = False,
    weights: Weights = "",
    device: Device = "",
) -> None:
    """Find moments of your videos by describing them."""
    from ..library.exports import export_clips, in_form
    from ..library.search import Library, Query
    from ..media.dates import asked
    from ..report.lines import print_hits

    format = form or format
    if as_json and format not in ("list", "json"):
        raise VideoclipError(f"--json and --format {format}: choose one, and write the other into a file by --out")
    format = "json" if as_json else format
    opened = Library(library or "")
    query = Query(
        text=text, mode=mode, limit=limit, folder=folder, after=asked(after, "--after"),
        before=asked(before, "--before", end=True), shortest=shortest, longest=longest, language=language,
        by_video=by_video, everything=everything,
    )  # fmt: skip
    vector = None
    if like:
        vector = opened.vector_of(like, opened.encoder(weights))
    found, title = opened.search(query, vector), text or f"like {like}"
    if out:
        write_whole(output_file(out), in_form(out.suffix.lstrip(".").lower(), found.hits, title))
    made, failed = export_clips(found.hits, export, encode) if export and found.hits else ([], {})
    if format != "list":
        typer.echo(in_form(format, found.hits, title), nl=False)
    else:
        print_hits(found, text)
    for reason in failed.values():
        typer.echo(f"not cut: {reason}", err=True)
    if export and found.hits:
        typer.echo(f"{export}: {len(made)} clips", err=format != "list")


@app.command(
    rich_help_panel=PANEL,
    epilog=example("videoclip segment talk.mp4 --labels labels.txt --model runs/mine/model --out labels.vtt"),
)
def segment(
    video: OwnVideo,
    labels: Annotated[Path, local_option(help="Text file: a label a line.")],
    model: ModelName,
    out: Annotated[Path | None, local_option(help="Captions to write, .srt or .vtt.")] = None,
    picture: Annotated[Path | None, local_option(help="Timeline to write (.svg).")] = None,
    json: JsonFile = None,
    rule: Annotated[str, typer.Option(help="spread (ours), paper, or background (after fine-tuning).")] = "spread",
    encoder: EncoderName = "",
    weights: Weights = "",
    device: Device = "",
) -> None:
    """Say which of your labels each second of a video shows."""
    from ..tasks.one_video import read_lines, segments
    from ..tasks.segmentation import RULES

    if rule not in RULES:
        raise VideoclipError(f"--rule '{rule}'; choose from {', '.join(RULES)}")
    names = list(dict.fromkeys(read_lines(labels)))
    _check_outputs((video, labels), out, picture, json)
    joint, features = _understood(video, model, encoder, weights)
    with about(video):
        found = segments(joint, features, names, rule)
    _write_segments(found, names, len(features), video, out, picture, json)


@app.command(
    rich_help_panel=PANEL, epilog=example("videoclip steps talk.mp4 --steps steps.txt --model runs/mine/model")
)
def steps(
    video: OwnVideo,
    steps: Annotated[Path, local_option("--steps", help="Text file: a step a line, in their order.")],
    model: ModelName,
    out: Annotated[Path | None, local_option(help="Captions to write, .srt or .vtt.")] = None,
    picture: Annotated[Path | None, local_option(help="Timeline to write (.svg).")] = None,
    json: JsonFile = None,
    encoder: EncoderName = "",
    weights: Weights = "",
    device: Device = "",
) -> None:
    """Find out when each of ordered steps is shown in a video."""
    from ..tasks.one_video import read_lines
    from ..tasks.one_video import steps as run

    names = read_lines(steps)
    _check_outputs((video, steps), out, picture, json)
    joint, features = _understood(video, model, encoder, weights)
    with about(video):
        found = run(joint, features, names)
    _write_segments(found, names, len(features), video, out, picture, json)


@app.command(
    rich_help_panel=PANEL,
    epilog=example("videoclip ask talk.mp4 'slicing an onion' 'frying an egg' --model runs/mine/model"),
)
def ask(
    video: OwnVideo,
    choices: Annotated[list[str], typer.Argument(help="Possible answers.")],
    model: ModelName,
    question: Annotated[str, typer.Option(help="Stands before each answer.")] = "",
    start: Annotated[float, number_option(SECONDS, help="Second from which on the video counts.")] = 0.0,
    end: Annotated[float | None, number_option(SECONDS, help="Second until which it counts.")] = None,
    json: JsonFile = None,
    encoder: EncoderName = "",
    weights: Weights = "",
    device: Device = "",
) -> None:
    """Choose which of several answers fits a video."""
    from ..tasks.one_video import answers, check_choices, part_of

    check_choices(choices)
    if end is not None and end <= start:
        raise VideoclipError(f"--end {end:g} is not after --start {start:g}; nothing lies between them")
    _check_outputs((video,), json)
    joint, features = _understood(video, model, encoder, weights)
    with about(video):
        shares = answers(joint, part_of(features, start, end), choices, question)
    if json:
        answer = choices[shares.index(max(shares))]
        result = {"video": str(video), "question": question, "answer": answer}
        write_json(json, result | {"shares": dict(zip(choices, shares, strict=True))})
    if not is_stdout(json):
        for share, choice in sorted(zip(shares, choices, strict=True), reverse=True):
            typer.echo(f"{100 * share:5.1f} %  {choice}")


def _check_outputs(inputs: tuple[Path, ...], *paths: Path | None) -> None:
    for path in paths:
        if path and not is_stdout(path):
            output_file(path, *inputs)


def _understood(video: Path, model: str, encoder: str, weights: str):
    """A model, and the features of a video for it."""
    from ..model.joint import encoder_for, load_model

    joint = load_model(model)
    return joint, encoder_for(joint, encoder, weights).encode_file(video)


def _write_segments(
    found: list, names: list[str], seconds: int, video: Path, out: Path | None, picture: Path | None, json: Path | None
) -> None:
    from dataclasses import asdict

    from ..media.captions import write_captions
    from ..report.lines import print_segments
    from ..report.plots import stretches
    from ..tasks.one_video import as_captions

    if out:
        write_captions(out, as_captions(found))
    if picture:
        write_whole(picture, stretches(seconds, [(p.start, p.end, p.label) for p in found], names))
    if json:
        write_json(json, {"video": str(video), "seconds": seconds, "segments": [asdict(part) for part in found]})
    if not is_stdout(json):
        print_segments(found, seconds)


@app.command(rich_help_panel=PANEL, epilog=example("videoclip serve"))
def serve(
    library: LibraryFolder = None,
    port: Annotated[int, number_option(Range(0, 65_535), help="0: any free one.")] = 8400,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but this machine's own needs a token.")
    ] = "127.0.0.1",
    token_file: Annotated[
        Path | None,
        local_option(help="File with what a visitor must know, at least 16 characters (default: VIDEOCLIP_TOKEN)."),
    ] = None,
    token: Annotated[str, typer.Option(hidden=True)] = "",
    uploads: Annotated[bool, typer.Option("--uploads", help="Allow searching by an uploaded image or clip.")] = False,
    device: Device = "",
) -> None:
    """Search your videos in the browser."""
    from ..library.home import own_library
    from ..serve.access import Options
    from ..serve.server import run
    from ..serve.sessions import token_of

    if token:
        raise VideoclipError(
            "a token among the arguments stands in the list of processes; put it into VIDEOCLIP_TOKEN or a file "
            "(--token-file)"
        )
    run(library or own_library(), Options(token=token_of(token_file), uploads=uploads, host=host, port=port))
