import csv
import io
import json
from pathlib import Path

import pytest
from made import write

from videoclip.encoders.load import load_encoder
from videoclip.media.captions import read_captions
from videoclip.model.config import ModelConfig
from videoclip.model.videoclip import VideoCLIP


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model that knows nothing, for the demo's encoder."""
    kind = load_encoder("demo").kind
    sizes = ModelConfig(
        feature_size=kind.feature_size, hidden_size=16, heads=2, intermediate_size=32, video_layers=1, text_layers=1,
        positions=64, encoder=kind.encoder, normalized=kind.normalized,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("model")
    VideoCLIP(sizes).save_pretrained(folder)
    return folder


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    for name, shade in (("a", 60), ("b", 180)):
        write(folder / f"{name}.mp4", [shade + i % 40 for i in range(120)], fps=10)
    (folder / "a.srt").write_text("1\n00:00:02,000 --> 00:00:05,000\nwe sharpen the chisel\n")
    (folder / "bad.mp4").write_bytes(b"nothing at all")
    return folder


def test_from_a_folder_of_videos_to_moments_in_every_form(videoclip, videos, model, tmp_path):
    library = tmp_path / "library"
    code, out, err = videoclip("index", videos, "--library", library, "--model", model)
    assert (code, "2 added" in out, "1 set aside" in out) == (0, True, True)
    assert "bad.mp4: not a video" in err
    code, out, _ = videoclip("index", videos, "--library", library)  # the library knows its model
    assert "0 added (0.00 h), 2 unchanged" in out
    _, out, _ = videoclip("search", "--library", library, "sharpening chisels", "--mode", "speech")
    assert f"  said  {videos / 'a.mp4'}\n" in out
    assert "“we sharpen the chisel”" in out
    _, out, _ = videoclip("search", "--library", library, "chisel sharpening", "--format", "json", "--mode", "speech")
    (hit,) = json.loads(out)["hits"]
    assert (hit["said"], hit["sight"]) == ("we sharpen the chisel", None)
    _, same, _ = videoclip("search", "--library", library, "chisel sharpening", "--json", "--mode", "speech")
    assert json.loads(same) == json.loads(out)
    rows = tmp_path / "hits.csv"
    videoclip(
        "search", "--library", library, "a", "--everything", "--out", rows, "--export", tmp_path / "clips", "--encode"
    )
    found = list(csv.DictReader(io.StringIO(rows.read_text())))
    assert found
    assert len(list((tmp_path / "clips").glob("*.mp4"))) == len(found)


def test_mistakes_are_one_line_with_the_remedy(videoclip, videos, model, tmp_path):
    library = tmp_path / "library"
    for arguments, words in (
        (("index", videos, "--library", library), "name their folder"),
        (("search", "--library", library, "x"), "videoclip index"),
        (("serve", "--library", library), "videoclip index"),
        (("index", tmp_path / "none", "--library", library, "--model", model), "no such file"),
        (("segment", videos / "a.mp4", "--labels", tmp_path / "none.txt", "--model", model), "none.txt"),
        (("ask", videos / "a.mp4", "one", "--model", model), "at least two"),
    ):
        code, _, err = videoclip(*arguments)
        assert (code, words in err, err.count("\n")) == (2, True, 1), (arguments, err)
    videoclip("index", videos, "--library", library, "--model", model)
    for arguments, words in (
        (("--mode", "smell"), "all, sight, speech"),
        (("--after", "yesterday"), "2026-01-31"),
        (("--form", "docx"), "choose from json"),
        (("--out", tmp_path / "x.docx"), "choose from json"),
        (("--json", "--format", "csv"), "choose one"),
    ):
        code, _, err = videoclip("search", "--library", library, "x", *arguments)
        assert (code, words in err) == (2, True), err
    code, _, err = videoclip("serve", "--library", library, "--host", "0.0.0.0")
    assert (code, "token" in err) == (2, True)


def test_a_file_of_ones_own_is_labelled_in_steps_and_asked(videoclip, videos, model, tmp_path):
    (tmp_path / "labels.txt").write_text("cut\nsand\n")
    written = {"--out": tmp_path / "l.vtt", "--picture": tmp_path / "l.svg", "--json": tmp_path / "l.json"}
    options = [part for pair in written.items() for part in pair]
    code, out, _ = videoclip("steps", videos / "a.mp4", "--steps", tmp_path / "labels.txt", "--model", model, *options)
    assert (code, "2 segments" in out) == (0, True)
    result = json.loads((tmp_path / "l.json").read_text())
    assert [part["label"] for part in result["segments"]] == ["cut", "sand"]
    assert [c.text for c in read_captions(tmp_path / "l.vtt")] == ["cut", "sand"]
    assert (tmp_path / "l.svg").read_text().startswith("<svg")
    code, out, _ = videoclip(
        "segment", videos / "a.mp4", "--labels", tmp_path / "labels.txt", "--model", model, *options
    )
    assert (code, "are labelled" in out) == (0, True)
    code, out, _ = videoclip(
        "ask", videos / "a.mp4", "sanding", "cutting", "--model", model, "--json", tmp_path / "a.json"
    )
    answer = json.loads((tmp_path / "a.json").read_text())
    assert sum(answer["shares"].values()) == pytest.approx(1)
    assert answer["answer"] in out.splitlines()[0]


def test_what_is_read_is_never_written_over(videoclip, videos, tmp_path):
    video, labels, said = videos / "a.mp4", tmp_path / "labels.txt", tmp_path / "said.json"
    labels.write_text("cut\nsand\n")
    said.write_text('[{"start": 0, "end": 1, "text": "cut"}]')
    (tmp_path / "link.srt").symlink_to(video)
    before = video.read_bytes(), labels.read_bytes(), said.read_bytes()
    for command in (
        ("segment", video, "--labels", labels, "--out", video),
        ("segment", video, "--labels", labels, "--out", tmp_path / "link.srt"),
        ("steps", video, "--steps", labels, "--json", labels),
        ("ask", video, "a", "b", "--json", video),
        ("align", video, "--captions", said, "--out", tmp_path / "said.srt"),
    ):
        code, _, err = videoclip(*command, "--model", "none")
        assert (code, "would be written over" in err) == (2, True), err
    assert (video.read_bytes(), labels.read_bytes(), said.read_bytes()) == before


IMPOSSIBLE = Path(__file__).parents[1] / "cases" / "33-impossible"


def test_what_is_impossible_is_said_to_be_in_one_line(videoclip, model, tmp_path):
    video = IMPOSSIBLE / "a.mp4"
    (tmp_path / "blank.txt").write_text(" \n\t\n")
    for arguments, words in (
        (
            ("steps", video, "--steps", IMPOSSIBLE / "many.txt"),
            "a.mp4: 20 steps cannot follow each other in a video of 12",
        ),
        (
            ("align", video, "--captions", IMPOSSIBLE / "beyond.srt"),
            "beyond.srt: nothing is said while the video lasts",
        ),
        (("ask", video, "a", "b", "--start", "5", "--end", "2"), "--end 2 is not after --start 5"),
        (("ask", video, "a", "b", "--start", "12"), "which ends at 12 s"),
        (("ask", video, "a", "b", "--end", "60"), "which ends at 12 s"),
        (("ask", video, "a", " "), "a text is empty"),
        (("ask", video, "a", "a"), "answer 'a' is named twice"),
        (("segment", video, "--labels", tmp_path / "blank.txt"), "blank.txt: is empty"),
    ):
        code, out, err = videoclip(*arguments, "--model", model)
        assert (code, out, words in err, err.count("\n")) == (2, "", True, 1), (arguments, err)


def test_captions_after_the_end_do_not_cost_the_others(videoclip, model, tmp_path):
    (tmp_path / "said.srt").write_text(
        "1\n00:00:02,000 --> 00:00:04,000\nslice it\n\n2\n00:01:40,000 --> 00:01:45,000\nserve it\n"
    )
    code, out, err = videoclip("align", IMPOSSIBLE / "a.mp4", "--captions", tmp_path / "said.srt", "--model", model)
    assert (code, "of 1 sentences" in out) == (0, True)
    assert "said.srt: left out 1 captions after the video's end" in err


def test_files_are_written_before_anything_is_printed(videoclip, videos, model, tmp_path, monkeypatch):
    """A terminal that is closed, or a pipe that breaks, costs no result."""

    def broken(*_, **__):
        raise KeyboardInterrupt

    (tmp_path / "labels.txt").write_text("cut\nsand\n")
    written = [tmp_path / name for name in ("s.vtt", "s.svg", "s.json", "a.json")]
    for printer in ("videoclip.report.lines.print_segments", "typer.echo"):
        with monkeypatch.context() as patched:
            patched.setattr(printer, broken)
            common = (videos / "a.mp4", "--model", model)
            files = ("--out", written[0], "--picture", written[1], "--json", written[2])
            if "print" in printer:
                videoclip("segment", *common, "--labels", tmp_path / "labels.txt", *files)
            else:
                with pytest.raises(KeyboardInterrupt):
                    videoclip("ask", *common, "cut", "sand", "--json", written[3])
    assert [path.name for path in written if not path.is_file()] == []


def test_a_dash_prints_the_result_alone(videoclip, videos, model, tmp_path):
    (tmp_path / "labels.txt").write_text("cut\nsand\n")
    for command, key in (
        (("segment", videos / "a.mp4", "--labels", tmp_path / "labels.txt"), "segments"),
        (("ask", videos / "a.mp4", "cut", "sand"), "shares"),
    ):
        code, out, _ = videoclip(*command, "--model", model, "--json", "-")
        assert (code, key in json.loads(out)) == (0, True)
    assert not Path("-").exists()
