"""Where nothing is named: the user's own library, and a model for this machine."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made_models import made_transformers
from typer.testing import CliRunner

from videoclip import Library
from videoclip.cli.main import app
from videoclip.encoders.ready_made import catalogue
from videoclip.encoders.ready_made.catalogue import CATALOGUE, ON_CPU, ON_GPU, Recommended, default_model
from videoclip.library import home
from videoclip.library.store.about import LibraryError
from videoclip.recipes import measuring

OFFLINE = {"VIDEOCLIP_OFFLINE": "1", "VIDEOCLIP_LIBRARY": ""}


def run(*arguments: str, **env: str):
    return CliRunner().invoke(app, list(arguments), env=OFFLINE | env)


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(home, "user_data_path", lambda name, **_: tmp_path / name)
    monkeypatch.delenv(home.VARIABLE, raising=False)
    return tmp_path / "videoclip" / "library"


def test_the_library_is_the_users_own_or_that_of_the_variable(own, monkeypatch):
    assert home.own_library() == own
    monkeypatch.setenv(home.VARIABLE, "/elsewhere")
    assert str(home.own_library()) == "/elsewhere"
    monkeypatch.setenv(home.VARIABLE, "s3://bucket/library")
    assert str(home.own_library()) == "s3://bucket/library"


def test_a_library_that_is_not_there_is_one_line_with_the_command_that_makes_it(own):
    with pytest.raises(LibraryError, match=f"{own}: holds no library; 'videoclip index VIDEOS"):
        Library()


def test_without_a_model_one_is_chosen_and_without_a_network_it_is_said_what_to_bring(own, tmp_path, monkeypatch):
    monkeypatch.setenv("VIDEOCLIP_OFFLINE", "1")
    said: list[str] = []
    name = home.first_model(said.append)
    assert name == default_model().name
    assert not said  # the error says it all
    (tmp_path / "videos").mkdir()
    done = run("index", str(tmp_path / "videos"))
    assert done.exit_code != 0
    assert not own.exists()
    message = str(done.exception)
    assert "\n" not in message
    assert all(part in message for part in (name, "VIDEOCLIP_OFFLINE forbids", f"https://huggingface.co/{name}"))


def test_what_comes_is_announced_with_size_licence_and_place(monkeypatch):
    monkeypatch.setattr(home, "why_not_asked", lambda: "")
    monkeypatch.setattr(home, "has_weights", lambda _: False)
    said: list[str] = []
    row = default_model()
    assert home.first_model(said.append) == row.name
    assert f"({row.download:g} GB, {row.licence}) comes once from huggingface.co into {home._cache()}" in said[0]


def test_the_default_is_by_hardware(monkeypatch):
    for kind, name in (("cpu", ON_CPU), ("cuda", ON_GPU)):
        monkeypatch.setattr(catalogue, "device_of", lambda kind=kind: type("Device", (), {"type": kind}))
        assert default_model().name == name


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.name)
def test_a_row_of_the_catalogue_is_complete(row: Recommended):
    assert row.name
    assert row.good_for
    assert row.licence
    assert row.source
    assert row.languages
    assert row.frames
    assert 0.5 * row.parameters < 1000 * row.download / 2 < 2.5 * row.parameters  # two to four bytes each
    assert row.extra in ("", "open-clip", "embed")


def test_models_are_listed_as_lines_and_as_json():
    lines = run("models").stdout
    assert f"{default_model().name}  (default here)" in lines
    rows = json.loads(run("models", "--json").stdout)
    assert [row["name"] for row in rows] == [row.name for row in CATALOGUE]
    assert sum(row["default"] for row in rows) == 1


def test_models_that_are_here_are_timed(tmp_path, monkeypatch):
    made_transformers("siglip", tmp_path / "made")
    monkeypatch.setattr(measuring, "has_weights", lambda name: name == str(tmp_path / "made"))
    rows = [replace(CATALOGUE[0], name=str(tmp_path / "made")), CATALOGUE[1]]
    (found,) = measuring.rates(rows, seconds=2).items()
    assert found[0] == rows[0].name
    assert found[1] > 0
