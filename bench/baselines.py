"""What a competent user would write in an afternoon: plain PyTorch and transformers, padded, eager.

The benches compare with these in the same run. Nothing in the package uses them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from videoclip.pretrain.clips import Batch

VIDEO_TOKENS, TEXT_TOKENS = 34, 63
"""Lengths that everything is padded to: 32 seconds and 61 word pieces, each with [CLS] and [SEP]."""


class PlainVideoCLIP(nn.Module):
    """Two Hugging Face BERTs, of 6 and 12 layers, over padded inputs."""

    def __init__(self, feature_size: int = 512):
        super().__init__()
        from transformers import BertConfig, BertModel

        sizes = {"vocab_size": 30522, "attn_implementation": "eager"}
        self.mlp = nn.Sequential(nn.Linear(feature_size, 768), nn.GELU(), nn.LayerNorm(768), nn.Linear(768, 768))
        self.video = BertModel(BertConfig(num_hidden_layers=6, **sizes), add_pooling_layer=False)
        self.text = BertModel(BertConfig(num_hidden_layers=12, **sizes), add_pooling_layer=False)

    def forward(self, features: Tensor, video_mask: Tensor, token_ids: Tensor, text_mask: Tensor):
        """Pooled videos and texts of B pairs, (B, D) each, from tensors padded to full length."""
        B = len(features)
        words = self.video.embeddings.word_embeddings(torch.tensor([[101], [102]]).to(features.device))
        special = [word.expand(B, 1, -1) for word in words]
        seconds = self.mlp(features)
        embedded = torch.cat([special[0], seconds, special[1]], 1)
        mask = F.pad(video_mask, (1, 1), value=True).long()
        video = self.video(inputs_embeds=embedded, attention_mask=mask).last_hidden_state
        text = self.text(input_ids=token_ids, attention_mask=text_mask.long()).last_hidden_state
        return _mean(video, mask), _mean(text, text_mask.long())


def _mean(hidden: Tensor, mask: Tensor) -> Tensor:
    weights = mask[:, 1:, None].to(hidden.dtype)
    return (hidden[:, 1:] * weights).sum(1) / weights.sum(1)


def padded(batch: Batch) -> tuple[Tensor, ...]:
    """Inputs of ``PlainVideoCLIP``: features, mask, token ids, mask, all filled up to the full lengths."""
    (features, video_mask), (token_ids, text_mask) = batch.video.padded(), batch.text.padded()
    seconds, words = VIDEO_TOKENS - 2 - features.shape[1], TEXT_TOKENS - token_ids.shape[1]
    return (
        F.pad(features.float(), (0, 0, 0, seconds)),
        F.pad(video_mask, (0, seconds)),
        F.pad(token_ids, (0, words)),
        F.pad(text_mask, (0, words)),
    )


def plain_loss(video: Tensor, text: Tensor) -> Tensor:
    """InfoNCE in both directions."""
    similarity = text @ video.T
    right = torch.arange(len(video), device=video.device)
    return F.cross_entropy(similarity, right) + F.cross_entropy(similarity.T, right)
