"""What a corpus and its batches are like: how hard negatives are, how many of them are none, how far speech is off.

They say which of the method's techniques can help (docs/ablation.md): hard batches where random ones are easy and hold
few false negatives, overlapped clips where speech and pictures are apart.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..corpus.rows import NarratedVideo
from ..model.videoclip import VideoCLIP
from ..ties import TOLERANCE, first_of_largest
from .clips import Batch

ALIKE = 0.95
"""Cosine above which two texts, or the mean features of two videos, are taken for the same."""
FARTHEST = 20
"""Seconds up to which speech is looked for before and after the pictures."""


@torch.no_grad()
def batch_diagnostics(video: Tensor, text: Tensor, batch: Batch) -> dict[str, float]:
    """Shares of one batch: pooled videos (B, D) and texts (B, D) with its times -> named fractions.

    ``hard_negatives``: texts that fit some other clip better than their own. ``overlapping_negatives``: negatives that
    overlap their text in time, so that they are none. ``alike_texts``: negatives from other videos whose text says the
    same, as far as the model knows. ``near_duplicates``: videos with another one in the batch that looks the same.
    """
    similarity = text.float() @ video.float().T
    own = torch.eye(len(video), dtype=torch.bool, device=video.device)
    hardest = similarity.masked_fill(own, -torch.inf).amax(1)
    others = batch.owner[:, None] != batch.owner
    unit = F.normalize(text.float(), dim=1)
    return {
        "hard_negatives": _share(hardest > similarity.diagonal() + TOLERANCE * similarity.abs().max()),
        "overlapping_negatives": _share(batch.overlaps()[~own]),
        "alike_texts": _share((unit @ unit.T > ALIKE)[others]),
        "near_duplicates": _near_duplicates(batch),
    }


def _near_duplicates(batch: Batch) -> float:
    count = int(batch.owner.max()) + 1
    means = torch.stack([clip.float().mean(0) for clip in batch.video.split()])
    videos = torch.zeros(count, means.shape[1], device=means.device).index_add_(0, batch.owner, means)
    unit = F.normalize(videos, dim=1)
    alike = (unit @ unit.T).fill_diagonal_(-1.0) > ALIKE
    return _share(alike.any(1))


def _share(what: Tensor) -> float:
    return float(what.float().mean()) if what.numel() else 0.0


def speech_lag(model: VideoCLIP, videos: Sequence[NarratedVideo]) -> float:
    """Seconds after it is said at which something is shown, as the model sees it; negative where speech comes later.

    The offset at which a caption's scores, less their mean over the video, are highest on average; of equal ones the
    smallest.
    """
    total, times, scale = np.zeros(2 * FARTHEST + 1), np.zeros(2 * FARTHEST + 1), 0.0
    for video in videos:
        scores = (model.encode_text([c.text for c in video.captions]) @ model.video_tokens(video.features).T).numpy()
        scale = max(scale, float(np.abs(scores).max(initial=0)))
        scores -= scores.mean(1, keepdims=True)
        for caption, row in zip(video.captions, scores, strict=True):
            middle = int((caption.start + caption.end) / 2)
            seconds = np.arange(max(middle - FARTHEST, 0), min(middle + FARTHEST + 1, len(row)))
            np.add.at(total, seconds - middle + FARTHEST, row[seconds])
            np.add.at(times, seconds - middle + FARTHEST, 1)
    curve = np.convolve(total / np.maximum(times, 1), np.ones(5) / 5, "same")
    lags = np.array(sorted(range(-FARTHEST, FARTHEST + 1), key=abs))
    return float(lags[first_of_largest(curve[lags + FARTHEST], TOLERANCE * scale)])


def in_words(figures: dict[str, float]) -> str:
    """The diagnostics as a few sentences for the screen."""
    if "speech_lag" not in figures:
        return ""
    lag = figures["speech_lag"]
    when = "as it is said" if abs(lag) < 1 else f"{abs(lag):.0f} s {'after' if lag > 0 else 'before'} it is said"
    return (
        f"of a batch's texts {figures['hard_negatives']:.0%} fit another clip better than their own; of its negatives "
        f"{figures['overlapping_negatives']:.1%} overlap their text in time and {figures['alike_texts']:.1%} are said "
        f"alike; {figures['near_duplicates']:.0%} of its videos look like another one; most is shown {when}"
    )
