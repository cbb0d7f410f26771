"""Training meets faults: each is one clear message, and nothing that was done is lost."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_corpus import SETTINGS, made_corpus
from test_distributed import losses, read_lines

from videoclip.config import load_config
from videoclip.corpus import store
from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.errors import VideoclipError
from videoclip.model.videoclip import VideoCLIP
from videoclip.pretrain import trainer
from videoclip.pretrain.config import PretrainConfig
from videoclip.pretrain.run import read_history
from videoclip.pretrain.trainer import pretrain
from videoclip.storage.checkpoints import newest_checkpoint

PATIENCE = 300
"""Seconds after which a process counts as hung, on the slowest machine."""


@pytest.fixture
def corpus(tmp_path) -> str:
    return made_corpus(tmp_path / "c.lance")


@pytest.fixture
def config(corpus, tmp_path) -> PretrainConfig:
    settings = [*SETTINGS, f"corpus={corpus}", f"out={tmp_path / 'run'}", "epochs=3", "batches.per_update=1"]
    return load_config(PretrainConfig, "", settings)


def job(corpus: str, out: Path, *more: str, limits: dict | None = None) -> subprocess.Popen:
    command = [sys.executable, "-m", "videoclip", "pretrain", f"corpus={corpus}", f"out={out}", *SETTINGS]

    def limit() -> None:
        for which, value in (limits or {}).items():
            resource.setrlimit(which, (value, value))

    return subprocess.Popen(
        [*command, "batches.per_update=1", *more], stderr=subprocess.PIPE, text=True, preexec_fn=limit
    )


def until_updates(process: subprocess.Popen, out: Path, count: int) -> None:
    while len(read_lines(out)) < count:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)


def test_a_polite_kill_saves_and_exits_with_143_and_a_second_run_is_refused_meanwhile(corpus, tmp_path):
    out = tmp_path / "run"
    first = job(corpus, out, "epochs=3000")
    until_updates(first, out, 3)
    second = job(corpus, out, "epochs=3000")
    _, complaint = second.communicate(timeout=PATIENCE)
    assert second.returncode == 2
    assert "another job is training into it" in complaint
    first.send_signal(signal.SIGTERM)
    _, said = first.communicate(timeout=PATIENCE)
    assert first.returncode == 143
    assert "the same command goes on from here" in said
    reached = newest_checkpoint(out, torch.device("cpu"))["state"]["update"]
    assert reached >= len(losses(out)) >= 3


def test_a_damaged_checkpoint_costs_the_updates_since_the_one_before(config, tmp_path, monkeypatch, capsys):
    whole = replace(config, out=str(tmp_path / "whole"))
    pretrain(whole)
    pretrain(replace(config, epochs=3))
    out = Path(config.out)
    newest = max(out.glob("checkpoint-*.pt"))
    newest.write_bytes(newest.read_bytes()[:-7])
    model = pretrain(config)
    assert "this checkpoint is damaged" in capsys.readouterr().err
    assert losses(out) == losses(tmp_path / "whole")
    assert torch.equal(
        model.encode_text(["an onion"]), VideoCLIP.from_pretrained(tmp_path / "whole/model").encode_text(["an onion"])
    )


def test_a_loss_that_is_not_a_number_stops_with_its_batch_on_disk(config):
    steep = replace(config, optimizer=replace(config.optimizer, warmup_updates=0))
    object.__setattr__(steep.optimizer, "lr", 1e30)  # which no configuration can have
    with pytest.raises(VideoclipError, match=r"the loss is (nan|inf).*its features are numbers.*lower optimizer.lr"):
        pretrain(steep)
    out = Path(config.out)
    (path,) = out.glob("not-finite-*.pt")
    (batch,) = torch.load(path, weights_only=True)
    assert len(batch["videos"]) == config.batches.videos
    assert batch["features"].shape[1] == 16
    assert int(batch["lengths"].sum()) == len(batch["features"])
    kept = newest_checkpoint(out, torch.device("cpu"))
    assert kept is None or all(weights.isfinite().all() for weights in kept["model"].values())


@pytest.mark.parametrize("minutes", [0, 60])
def test_what_was_done_before_a_loss_that_is_not_a_number_is_kept(config, monkeypatch, minutes):
    """It is noticed when the next update has begun, and is none of those that the log and the checkpoint have."""
    step, begun = trainer.train_step, []

    def failing(training, batches, *rest):
        begun.append(0)
        if len(begun) == 5:
            batches = [batch.moved(lambda x: x * torch.nan if x.dtype == torch.float16 else x) for batch in batches]
        return step(training, batches, *rest)

    monkeypatch.setattr(trainer, "train_step", failing)
    with pytest.raises(VideoclipError, match=r"^update 4: the loss is nan and the gradient's norm nan"):
        pretrain(replace(config, checkpoint_minutes=minutes))
    out = Path(config.out)
    assert [line["update"] for line in read_history(out / "history.jsonl")] == [1, 2, 3, 4]
    if not minutes:
        state = newest_checkpoint(out, torch.device("cpu"))
        assert state["state"]["update"] == 4
        assert all(weights.isfinite().all() for weights in state["model"].values())
        monkeypatch.setattr(trainer, "train_step", step)
        pretrain(replace(config, checkpoint_minutes=minutes))
        resumed = losses(out)
        pretrain(replace(config, out=str(out.parent / "whole")))
        assert resumed == losses(out.parent / "whole")


def test_features_that_are_not_numbers_name_their_video(config, monkeypatch):
    broken = np.full((40, 16), np.nan, np.float16)
    corpus = Corpus(config.corpus)
    captions = corpus.read([0])[0].captions
    monkeypatch.setattr(store, "is_finite", lambda features: True)  # as another program might have written them
    corpus.append([NarratedVideo(f"broken{i}", broken, captions) for i in range(30)])
    monkeypatch.undo()
    with pytest.raises(VideoclipError, match=r"the features of broken\d+.* are not numbers.*train_videos"):
        pretrain(config)


def test_a_video_without_change_or_content_gives_no_nan(config):
    corpus = Corpus(config.corpus)
    captions = corpus.read([0])[0].captions
    corpus.append([NarratedVideo(f"still{i}", np.full((40, 16), i / 4, np.float16), captions) for i in range(8)])
    pretrain(config)
    assert np.isfinite(losses(Path(config.out))).all()


def test_a_batch_that_does_not_fit_into_memory_says_what_to_lower(config, monkeypatch):
    forward = VideoCLIP.forward

    def hungry(self, video, text):
        if self.training:
            torch.empty(1 << 50)
        return forward(self, video, text)

    monkeypatch.setattr(VideoCLIP, "forward", hungry)
    with pytest.raises(VideoclipError, match=r"8 pairs do not fit into memory; lower batches.videos"):
        pretrain(config)


FULL = {
    "a full disk": ({resource.RLIMIT_FSIZE: 400_000}, "File too large; raise the limit"),
    "too few open files": ({resource.RLIMIT_NOFILE: 10}, "Too many open files; raise the limit"),
}


@pytest.mark.parametrize("fault", FULL)
def test_what_the_system_refuses_is_one_line_and_the_run_goes_on_when_it_is_mended(corpus, tmp_path, fault):
    limits, message = FULL[fault]
    refused = job(corpus, tmp_path / "run", "epochs=3", limits=limits)
    _, complaint = refused.communicate(timeout=PATIENCE)
    assert refused.returncode == 2, complaint
    assert message in complaint
    assert "Traceback" not in complaint
    settings = [*SETTINGS, f"corpus={corpus}", f"out={tmp_path / 'run'}", "batches.per_update=1", "epochs=3"]
    pretrain(load_config(PretrainConfig, "", settings))
    assert json.loads((tmp_path / "run" / "result.json").read_text())["updates"] == 30


def test_a_disk_that_cannot_be_written_is_one_line(corpus, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(disk)]
    if os.name != "posix" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        refused = job(corpus, disk / "run", "epochs=3")
        _, complaint = refused.communicate(timeout=PATIENCE)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert refused.returncode == 2
    assert "Read-only file system; choose a folder on a disk that can be written" in complaint
    assert "Traceback" not in complaint
