import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS), str(TESTS / "media"), str(TESTS / "pretrain")]
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["VIDEOCLIP_WEIGHTS"] = os.devnull  # not what this user has downloaded
os.environ.setdefault("OMP_NUM_THREADS", "1")
"""The networks of the tests are too small to be divided, and pytest runs a process per core."""

SAMPLES = Path(os.environ.get("VIDEOCLIP_MEDIA") or TESTS.parent.parent / "shared" / "media")
"""Real files with the troubles that real files have; they do not belong to the repository."""

settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")  # a busy machine is no fault of what is tested


def pytest_addoption(parser) -> None:
    parser.addoption("--only-listed-skips", action="store_true", help="fail on a skip that allowed_skips.txt lacks")


def pytest_configure(config) -> None:
    if config.getoption("--only-listed-skips") and not hasattr(config, "workerinput"):
        from listed_skips import LIST, ListedSkips, allowed

        config.pluginmanager.register(ListedSkips(allowed(LIST.read_text())))


@pytest.fixture(scope="session")
def samples() -> Path:
    if not SAMPLES.is_dir():
        pytest.skip(f"the sample videos are not here ({SAMPLES}); VIDEOCLIP_MEDIA names their folder")
    return SAMPLES


@pytest.fixture(scope="session")
def world(tmp_path_factory, worker_id) -> Path:
    """Twenty rendered videos of seed 1, for all tests of all processes: 16 to train on, 1 and 3. To be read only."""
    from filelock import FileLock

    from videoclip.world.render import render_world

    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "shared-world"
    with FileLock(f"{folder}.lock"):
        render_world(folder, 20, 1)  # which does nothing the second time
    return folder


@pytest.fixture(params=["fp32", "bf16"])
def native(request, monkeypatch) -> str:
    """In what numbers the processor is fast: as on one without, and on one with, instructions for bfloat16."""
    monkeypatch.setenv("VIDEOCLIP_BF16", "1" if request.param == "bf16" else "0")
    return request.param


@pytest.fixture
def videoclip(monkeypatch, capsys):
    """Run the command line in this process: arguments -> (exit code, what it printed, what it complained of)."""

    from videoclip.cli import main as cli

    def run(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["videoclip", *map(str, arguments)])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run
