"""The reference of the documentation is what the code gives, and its examples do what they say."""

import importlib.util
import os
import re
from pathlib import Path

import pytest
from painted import paint

import videoclip
from videoclip import VideoCLIP, load_encoder
from videoclip.corpus.extract import ExtractOptions, extract
from videoclip.library.index import IndexOptions, index
from videoclip.media.files import find_videos
from videoclip.model.config import ModelConfig

ROOT = Path(__file__).parent.parent
SPEC = importlib.util.spec_from_file_location("reference", ROOT / ".ci" / "reference.py")
reference = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(reference)

SAID = {"chisel": "now we sharpen the chisel slowly", "onion": "slice the onion into thin rings"}
EXAMPLES = sorted(reference.EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", ["commands.md", "configuration.md", "api.md"])
def test_a_page_is_what_the_code_gives(name):
    written = (reference.REFERENCE / name).read_text(encoding="utf-8")
    assert written == reference.pages()[name], "run: python .ci/reference.py"


def test_a_page_does_not_depend_on_the_width_of_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    assert "\n".join(reference.commands()) in reference.pages()["commands.md"]


def test_every_public_name_is_described_once_and_has_an_example():
    names = [name for names in reference.GROUPS.values() for name in names]
    assert sorted(names) == sorted({*videoclip.__all__} - {"__version__"})
    assert [path.stem for path in EXAMPLES] == sorted(names)


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Path:
    """A folder with what the examples name: videos, a corpus, a model, a library and a table of pairs."""
    folder = tmp_path_factory.mktemp("examples")
    before = Path.cwd()
    os.chdir(folder)
    try:
        Path("videos").mkdir()
        for name, colour, seconds in (("chisel", "red", 12), ("onion", "blue", 10)):
            paint(Path(f"videos/{name}.mp4"), (colour, seconds))
            Path(f"videos/{name}.srt").write_text(f"1\n00:00:05,000 --> 00:00:08,000\n{SAID[name]}\n")
        encoder = load_encoder("demo")
        extract(find_videos(Path("videos")), encoder, Path("my.lance"), ExtractOptions(workers=1))
        sizes = {"hidden_size": 32, "heads": 2, "intermediate_size": 64, "video_layers": 1, "text_layers": 1}
        config = ModelConfig(**sizes, feature_size=encoder.feature_size, encoder=encoder.name, positions=64)
        model = VideoCLIP(config)
        model.save_pretrained("runs/mine/model")
        options = IndexOptions(workers=1)
        index([Path("videos")], Path("my-library"), model, encoder, options, lambda _: None)
        Path("pairs.csv").write_text("video,start,end,text\nchisel,5,8,sharpen the chisel\nonion,5,8,slice the onion\n")
    finally:
        os.chdir(before)
    return folder


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_prints_what_its_comments_say(path, here, monkeypatch, capsys):
    monkeypatch.chdir(here)
    text = path.read_text(encoding="utf-8")
    exec(compile(text, str(path), "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out.splitlines()
    promised = re.findall(r"^ *print\(.*\)  # (.*)$", text, flags=re.MULTILINE)
    assert [line.strip() for line in printed] == promised
