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
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePath

import numpy as np
import torch

from ..config import dump_config
from ..corpus.store import Corpus
from ..errors import ConfigError, VideoclipError
from ..hardware import has_compiler, is_out_of_memory, tensor_cores
from ..model.card import About
from ..model.joint import load_start
from ..model.official import bert_tensors
from ..model.videoclip import VideoCLIP
from ..progress import track
from ..provenance import provenance
from ..storage.copies import fetch, publish
from ..storage.places import Place, place, write_whole
from .ahead import Later, on_device
from .clips import Batch, draw_batch
from .config import PretrainConfig, fitted
from .diagnostics import in_words
from .distributed import Ranks, device_here, joined
from .loading import load_batches, split
from .neighbours import plan_epoch
from .realign import realign
from .run import Interruption, Log, exclusive, not_finite, resume, save
from .step import Cast, Training, autocast, pooled, train_step, video_vectors
from .tokens import tokens_of
from .validation import diagnose, keep_share, validate

Probe = Callable[[VideoCLIP], dict[str, float]]
"""What is measured during training beside the loss: a model -> named figures."""


def pretrain(config: PretrainConfig, probe: Probe | None = None) -> VideoCLIP:
    """Train a model as configured, or go on where the run in ``config.out`` stopped; returns it with its last weights.

    With ``config.rounds`` that is one model after the other, each on narration that the one before has placed
    (``realign``); the last is the run's model. The earlier ones, and the narration, lie in folders ``round-1`` and so
    on of the run.

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
    for of_round in config.of_rounds():
        split(corpus, of_round)  # what cannot be is said before anything is done
    config = fitted(config, corpus.kind)
    with joined() as ranks, exclusive(where, dump_config(config)) if ranks.is_first else nullcontext():
        *earlier, last = config.of_rounds()
        for number, of_round in enumerate(earlier, 1):
            folder = where / f"round-{number}"
            with exclusive(folder, dump_config(of_round)) if ranks.is_first else nullcontext():
                model = _trained(of_round, corpus, folder, ranks)
            corpus = _realigned(corpus, model, folder, config.of_rounds()[number], ranks)
        return _trained(last, corpus, where, ranks, probe, dump_config(config))


def _trained(
    config: PretrainConfig, corpus: Corpus, where: Place, ranks: Ranks, probe: Probe | None = None,
    noted: dict | None = None,
) -> VideoCLIP:  # fmt: skip
    """The model of one round, in a folder of its own; ``noted`` is what its result says of how it was made."""
    train, held_out = split(corpus, config)
    with ranks.first_before_others():
        out = fetch(where)
    if noted is None and (out / "result.json").is_file():
        return VideoCLIP.from_pretrained(out / "model").to(device_here())
    model = _Run(config, corpus, (train, held_out), (where, out), ranks, noted or dump_config(config)).train(probe)
    if ranks.is_first:
        publish(where)
    return model


def _realigned(corpus: Corpus, model: VideoCLIP, folder: Place, config: PretrainConfig, ranks: Ranks) -> Corpus:
    """The corpus of the next round, of the videos that it trains on and is validated on."""
    source = corpus.source
    rows = sorted({*source.matching(config.train_videos), *source.matching(config.validation_videos or "*")})
    placed = realign(source, model, folder / "realigned.lance", config.realign, rows, ranks)
    if ranks.is_first:
        print(f"{folder / 'realigned.lance'}: {placed}", file=sys.stderr)
    return Corpus(folder / "realigned.lance")


class _Run:
    """One process's part of a run."""

    def __init__(
        self, config: PretrainConfig, corpus: Corpus, rows: tuple[list[int], list[int]], folder: tuple[Place, Path],
        ranks: Ranks, noted: dict,
    ):  # fmt: skip
        self.config, self.corpus, self.noted, self.ranks = config, corpus, noted, ranks
        self.train_rows, self.held_out = rows
        train, _ = rows
        self.where, self.out = folder
        """The run's folder, and the copy of it that this machine works on."""
        self.own = ranks.per_process(config.batches.per_update)
        """Batches of an update that this process takes."""
        self.per_update = self.own * ranks.size
        self.updates_per_epoch = len(train) // config.batches.videos // self.per_update
        if not self.updates_per_epoch:
            raise ConfigError(
                f"an update has {self.per_update} batches of {config.batches.videos} videos, but {corpus.path} has "
                f"{len(train)} videos to train on; set batches.videos or batches.per_update lower"
            )
        self.updates = self.updates_per_epoch * config.epochs
        device = device_here()
        self.cast = autocast(config.precision, device)
        torch.manual_seed(config.seed)
        self.model = _new_model(config, corpus).to(device)
        if device.type == "cuda" and has_compiler():
            self.model.compile_layers()
        self.optimizer = torch.optim.Adam(
            (p for p in self.model.parameters() if p.requires_grad),
            config.optimizer.lr,
            config.optimizer.betas,
            fused=True,
        )
        with ranks.first_before_others():
            self.tokens = tokens_of(corpus, config.clips.max_caption_tokens)
        with ranks.first_before_others():
            self.state = resume(self.out, self.model, self.optimizer)
        if self.state.vectors is None and config.batches.vector_from == "training":
            self.state.vectors = torch.full((len(train), self.model.size), torch.nan, dtype=torch.float16)
        self.training = Training(ranks.averaging(self.model), self.optimizer, config, self.cast, ranks)
        self.place = {row: i for i, row in enumerate(train)}

    def train(self, probe: Probe | None) -> VideoCLIP:
        config, state, figures = self.config, self.state, {}
        pairs = self.per_update * config.batches.videos * config.clips.pairs_per_video
        with (
            tensor_cores(self.model.device, allowed=config.precision != "fp32"),
            Interruption() as interruption,
            Log(self.out, state) if self.ranks.is_first else nullcontext() as log,
            track("pretrain", self.updates * pairs, "pairs", state.update * pairs, self.ranks.is_first) as advance,
        ):
            self.saved = time.monotonic()
            while state.epoch < config.epochs and not self._is_settled():
                if not state.batch:
                    state.plan = self._plan()
                self._epoch(interruption, log, lambda loss: advance(pairs, f"loss {loss:.2f}"))
                state.epoch, state.batch = state.epoch + 1, 0
                is_last = state.epoch == config.epochs
                if config.validate_epochs and (is_last or state.epoch % config.validate_epochs == 0):
                    figures = validate(self.model, self.corpus, self.held_out, config, self.cast, self.ranks)
                    state.validated(figures["validation_loss"], self.model if config.keep == "best" else None)
                    if log:
                        batch = state.plan[0]
                        figures |= diagnose(self.model, self.corpus, batch, self.held_out, config, self.cast)
                        log.write(**figures, **(probe(self.model) if probe else {}))
            if log:
                save(self.out, self.model, self.optimizer, state)
        if state.best:
            self.model.load_state_dict(state.best)
        share = keep_share(self.model, self.corpus, self.held_out, config, self.cast, self.ranks)
        self.model.eval()
        if self.ranks.is_first:
            if figures:
                print(in_words(figures), file=sys.stderr)
            self.model.save_pretrained(self.out / "model", self._about(figures))
            result = provenance(config.seed, self.noted) | {
                "updates": state.update, "processes": self.ranks.size, "weights": self.model.fingerprint
            }  # fmt: skip
            if share is not None:
                result["share"] = share
                print(f"{share:.0%} of what was learned is kept on top of the ready-made model", file=sys.stderr)
            write_whole(self.out / "result.json", json.dumps(result, indent=1))
        self.ranks.wait()
        return self.model

    def _about(self, figures: dict) -> About:
        """What the model's card says of this run."""
        config, started = self.config, self.config.init or "random weights"
        trained = (
            f"By `videoclip pretrain`, {config.epochs} epochs from {started}; the run's `result.json` has all of it."
        )
        data = f"{len(self.train_rows):,} narrated videos of `{PurePath(self.corpus.path).name}`, by their captions."
        measured = {name: value for name, value in figures.items() if isinstance(value, float)}
        return About(trained, data, measured)

    def _is_settled(self) -> bool:
        """Whether validations have been no better for as long as they may."""
        return bool(self.config.patience) and self.state.no_better >= self.config.patience

    def _epoch(self, interruption: Interruption, log: Log | None, done: Callable[[float], None]) -> None:
        """The rest of an epoch's updates; ``done`` is called with the loss of each.

        What an update gave is looked at when the next one has begun, so that a GPU never waits for it.
        """
        before = None
        for number, (start, batches) in enumerate(self._updates(), self.state.update):
            begun = self._begin(number, start, batches)
            if before:
                self._settle(before, log, done)
            before = begun
            interruption.agree(self.ranks)
            is_due = time.monotonic() - self.saved > 60 * self.config.checkpoint_minutes
            if log and (interruption.asked_for or is_due):
                self._settle(begun, log, done)
                before = None
                save(self.out, self.model, self.optimizer, self.state)
                publish(self.where)
                self.saved = time.monotonic()
            interruption.obey()
        if before:
            self._settle(before, log, done)

    def _updates(self) -> Iterator[tuple[int, list[Batch]]]:
        """The rest of an epoch's updates: where in its plan each begins, and the batches of it that are this process's.

        Of each update a process takes its share of batches in one piece.
        """
        end, first = self.updates_per_epoch * self.per_update, self.ranks.rank * self.own
        starts = range(self.state.batch, end - self.per_update + 1, self.per_update)
        mine = [start + first + i for start in starts for i in range(self.own)]
        drawn = load_batches(self.corpus, self.state, self.config, mine, self.tokens)
        batches = on_device(drawn, self.model.device)
        for start in starts:
            yield start, list(islice(batches, self.own))

    def _begin(self, number: int, start: int, batches: list[Batch]) -> "_Update":
        """Train on the batches of an update, as far as Python is needed for it."""
        state, config, ranks = self.state, self.config, self.ranks
        first, lr = start + ranks.rank * self.own, config.optimizer.lr_at(number, self.updates)
        videos = state.plan[first : first + self.own]
        of_run = state.epoch * self.updates_per_epoch * self.per_update + first
        try:
            measured, vectors = train_step(self.training, batches, videos, of_run, lr)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise VideoclipError(
                f"{self.out}: {len(batches[0])} pairs do not fit into memory; lower batches.videos or "
                "clips.pairs_per_video, and raise batches.per_update in turn, which gives the same pairs in one update"
            ) from error
        of_all = ranks.sum(measured[:1].double()) if ranks.size > 1 else measured[:1]
        everyone = Later(ranks.gathered(torch.stack(vectors))) if vectors else None
        return _Update(number, start, lr, batches, Later(torch.cat([of_all, measured])), everyone)

    def _settle(self, update: "_Update", log: Log | None, done: Callable[[float], None]) -> None:
        """Note what an update gave, and that it is done.

        Raises:
            VideoclipError: its loss or gradient is not a number; the weights are as they were before it.
        """
        state = self.state
        total, own, norm = update.figures.read().tolist()
        if not (math.isfinite(own) and math.isfinite(norm)):
            first = update.start + self.ranks.rank * self.own
            ids = [[self.corpus.ids[row] for row in rows] for rows in state.plan[first : first + self.own]]
            what = f"update {update.number}: the loss is {own:.4g} and the gradient's norm {norm:.4g}"
            raise not_finite(self.out / f"not-finite-{update.number}-{self.ranks.rank}.pt", what, update.batches, ids)
        if update.vectors:
            met = state.plan[update.start : update.start + self.per_update]
            for rows, made in zip(met, update.vectors.read(), strict=True):
                state.note([self.place[row] for row in rows], made)
        loss = total / self.ranks.size
        state.advance(loss, self.per_update)
        done(loss)
        if log and state.update % self.config.log_every == 0:
            log.write(lr=update.lr)

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


@dataclass(frozen=True)
class _Update:
    """An update that was begun; a GPU may still be working on it."""

    number: int
    """Among those of the run, from 0."""
    start: int
    """Of its batches, those of all processes, the place of the first one in the epoch's plan."""
    lr: float
    batches: list[Batch]
    """This process's."""
    figures: Later
    """(3,): the sum of all processes' losses, this one's, and the gradient's norm."""
    vectors: Later | None
    """Of each batch's every video, (batches, videos, D), where training makes them."""


def _new_model(config: PretrainConfig, corpus: Corpus) -> VideoCLIP:
    """The model before the first update.

    Raises:
        VideoclipError: what it is to start from is not there, or does not understand the corpus's features.
    """
    model = random_model(config, corpus)
    if config.bert:
        model.load_state_dict(bert_tensors(config.model, config.bert), strict=False)
    return model


def random_model(config: PretrainConfig, corpus: Corpus) -> VideoCLIP:
    """A model whose towers are random, on top of the ready-made one if the configuration names one.

    Raises:
        VideoclipError: the ready-made model is not there, or does not understand the corpus's features.
    """
    if config.ready_made:
        return VideoCLIP.starting_from(load_start(config.ready_made, corpus.kind, corpus.path), config.model)
    return VideoCLIP(config.model)


@torch.inference_mode()
def embed_videos(
    model: VideoCLIP, corpus: Corpus, rows: list[int], config: PretrainConfig, cast: Cast, ranks: Ranks | None = None
) -> np.ndarray:
    """A vector per video, from some of its clips alone, (len(rows), D) float32 (``video_vectors``).

    Each process embeds its share, and all have them all.
    """
    if not rows:
        return np.empty((0, model.size), np.float32)
    model.eval()
    if config.batches.vector_from == "beginning":
        clips = replace(config.clips, rule="beginning", pairs_per_video=1, max_seconds=config.model.max_seconds)
    else:
        clips = replace(config.clips, rule="aligned", pairs_per_video=config.batches.clips_per_vector)
    ranks = ranks or Ranks()
    vectors = torch.zeros(len(rows), model.size)
    for chunk in ranks.share(math.ceil(len(rows) / config.batches.videos)):
        start = chunk * config.batches.videos
        videos = corpus.read(rows[start : start + config.batches.videos])
        batch = draw_batch(videos, clips, config.model.max_text_tokens, random.Random(f"{config.seed} vectors {start}"))
        video, text = pooled(model, batch, cast)
        made = video_vectors(video, text, batch.owner.to(video.device), len(videos))
        vectors[start : start + len(videos)] = made.cpu()
    return ranks.sum(vectors).numpy()
