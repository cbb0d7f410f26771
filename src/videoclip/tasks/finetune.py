"""Training a model further for one task, on labelled examples (paper, end of section 5).

Retrieval learns text→video and questions learn video→text alone; segmentation learns to tell its labels and a text for
background apart, second by second; localisation to say yes or no to each step at each second; moments to tell the right
span of a video from its others. Every task is scored with the vectors of texts, as without training, so that training
starts from zero-shot and what comes out is a model like any other. The best epoch on validation examples is kept; epoch
0, the model as it was, takes part.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ConfigError
from ..model.loss import info_nce
from ..model.packing import Packed, pack_text, pack_video
from ..model.tokenizer import bert_tokenizer
from ..model.videoclip import VideoCLIP
from ..pretrain.config import OptimizerConfig
from ..pretrain.run import read_history
from ..progress import track
from ..ranges import COUNT, FROM_NONE, SEED, ranged
from ..storage.checkpoints import newest_checkpoint, save_checkpoint
from ..storage.places import write_whole
from .localization import locate_steps, step_recall
from .metrics import BACKGROUND
from .moments import CANDIDATES, CHUNK_SECONDS, mean_rank, rank_moments
from .retrieval import retrieve
from .segmentation import BACKGROUND_TEXT, background_text, segment

EPOCHS = {"retrieval": 10, "multiple-choice": 5, "segmentation": 8, "localization": 5, "moments": 10}
"""Of each task, as in the paper; it has no moments."""
STRIDE = 8
"""Seconds between the windows that long videos are cut into for training, as in the paper."""


@dataclass(frozen=True)
class Described:
    """A clip and sentences that describe it, one of which is drawn each epoch."""

    features: np.ndarray  # (T, F)
    texts: Sequence[str]


@dataclass(frozen=True)
class Labelled:
    """A video and, for each second, whether each text holds: one label a second, or steps."""

    features: np.ndarray  # (T, F)
    texts: Sequence[str]  # K
    holds: np.ndarray  # (T, K) bool


@dataclass(frozen=True)
class Timed:
    """A video of 5-second chunks, a sentence, and the spans of chunks that annotators gave it."""

    features: np.ndarray  # (T, F)
    text: str
    times: Sequence[tuple[int, int]]


Example = Described | Labelled | Timed


@dataclass(frozen=True)
@ranged
class FinetuneConfig:
    """How a model is trained for a task; the defaults are the paper's."""

    task: str = ""
    """``retrieval``, ``multiple-choice``, ``segmentation``, ``localization`` or ``moments``."""
    epochs: Annotated[int, FROM_NONE] = 0
    """At most; 0: as many as in the paper."""
    batch: Annotated[int, COUNT] = 128
    """Clips, or windows of videos, of a batch."""
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(warmup_updates=122, decay_updates=0))
    """How weights are updated."""
    patience: Annotated[int, COUNT] = 3
    """Epochs without a better validation figure after which training stops."""
    seed: Annotated[int, SEED] = 0
    """Repeats the training: what is drawn, and in which order."""

    def __post_init__(self):
        if self.task and self.task not in EPOCHS:
            raise ConfigError(f"task is '{self.task}'; choose from {', '.join(EPOCHS)}")


def finetune(
    model: VideoCLIP,
    examples: Sequence[Example],
    validation: Sequence[Example],
    config: FinetuneConfig,
    out: Path,
) -> list[dict]:
    """Train ``model`` in place and leave the best of its epochs in it and in ``out / "model"``.

    An interrupted call goes on from its last whole epoch.

    Args:
        validation: examples whose figure (``validation_figure``) decides which epoch is kept.

    Returns:
        A line per epoch with ``loss`` and ``validation``, the first of them before training.

    Raises:
        ConfigError: there is nothing to train on.
    """
    if not examples or not validation:
        raise ConfigError(f"{len(examples)} examples to train {config.task} on and {len(validation)} to validate with")
    examples = cut_windows(examples, model.config.max_seconds)
    out.mkdir(parents=True, exist_ok=True)
    epochs = config.epochs or EPOCHS[config.task]
    per_epoch = max(len(examples) // config.batch, 1)
    learner = Learner(model, config.task)
    parameters = [*model.parameters(), *learner.own]
    optimizer = torch.optim.Adam(parameters, config.optimizer.lr, config.optimizer.betas)
    lines = _resume(out, learner, optimizer)
    if not lines:
        lines = [{"epoch": 0, "validation": validation_figure(model.eval(), config.task, validation)}]
        _save(out, learner, optimizer, lines)
    with track("finetune", epochs * per_epoch, "updates", (len(lines) - 1) * per_epoch) as advance:
        for epoch in range(len(lines), epochs + 1):
            if _since_best(lines) >= config.patience:
                break
            rng = random.Random(f"{config.seed} {epoch}")
            torch.manual_seed(config.seed * 1_000_003 + epoch)
            order = rng.sample(range(len(examples)), len(examples))
            losses = []
            for i in range(per_epoch):
                batch = [examples[j] for j in order[i * config.batch : (i + 1) * config.batch]]
                for group in optimizer.param_groups:
                    group["lr"] = config.optimizer.lr_at((epoch - 1) * per_epoch + i, epochs * per_epoch)
                model.train()
                loss = learner.loss(batch, rng)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters, config.optimizer.max_gradient_norm)
                optimizer.step()
                losses.append(float(loss.detach()))
                advance(1, f"loss {losses[-1]:.3f}, best {max(line['validation'] for line in lines):.3f}")
            lines.append(
                {
                    "epoch": epoch,
                    "loss": float(np.mean(losses)),
                    "validation": validation_figure(model.eval(), config.task, validation),
                }
            )
            _save(out, learner, optimizer, lines)
    best = VideoCLIP.from_pretrained(out / "model")
    model.load_state_dict(best.state_dict())
    model.eval()
    return lines


class Learner:
    """The loss of a task, and what it learns beside the model, which is needed for the loss alone."""

    def __init__(self, model: VideoCLIP, task: str):
        self.model, self.task = model, task
        device = model.device
        self.scale, self.shift = torch.ones((), device=device), torch.zeros((), device=device)
        self.own = [self.scale.requires_grad_(), self.shift.requires_grad_()] if task == "localization" else []
        self.is_shifted = False

    def loss(self, batch: list, rng: random.Random) -> Tensor:
        if self.task in ("retrieval", "multiple-choice"):
            return self._contrast(batch, rng)
        if self.task == "moments":
            return self._moments(batch)
        return self._seconds(batch)

    def _contrast(self, batch: list[Described], rng: random.Random) -> Tensor:
        video = self.model.pooled_video(self._videos(batch))
        drawn = [rng.choice(example.texts) for example in batch]
        same = torch.tensor([[a == b for b in drawn] for a in drawn], device=video.device)
        text_to_video, video_to_text = info_nce(video, self._texts(drawn), faulty=same)
        return text_to_video if self.task == "retrieval" else video_to_text

    def _seconds(self, batch: list[Labelled]) -> Tensor:
        """Cross-entropy over a second's labels and background, or a yes or no to each step."""
        tokens = [seconds.float() for seconds in self.model.second_vectors(self._videos(batch)).split()]
        names = list(dict.fromkeys([BACKGROUND_TEXT, *(text for example in batch for text in example.texts)]))
        row = {name: i for i, name in enumerate(names)}
        vectors = self._texts(names).float()
        losses = []
        for i, example in enumerate(batch):
            columns = [row[text] for text in example.texts]
            holds = torch.from_numpy(example.holds).to(self.model.device)
            seconds = tokens[i]
            if self.task == "segmentation":
                logits = seconds @ vectors[[*columns, 0]].T
                labels = torch.where(holds.any(1), holds.int().argmax(1), len(columns))
                losses.append(F.cross_entropy(logits, labels, reduction="none"))
            else:
                scores = seconds @ vectors[columns].T
                if not self.is_shifted:
                    self.shift.data = -scores.detach().mean() - 2.0  # most seconds show no step
                    self.is_shifted = True
                yes = F.binary_cross_entropy_with_logits(
                    self.scale * scores + self.shift, holds.float(), reduction="none"
                )
                losses.append(yes.mean(1))
        return torch.cat(losses).mean()

    def _moments(self, batch: list[Timed]) -> Tensor:
        tokens = [seconds.float() for seconds in self.model.second_vectors(self._videos(batch)).split()]
        texts = self._texts([example.text for example in batch]).float()
        losses = []
        for i, example in enumerate(batch):
            seconds = len(example.features)
            there = [m for m in CANDIDATES if m[0] * CHUNK_SECONDS < seconds]
            spans = [(first * CHUNK_SECONDS, min((last + 1) * CHUNK_SECONDS, seconds)) for first, last in there]
            means = torch.stack([tokens[i][a:b].mean(0) for a, b in spans])
            given = torch.tensor([sum(tuple(t) == m for t in example.times) for m in there], device=self.model.device)
            if given.any():
                losses.append(F.cross_entropy((means @ texts[i])[None], (given / given.sum())[None].float()))
        return torch.stack(losses).mean() if losses else texts.sum() * 0

    def _videos(self, batch: list) -> Packed:
        arrays = [torch.from_numpy(np.asarray(example.features, np.float32)) for example in batch]
        return pack_video(arrays).to(self.model.device)

    def _texts(self, texts: Sequence[str]) -> Tensor:
        ids = bert_tokenizer().encode(list(texts), self.model.config.max_text_tokens)
        return self.model.pooled_text(pack_text(ids).to(self.model.device))


def validation_figure(model: VideoCLIP, task: str, examples: Sequence) -> float:
    """What decides which epoch is best: R@1 (of questions video→text), frame accuracy, recall or rank@1."""
    if task in ("retrieval", "multiple-choice"):
        found = retrieve(model, [example.texts[0] for example in examples], [example.features for example in examples])
        return found.metrics()["text_to_video" if task == "retrieval" else "video_to_text"]["R@1"]
    hits, of, background = 0, 0, background_text(model, "background")
    for example in examples:
        texts = [example.text] if task == "moments" else example.texts
        vectors = model.encode_text(texts).numpy()
        tokens = model.video_tokens(example.features).numpy()
        if task == "segmentation":
            predicted = segment(tokens, vectors, "background", background)
            shown = np.where(example.holds.any(1), example.holds.argmax(1), BACKGROUND)
            hits, of = hits + int((predicted == shown).sum()), of + len(shown)
        elif task == "moments":
            hits, of = hits + (mean_rank(rank_moments(tokens, vectors[0]), example.times) <= 1), of + 1
        else:
            shown = [set(np.flatnonzero(column).tolist()) for column in example.holds.T]
            right, steps = step_recall(locate_steps(tokens @ vectors.T).tolist(), shown)
            hits, of = hits + right, of + steps
    return hits / max(of, 1)


def cut_windows(examples: Sequence[Example], seconds: int) -> list[Example]:
    """Labelled videos in windows of at most so many seconds, ``STRIDE`` apart; other clips are cut at that length."""
    cut: list[Example] = []
    for example in examples:
        if not isinstance(example, Labelled):
            features = example.features[:seconds]
            cut.append(
                Described(features, example.texts)
                if isinstance(example, Described)
                else Timed(features, example.text, example.times)
            )
            continue
        last = max(len(example.features) - seconds, 0)
        for start in sorted({*range(0, last + 1, STRIDE), last}):
            part = slice(start, start + seconds)
            cut.append(Labelled(example.features[part], example.texts, example.holds[part]))
    return cut


def one_label(labels: np.ndarray, count: int) -> np.ndarray:
    """Labels of seconds as a table: (T,) int, -1 for background -> (T, count) bool."""
    holds = np.zeros((len(labels), count), bool)
    shown = np.flatnonzero(labels != BACKGROUND)
    holds[shown, labels[shown]] = True
    return holds


def _since_best(lines: list[dict]) -> int:
    figures = [line["validation"] for line in lines]
    return len(figures) - 1 - int(np.argmax(figures))


def _save(out: Path, learner: Learner, optimizer: torch.optim.Optimizer, lines: list[dict]) -> None:
    """The checkpoint, the model if it is the best so far, and the history, which is last and marks an epoch as done."""
    if _since_best(lines) == 0:
        learner.model.save_pretrained(out / "model")
    state = {"model": learner.model.state_dict(), "optimizer": optimizer.state_dict(), "own": learner.own}
    save_checkpoint(out, len(lines), state | {"lines": lines})
    write_whole(out / "history.jsonl", "".join(json.dumps(line) + "\n" for line in lines))


def _resume(out: Path, learner: Learner, optimizer: torch.optim.Optimizer) -> list[dict]:
    if not read_history(out / "history.jsonl"):
        return []
    state = newest_checkpoint(out, learner.model.device)
    if state is None:
        return []
    learner.model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    for mine, stored in zip(learner.own, state["own"], strict=True):
        mine.data = stored.data
        learner.is_shifted = True
    return state["lines"]
