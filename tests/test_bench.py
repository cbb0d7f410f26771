"""The bench for GPUs, which is run where one is rare: at least it must run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent.parent / "bench" / "gpu.py"


def run(*arguments: str) -> subprocess.CompletedProcess:
    hidden = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, BENCH, *arguments], env=hidden, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("part", ["checks", "neighbours"])
def test_a_part_gives_its_rows_with_small_sizes(part):
    done = run("--one", part, "--small")
    assert not done.returncode, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(rows) > 1
    assert all(row.keys() == {"what", "ours", "baseline", "ratio", "unit", "reach"} for row in rows)


def test_an_unknown_part_is_told_the_names_of_those_there_are():
    done = run("nothing")
    assert done.returncode == 1
    assert "no part 'nothing'; choose from checks, step, profile, loop, s3d, video, neighbours" in done.stderr
