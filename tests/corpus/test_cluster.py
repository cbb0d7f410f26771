"""Extraction on a real Ray cluster of this machine, some of whose workers are killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from videoclip.corpus.extract import extract
from videoclip.corpus.store import Corpus
from videoclip.encoders.load import load_encoder
from videoclip.media.files import find_videos
from videoclip.world.render import render_world

pytest.importorskip("ray", reason="needs Ray: pip install 'videoclip[ray]'")


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    render_world(folder, 12, 1, "lagging", 8)
    (folder / "broken.mp4").write_bytes(b"not a video")
    (folder / "broken.srt").write_text("1\n00:00:00,000 --> 00:00:02,000\nhello\n")
    return folder


def command(videos: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "videoclip", "extract", str(videos), "--encoder", "demo", "--out", str(out), *more]


def workers_of(driver: subprocess.Popen) -> list[int]:
    """Processes of Ray's actors that belong to a driver."""
    found, parents = [], {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if b"ray::MapWorker" in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
    return [pid for pid in found if driver.pid in _ancestors(pid, parents)]


def _ancestors(pid: int, parents: dict[int, int]) -> set[int]:
    seen = set()
    while pid in parents and pid not in seen:
        seen.add(pid)
        pid = parents[pid]
    return seen


def same_contents(one: Path, two: Path) -> bool:
    a, b = Corpus(one), Corpus(two)
    assert a.kind == b.kind
    assert sorted(a.ids) == sorted(b.ids)
    assert len(set(a.ids)) == len(a.ids)
    return all(
        np.array_equal(a[i].features, b[i].features) and list(a[i].captions) == list(b[i].captions) for i in a.ids
    )


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc")
def test_workers_and_the_driver_are_killed_and_the_corpus_is_that_without_ray(videos, tmp_path):
    extract(find_videos(videos), load_encoder("demo"), tmp_path / "plain.lance")
    code = (
        "import sys; import videoclip.corpus.extract as e; e.APPEND_EVERY = 0.0; "
        "from videoclip.cli.main import main; sys.argv[:1] = ['videoclip']; main()"
    )
    out = tmp_path / "ray.lance"
    arguments = ["extract", str(videos), "--encoder", "demo", "--out", str(out), "--ray", "local"]
    driver = subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True)
    killed = 0
    until(lambda: out.exists() and len(Corpus(out)) >= 2)
    for pid in workers_of(driver)[:1]:
        os.kill(pid, signal.SIGKILL)
        killed += 1
    until(lambda: len(Corpus(out)) >= 4)
    driver.kill()
    driver.wait()
    assert killed == 1
    before = len(Corpus(out))
    assert 0 < before < 12
    done = subprocess.run(command(videos, out, "--ray", "local"), capture_output=True, text=True, check=True)
    assert f"{12 - before} videos added" in done.stdout
    assert f"{before} were there" in done.stdout
    assert "1 set aside" in done.stdout
    assert "broken.mp4" in done.stderr
    assert same_contents(tmp_path / "plain.lance", out)


def until(holds) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_cluster_that_does_not_answer_is_one_error(videos, tmp_path, videoclip):
    code, _, complaint = videoclip(
        "extract", videos, "--encoder", "demo", "--out", tmp_path / "c.lance", "--ray", "127.0.0.1:1"
    )
    assert code == 2
    assert "no cluster answers there" in complaint
