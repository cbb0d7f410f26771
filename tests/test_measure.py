"""Benches are found by name, and nothing else is run."""

import pytest
from typer.testing import CliRunner

from videoclip import measure
from videoclip.cli import app
from videoclip.errors import VideoclipError


def test_every_bench_says_what_it_asks():
    asked = measure.questions()
    assert {"train_step", "loader", "extract", "neighbours", "evaluate", "startup", "scaling"} <= set(asked)
    assert all(question.rstrip().endswith((".", "?")) for question in asked.values()), asked
    shown = CliRunner().invoke(app, ["bench"]).output
    assert "How many pairs per second" in shown


@pytest.mark.parametrize("name", ["nothing", "../evil", "result"])
def test_only_benches_are_run(name):
    with pytest.raises(VideoclipError, match=f"no bench '{name}'; there are .*train_step"):
        measure.run_bench(name, [])


def test_arguments_are_passed_on(monkeypatch, tmp_path):
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "result.py").write_text("")
    (tmp_path / "bench" / "echo.py").write_text('"""Echo?"""\nimport sys\nsys.exit(len(sys.argv[1:]))\n')
    monkeypatch.setattr(measure, "__file__", str(tmp_path / "src" / "videoclip" / "measure.py"))
    assert measure.questions() == {"echo": "Echo?"}
    assert CliRunner().invoke(app, ["bench", "echo", "a", "--b", "c"]).exit_code == 3


def test_without_the_repository_one_is_told_where_they_are(monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "__file__", str(tmp_path / "src" / "videoclip" / "measure.py"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VideoclipError, match="clone it"):
        measure.benches()
