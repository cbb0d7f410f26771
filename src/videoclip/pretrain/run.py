"""What is in a run's folder: ``run.json`` (its configuration), ``history.jsonl``, ``tensorboard/``, ``checkpoint.pt``.

The training adds ``model/`` and ``result.json`` at its end.
"""

import json
import os
import signal
import threading
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ..model.videoclip import VideoCLIP


@dataclass
class State:
    """Where a run stands: everything that a checkpoint holds beside the weights."""

    epoch: int = 0
    update: int = 0
    batch: int = 0
    """Batches of the epoch that are done."""
    plan: list[list[int]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    """Losses of the updates since the last line of the log."""
    vectors: torch.Tensor | None = None
    """What training has made of each video of late, (videos, D) float16, with NaN where it has not met one."""

    def advance(self, loss: float) -> None:
        """An update is done."""
        self.update, self.batch = self.update + 1, self.batch + 1
        self.losses.append(loss)

    def note(self, videos: list[int], vectors: torch.Tensor) -> None:
        """Average what training made of videos, (V, D), with what it made of them before, which counts as much."""
        if self.vectors is not None:
            before, new = self.vectors[videos].float(), vectors.float().cpu()
            self.vectors[videos] = torch.where(before.isnan(), new, (before + new) / 2).half()


def save(out: Path, model: VideoCLIP, optimizer: torch.optim.Optimizer, state: State) -> None:
    """Write the checkpoint under a new name, then put it in place: there is always a whole one."""
    new = out / "checkpoint.pt.new"
    with open(new, "wb") as file:
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "state": vars(state)}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, out / "checkpoint.pt")


def resume(out: Path, model: VideoCLIP, optimizer: torch.optim.Optimizer) -> State:
    path = out / "checkpoint.pt"
    if not path.is_file():
        return State()
    checkpoint = torch.load(path, map_location=model.device, weights_only=True)
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    return State(**checkpoint["state"])


class Log:
    """``history.jsonl`` and TensorBoard; lines that an interrupted run wrote past its checkpoint are dropped."""

    def __init__(self, out: Path, state: State):
        from torch.utils.tensorboard import SummaryWriter

        self.path, self.state = out / "history.jsonl", state
        kept = [line for line in read_history(self.path) if line["update"] <= state.update]
        self.path.write_text("".join(json.dumps(line) + "\n" for line in kept))
        self._board = SummaryWriter(str(out / "tensorboard"), purge_step=state.update)

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_: object) -> None:
        self._board.close()

    def write(self, **figures: float) -> None:
        """A line with the mean loss since the last one, and other figures."""
        losses, self.state.losses = self.state.losses, []
        line: dict[str, float] = {"update": self.state.update, "epoch": self.state.epoch}
        line |= ({"loss": sum(losses) / len(losses)} if losses else {}) | figures
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        for name, value in line.items():
            self._board.add_scalar(name, value, self.state.update)


class Interruption:
    """Puts off Ctrl-C and a polite kill to the end of an update, where a checkpoint is consistent.

    Asked a second time, it does not wait: the run then goes on from the checkpoint before.
    """

    def __init__(self):
        self.asked_for = False

    def __enter__(self) -> "Interruption":
        self._before = {}
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, *_: object) -> None:
        if self.asked_for:
            raise KeyboardInterrupt
        self.asked_for = True

    def obey(self) -> None:
        """Raise ``KeyboardInterrupt`` if it was asked for."""
        if self.asked_for:
            raise KeyboardInterrupt


def read_history(path: Path) -> list[dict]:
    """The lines of a run's ``history.jsonl``; none where there is no such file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
