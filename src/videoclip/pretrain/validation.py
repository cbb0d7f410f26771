"""What is measured between epochs: the loss on held-out videos, and what a batch of training is like."""

import random

import numpy as np
import torch

from ..corpus.store import Corpus
from ..model.loss import contrastive_loss
from ..model.residual import Gate
from ..model.videoclip import VideoCLIP
from ..ties import first_of_largest
from .clips import draw_batch
from .config import PretrainConfig
from .diagnostics import batch_diagnostics, speech_lag
from .distributed import Ranks
from .step import Cast, pooled


@torch.inference_mode()
def validate(
    model: VideoCLIP, corpus: Corpus, rows: list[int], config: PretrainConfig, cast: Cast, ranks: Ranks
) -> dict[str, float]:
    """Loss and text→video R@1 over pairs of held-out videos, always the same ones; each process measures its share."""
    model.eval()
    loss, batches, hits, count = 0.0, 0, 0.0, 0
    size = min(config.batches.videos, len(rows))
    for group in ranks.share(len(rows) // size):
        start = group * size
        videos = corpus.read(rows[start : start + size])
        rng = random.Random(f"validation {start}")
        video, text = pooled(model, draw_batch(videos, config.clips, config.model.max_text_tokens, rng), cast)
        loss, batches = loss + float(contrastive_loss(video, text, config.loss)), batches + 1
        first = text[:: config.clips.texts_per_clip]
        found = first_of_largest((first @ video.T).float().cpu().numpy())
        hits += float((found == np.arange(len(video))).sum())
        count += len(video)
    loss, batches, hits, count = ranks.sum(torch.tensor([loss, batches, hits, count], dtype=torch.float64)).tolist()
    return {"validation_loss": loss / batches, "validation_R@1": hits / count}


# Parameters: those of ``validate``.
def keep_share(
    model: VideoCLIP, corpus: Corpus, rows: list[int], config: PretrainConfig, cast: Cast, ranks: Ranks
) -> float | None:
    """Keep as much of what was learned on top of a ready-made model as held-out videos like best; returns the share.

    Of few videos much is learned that holds for these alone. Between the ready-made model (0) and the trained one (1)
    lie better ones than either (Wortsman et al., 2022), here on a line: the gates, times a share. Of shares that are
    equally good the smallest is kept. None for a model that starts from none.
    """
    gates = [module for module in model.modules() if isinstance(module, Gate)]
    if not gates:
        return None
    learned = [gate.gate.detach().clone() for gate in gates]

    def keep(share: float) -> None:
        for gate, whole in zip(gates, learned, strict=True):
            gate.gate.data.copy_(share * whole)

    losses = []
    for share in config.shares:
        keep(share)
        losses.append(validate(model, corpus, rows, config, cast, ranks)["validation_loss"])
    kept = config.shares[int(first_of_largest(-np.array(losses)))]
    keep(kept)
    return kept


@torch.inference_mode()
def diagnose(
    model: VideoCLIP, corpus: Corpus, batch: list[int], held_out: list[int], config: PretrainConfig, cast: Cast
) -> dict[str, float]:
    """What a batch of training is like, and the lag of speech in some held-out videos (``diagnostics``)."""
    model.eval()
    videos, rng = corpus.read(batch), random.Random("diagnostics")
    drawn = draw_batch(videos, config.clips, config.model.max_text_tokens, rng).to(model.device)
    video, text = pooled(model, drawn, cast)
    figures = batch_diagnostics(video, text[:: config.clips.texts_per_clip], drawn)
    return figures | {"speech_lag": speech_lag(model, corpus.read(held_out[:LAG_VIDEOS]))}


LAG_VIDEOS = 20
"""Held-out videos from which the lag of speech is estimated."""
