import numpy as np
import pytest
import torch

from videoclip.corpus.rows import NarratedVideo
from videoclip.media.captions import Caption
from videoclip.model.packing import pack_text, pack_video
from videoclip.pretrain.clips import Batch
from videoclip.pretrain.diagnostics import batch_diagnostics, in_words, speech_lag


def batch(features, owner, shown, spoken) -> Batch:
    B = len(owner)
    return Batch(
        pack_video(list(features)), pack_text([[7]] * B),
        torch.tensor(owner), torch.tensor(shown, dtype=torch.float32), torch.tensor(spoken, dtype=torch.float32),
    )  # fmt: skip


def test_negatives_that_are_none_and_videos_that_look_the_same_are_counted():
    look = torch.nn.functional.normalize(torch.randn(2, 8), dim=1)
    features = torch.stack([look[0], look[0], look[0], look[1]])[:, None].expand(4, 5, 8)
    made = batch(features, [0, 0, 1, 2], [(0, 5), (3, 8), (0, 5), (0, 5)], [(0, 4), (6, 8), (0, 4), (0, 4)])
    text = torch.eye(4)
    text[3] = text[2]  # two videos in which the same is said
    figures = batch_diagnostics(2 * torch.eye(4), text, made)
    assert figures["hard_negatives"] == pytest.approx(0.25)  # the last text fits the third clip
    assert figures["overlapping_negatives"] == pytest.approx(1 / 12)  # the first text, the second clip
    assert figures["alike_texts"] == pytest.approx(2 / 10)
    assert figures["near_duplicates"] == pytest.approx(2 / 3)
    assert "25% fit another clip better" in in_words(figures | {"speech_lag": 3.0})


class Knowing:
    """A model for which second t shows word t."""

    def encode_text(self, texts):
        return torch.eye(60)[[int(text) for text in texts]]

    def video_tokens(self, features):
        return torch.eye(60)


def test_the_lag_of_speech_is_found():
    for lag in (-6, 0, 5):
        said = [Caption(t - lag, t - lag, str(t)) for t in range(10, 50, 3)]
        video = NarratedVideo("v", np.zeros((60, 4), np.float16), said)
        assert abs(speech_lag(Knowing(), [video]) - lag) <= 2  # type: ignore[arg-type]
    assert "3 s after it is said" in in_words(
        dict.fromkeys(("hard_negatives", "overlapping_negatives", "alike_texts", "near_duplicates"), 0.0)
        | {"speech_lag": 3.0}
    )
    assert in_words({}) == ""
