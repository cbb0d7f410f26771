import csv
import io
import json

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
    _, out, _ = videoclip("search", "--library", library, "chisel sharpening", "--form", "json", "--mode", "speech")
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
        (("index", videos, "--library", library), "name a model"),
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
        (("--mode", "smell"), "both, sight, speech"),
        (("--after", "yesterday"), "2026-01-31"),
        (("--form", "docx"), "choose from json"),
        (("--out", tmp_path / "x.docx"), "choose from json"),
        (("--json", "--form", "csv"), "choose one"),
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
