"""Models go to the hub and come back from it: to a stand-in on this machine, by the hub's own library."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hub import Hub
from huggingface_hub import ModelCard, constants
from safetensors.torch import load

import videoclip
from videoclip import VideoCLIP, load_encoder, load_model
from videoclip.errors import WeightsError
from videoclip.media.speech.weights import _downloaded, _weights
from videoclip.model.card import About
from videoclip.model.config import ModelConfig
from videoclip.model.official import bert_tensors
from videoclip.published import hub as asking

SMALL = ModelConfig(
    feature_size=16, hidden_size=32, heads=2, intermediate_size=64, video_layers=1, text_layers=1, positions=80,
    max_seconds=8, max_text_tokens=10, encoder="made",
)  # fmt: skip
SCRIPT = """
import sys
from videoclip import VideoCLIP, load_model
from videoclip.errors import VideoclipError

what, *names = sys.argv[1:]
if what == "push":
    folder, name = names
    model = VideoCLIP.from_pretrained(folder)
    print(model.push_to_hub(name, private=True))
    assert model.name == folder, model.name
    again = VideoCLIP.from_pretrained(name)
    assert again.name == load_model(name).name == name
    print(again.fingerprint)
else:
    try:
        VideoCLIP.from_pretrained(names[0]).push_to_hub(names[1])
    except VideoclipError as error:
        print(error)
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    torch.manual_seed(0)
    VideoCLIP(SMALL).save_pretrained(tmp_path / "model", About("For 2 epochs.", "Rendered videos.", {"R@1": 0.5}))
    return tmp_path / "model"


def run(address: str, home: Path, *arguments: object) -> list[str]:
    """A process of its own, which knows the stand-in as the hub: the lines that it prints."""
    known = {name: value for name, value in os.environ.items() if not name.endswith("_OFFLINE")}
    source = str(Path(videoclip.__file__).parent.parent)
    own = {"HF_ENDPOINT": address, "HF_HOME": str(home), "HF_TOKEN": "hf_made", "PYTHONPATH": source}
    own |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=known | own, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_model_goes_to_the_hub_whole_with_its_card_and_comes_back(folder, tmp_path):
    with Hub() as hub:
        address, fingerprint = run(hub.address, tmp_path / "home", "push", folder.resolve(), "acme/cooks")
    assert address.startswith(f"{hub.address}/acme/cooks/commit/")
    sent = hub.models["acme/cooks"]
    assert {"README.md", "config.json", "model.safetensors"} == sent.keys() - {".gitattributes"}
    assert json.loads(sent["config.json"]) == json.loads((folder / "config.json").read_text())
    assert sent["model.safetensors"] in hub.large.values()
    mine = VideoCLIP.from_pretrained(folder)
    assert load(sent["model.safetensors"]).keys() == load((folder / "model.safetensors").read_bytes()).keys()
    assert fingerprint == mine.fingerprint
    card = ModelCard(sent["README.md"].decode())
    assert card.data.library_name == "videoclip"
    assert "For 2 epochs. Rendered videos." in card.text
    assert "| R@1 | 0.5 |" in card.text


def test_a_hub_that_does_not_know_who_uploads_is_one_line_with_the_remedy(folder, tmp_path):
    with Hub(takes=False) as hub:
        (line,) = run(hub.address, tmp_path / "home", "refused", folder, "acme/cooks")
    assert line.startswith("acme/cooks: cannot be uploaded (")
    assert "hf auth login" in line


@pytest.fixture
def unreachable(monkeypatch):
    """A hub that refuses connections: the requests that were tried of it."""
    from huggingface_hub.utils import get_session

    for variable in ("HF_HUB_OFFLINE", "VIDEOCLIP_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    asked, kind = [], type(get_session())
    request = kind.request
    monkeypatch.setattr(kind, "request", lambda *a, **k: asked.append(a) or request(*a, **k))
    asking._no_answer.cache_clear()
    yield asked
    asking._no_answer.cache_clear()


def test_a_hub_that_cannot_be_reached_is_asked_once_and_one_line_says_which_files_to_bring(unreachable, folder):
    asks = {
        "VideoCLIP": lambda: VideoCLIP.from_pretrained("acme/cooks"),
        "load_model": lambda: load_model("acme/cooks"),
        "image:": lambda: load_encoder("image:acme/cooks"),
        "BERT": lambda: bert_tensors(SMALL, "acme/cooks"),
        "speech": lambda: _downloaded(_weights("acme/cooks"), print),
        "upload": lambda: VideoCLIP.from_pretrained(folder).push_to_hub("acme/cooks"),
    }
    began = time.monotonic()
    for what, ask in asks.items():
        with pytest.raises(WeightsError, match=r"acme/cooks.*the hub cannot be reached") as told:
            ask()
        assert "\n" not in str(told.value), what
        assert "bring " in str(told.value) or what == "upload"
    assert (
        len(unreachable) == 2
    )  # an upload looks again: what was trained should not be lost to a moment without a line
    assert time.monotonic() - began < 15  # the hub's library alone retries for 23 s with each


def test_offline_not_even_the_hubs_library_asks_for_anything(unreachable, monkeypatch):
    monkeypatch.setenv("VIDEOCLIP_OFFLINE", "1")
    for ask in (VideoCLIP.from_pretrained, lambda name: load_encoder(f"image:{name}")):
        with pytest.raises(WeightsError, match=r"VIDEOCLIP_OFFLINE forbids .* bring all files of https://"):
            ask("acme/cooks")
    assert constants.HF_HUB_OFFLINE
    assert unreachable == []


def test_what_a_folder_lacks_of_a_model_is_named(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"model: no VideoCLIP model there: no model\.safetensors"):
        VideoCLIP.from_pretrained(folder)


def test_options_of_the_hub_reach_it(monkeypatch, folder):
    given = {}
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, **options: given.update(options) or folder)
    model = VideoCLIP.from_pretrained("acme/cooks", revision="v2", token="hf_made")
    assert model.name == "acme/cooks"
    assert (given["revision"], given["token"]) == ("v2", "hf_made")
    assert given["allow_patterns"] == ["config.json", "model.safetensors"]
