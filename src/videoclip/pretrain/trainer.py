"""The training loop of VideoCLIP, from corpus to model (paper, section 3 and appendix A).

A run lives in one folder (``run.py``). Starting the same run again goes on from its checkpoint, and gives the same
losses as if it had never stopped: every random draw is seeded by the run's seed and the number of the update.
"""

import json
import math
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from ..config import dump_config
from ..corpus.store import Corpus
from ..errors import ConfigError, CorpusError, VideoclipError
from ..hardware import has_compiler, is_out_of_memory
from ..model.loss import LossConfig
from ..model.official import initialise_from_bert
from ..model.videoclip import ModelConfig, VideoCLIP
from ..progress import track
from ..provenance import provenance
from ..storage.copies import fetch, publish
from ..storage.places import place, write_whole
from .clips import Batch, ClipConfig, draw_batch
from .diagnostics import in_words
from .distributed import Ranks, device_here, joined
from .loading import load_batches
from .neighbours import BatchConfig, plan_epoch
from .run import Interruption, Log, exclusive, not_finite, resume, save
from .step import Cast, NotFinite, autocast, pooled, train_step, video_vectors
from .validation import diagnose, validate

Probe = Callable[[VideoCLIP], dict[str, float]]
"""What is measured during training beside the loss: a model -> named figures."""


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam with linear warm-up and linear decay (the defaults are the paper's)."""

    lr: float = 5e-5
    betas: tuple[float, float] = (0.9, 0.98)
    max_gradient_norm: float = 2.0
    warmup_updates: int = 1000
    decay_updates: int = 1_000_000
    """Update at which the learning rate reaches zero; 0: the last update of the run."""

    def lr_at(self, update: int, last: int) -> float:
        """Learning rate of an update, counted from 0, of a run of ``last`` updates."""
        if update < self.warmup_updates:
            return self.lr * (update + 1) / self.warmup_updates
        end = self.decay_updates or last
        return self.lr * max(end - update, 0) / max(end - self.warmup_updates, 1)


@dataclass(frozen=True)
class PretrainConfig:
    """One pre-training run; the defaults are the paper's."""

    corpus: str = ""
    out: str = "runs/pretrain"
    train_videos: str = "*"
    """Which ids are trained on, as a shell pattern."""
    validation_videos: str = ""
    """Which ids are held out; without a pattern, one video in fifty."""
    model: ModelConfig = field(default_factory=ModelConfig)
    init: str = "bert-base-uncased"
    """BERT-form folder or hub name from which both towers start; empty: at random."""
    clips: ClipConfig = field(default_factory=ClipConfig)
    batches: BatchConfig = field(default_factory=BatchConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    epochs: int = 25
    precision: str = "auto"
    """``fp32``, ``bf16``, or ``auto``: bf16 where the hardware multiplies it natively."""
    workers: int = 0
    """Processes that read and cut clips; 0: the training process does."""
    seed: int = 0
    log_every: int = 20
    checkpoint_minutes: float = 10.0
    validate_epochs: int = 1
    """Epochs between validations; 0: never."""

    def __post_init__(self):
        if self.precision not in ("auto", "fp32", "bf16"):
            raise ValueError(f"precision is '{self.precision}'; choose from auto, fp32, bf16")
        if self.clips.max_seconds > self.model.max_seconds:
            raise ValueError(
                f"clips.max_seconds {self.clips.max_seconds} exceeds model.max_seconds {self.model.max_seconds}"
            )
        if (self.clips.rule == "mil-nce") != (self.loss.kind == "mil-nce"):
            raise ValueError("clips.rule=mil-nce and loss.kind=mil-nce go together: several texts of a clip")


def pretrain(config: PretrainConfig, probe: Probe | None = None) -> VideoCLIP:
    """Train a model as configured, or go on where the run in ``config.out`` stopped; returns it with its last weights.

    Under ``torchrun`` the processes train it together (``distributed``).

    Args:
        probe: measured at every validation, beside the loss.

    Raises:
        CorpusError, ConfigError: the corpus is unusable, or ``config.out`` holds another run, or is in use.
        VideoclipError: a loss is not a number, memory does not suffice, or another process of the training ended.
    """
    if not config.corpus:
        raise ConfigError("name the corpus to train on, such as corpus=my.lance")
    corpus, where = Corpus(config.corpus), place(config.out)
    train, held_out = split(corpus, config)
    config = fitted(config, corpus)
    with joined() as ranks, exclusive(where, dump_config(config)) if ranks.is_first else nullcontext():
        with ranks.first_before_others():
            out = fetch(where)
        model = _Run(config, corpus, train, held_out, out, ranks).train(probe)
        if ranks.is_first:
            publish(where)
        return model


class _Run:
    """One process's part of a run."""

    def __init__(
        self, config: PretrainConfig, corpus: Corpus, train: list[int], held_out: list[int], out: Path, ranks: Ranks
    ):
        self.config, self.corpus, self.train_rows, self.held_out = config, corpus, train, held_out
        self.out, self.ranks = out, ranks
        self.own = ranks.per_process(config.batches.per_update)
        """Batches of an update that this process takes."""
        self.per_update = self.own * ranks.size
        self.updates_per_epoch = len(train) // config.batches.videos // self.per_update
        if not self.updates_per_epoch:
            raise ConfigError(
                f"an update has {self.per_update} batches of {config.batches.videos} videos, but {corpus.path} has "
                f"{len(train)} videos to train on; set batches.videos or batches.per_update lower"
            )
        device = device_here()
        self.cast = autocast(config.precision, device)
        torch.manual_seed(config.seed)
        self.model = VideoCLIP(config.model)
        if config.init:
            initialise_from_bert(self.model, config.init)
        self.model.to(device)
        if device.type == "cuda" and has_compiler():
            self.model.compile_layers()
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), config.optimizer.lr, config.optimizer.betas, fused=True
        )
        with ranks.first_before_others():
            self.state = resume(out, self.model, self.optimizer)
        if self.state.vectors is None and config.batches.vector_from == "training":
            self.state.vectors = torch.full((len(train), config.model.hidden_size), torch.nan, dtype=torch.float16)
        self.trained = ranks.averaging(self.model)
        self.place = {row: i for i, row in enumerate(train)}

    def train(self, probe: Probe | None) -> VideoCLIP:
        config, state, figures = self.config, self.state, {}
        pairs = self.per_update * config.batches.videos * config.clips.pairs_per_video
        updates = self.updates_per_epoch * config.epochs
        with (
            Interruption() as interruption,
            Log(self.out, state) if self.ranks.is_first else nullcontext() as log,
            track("pretrain", updates * pairs, "pairs", state.update * pairs, self.ranks.is_first) as advance,
        ):
            saved = time.monotonic()
            while state.epoch < config.epochs:
                if not state.batch:
                    state.plan = self._plan()
                for batches in self._updates():
                    loss = self._update(batches, updates)
                    advance(pairs, f"loss {loss:.2f}")
                    if log and state.update % config.log_every == 0:
                        log.write(lr=self.optimizer.param_groups[0]["lr"])
                    is_due = time.monotonic() - saved > 60 * config.checkpoint_minutes
                    interruption.agree(self.ranks)
                    if log and (interruption.asked_for or is_due):
                        save(self.out, self.model, self.optimizer, state)
                        publish(place(config.out))
                        saved = time.monotonic()
                    interruption.obey()
                state.epoch, state.batch = state.epoch + 1, 0
                is_last = state.epoch == config.epochs
                if config.validate_epochs and (is_last or state.epoch % config.validate_epochs == 0):
                    figures = validate(self.model, self.corpus, self.held_out, config, self.cast, self.ranks)
                    if log:
                        batch = state.plan[0]
                        figures |= diagnose(self.model, self.corpus, batch, self.held_out, config, self.cast)
                        log.write(**figures, **(probe(self.model) if probe else {}))
            if log:
                save(self.out, self.model, self.optimizer, state)
        self.model.eval()
        if self.ranks.is_first:
            if figures:
                print(in_words(figures), file=sys.stderr)
            self.model.save_pretrained(self.out / "model")
            result = provenance(config.seed, dump_config(config)) | {
                "updates": state.update, "processes": self.ranks.size, "weights": self.model.fingerprint
            }  # fmt: skip
            write_whole(self.out / "result.json", json.dumps(result, indent=1))
        self.ranks.wait()
        return self.model

    def _updates(self) -> Iterator[list[Batch]]:
        """The rest of an epoch's updates, each with the batches of it that are this process's."""
        batches = load_batches(self.corpus, self.state, self.config, self._mine())
        while update := list(islice(batches, self.own)):
            yield update

    def _mine(self) -> list[int]:
        """Which of the epoch's batches this process draws: of each update its share, in one piece."""
        end = self.updates_per_epoch * self.per_update
        first = self.ranks.rank * self.own
        return [
            start + first + i
            for start in range(self.state.batch, end - self.per_update + 1, self.per_update)
            for i in range(self.own)
        ]

    def _update(self, batches: list[Batch], updates: int) -> float:
        """Train on the batches of one update; returns its loss."""
        state, config, ranks = self.state, self.config, self.ranks
        first = state.batch + ranks.rank * self.own
        videos = state.plan[first : first + self.own]
        device = self.model.device
        try:
            loss, vectors = train_step(
                self.trained, self.optimizer, [batch.to(device) for batch in batches], videos, config,
                state.epoch * self.updates_per_epoch * self.per_update + first,
                config.optimizer.lr_at(state.update, updates), self.cast, ranks,
            )  # fmt: skip
        except NotFinite as error:
            ids = [[self.corpus.ids[row] for row in rows] for rows in videos]
            raise not_finite(self.out, state.update, ranks.rank, error, batches, ids) from error
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise VideoclipError(
                f"{self.out}: {len(batches[0])} pairs do not fit into memory; lower batches.videos or "
                "clips.pairs_per_video, and raise batches.per_update in turn, which gives the same pairs in one update"
            ) from error
        loss = float(ranks.sum(torch.tensor(loss, dtype=torch.float64))) / ranks.size
        if state.vectors is not None:
            everyone = ranks.gathered(torch.stack(vectors)).cpu()
            met = state.plan[state.batch : state.batch + self.per_update]
            for rows, made in zip(met, everyone, strict=True):
                state.note([self.place[row] for row in rows], made)
        state.advance(loss, self.per_update)
        return loss

    def _plan(self) -> list[list[int]]:
        """The epoch's batches, as rows of the corpus: the same in all processes."""
        config, state, train = self.config, self.state, self.train_rows
        vectors = None
        if config.batches.needs_vectors(state.epoch):
            if state.vectors is None:
                vectors = embed_videos(self.model, self.corpus, train, config, self.cast, self.ranks)
            else:
                vectors = state.vectors.float().numpy()
                unmet = np.flatnonzero(np.isnan(vectors[:, 0]))
                rows = [train[i] for i in unmet]
                vectors[unmet] = embed_videos(self.model, self.corpus, rows, config, self.cast, self.ranks)
        plan = None
        if self.ranks.is_first:
            rng = random.Random(f"{config.seed} plan {state.epoch}")
            plan = np.array(plan_epoch(len(train), config.batches, rng, vectors))
        return [[train[i] for i in batch] for batch in self.ranks.told(plan).tolist()]


@torch.inference_mode()
def embed_videos(
    model: VideoCLIP, corpus: Corpus, rows: list[int], config: PretrainConfig, cast: Cast, ranks: Ranks | None = None
) -> np.ndarray:
    """A vector per video, from some of its clips alone, (len(rows), D) float32 (``video_vectors``).

    Each process embeds its share, and all have them all.
    """
    if not rows:
        return np.empty((0, config.model.hidden_size), np.float32)
    model.eval()
    if config.batches.vector_from == "beginning":
        clips = replace(config.clips, rule="beginning", pairs_per_video=1, max_seconds=config.model.max_seconds)
    else:
        clips = replace(config.clips, rule="aligned", pairs_per_video=config.batches.clips_per_vector)
    ranks = ranks or Ranks()
    vectors = torch.zeros(len(rows), config.model.hidden_size)
    for chunk in ranks.share(math.ceil(len(rows) / config.batches.videos)):
        start = chunk * config.batches.videos
        videos = corpus.read(rows[start : start + config.batches.videos])
        batch = draw_batch(videos, clips, config.model.max_text_tokens, random.Random(f"{config.seed} vectors {start}"))
        video, text = pooled(model, batch, cast)
        vectors[start : start + len(videos)] = video_vectors(video, text, batch.owner.to(video.device)).cpu()
    return ranks.sum(vectors).numpy()


def split(corpus: Corpus, config: PretrainConfig) -> tuple[list[int], list[int]]:
    """Rows to train on and rows to validate on; videos without captions are in neither.

    Raises:
        CorpusError: nothing to train on.
    """
    spoken = corpus.rows_with_captions()
    train = [row for row in corpus.matching(config.train_videos) if row in spoken]
    if not train:
        raise CorpusError(f"{corpus.path}: no video with captions matches train_videos '{config.train_videos}'")
    if config.validation_videos:
        held_out = [row for row in corpus.matching(config.validation_videos) if row in spoken]
    else:
        held_out = random.Random(f"{config.seed} held out").sample(train, max(len(train) // 50, 1))
    if not held_out:
        raise CorpusError(
            f"{corpus.path}: no video with captions matches validation_videos '{config.validation_videos}'"
        )
    kept = set(held_out)
    train = [row for row in train if row not in kept]
    if len(train) < config.batches.videos:
        raise ConfigError(
            f"batches.videos is {config.batches.videos}, but {corpus.path} has {len(train)} videos to train on; "
            f"set batches.videos={max(len(train), 1)} or less"
        )
    return train, held_out


def fitted(config: PretrainConfig, corpus: Corpus) -> PretrainConfig:
    """The configuration with the corpus's features in the model's."""
    kind = corpus.kind
    model = replace(config.model, feature_size=kind.feature_size, encoder=kind.encoder, normalized=kind.normalized)
    return replace(config, model=model)
