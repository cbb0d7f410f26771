"""What is released is checked before anyone can have it; the container is made as CI installs the wheel."""

import importlib.util
import os
import shlex
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from videoclip import __version__
from videoclip.cli.main import app

ROOT = Path(__file__).parents[1]
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in ROOT.glob(".github/workflows/*.yml")}
CONTAINER = (ROOT / "Containerfile").read_text()
STEPS = [line.split(maxsplit=1) for line in CONTAINER.splitlines() if line and not line.startswith("#")]
CHANGES = "# Changelog\n\n## Unreleased\n\n{}## 1.2.0 (2026-01-02)\n\n- All.\n\n## 1.1.0 (2026-01-01)\n"


@pytest.fixture(scope="module")
def release():
    spec = importlib.util.spec_from_file_location("release", ROOT / ".ci" / "release.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def make(release, tmp_path):
    """A release's two files: what they hold beside what they need, and what they lack -> their folder."""

    def make(more: dict[str, int], lacking: str = "", version: str = "1.2.0") -> Path:
        info = f"videoclip-{version}.dist-info/METADATA"
        with zipfile.ZipFile(tmp_path / f"videoclip-{version}-py3-none-any.whl", "w") as wheel:
            for name, size in (dict.fromkeys((*release.NEEDED, info), 1) | more).items():
                if name != lacking:
                    wheel.writestr(name, os.urandom(size))
        with tarfile.open(tmp_path / f"videoclip-{version}.tar.gz", "w:gz") as source:
            for name in release.IN_SOURCE:
                if name != lacking:
                    source.addfile(tarfile.TarInfo(f"videoclip-{version}/{name}"), BytesIO())
        return tmp_path

    return make


def test_a_release_that_is_as_it_should_be_passes(release, make):
    assert release.wrong_files(make({}), "1.2.0") == []
    for tags in ([], ["v1.2.0"], ["nightly"]):
        assert release.wrong_words("1.2.0", CHANGES.format(""), "version: 1.2.0\n", tags) == []
    assert release.wrong_words("1.2.0", CHANGES.format("- New.\n\n"), "version: 1.2.0\n", []) == []


@pytest.mark.parametrize(
    ("more", "lacking", "said"),
    [
        ({"tests/test_a.py": 1}, "", "holds tests/test_a.py, which is not the package"),
        ({"videoclip/tests/a.py": 1}, "", "holds videoclip/tests/a.py"),
        ({"videoclip/data/large": 1_000_001}, "", "videoclip/data/large has 1,000,001 bytes"),
        ({f"videoclip/data/{i}": 900_000 for i in range(3)}, "", "bytes, more than 2,000,000"),
        ({}, "videoclip/py.typed", "whl: lacks videoclip/py.typed"),
        ({}, "LICENSE", "tar.gz: lacks LICENSE"),
    ],
)
def test_a_release_that_is_not_says_why(release, make, more, lacking, said):
    (wrong,) = release.wrong_files(make(more, lacking), "1.2.0")
    assert said in wrong


def test_files_of_another_version_are_no_release(release, make):
    (wrong,) = release.wrong_files(make({}, version="1.1.0"), "1.2.0")
    assert "holds ['videoclip-1.1.0-py3-none-any.whl'" in wrong


@pytest.mark.parametrize(
    ("version", "changes", "citation", "tags", "said"),
    [
        ("1.3.0", "", "1.3.0", [], "the newest release is ['1.2.0'], and the version is 1.3.0"),
        ("1.2.0", "", "1.1.0", [], "CITATION.cff: is not of version 1.2.0"),
        ("1.2.0", "", "1.2.0", ["v1.1.0"], "tag v1.1.0: the version is 1.2.0"),
        ("1.2.0", "- New.\n\n", "1.2.0", ["v1.2.0"], "changes under 'Unreleased'"),
    ],
)
def test_version_changelog_citation_and_tag_agree(release, version, changes, citation, tags, said):
    (wrong,) = release.wrong_words(version, CHANGES.format(changes), f"version: {citation}\n", tags)
    assert said in wrong


def test_this_repository_could_be_built(release):
    words = (ROOT / "CHANGELOG.md").read_text(), (ROOT / "CITATION.cff").read_text()
    assert release.wrong_words(__version__, *words, []) == []
    assert all((ROOT / name).is_file() for name in release.IN_SOURCE)
    assert all((ROOT / "src" / name).is_file() for name in release.NEEDED)


def test_what_is_published_is_tested_built_and_agreed_to_and_nobody_has_a_password():
    jobs = WORKFLOWS["release"]["jobs"]
    assert WORKFLOWS["release"][True] == {"push": {"tags": ["v*"]}}  # YAML takes "on" for true
    assert jobs["test"]["uses"] == "./.github/workflows/test.yml"
    assert "workflow_call" in WORKFLOWS["test"][True]
    publish = jobs["publish"]
    assert set(publish["needs"]) == {"test", "build"}
    assert publish["environment"] == "release"
    assert publish["permissions"] == {"id-token": "write"}
    assert WORKFLOWS["release"]["permissions"] == {"contents": "read"}
    assert [name for name, job in jobs.items() if "id-token" in job.get("permissions", {})] == ["publish"]
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    assert "secrets." not in text
    assert "password:" not in text


def test_each_script_of_ci_is_there_to_be_run():
    runs = [
        step["run"]
        for w in WORKFLOWS.values()
        for job in w["jobs"].values()
        for step in job.get("steps", ())
        if "run" in step
    ]
    scripts = {run for run in runs if run.startswith(".ci/")}
    assert scripts == {".ci/wheel", ".ci/build", ".ci/container"}
    assert all(os.access(ROOT / script, os.X_OK) for script in scripts)


def done(what: str) -> list[str]:
    """The rest of the steps of a kind, such as RUN."""
    return [rest for kind, rest in STEPS if kind == what]


def test_the_container_is_installed_as_ci_installs_the_wheel():
    script = (ROOT / ".ci" / "wheel").read_text()
    (wheel_job,) = [s["with"]["python-version"] for s in WORKFLOWS["test"]["jobs"]["wheel"]["steps"] if "with" in s]
    assert {image.partition(" ")[0] for image in done("FROM")} == {f"python:{wheel_job}-slim"}
    variable, _, address = done("ENV")[0].partition("=")
    assert WORKFLOWS["test"]["env"] == {variable: address}

    def options(line: str) -> list[str]:
        """Of a command of pip, without where files lie and without what is about a layer's size."""
        words = shlex.split(line[line.index("pip") :].replace('pip"', "pip"))
        return [Path(word).name for word in words if word not in ("--no-cache-dir", "/source", "$root")]

    theirs = [options(line) for line in script.splitlines() if '/pip"' in line]
    assert [options(line) for line in done("RUN") if line.startswith("pip")] == theirs


def test_the_container_runs_as_nobody_special_and_writes_into_its_volume_alone():
    kinds = [kind for kind, _ in STEPS]
    (user,), (volume,), (folder,) = done("USER"), done("VOLUME"), done("WORKDIR")
    assert f" {user}" in next(line for line in done("RUN") if line.startswith("useradd"))
    assert kinds.index("USER") > max(i for i, kind in enumerate(kinds) if kind == "RUN")
    assert done("ENV")[-1] == f"HOME={volume}"
    assert folder == volume
    assert done("ENTRYPOINT") == ['["videoclip"]']
    assert "--read-only" in (ROOT / ".ci" / "container").read_text()


def test_the_containers_own_words_name_commands_and_options_that_there_are():
    commands = get_command(app).commands
    lines = [line for line in CONTAINER.splitlines() if line.startswith("#   docker run")]
    assert len(lines) == 3
    for line in lines:
        name, *words = shlex.split(line.rpartition(" videoclip ")[2])
        options = {o for parameter in commands[name].params for o in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line
    port = next(p for p in commands["serve"].params if p.name == "port")
    assert done("EXPOSE") == [str(port.default)]
    assert f"-p {port.default}:{port.default}" in lines[-1]
