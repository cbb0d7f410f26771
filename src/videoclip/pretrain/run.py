"""What is in a run's folder: ``run.json`` (its configuration), ``history.jsonl``, ``tensorboard/``, checkpoints.

The training adds ``model/`` and ``result.json`` at its end.
"""

import json
import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ..config import defaults, from_note
from ..errors import ConfigError, Stopped, VideoclipError
from ..model.videoclip import VideoCLIP
from ..storage.checkpoints import newest_checkpoint, save_checkpoint
from ..storage.copies import fetch
from ..storage.folders import claim, locked
from ..storage.places import Place, write_whole
from ..storage.remote import Remote
from .clips import Batch
from .config import PretrainConfig
from .distributed import Ranks


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
    best_loss: float = math.inf
    """The lowest validation loss."""
    best: dict[str, torch.Tensor] | None = None
    """The weights of that validation, where they are to be kept."""
    no_better: int = 0
    """Validations since then."""

    def advance(self, loss: float, batches: int = 1) -> None:
        """An update of so many batches is done."""
        self.update, self.batch = self.update + 1, self.batch + batches
        self.losses.append(loss)

    def validated(self, loss: float, model: VideoCLIP | None) -> None:
        """Note what a validation gave, and the weights of ``model`` if it was the best one."""
        self.no_better += 1
        if loss < self.best_loss:
            self.best_loss, self.no_better = loss, 0
            if model:
                self.best = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}

    def note(self, videos: list[int], vectors: torch.Tensor) -> None:
        """Average what training made of videos, (V, D), with what it made of them before, which counts as much."""
        if self.vectors is not None:
            before, new = self.vectors[videos].float(), vectors.float().cpu()
            self.vectors[videos] = torch.where(before.isnan(), new, (before + new) / 2).half()


@contextmanager
def exclusive(where: Place, values: dict) -> Iterator[None]:
    """The folder of the run with this configuration, new or as it was left, for this job alone.

    Raises:
        ConfigError: it holds something else, or another job is training into it.
    """
    if isinstance(where, Path):  # a stranger's folder gets no lock
        claim(where, "run", values, defaults(PretrainConfig))
    busy = f"{where}: another job is training into it; wait until it is done, stop it, or choose another folder"
    with locked(where, ConfigError(busy)):
        if isinstance(where, Remote):
            claim(fetch(where), "run", values, defaults(PretrainConfig))
        yield


def save(out: Path, model: VideoCLIP, optimizer: torch.optim.Optimizer, state: State) -> None:
    """Write the checkpoint; the one before it stays (``checkpoints``)."""
    content = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "state": vars(state)}
    save_checkpoint(out, state.update, content)


def resume(out: Path, model: VideoCLIP, optimizer: torch.optim.Optimizer) -> State:
    """Where the run stands, its weights and moments put into ``model`` and ``optimizer``."""
    checkpoint = newest_checkpoint(out, model.device)
    if checkpoint is None:
        return State()
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    return from_note(State, checkpoint["state"], out)


def not_finite(path: Path, what: str, batches: list[Batch], videos: list[list[str]]) -> VideoclipError:
    """What is raised where a loss is not a number, its batches written to ``path`` to be looked at.

    The file holds for each batch the ids of its videos, its features, tokens and times; ``torch.load`` reads it with
    ``weights_only=True``.
    """
    batches = [batch.to(torch.device("cpu")) for batch in batches]
    content = [
        {
            "videos": ids, "features": batch.video.values, "lengths": batch.video.lengths, "tokens": batch.text.values,
            "token_lengths": batch.text.lengths, "owner": batch.owner, "shown": batch.shown, "spoken": batch.spoken,
        }
        for ids, batch in zip(videos, batches, strict=True)
    ]  # fmt: skip
    torch.save(content, path)
    bad = sorted({
        ids[int(owner)]
        for ids, batch in zip(videos, batches, strict=True)
        for owner, part in zip(batch.owner, batch.video.split(), strict=True)
        if not part.isfinite().all()
    })  # fmt: skip
    where = f"the features of {', '.join(bad[:5])} are not numbers" if bad else "its features are numbers"
    return VideoclipError(
        f"{what}; {where}. Its batches are in {path}. The last checkpoint is as it was: leave out "
        "such videos with train_videos, or lower optimizer.lr in another run"
    )


class Log:
    """``history.jsonl`` and TensorBoard; lines that an interrupted run wrote past its checkpoint are dropped."""

    def __init__(self, out: Path, state: State):
        from torch.utils.tensorboard import SummaryWriter

        self.path, self.state = out / "history.jsonl", state
        kept = [line for line in read_history(self.path) if line["update"] <= state.update]
        write_whole(self.path, "".join(json.dumps(line) + "\n" for line in kept))
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
        self._politely = False

    def __enter__(self) -> "Interruption":
        self._before = {}
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: object) -> None:
        again, self.asked_for, self._politely = self.asked_for, True, number == signal.SIGTERM
        if again:
            self._raise()

    def agree(self, ranks: Ranks) -> None:
        """Whether it was asked for in any process: they stop at the same update."""
        asked, politely = ranks.sum(torch.tensor([int(self.asked_for), int(self._politely)])).tolist()
        self.asked_for, self._politely = bool(asked), bool(politely)

    def obey(self) -> None:
        """Raise, if it was asked for: ``Stopped`` after a polite kill, ``KeyboardInterrupt`` after Ctrl-C."""
        if self.asked_for:
            self._raise()

    def _raise(self) -> None:
        raise Stopped if self._politely else KeyboardInterrupt


def read_history(path: Path) -> list[dict]:
    """The lines of a run's ``history.jsonl``; none where there is no such file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
