"""What a pre-training run would take, before it is started: sizes, memory and time, from a measurement of seconds."""

import random
import time
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..corpus.rows import NarratedVideo
from ..corpus.store import Corpus
from ..errors import ConfigError
from ..hardware import device_of, has_compiler
from ..media.captions import Caption
from ..model.config import ModelConfig
from ..model.loss import contrastive_loss
from ..model.videoclip import VideoCLIP
from .clips import Batch, draw_batch
from .config import PretrainConfig, fitted
from .loading import split
from .step import Training, autocast, train_step
from .trainer import random_model

HOWTO100M = 1_100_000
"""Videos of the corpus that the paper trained on, each of about 390 s with 110 captions."""
SMALL = 20_000_000
"""Parameters up to which a CPU can be asked for larger batches."""


@dataclass(frozen=True)
class Estimate:
    """Figures of a run that was not started; memory in bytes, times in seconds on this machine, one process."""

    corpus: str
    videos: int
    held_out: int
    parameters: dict[str, int]
    published_parameters: int
    """With the word embeddings of the video tower and the poolers, which nothing uses."""
    pairs_per_update: int
    updates_per_epoch: int
    epochs: int
    weights: int
    """With those of a ready-made model that the towers are added to, which has neither of the next two."""
    gradients: int
    optimizer_state: int
    activations: int
    device: str
    devices: int
    """GPUs of this machine, over which ``torchrun`` can share the work."""
    device_memory: int
    """Of the GPU; 0 without one."""
    precision: str
    seconds_per_update: float
    seconds_for_vectors: float
    """Per epoch, to embed every video for retrieval-augmented batches."""
    measured: str
    further: tuple["Estimate", ...] = ()
    """Of the rounds after the first, which these figures are of, those below aside."""

    @property
    def pairs_per_epoch(self) -> int:
        return self.pairs_per_update * self.updates_per_epoch

    @property
    def updates(self) -> int:
        """Of all rounds."""
        return self.updates_per_epoch * self.epochs + sum(e.updates for e in self.further)

    @property
    def epochs_in_all(self) -> int:
        return self.epochs + sum(e.epochs for e in self.further)

    @property
    def memory(self) -> int:
        """Of the round that needs most."""
        own = self.weights + self.gradients + self.optimizer_state + self.activations
        return max(own, *(e.memory for e in self.further)) if self.further else own

    @property
    def seconds(self) -> float:
        """Of all rounds, without the placing of narration between them."""
        own = self.epochs * (self.updates_per_epoch * self.seconds_per_update + self.seconds_for_vectors)
        return own + sum(e.seconds for e in self.further)


def estimate(config: PretrainConfig) -> tuple[PretrainConfig, Estimate]:
    """The effective configuration, and what a run of it would take. Nothing is written, and BERT is not fetched.

    Without a corpus the figures are for one of HowTo100M's size, with clips cut out of made-up videos of its lengths,
    and without a ready-made model that the run may start from.

    Raises:
        ConfigError, CorpusError, WeightsError: the run could not be started either.
    """
    first, *further = [_of_round(of_round) for of_round in config.of_rounds()]
    corpus = Corpus(config.corpus) if config.corpus else None
    return fitted(config, corpus.kind) if corpus else config, replace(first, further=tuple(further))


def _of_round(config: PretrainConfig) -> Estimate:
    corpus = Corpus(config.corpus) if config.corpus else None
    if corpus:
        train, held_out = split(corpus, config)
        config = fitted(config, corpus.kind)
        some = corpus.read(train[: config.batches.videos])
    else:
        train, held_out = range(HOWTO100M), range(HOWTO100M // 50)
        some = [made_up(i, config.model.feature_size) for i in range(config.batches.videos)]
    pairs = config.batches.videos * config.clips.pairs_per_video
    device = device_of()
    model = (random_model(config, corpus) if corpus else VideoCLIP(config.model)).to(device)
    count, frozen = (sum(p.numel() for p in model.parameters() if p.requires_grad is t) for t in (True, False))
    batch = draw_batch(some, config.clips, config.model.max_text_tokens, random.Random(config.seed))
    few, many = (8, 24) if device.type == "cpu" and count > SMALL else (64, 256)
    if device.type == "cuda":  # which small updates leave idle
        few, many = 256, 512
    few, many = min(few, max(pairs // 2, 1)), min(many, pairs)
    if many <= few:
        raise ConfigError("a batch of one pair has no negatives; set clips.pairs_per_video or batches.videos higher")
    order = random.Random(config.seed).sample(range(len(batch)), many)
    small, large = (_rows(batch, order[:n]).to(device) for n in (few, many))
    kept = _activations(model, small, config) // few
    if device.type == "cuda" and has_compiler():
        model.compile_layers()
    fixed, per_pair, held = _measured(model, small, large, config)
    gpu = torch.cuda.get_device_properties(device) if device.type == "cuda" else None
    vectors = sum(config.batches.needs_vectors(epoch) for epoch in range(config.epochs)) / max(config.epochs, 1)
    forward = per_pair / 3  # of forward and backward
    return Estimate(
        corpus=config.corpus or "none named; as for HowTo100M",
        videos=len(train),
        held_out=len(held_out),
        parameters=model.parameter_counts(),
        published_parameters=published_parameters(config.model, count),
        pairs_per_update=pairs,
        updates_per_epoch=len(train) // config.batches.videos,
        epochs=config.epochs,
        weights=4 * (count + frozen),
        gradients=4 * count,
        optimizer_state=8 * count,
        activations=int(pairs * (held or kept)),
        device=gpu.name if gpu else f"CPU, {torch.get_num_threads()} threads",
        devices=torch.cuda.device_count(),
        device_memory=gpu.total_memory if gpu else 0,
        precision="bf16" if _is_mixed(config, device) else "fp32",
        seconds_per_update=fixed + pairs * per_pair,
        seconds_for_vectors=vectors * len(train) * config.batches.clips_per_vector * forward,
        measured=f"updates of {few} and {many} pairs, and the optimiser's step",
    )


def _measured(model: VideoCLIP, small: Batch, large: Batch, config: PretrainConfig) -> tuple[float, float, float]:
    """Seconds of an update that do not depend on the number of pairs, seconds per pair, and a GPU's bytes per pair."""
    optimizer = torch.optim.Adam(model.parameters(), config.optimizer.lr, config.optimizer.betas, fused=True)
    took, held = [], []
    training = Training(model, optimizer, config, autocast(config.precision, model.device))
    step = partial(train_step, training, videos=[[]], number=0, lr=config.optimizer.lr)
    for batch in (small, large):
        if batch is small or model.device.type == "cuda":
            step([batch])  # the first one allocates; on a GPU, of each size
        times = []
        if model.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(model.device)
        for _ in range(2):
            _wait(model.device)
            began = time.perf_counter()
            step([batch])
            _wait(model.device)
            times.append(time.perf_counter() - began)
        took.append(min(times))
        held.append(torch.cuda.max_memory_allocated(model.device) if model.device.type == "cuda" else 0)
    more = len(large) - len(small)
    per_pair = max(took[1] - took[0], 0.1 * took[1]) / more
    return max(took[0] - len(small) * per_pair, 0.0), per_pair, max(held[1] - held[0], 0) / more


def _activations(model: VideoCLIP, batch: Batch, config: PretrainConfig) -> int:
    """Bytes that the forward pass keeps for the backward pass, without the weights themselves."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    model.train()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda t: t), autocast(config.precision, model.device)():
        video, text = model(batch.video, batch.text)
        contrastive_loss(video, text, config.loss)
    return sum(kept.values())


def _rows(batch: Batch, rows: list[int]) -> Batch:
    K = len(batch.text) // len(batch)
    texts = [row * K + k for row in rows for k in range(K)]
    times = batch.owner[rows], batch.shown[rows], batch.spoken[rows]
    return Batch(batch.video.rows(rows), batch.text.rows(texts), *times)


def _is_mixed(config: PretrainConfig, device: torch.device) -> bool:
    with autocast(config.precision, device)():
        return torch.is_autocast_enabled(device.type)


def published_parameters(model: ModelConfig, count: int) -> int:
    """``count`` and what the published layout also holds: the video tower's words, second types, and poolers."""
    size = model.hidden_size
    return count + (model.vocab_size - 2) * size + 2 * size + 2 * (size * size + size)


def made_up(i: int, feature_size: int) -> NarratedVideo:
    """A video like those of HowTo100M: 390 s, 110 captions of about eight words."""
    rng = np.random.default_rng(i)
    words = ("cut", "the", "onion", "then", "add", "some", "oil", "and", "stir", "it", "until", "golden")
    captions = [Caption(3.5 * j, 3.5 * j + 4, " ".join(rng.choice(words, 8))) for j in range(110)]
    return NarratedVideo(f"made up {i}", rng.standard_normal((390, feature_size)).astype(np.float16), captions)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
