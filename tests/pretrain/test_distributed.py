"""Several processes and one give the same training."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import ranks_worker
import torch
from made_corpus import SETTINGS, made_corpus

from videoclip.config import load_config
from videoclip.corpus.store import Corpus
from videoclip.errors import ConfigError
from videoclip.model.loss import chatter_loss, contrastive_loss
from videoclip.model.packing import pack_text, pack_video
from videoclip.model.videoclip import VideoCLIP
from videoclip.pretrain.clips import Batch
from videoclip.pretrain.config import PretrainConfig
from videoclip.pretrain.distributed import Ranks
from videoclip.pretrain.run import read_history
from videoclip.pretrain.trainer import pretrain
from videoclip.storage.checkpoints import newest_checkpoint

FOLDER = Path(__file__).parent


def torchrun(processes: int, *arguments, restarts: int = 0) -> list[str]:
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    return [*launch, "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", f"--max-restarts={restarts}", *arguments]


def environment() -> dict[str, str]:
    paths = [str(FOLDER), str(FOLDER.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> str:
    return made_corpus(tmp_path_factory.mktemp("corpus") / "c.lance")


@pytest.fixture(scope="module")
def updates(corpus, tmp_path_factory) -> dict[int, dict]:
    """What an update gives, on 1, 2 and 4 processes."""
    folder, made = tmp_path_factory.mktemp("ranks"), {}
    ranks_worker.main(corpus, str(folder / "1.pt"))
    made[1] = torch.load(folder / "1.pt", weights_only=True)
    for processes in (2, 4):
        out = folder / f"{processes}.pt"
        command = torchrun(processes, str(FOLDER / "ranks_worker.py"), corpus, str(out))
        subprocess.run(command, check=True, env=environment(), capture_output=True, timeout=300)
        made[processes] = torch.load(out, weights_only=True)
    return made


def largest(gradients: dict) -> float:
    return max(float(g.abs().max()) for g in gradients.values())


@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.parametrize("case", ranks_worker.CASES)
def test_processes_give_the_loss_and_gradients_of_one(updates, case, processes):
    one, some = updates[1][case], updates[processes][case]
    assert some["loss"] == pytest.approx(one["loss"], rel=1e-6)
    for name, gradient in one["gradients"].items():
        assert torch.allclose(some["gradients"][name], gradient, rtol=0, atol=1e-6 * largest(one["gradients"])), name


@pytest.mark.parametrize("case", [case for case in ranks_worker.CASES if case.endswith("dropout 0.0")])
def test_the_batches_of_an_update_are_as_one_large_batch(corpus, updates, case):
    """Against the loss written out: of all pairs at once, or the mean over the batches."""
    config = ranks_worker.config_of(case)
    torch.manual_seed(5)
    model = VideoCLIP(config.model).train()
    parts = ranks_worker.batches_of(Corpus(corpus), config)
    chatter = [
        chatter_loss(*model(b.video, b.text), model.pooled_text(b.chatter), b.overlaps()) for b in parts if b.chatter
    ]
    assert len(chatter) == (len(parts) if config.clips.chatter else 0)
    if case.startswith("update"):
        parts = [joined_batch(parts)]
    losses = [
        contrastive_loss(*model(b.video, b.text), config.loss, b.overlaps() if config.loss.mask_overlaps else None)
        for b in parts
    ]
    loss = torch.stack(losses).mean() + sum(chatter) / 4
    loss.backward()
    assert updates[1][case]["loss"] == pytest.approx(float(loss.detach()), rel=1e-6)
    own = {name: weights.grad for name, weights in model.named_parameters()}
    for name, gradient in updates[1][case]["gradients"].items():
        assert torch.allclose(own[name], gradient, rtol=0, atol=2e-6 * largest(own)), name


def joined_batch(parts: list[Batch]) -> Batch:
    owner = torch.cat([torch.tensor(rows)[b.owner] for b, rows in zip(parts, ranks_worker.VIDEOS, strict=True)])
    video = pack_video([clip for b in parts for clip in b.video.split()])
    text = pack_text([t[1:-1].tolist() for b in parts for t in b.text.split()])  # which puts [CLS] and [SEP] around
    return Batch(video, text, owner, torch.cat([b.shown for b in parts]), torch.cat([b.spoken for b in parts]))


def test_the_vectors_of_a_retrieval_round_are_the_same(updates):
    for processes in (2, 4):
        assert torch.equal(updates[processes]["vectors"], updates[1]["vectors"])


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="this system does not tell a process's threads")
def test_no_thread_of_the_process_group_outlives_the_work_of_the_processes(updates):
    """It would abort a process that is done, if Python shut down at the wrong moment."""
    for processes in (2, 4):
        assert any("gloo" in name for name in updates[processes]["threads"])
        assert not [name for name in updates[processes]["threads afterwards"] if "gloo" in name]


def command_line(corpus: str, out: Path, *more: str) -> list[str]:
    return ["-m", "videoclip", "pretrain", f"corpus={corpus}", f"out={out}", *SETTINGS, *more]


def losses(out: Path) -> list[float]:
    return [line["loss"] for line in read_history(out / "history.jsonl") if "loss" in line]


def test_processes_that_die_are_brought_back_and_then_end_the_job_which_one_process_finishes(corpus, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "run"
    pretrain(load_config(PretrainConfig, "", [*command_line(corpus, whole)[3:], "epochs=30"]))
    job = start(torchrun(2, *command_line(corpus, out, "epochs=30"), restarts=1))
    kill_one_of(job, out, beyond=5)
    reached = newest_checkpoint(out, torch.device("cpu"))["state"]["update"]
    kill_one_of(job, out, beyond=reached + 5)  # they were brought back, and are further
    _, complaint = job.communicate(timeout=120)
    assert job.returncode != 0
    assert "another process of this training has ended" in complaint
    assert "--max-restarts" in complaint
    assert reached < newest_checkpoint(out, torch.device("cpu"))["state"]["update"] < 60
    pretrain(load_config(PretrainConfig, "", [*command_line(corpus, out)[3:], "epochs=30"]))
    assert np.allclose(losses(out), losses(whole), atol=2e-3)
    one, two = (VideoCLIP.from_pretrained(folder / "model") for folder in (whole, out))
    assert torch.allclose(one.encode_text(["the onion"]), two.encode_text(["the onion"]), atol=2e-2)


def start(command: list[str]) -> subprocess.Popen:
    return subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)


def kill_one_of(job: subprocess.Popen, out: Path, beyond: int) -> None:
    """Kill the second process, without warning, once so many updates are in the log."""
    deadline = time.monotonic() + 120
    while sum('"loss"' in line for line in read_lines(out)) < beyond:
        assert job.poll() is None, job.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children = subprocess.run(["pgrep", "-P", str(job.pid)], capture_output=True, text=True).stdout.split()
    os.kill(int(children[-1]), signal.SIGKILL)


def read_lines(out: Path) -> list[str]:
    path = out / "history.jsonl"
    return path.read_text().splitlines() if path.is_file() else []


def test_batches_that_cannot_be_divided_are_one_error():
    with pytest.raises(ConfigError, match="set it to a multiple of 4"):
        Ranks(1, 4).per_process(6)
    assert Ranks(1, 4).per_process(0) == 1
    assert Ranks(1, 4).per_process(8) == 2
