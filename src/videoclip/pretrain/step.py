"""One update of the weights: the pairs of some batches, forward and backward, and a step of Adam.

An update has the batches of all processes. With ``batches.negatives=update`` a pair's negatives are the pairs of all of
them, as if they were one large batch; with ``batch``, those of its own batch, as in the paper.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from ..hardware import has_bf16
from ..model.loss import chatter_loss, contrastive_loss, info_nce_of_rows
from ..model.videoclip import VideoCLIP
from .clips import Batch
from .config import PretrainConfig
from .distributed import Ranks

Cast = Callable[[], AbstractContextManager]
Pooled = tuple[Tensor, Tensor, Tensor]
"""Vectors of B clips, of their B × K texts, and of C texts that belong to none: (B, D), (B × K, D), (C, D)."""


@dataclass(frozen=True)
class Training:
    """What all updates of a run share."""

    model: VideoCLIP | DistributedDataParallel
    optimizer: torch.optim.Optimizer
    config: PretrainConfig
    cast: Cast
    ranks: Ranks = field(default_factory=Ranks)


def train_step(
    training: Training, batches: Sequence[Batch], videos: Sequence[Sequence[int]], number: int, lr: float
) -> tuple[Tensor, list[Tensor]]:
    """One step of Adam on this process's batches of an update. Nothing here waits for a GPU to have done it.

    Where the loss or the gradient is not a number, the weights stay as they were.

    Args:
        videos: of each batch, the rows of its videos in the corpus.
        number: of the first of these batches, among all batches of the run: what dropout's random numbers depend on.
        lr: learning rate.

    Returns:
        The loss of these batches and the gradient's norm, (2,), and if training makes them, a vector of each batch's
        every video, (V, D).
    """
    model, optimizer, config = training.model, training.optimizer, training.config
    model.train()
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad(set_to_none=True)
    seeds = [config.seed * 1_000_003 + number + i for i in range(len(batches))]
    whole = config.batches.negatives == "update" and len(batches) * training.ranks.size > 1
    backward = _as_one_batch if whole else _batch_by_batch
    loss, pooled = backward(training, batches, videos, seeds)
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.optimizer.max_gradient_norm)
    measured = torch.stack([loss.detach(), norm.detach()])
    # Where this is 1, a fused Adam changes nothing: so nobody has to look first, and a GPU need not be waited for.
    optimizer.found_inf = 1 - measured.isfinite().all().float()  # type: ignore[attr-defined]
    optimizer.step()
    if config.batches.vector_from != "training":
        return measured, []
    count = config.batches.videos
    return measured, [
        video_vectors(v.detach(), t.detach(), b.owner, count) for (v, t, _), b in zip(pooled, batches, strict=True)
    ]


def _batch_by_batch(
    training: Training, batches: Sequence[Batch], videos: Sequence[Sequence[int]], seeds: Sequence[int]
) -> tuple[Tensor, list[Pooled]]:
    """Gradients of the mean of the batches' losses."""
    model, config, cast = training.model, training.config, training.cast
    losses, pooled = [], []
    for i, (batch, seed) in enumerate(zip(batches, seeds, strict=True)):
        with _in_the_end(model, i == len(batches) - 1):
            vectors = _forward(model, batch, seed, cast)
            faulty = batch.overlaps() if config.loss.mask_overlaps else None
            loss = contrastive_loss(*vectors[:2], config.loss, faulty) + _chatter(batch, vectors, config)
            (loss / len(batches)).backward()
        losses.append(loss.detach() / len(batches))
        pooled.append(vectors)
    return torch.stack(losses).sum(), pooled


def _as_one_batch(
    training: Training, batches: Sequence[Batch], videos: Sequence[Sequence[int]], seeds: Sequence[int]
) -> tuple[Tensor, list[Pooled]]:
    """Gradients of the loss of all pairs of the update.

    Where this process has several batches, their activations are not kept: the vectors come first, then the loss and
    its gradients with respect to these, then each batch once more (gradient caching; Gao et al., 2021).
    """
    model, config, cast, ranks = training.model, training.config, training.cast, training.ranks
    caching = len(batches) > 1
    with torch.no_grad() if caching else nullcontext():
        pooled = [_forward(model, batch, seed, cast) for batch, seed in zip(batches, seeds, strict=True)]
    if caching:
        pooled = [(v.requires_grad_(), t.requires_grad_(), c.requires_grad_()) for v, t, c in pooled]
    video, text, _ = (torch.cat(parts) for parts in zip(*pooled, strict=True))
    times = _times(batches, videos) if config.loss.mask_overlaps else None
    if config.loss.is_by_rows and ranks.size > 1:
        loss = _loss_of_rows(video, text, times, ranks)
    else:
        faulty = None if times is None else _overlaps(everyone := ranks.gathered(times), everyone)
        loss = contrastive_loss(ranks.gathered(video), ranks.gathered(text), config.loss, faulty)
    own = [_chatter(batch, vectors, config) for batch, vectors in zip(batches, pooled, strict=True)]
    loss = loss + torch.stack(own).mean()
    loss.backward()
    if caching:
        for i, (batch, seed, vectors) in enumerate(zip(batches, seeds, pooled, strict=True)):
            with _in_the_end(model, i == len(batches) - 1):
                again = zip(_forward(model, batch, seed, cast), vectors, strict=True)
                of_loss = [(now, then.grad) for now, then in again if then.grad is not None]
                torch.autograd.backward([now for now, _ in of_loss], [gradient for _, gradient in of_loss])
    return loss.detach(), pooled


def _chatter(batch: Batch, vectors: Pooled, config: PretrainConfig) -> Tensor:
    """The loss of a batch's clips by its own texts that belong to none; 0 where it has none."""
    if batch.chatter is None:
        return vectors[0].new_zeros(())
    return chatter_loss(*vectors, batch.overlaps() if config.loss.mask_overlaps else None)


def _forward(model, batch: Batch, seed: int, cast: Cast) -> Pooled:
    torch.manual_seed(seed)  # dropout does not depend on what ran before
    with cast():
        video, text = model(batch.video, batch.text.followed_by(batch.chatter) if batch.chatter else batch.text)
    text, chatter = text.float().tensor_split([len(batch.text)])
    return video.float(), text, chatter


def _in_the_end(model, is_last: bool) -> AbstractContextManager:
    """Processes add up their gradients once, with those of the last batch."""
    return model.no_sync() if isinstance(model, DistributedDataParallel) and not is_last else nullcontext()


def _loss_of_rows(video: Tensor, text: Tensor, times: Tensor | None, ranks: Ranks) -> Tensor:
    """The loss of all pairs of the update, of which this process compares its own with all."""
    faulty = ()
    if times is not None:
        everyone = ranks.gathered(times)
        faulty = _overlaps(times, everyone), _overlaps(everyone, times).T
    of_all = ranks.shared(video), ranks.shared(text)
    return info_nce_of_rows(video, text, *of_all, ranks.rank * len(video), *faulty)


def _times(batches: Sequence[Batch], videos: Sequence[Sequence[int]]) -> Tensor:
    """Of each pair the row of its video in the corpus, and when it is shown and spoken: (B, 5) float64."""
    of_pair = [
        torch.cat([torch.tensor(rows, device=b.owner.device)[b.owner, None].double(), b.shown, b.spoken], 1)
        for b, rows in zip(batches, videos, strict=True)
    ]
    return torch.cat(of_pair)


def _overlaps(texts: Tensor, clips: Tensor) -> Tensor:
    """Which texts (rows) and clips (columns) of pairs with these ``_times`` are of a video and overlap: (A, B) bool.

    A video may be in several batches of an update.
    """
    same = texts[:, None, 0] == clips[:, 0]
    return same & (texts[:, None, 3] < clips[:, 2]) & (clips[:, 1] < texts[:, None, 4])


def video_vectors(video: Tensor, text: Tensor, owner: Tensor, count: int) -> Tensor:
    """A vector per video, (count, D): the mean over its pairs of (video + text) / 2 (paper, section 3.3).

    Args:
        video: pooled clips, (B, D).
        text: pooled texts, (B × K, D).
        owner: which of ``count`` videos each pair is from, (B,).
    """
    pairs = (video.float() + text.float().view(len(video), -1, text.shape[1]).mean(1)) / 2
    sums = pairs.new_zeros(count, pairs.shape[1]).index_add_(0, owner, pairs)
    return sums / pairs.new_zeros(count).index_add_(0, owner, pairs.new_ones(len(owner)))[:, None]


@torch.inference_mode()
def pooled(model: VideoCLIP, batch: Batch, cast: Cast) -> tuple[Tensor, Tensor]:
    """Vectors of a batch's clips (B, D) and texts (B × K, D), without training on it."""
    batch = batch.to(model.device)
    with cast():
        video, text = model(batch.video, batch.text)
    return video.float(), text.float()


def autocast(precision: str, device: torch.device) -> Cast:
    """The context in which a forward pass has this precision (``PretrainConfig.precision``)."""
    if precision == "bf16" or (precision == "auto" and has_bf16(device)):
        return lambda: torch.autocast(device.type, torch.bfloat16)
    return nullcontext
