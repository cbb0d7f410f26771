"""Extraction on a real Ray cluster of this machine, some of whose workers are killed."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from videoclip.corpus.extract import extract
from videoclip.corpus.store import Corpus
from videoclip.encoders.load import load_encoder
from videoclip.media.files import find_videos

pytest.importorskip("ray", reason="needs Ray: pip install 'videoclip[ray]'")

DRIVER = """
import os, signal, sys
from pathlib import Path
import videoclip.corpus.extract as extraction
from videoclip.cli.main import main
from videoclip.corpus.store import Corpus

def parent_and_command(process: Path):
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1]), (process / "cmdline").read_bytes()
    except OSError:  # has just ended
        return 0, b""

def workers() -> list[int]:
    table = {int(p.name): parent_and_command(p) for p in Path("/proc").iterdir() if p.name.isdigit()}
    def is_ours(pid: int) -> bool:
        return pid == os.getpid() or (pid in table and pid > 1 and is_ours(table[pid][0]))
    return [pid for pid, (_, command) in table.items() if command.startswith(b"ray::MapWorker") and is_ours(pid)]

def append_and_die(corpus, videos, append=Corpus.append):
    append(corpus, videos)
    if len(corpus) == 2:
        os.kill(workers()[0], signal.SIGKILL)
    if len(corpus) == 4:
        os.kill(os.getpid(), signal.SIGKILL)

extraction.APPEND_EVERY = 0.0
Corpus.append = append_and_die
sys.argv[:1] = ["videoclip"]
main()
"""
"""The command, which writes each video as it comes, kills a worker after the second, and itself after the fourth."""


@pytest.fixture
def videos(world, tmp_path) -> Path:
    """Seven, and one that cannot be read."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for path in sorted((world / "train").iterdir())[:14]:
        shutil.copy(path, folder)
    (folder / "broken.mp4").write_bytes(b"not a video")
    (folder / "broken.srt").write_text("1\n00:00:00,000 --> 00:00:02,000\nhello\n")
    return folder


def same_contents(one: Path, two: Path) -> bool:
    a, b = Corpus(one), Corpus(two)
    assert a.kind == b.kind
    assert sorted(a.ids) == sorted(b.ids)
    assert len(set(a.ids)) == len(a.ids)
    return all(
        np.array_equal(a[i].features, b[i].features) and list(a[i].captions) == list(b[i].captions) for i in a.ids
    )


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc")
def test_workers_and_the_driver_are_killed_and_the_corpus_is_that_without_ray(videos, videoclip, tmp_path):
    out = tmp_path / "ray.lance"
    arguments = ["extract", str(videos), "--encoder", "demo", "--out", str(out), "--ray", "local"]
    command = [sys.executable, "-W", "default", "-c", DRIVER, *arguments]
    driver = subprocess.run(command, capture_output=True, text=True, check=False)
    assert driver.returncode == -signal.SIGKILL, driver.stderr
    foreign = [line for line in driver.stderr.splitlines() if not line.startswith("extract: ")]
    assert foreign == []  # of Ray, about what nobody at the command line can change
    assert len(Corpus(out)) == 4
    code, said, complaint = videoclip(*arguments)
    assert code == 0, complaint
    for part in ("3 videos added", "4 were there", "1 set aside"):
        assert part in said
    assert "broken.mp4" in complaint
    extract(find_videos(videos), load_encoder("demo"), tmp_path / "plain.lance")
    assert same_contents(tmp_path / "plain.lance", out)


def test_a_cluster_that_does_not_answer_is_one_error(world, tmp_path, videoclip):
    code, _, complaint = videoclip(
        "extract", world, "--encoder", "demo", "--out", tmp_path / "c.lance", "--ray", "127.0.0.1:1"
    )
    assert code == 2
    assert "no cluster answers there" in complaint
