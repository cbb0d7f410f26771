"""Do processes that train together under torchrun end as they should when their work is done?

    python soak ranks [TIMES]

A job of 2 and one of 4 processes, which read from a corpus and take five steps of DDP, are run TIMES times each, every
other time with two busy loops beside. A job that does not end with 0 counts as failed.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

JOB = "--job"


def job(path: str) -> None:
    """One process's part. The model stays a variable to the very end, as in most programs."""
    import torch

    from videoclip.corpus.store import Corpus
    from videoclip.pretrain.distributed import joined

    with joined() as ranks:
        features = torch.from_numpy(Corpus(path).read([0, 1, 2])[0].features).float()
        model = torch.nn.Sequential(torch.nn.Linear(16, 16), torch.nn.Linear(16, 1))
        trained = ranks.averaging(model)  # type: ignore[arg-type]
        for _ in range(5):
            loss = trained(features).mean()
            loss.backward()
            ranks.sum(loss.detach())


def made_corpus(path: Path) -> Path:
    """Three videos of noise."""
    import numpy as np

    from videoclip.corpus.rows import NarratedVideo
    from videoclip.corpus.store import Corpus
    from videoclip.encoders.encoder import FeatureKind
    from videoclip.media.captions import Caption

    noise = np.random.default_rng(0).standard_normal((3, 20, 16)).astype(np.float16)
    said = [Caption(0.0, 3.0, "here is the onion")]
    Corpus.create(path, FeatureKind("made", 16)).append(
        [NarratedVideo(f"v{i}", features, said) for i, features in enumerate(noise)]
    )
    return path


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """So many processes beside that do nothing, all the time."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def ended(corpus: Path, processes: int) -> str:
    """How a job ended: ``well``, or by which signal or exit code its first process failed."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    launch += ["--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", __file__, JOB, str(corpus)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(launch, capture_output=True, text=True, env=environment, check=False)
    if not done.returncode:
        return "well"
    codes = re.findall(r"exitcode\s*: (-?\d+)", done.stderr) or [done.returncode]  # of the first to fail, by torchrun
    code = int(codes[0])
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with {code}"


def main(times: int = 30) -> None:
    from result import soaked

    table = []
    with tempfile.TemporaryDirectory() as scratch:
        corpus = made_corpus(Path(scratch) / "c.lance")
        for processes in (2, 4):
            for loops in (0, 2):
                began, runs, ends = time.monotonic(), (times + 1) // 2 if not loops else times // 2, Counter()
                with busy(loops):
                    for _ in range(runs):
                        ends[ended(corpus, processes)] += 1
                how = ", ".join(f"{count} {end}" for end, count in ends.items() if end != "well")
                table.append({"processes": processes, "busy loops": loops, "jobs": runs, "failed": runs - ends["well"]})
                table[-1] |= {"how": how, "s": round(time.monotonic() - began)}
                print(table[-1], flush=True)
    failed = sum(row["failed"] for row in table)
    soaked("ranks", f"ranks {times}", {"jobs": 2 * times, "failed": failed}, table)
    if failed:
        raise SystemExit(f"{failed} of {2 * times} jobs failed")


if __name__ == "__main__":
    if sys.argv[1:2] == [JOB]:
        job(sys.argv[2])
    else:
        main(*map(int, sys.argv[1:]))
