"""Commands print what their users can act on: no warnings of libraries about the code that calls them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import videoclip

COMMANDS = """
import sys
from videoclip.cli.main import main

(world,) = sys.argv[1:]
tiny = "epochs=1 rounds=[] batches.videos=8 workers=1 model.hidden_size=32 model.heads=2 model.intermediate_size=64"
for line in (
    f"extract {world} --encoder demo --out c.lance",
    f"pretrain --config demo corpus=c.lance out=run train_videos=train/* validation_videos=val/* {tiny}",
    f"index {world}/test broken.mp4 --library library --model run --meaning never --read-screen never",
    "search someone --library library --everything",
    f"evaluate world --model run --data {world} --corpus c.lance",
):
    sys.argv = ["videoclip", *line.split()]
    try:
        main()
    except SystemExit as end:
        print(line.split()[0], "ended with", end.code or 0, file=sys.stderr)
"""


def test_no_warning_of_a_library_is_printed_and_every_error_is(world, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"not a video")
    source = str(Path(videoclip.__file__).parent.parent)
    command = [sys.executable, "-W", "default", "-c", COMMANDS, world]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"PYTHONPATH": source}, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert not re.search(r"Warning|warnings\.warn", done.stderr), done.stderr
    assert "broken.mp4" in done.stderr
    ends = dict(re.findall(r"^(\w+) ended with (\d+)$", done.stderr, re.MULTILINE))
    assert {name for name, code in ends.items() if code != "0"} <= {"index"}, done.stderr
