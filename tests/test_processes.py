"""Scripts without a main guard, and what is read from standard input, start processes as others do."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from videoclip.processes import apart_from_main

RENDER = """
from pathlib import Path
from videoclip.world.render import render_world
print("begun")
print(render_world(Path({folder!r}), 5, 1))
"""
LOAD = """
from pathlib import Path
import numpy as np
from videoclip.config import load_config
from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.media.captions import Caption
from videoclip.pretrain.loading import load_batches
from videoclip.pretrain.run import State
from videoclip.pretrain.config import PretrainConfig
print("begun")
corpus = Corpus.create(Path({folder!r}) / "c.lance", FeatureKind("made", 8))
corpus.append([NarratedVideo(f"v{{i}}", np.ones((30, 8), np.float16), [Caption(0, 5, "hi there")]) for i in range(4)])
config = load_config(PretrainConfig, "demo", ["workers=2"])
print(len(list(load_batches(corpus, State(plan=[[0, 1], [2, 3]]), config))), "batches")
"""


@pytest.mark.parametrize("way", ["script", "standard input"])
@pytest.mark.parametrize(("script", "ends"), [(RENDER, "truth.json"), (LOAD, "2 batches")], ids=["render", "load"])
def test_a_script_without_a_main_guard_runs_once(tmp_path, script, ends, way):
    text = script.format(folder=str(tmp_path / "out"))
    path = tmp_path / "plain.py"
    path.write_text(text)
    command, given = ([sys.executable, path], None) if way == "script" else ([sys.executable, "-"], text)
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    begun, end = done.stdout.splitlines()
    assert begun == "begun"
    assert end.endswith(ends)


def test_the_main_module_is_there_again_afterwards():
    main = sys.modules["__main__"]
    with pytest.raises(ZeroDivisionError), apart_from_main():
        raise ZeroDivisionError
    assert sys.modules["__main__"] is main


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is of POSIX")
def test_workers_end_with_a_process_that_is_killed(tmp_path):
    script = tmp_path / "pool.py"
    script.write_text(
        "import os, time\n"
        "from videoclip.processes import apart_from_main, process_pool\n"
        "pool = process_pool(1)\n"
        "with apart_from_main():\n"
        "    worker = pool.submit(os.getpid).result()\n"
        "    pool.submit(time.sleep, 600)\n"
        "print(worker, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        worker = int(parent.stdout.readline())
        parent.kill()
    until = time.monotonic() + 60
    while is_running(worker):
        assert time.monotonic() < until
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Also where nobody fetches what became of it, and it stays as a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/status")
    return not (status.exists() and "\nState:\tZ" in status.read_text())
