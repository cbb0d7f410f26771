"""The training loop of VideoCLIP, from corpus to model (paper, section 3 and appendix A).

A run lives in one folder (``run.py``). Starting the same run again goes on from its checkpoint, and gives the same
losses as if it had never stopped: every random draw is seeded by the run's seed and the number of the update.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..config import dump_config
from ..corpus.store import Corpus
from ..errors import ConfigError, CorpusError
from ..folders import claim
from ..hardware import has_bf16, has_compiler
from ..model.loss import LossConfig, contrastive_loss
from ..model.official import initialise_from_bert
from ..model.videoclip import ModelConfig, VideoCLIP
from ..progress import track
from ..provenance import provenance
from .clips import Batch, ClipConfig, draw_batch
from .diagnostics import batch_diagnostics, in_words, speech_lag
from .neighbours import BatchConfig, plan_epoch
from .run import Interruption, Log, State, resume, save

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


class Draws(Dataset):
    """The batches of one epoch: batch ``i`` is the same whoever draws it, and whenever."""

    def __init__(self, corpus: Corpus, plan: list[list[int]], config: PretrainConfig, epoch: int):
        self.corpus, self.plan, self.config, self.epoch = corpus, plan, config, epoch

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, i: int) -> Batch:
        if i >= len(self.plan):
            raise IndexError(i)
        rng = random.Random(f"{self.config.seed} {self.epoch} {i}")
        videos = self.corpus.read(self.plan[i])
        return draw_batch(videos, self.config.clips, self.config.model.max_text_tokens, rng)


def pretrain(config: PretrainConfig, probe: Probe | None = None) -> VideoCLIP:
    """Train a model as configured, or go on where the run in ``config.out`` stopped; returns it with its last weights.

    Args:
        probe: measured at every validation, beside the loss.

    Raises:
        CorpusError, ConfigError: the corpus is unusable, or ``config.out`` holds another run.
    """
    if not config.corpus:
        raise ConfigError("name the corpus to train on, such as corpus=my.lance")
    corpus = Corpus(config.corpus)
    train, held_out = split(corpus, config)
    config = fitted(config, corpus)
    out = claim(Path(config.out), "run", dump_config(config))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    cast = autocast(config.precision, device)

    torch.manual_seed(config.seed)
    model = VideoCLIP(config.model)
    if config.init:
        initialise_from_bert(model, config.init)
    model.to(device)
    if device.type == "cuda" and has_compiler():
        model.compile_layers()
    optimizer = torch.optim.Adam(model.parameters(), config.optimizer.lr, config.optimizer.betas, fused=True)
    state = resume(out, model, optimizer)
    if state.vectors is None and config.batches.vector_from == "training":
        state.vectors = torch.full((len(train), config.model.hidden_size), torch.nan, dtype=torch.float16)
    place = {row: i for i, row in enumerate(train)}
    per_epoch = len(train) // config.batches.videos
    last_update = per_epoch * config.epochs
    pairs = config.batches.videos * config.clips.pairs_per_video
    saved, figures = time.monotonic(), {}

    with (
        Interruption() as interruption,
        Log(out, state) as log,
        track("pretrain", last_update * pairs, "pairs", state.update * pairs) as advance,
    ):
        while state.epoch < config.epochs:
            if not state.batch:
                state.plan = _plan(model, corpus, train, config, state, cast)
            for batch in load_batches(corpus, state, config):
                loss, vectors = update(model, optimizer, batch.to(device), config, state.update, last_update, cast)
                state.note([place[row] for row in state.plan[state.batch]], vectors)
                state.advance(loss)
                advance(pairs, f"loss {loss:.2f}")
                if state.update % config.log_every == 0:
                    log.write(lr=optimizer.param_groups[0]["lr"])
                if interruption.asked_for or time.monotonic() - saved > 60 * config.checkpoint_minutes:
                    save(out, model, optimizer, state)
                    saved = time.monotonic()
                interruption.obey()
            state.epoch, state.batch = state.epoch + 1, 0
            is_last = state.epoch == config.epochs
            if config.validate_epochs and (is_last or state.epoch % config.validate_epochs == 0):
                figures = validate(model, corpus, held_out, config, cast)
                figures |= diagnose(model, corpus, state.plan[0], held_out, config, cast)
                log.write(**figures, **(probe(model) if probe else {}))
        save(out, model, optimizer, state)
    if figures:
        print(in_words(figures), file=sys.stderr)
    model.eval()
    model.save_pretrained(out / "model")
    result = provenance(config.seed, dump_config(config)) | {"updates": state.update}
    (out / "result.json").write_text(json.dumps(result, indent=1))
    return model


def update(
    model, optimizer, batch: Batch, config: PretrainConfig, number: int, last: int, cast
) -> tuple[float, Tensor]:
    """One step of Adam on one batch; returns the loss, and a vector per video of the batch, (V, D)."""
    torch.manual_seed(config.seed * 1_000_003 + number)  # dropout does not depend on what ran before
    model.train()
    for group in optimizer.param_groups:
        group["lr"] = config.optimizer.lr_at(number, last)
    with cast():
        video, text = model(batch.video, batch.text)
    loss = contrastive_loss(video, text, config.loss, batch.overlaps() if config.loss.mask_overlaps else None)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), config.optimizer.max_gradient_norm)
    optimizer.step()
    return float(loss.detach()), video_vectors(video.detach(), text.detach(), batch.owner)


def _plan(model, corpus: Corpus, train: list[int], config: PretrainConfig, state: State, cast) -> list[list[int]]:
    """The epoch's batches, as rows of the corpus."""
    rng, vectors = random.Random(f"{config.seed} plan {state.epoch}"), None
    if config.batches.needs_vectors(state.epoch):
        if state.vectors is None:
            vectors = embed_videos(model, corpus, train, config, cast)
        else:
            vectors = state.vectors.float().numpy()
            unmet = np.flatnonzero(np.isnan(vectors[:, 0]))
            vectors[unmet] = embed_videos(model, corpus, [train[i] for i in unmet], config, cast)
    return [[train[i] for i in batch] for batch in plan_epoch(len(train), config.batches, rng, vectors)]


def video_vectors(video: Tensor, text: Tensor, owner: Tensor) -> Tensor:
    """A vector per video: the mean over its pairs of (video + text) / 2 (paper, section 3.3).

    Args:
        video: pooled clips, (B, D).
        text: pooled texts, (B × K, D).
        owner: which video each pair is from, (B,).
    """
    pairs = (video.float() + text.float().view(len(video), -1, text.shape[1]).mean(1)) / 2
    sums = pairs.new_zeros(int(owner.max()) + 1, pairs.shape[1]).index_add_(0, owner, pairs)
    return sums / owner.bincount()[:, None]


def load_batches(corpus: Corpus, state: State, config: PretrainConfig) -> Iterator[Batch]:
    """The rest of an epoch's batches; ``config.workers`` processes draw them ahead of time."""
    rest = range(state.batch, len(state.plan))
    yield from DataLoader(
        Draws(corpus, state.plan, config, state.epoch),
        batch_size=None,
        sampler=rest,
        num_workers=config.workers,
        multiprocessing_context="forkserver" if config.workers else None,  # Lance does not survive a fork
        pin_memory=torch.cuda.is_available(),
    )


@torch.inference_mode()
def embed_videos(model: VideoCLIP, corpus: Corpus, rows: list[int], config: PretrainConfig, cast) -> np.ndarray:
    """A vector per video, from some of its clips alone, (len(rows), D) float32 (``video_vectors``)."""
    if not rows:
        return np.empty((0, config.model.hidden_size), np.float32)
    model.eval()
    if config.batches.vector_from == "beginning":
        clips = replace(config.clips, rule="beginning", pairs_per_video=1, max_seconds=config.model.max_seconds)
    else:
        clips = replace(config.clips, rule="aligned", pairs_per_video=config.batches.clips_per_vector)
    vectors = []
    for start in range(0, len(rows), config.batches.videos):
        videos = corpus.read(rows[start : start + config.batches.videos])
        batch = draw_batch(videos, clips, config.model.max_text_tokens, random.Random(f"{config.seed} vectors {start}"))
        video, text = _pooled(model, batch, cast)
        vectors.append(video_vectors(video, text, batch.owner.to(video.device)))
    return torch.cat(vectors).cpu().numpy()


@torch.inference_mode()
def validate(model: VideoCLIP, corpus: Corpus, rows: list[int], config: PretrainConfig, cast) -> dict[str, float]:
    """Loss and text→video R@1 over pairs of held-out videos, always the same ones."""
    model.eval()
    losses, hits, count = [], 0.0, 0
    size = min(config.batches.videos, len(rows))
    for start in range(0, len(rows) - size + 1, size):
        videos = corpus.read(rows[start : start + size])
        rng = random.Random(f"validation {start}")
        video, text = _pooled(model, draw_batch(videos, config.clips, config.model.max_text_tokens, rng), cast)
        losses.append(float(contrastive_loss(video, text, config.loss)))
        first = text[:: config.clips.texts_per_clip]
        hits += float(((first @ video.T).argmax(1) == torch.arange(len(video), device=video.device)).sum())
        count += len(video)
    return {"validation_loss": sum(losses) / len(losses), "validation_R@1": hits / count}


@torch.inference_mode()
def diagnose(
    model: VideoCLIP, corpus: Corpus, batch: list[int], held_out: list[int], config: PretrainConfig, cast
) -> dict[str, float]:
    """What a batch of training is like, and the lag of speech in some held-out videos (``diagnostics``)."""
    model.eval()
    videos, rng = corpus.read(batch), random.Random("diagnostics")
    drawn = draw_batch(videos, config.clips, config.model.max_text_tokens, rng).to(model.device)
    video, text = _pooled(model, drawn, cast)
    figures = batch_diagnostics(video, text[:: config.clips.texts_per_clip], drawn)
    return figures | {"speech_lag": speech_lag(model, corpus.read(held_out[:LAG_VIDEOS]))}


LAG_VIDEOS = 20
"""Held-out videos from which the lag of speech is estimated."""


def _pooled(model: VideoCLIP, batch: Batch, cast) -> tuple[Tensor, Tensor]:
    batch = batch.to(model.device)
    with cast():
        video, text = model(batch.video, batch.text)
    return video.float(), text.float()


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


def autocast(precision: str, device: torch.device):
    """The context in which a forward pass has this precision (``PretrainConfig.precision``)."""
    if precision == "bf16" or (precision == "auto" and has_bf16(device)):
        return lambda: torch.autocast(device.type, torch.bfloat16)
    return nullcontext
