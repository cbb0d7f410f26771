"""InfoNCE in both directions: what VideoCLIP is trained with (paper, section 3.1)."""

import torch
import torch.nn.functional as F
from torch import Tensor


def info_nce(video: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the batch similarity matrix, text→video and video→text.

    Pair i is (video[i], text[i]); all other combinations in the batch are negatives. The similarity is the plain dot
    product: no normalisation, temperature 1. The training loss is the *sum* of the two (equation 2 in both directions).

    Args:
        video: pooled videos, (B, D).
        text: pooled texts, (B, D).

    Returns:
        (text_to_video, video_to_text), two scalars: each the mean over the batch.
    """
    similarity = text.float() @ video.float().T
    right = torch.arange(len(similarity), device=similarity.device)
    return F.cross_entropy(similarity, right), F.cross_entropy(similarity.T, right)
