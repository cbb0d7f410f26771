"""Every option that says where something is: an object store's address is a place, or is refused in words."""

from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import typer

from videoclip.cli.main import app
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.errors import VideoclipError
from videoclip.storage.remote import Remote

ADDRESS = "s3://bucket/x"
OBJECT_STORES = {
    ("extract", "out"), ("extract", "reuse"), ("import", "out"), ("export", "corpus"), ("evaluate", "corpus"),
    ("finetune", "corpus"), ("index", "library"), ("search", "library"), ("serve", "library"), ("realign", "corpus"),
    ("realign", "out"),
}  # fmt: skip
"""What may lie in an object store."""
NO_PLACES = {
    "name", "seed", "narrator", "set", "settings", "text", "mode", "language", "after", "before", "form", "format",
    "match", "split", "rule", "template", "normalization", "task", "seeds", "only", "choices", "question",
    "host", "token", "metric", "transcribe", "read_screen", "device", "decode",
}  # fmt: skip
"""Texts that name nothing that lies anywhere."""
ELSEWHERE = {"model", "ray", "mirror", "moved"}
"""What has addresses of its own kinds: ``load_model`` takes places and names of the hub; a cluster's, a mirror's; and
two folders in one option, where ``tests/library/test_moved.py`` looks."""
NAMED = {("import", "encoder")}
"""Names that go into a corpus, and are not looked up."""


def options() -> list[tuple[str, Any]]:
    """Every parameter of every command that is given as text."""
    group: Any = typer.main.get_command(app)
    found = []
    for name, command in group.commands.items():
        kinds = get_type_hints(command.callback)
        for parameter in command.params:
            kind = kinds.get(parameter.name, bool)  # --help is none of the function's
            if not {kind, *get_args(kind)} & {bool, int, float}:
                found.append((name, parameter))
    return found


def parsed(command: str, parameter: Any) -> Any:
    """What the command would be called with if this parameter were the address, and the others something plain."""
    group: Any = typer.main.get_command(app)
    made, arguments, named = group.commands[command], [], []
    for other in made.params:
        is_asked = other.name == parameter.name
        if not is_asked and not other.required:
            continue
        given = ADDRESS if is_asked else "plain"
        if other.param_type_name == "argument":
            arguments.append(given)
        else:
            named += [other.opts[0], given]
    return made.make_context(command, [*named, *arguments]).params[parameter.name]


ALL = options()
LOOKED_AT = [(c, p) for c, p in ALL if p.name not in NO_PLACES | ELSEWHERE and (c, p.name) not in NAMED]


def test_most_options_are_looked_at():
    assert len(LOOKED_AT) > 40
    assert {("export", "folder"), ("align", "out"), ("search", "export")} <= {(c, p.name) for c, p in LOOKED_AT}


@pytest.mark.parametrize(("command", "parameter"), LOOKED_AT, ids=[f"{c}-{p.name}" for c, p in LOOKED_AT])
def test_an_address_is_taken_as_a_place_or_refused_in_words(command, parameter):
    if (command, parameter.name) in OBJECT_STORES:
        assert parsed(command, parameter) == Remote(ADDRESS)
        return
    with pytest.raises(VideoclipError, match=f"^{ADDRESS}: lies in an object store, and this has to be a local path"):
        parsed(command, parameter)


def test_no_folder_is_made_that_is_named_like_an_address(videoclip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Corpus.create(tmp_path / "c.lance", FeatureKind("made", 8))
    for command in (
        ["export", "c.lance", ADDRESS], ["world", ADDRESS, "--videos", "1"], ["demo", "--out", ADDRESS],
        ["convert", "c.lance", ADDRESS], ["download", "videoclip", "--out", ADDRESS],
    ):  # fmt: skip
        code, _, complaint = videoclip(*command)
        assert code == 2
        assert complaint.strip().splitlines() == [complaint.strip()]
        assert "lies in an object store" in complaint
    assert [path.name for path in Path(tmp_path).iterdir()] == ["c.lance"]
