"""The text side of the published S3D (Miech et al., CVPR 2020): a sentence as the maximum over its words.

Its features and those of S3D were trained together by MIL-NCE, so that their dot products are similarities.
"""

import re
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_WORD = re.compile(r"[\w']+")


class SentenceEmbedding(nn.Module):
    """Sentences to features; module names are those of ``s3d_howto100m.pth`` below ``text_module.``.

    Args:
        words: the vocabulary: word i has id i + 1, and 0 is padding.
    """

    max_words = 16
    """Words of a sentence that are read. Shorter ones are padded, and the maximum is taken over the padding too."""

    def __init__(self, words: Sequence[str], word_size: int = 300, hidden_size: int = 2048, feature_size: int = 512):
        super().__init__()
        self.ids = {word: i + 1 for i, word in enumerate(words)}
        self.word_embd = nn.Embedding(len(words) + 1, word_size)
        self.fc1 = nn.Linear(word_size, hidden_size)
        self.fc2 = nn.Linear(hidden_size, feature_size)

    def forward(self, word_ids: Tensor) -> Tensor:
        """(N, max_words) int -> (N, F)."""
        return self.fc2(F.relu(self.fc1(self.word_embd(word_ids))).amax(1))

    def word_ids(self, texts: Sequence[str]) -> Tensor:
        """Ids of the known words of each text, padded with 0: (N, max_words) int. Unknown words are passed over."""
        rows = torch.zeros(len(texts), self.max_words, dtype=torch.long)
        for row, text in zip(rows, texts, strict=True):
            known = [self.ids[word] for word in words_of(text) if word in self.ids][: self.max_words]
            row[: len(known)] = torch.tensor(known, dtype=torch.long)
        return rows


def words_of(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.lower())
