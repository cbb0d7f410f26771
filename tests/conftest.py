import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS), str(TESTS / "media"), str(TESTS / "pretrain")]
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["VIDEOCLIP_WEIGHTS"] = os.devnull  # not what this user has downloaded

SAMPLES = Path(os.environ.get("VIDEOCLIP_MEDIA") or TESTS.parent.parent / "shared" / "media")
"""Real files with the troubles that real files have; they do not belong to the repository."""


@pytest.fixture(scope="session")
def samples() -> Path:
    if not SAMPLES.is_dir():
        pytest.skip(f"the sample videos are not here ({SAMPLES}); VIDEOCLIP_MEDIA names their folder")
    return SAMPLES


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
