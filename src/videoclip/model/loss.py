"""What VideoCLIP is trained with: InfoNCE in both directions (paper, section 3.1), and what can stand in its place."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ConfigError
from ..ranges import SHARE, Range, ranged


@dataclass(frozen=True)
@ranged
class LossConfig:
    """The loss over a batch (the defaults are the paper's)."""

    kind: str = "info-nce"
    """``info-nce``; ``mil-nce``, in which several texts around a clip are positives together (Miech et al., 2020);
    ``sigmoid``, in which every pair is a yes or no of its own (Zhai et al., 2023)."""
    each_positive: Annotated[float, SHARE] = 0.0
    """Share of ``mil-nce`` in which every text of a bag is a positive of its own, instead of one that fits for all."""
    soft_targets: Annotated[float, SHARE] = 0.0
    """Share of a target that optimal transport spreads over the batch, against faulty negatives (Lin et al., 2024)."""
    mask_overlaps: bool = False
    """Whether clips of a video that overlap a text of it in time are left out of its negatives."""
    mask_alike: Annotated[float, Range(-1, 1)] = 1.0
    """Texts whose vectors have a larger cosine than this are not each other's negatives; 1: all are."""

    @property
    def is_by_rows(self) -> bool:
        """Whether parts of a batch can be judged apart (``info_nce_of_rows``)."""
        return self.kind == "info-nce" and not self.soft_targets and self.mask_alike == 1

    def __post_init__(self):
        if self.kind not in LOSSES:
            raise ConfigError(f"kind is '{self.kind}'; choose from {', '.join(LOSSES)}")
        if self.kind != "info-nce" and self.soft_targets:
            raise ConfigError("soft_targets are of info-nce only")
        if self.kind != "mil-nce" and self.each_positive:
            raise ConfigError("each_positive is of mil-nce only")
        if self.kind == "mil-nce" and self.mask_alike < 1:
            raise ConfigError("mask_alike is not of mil-nce")


FAR = -1e4
"""Similarity of a pair that takes no part."""


def info_nce(
    video: Tensor, text: Tensor, faulty: Tensor | None = None, soft_targets: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the batch similarity matrix, text→video and video→text.

    Pair i is (video[i], text[i]); all other combinations in the batch are negatives. The similarity is the plain dot
    product: no normalisation, temperature 1. The training loss is the *sum* of the two (equation 2 in both directions).

    Args:
        video: pooled videos, (B, D).
        text: pooled texts, (B, D).
        faulty: (B, B) bool, which texts (rows) are no negatives of which videos; none if left out.
        soft_targets: share of the target that ``transport`` spreads over the batch.

    Returns:
        (text_to_video, video_to_text), two scalars: each the mean over the batch.
    """
    similarity = text.float() @ video.float().T
    right = torch.eye(len(video), dtype=torch.bool, device=video.device)
    if faulty is not None:
        similarity = similarity.masked_fill(faulty & ~right, FAR)
    target = right.float()
    if soft_targets:
        target = (1 - soft_targets) * right + soft_targets * transport(similarity.detach())
    return F.cross_entropy(similarity, target), F.cross_entropy(similarity.T, target.T)


# Parameters: a part of a batch and the whole, and what is no negative of what.
def info_nce_of_rows(
    video: Tensor, text: Tensor, videos: Tensor, texts: Tensor, first: int,
    text_is_faulty: Tensor | None = None, video_is_faulty: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """What b pairs of a batch of B add to its InfoNCE, both directions, a scalar: ``info_nce`` without soft targets.

    The mean over parts of a batch that are equally large is the loss of the batch, in b × B memory instead of B × B.

    Args:
        video, text: pooled pairs, (b, D) each, which are the pairs from ``first`` on of the following.
        videos, texts: of the whole batch, (B, D) each.
        text_is_faulty: (b, B) bool, which videos these texts are no negatives of; none if left out.
        video_is_faulty: (b, B) bool, which texts are no negatives of these videos.
    """
    right = torch.arange(first, first + len(video), device=video.device)
    total = video.new_zeros(())
    for own, others, faulty in ((text, videos, text_is_faulty), (video, texts, video_is_faulty)):
        similarity = own.float() @ others.float().T
        if faulty is not None:
            is_own = right[:, None] == torch.arange(len(others), device=video.device)
            similarity = similarity.masked_fill(faulty & ~is_own, FAR)
        total = total + F.cross_entropy(similarity, right)
    return total


def contrastive_loss(video: Tensor, text: Tensor, config: LossConfig, faulty: Tensor | None = None) -> Tensor:
    """The loss of a batch, a scalar.

    Args:
        video: pooled videos, (B, D).
        text: pooled texts, (B × K, D); the K texts of a video follow each other, and only ``mil-nce`` takes K > 1.
        faulty: (B, B) bool, which texts (rows; bags of texts for ``mil-nce``) are no negatives of which videos; none
            if left out.
    """
    if config.mask_alike < 1:
        unit = F.normalize(text.detach().float(), dim=1)
        alike = unit @ unit.T > config.mask_alike
        faulty = alike if faulty is None else faulty | alike
    return LOSSES[config.kind](video, text, faulty, config)


def chatter_loss(video: Tensor, text: Tensor, chatter: Tensor, faulty: Tensor | None = None) -> Tensor:
    """What InfoNCE, video→text, gains by texts that fit nothing, a scalar: ``info_nce`` has the other arguments.

    Added to it, it gives the cross-entropy over the batch's texts and these.

    Args:
        chatter: pooled texts that belong to no video, (C, D).
    """
    similarity = video.float() @ text.float().T
    if faulty is not None:
        right = torch.eye(len(video), dtype=torch.bool, device=video.device)
        similarity = similarity.masked_fill((faulty.T & ~right).repeat_interleave(len(text) // len(video), 1), FAR)
    return F.softplus((video.float() @ chatter.float().T).logsumexp(1) - similarity.logsumexp(1)).mean()


def _both_ways(video: Tensor, text: Tensor, faulty: Tensor | None, config: LossConfig) -> Tensor:
    text_to_video, video_to_text = info_nce(video, text, faulty, config.soft_targets)
    return text_to_video + video_to_text


def _bags(video: Tensor, text: Tensor, faulty: Tensor | None, config: LossConfig) -> Tensor:
    return mil_nce(video.float(), text.float().view(len(video), -1, text.shape[1]), faulty, config.each_positive)


LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor | None, LossConfig], Tensor]] = {
    "info-nce": _both_ways,
    "mil-nce": _bags,
    "sigmoid": lambda video, text, faulty, _: sigmoid(video, text, faulty),
}
"""By ``LossConfig.kind``: pooled videos (B, D), texts (B × K, D), which pairs are no negatives, how -> a scalar."""


def sigmoid(video: Tensor, text: Tensor, faulty: Tensor | None = None) -> Tensor:
    """A yes or no to every pair of (B, D) videos and (B, D) texts but the ``faulty``, the sum over a text's: scalar."""
    similarity = text.float() @ video.float().T
    right = torch.eye(len(video), dtype=torch.bool, device=video.device)
    pairs = F.logsigmoid(torch.where(right, similarity, -similarity))
    if faulty is not None:
        pairs = pairs.masked_fill(faulty & ~right, 0.0)
    return -pairs.sum() / len(video)


def mil_nce(
    video: Tensor, text: Tensor, faulty: Tensor | None = None, each: float = 0.0, temperature: float = 1.0
) -> Tensor:
    """MIL-NCE (equation 1 of Miech et al., 2020): (B, D), (B, K, D) -> scalar.

    The K texts of a video are its positives together; the negatives are all other texts of the video and all other
    videos of the texts, but those that are ``faulty``: (B, B) bool of bags (rows) and videos. With ``each``, that share
    of the loss is the mean InfoNCE of each text by itself: the sum over a bag is content with the one text that fits
    already, and where that is chatter, nothing else is learned. Dot products are divided by ``temperature``.
    """
    right = torch.eye(len(video), dtype=torch.bool, device=video.device)
    scores = torch.einsum("id,jkd->ijk", video, text) / temperature
    if faulty is not None:
        scores = scores.masked_fill((faulty.T & ~right)[..., None], FAR)
    bags = scores.logsumexp(2)
    others = bags.T.masked_fill(right, -torch.inf)
    together = (torch.cat([bags, others], 1).logsumexp(1) - bags.diagonal()).mean()
    if not each:
        return together
    own = scores.diagonal(dim1=0, dim2=1).T  # (B, K)
    texts_of_others = bags.masked_fill(right, -torch.inf).logsumexp(1, keepdim=True)
    to_text = torch.logaddexp(own, texts_of_others) - own
    to_video = scores.logsumexp(0) - own
    return (1 - each) * together + each * (to_text + to_video).mean() / 2


def transport(similarity: Tensor, rounds: int = 5) -> Tensor:
    """Optimal transport between the texts and videos of a batch: (B, B) -> (B, B), rows and columns near 1 in sum.

    Sinkhorn's rescaling of exp(similarity); where a text fits several videos its mass is divided among them.
    """
    plan = (similarity - similarity.amax(1, keepdim=True)).exp()
    for _ in range(rounds):
        plan = plan / plan.sum(0, keepdim=True).clamp(min=1e-9)
        plan = plan / plan.sum(1, keepdim=True)
    return plan
