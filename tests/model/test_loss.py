import numpy as np
import pytest
import torch
import torch.nn.functional as F

from videoclip.errors import ConfigError
from videoclip.model.loss import LossConfig, chatter_loss, contrastive_loss, info_nce, mil_nce, transport
from videoclip.model.prompts import Prompted

torch.manual_seed(0)
VIDEO, TEXT = torch.randn(6, 4), torch.randn(6, 4)


def test_by_default_the_loss_is_that_of_the_paper():
    assert float(contrastive_loss(VIDEO, TEXT, LossConfig())) == pytest.approx(float(sum(info_nce(VIDEO, TEXT))))


def test_faulty_negatives_take_no_part():
    faulty = torch.zeros(6, 6, dtype=torch.bool)
    faulty[0, 1] = faulty[0, 0] = True  # the positive itself stays
    moved = VIDEO.clone()
    similarity = TEXT @ moved.T
    kept = [similarity[0, j] for j in (0, 2, 3, 4, 5)]
    first = torch.logsumexp(torch.stack(kept), 0) - similarity[0, 0]
    rows = [F.cross_entropy(similarity[i : i + 1], torch.tensor([i])) for i in range(1, 6)]
    columns = similarity.T.clone()
    columns[1, 0] = -torch.inf
    expected = torch.stack([first, *rows]).mean() + F.cross_entropy(columns, torch.arange(6))
    assert float(contrastive_loss(VIDEO, TEXT, LossConfig(), faulty)) == pytest.approx(float(expected), rel=1e-5)


def test_texts_of_no_video_are_further_negatives_of_each_video():
    faulty = torch.zeros(6, 6, dtype=torch.bool)
    faulty[0, 1] = faulty[3, 3] = True
    chatter = torch.randn(3, 4)
    similarity = VIDEO @ TEXT.T
    similarity[1, 0] = -torch.inf
    expected = F.cross_entropy(torch.cat([similarity, VIDEO @ chatter.T], 1), torch.arange(6))
    _, to_text = info_nce(VIDEO, TEXT, faulty)
    assert float(to_text + chatter_loss(VIDEO, TEXT, chatter, faulty)) == pytest.approx(float(expected), rel=1e-5)


def test_texts_that_say_the_same_are_not_negatives_of_each_other():
    text = TEXT.clone()
    text[1] = 3 * text[0]
    alike = contrastive_loss(VIDEO, text, LossConfig(mask_alike=0.99))
    faulty = torch.zeros(6, 6, dtype=torch.bool)
    faulty[0, 1] = faulty[1, 0] = True
    assert float(alike) == pytest.approx(float(contrastive_loss(VIDEO, text, LossConfig(), faulty)))


def test_the_loss_of_mil_nce_is_that_of_the_formula():
    rng = np.random.default_rng(0)
    video, text = rng.standard_normal((4, 5)), rng.standard_normal((4, 3, 5))
    scores = np.exp(np.einsum("if,jkf->ijk", video, text) / 0.5)
    wanted = []
    for i in range(4):
        positive = scores[i, i].sum()
        negative = sum(scores[i, j].sum() + scores[j, i].sum() for j in range(4) if j != i)
        wanted.append(-np.log(positive / (positive + negative)))
    got = mil_nce(torch.tensor(video), torch.tensor(text), temperature=0.5)
    assert float(got) == pytest.approx(np.mean(wanted))


def test_a_bag_of_one_text_is_contrasted_with_all_negatives_of_both_kinds():
    scores = TEXT @ VIDEO.T
    expected = [
        torch.logsumexp(torch.cat([scores[:, i], scores[i, torch.arange(6) != i]]), 0) - scores[i, i] for i in range(6)
    ]
    assert float(mil_nce(VIDEO, TEXT[:, None])) == pytest.approx(float(torch.stack(expected).mean()), rel=1e-5)


def test_a_bag_of_the_same_text_twice_is_that_text():
    bag = torch.stack([TEXT, TEXT], 1)
    assert float(mil_nce(VIDEO, bag)) == pytest.approx(float(mil_nce(VIDEO, TEXT[:, None])), rel=1e-5)
    assert contrastive_loss(VIDEO, bag.flatten(0, 1), LossConfig("mil-nce")) == mil_nce(VIDEO, bag)


def test_the_sigmoid_loss_is_binary_cross_entropy_of_all_pairs():
    target = torch.eye(6)
    expected = F.binary_cross_entropy_with_logits(TEXT @ VIDEO.T, target, reduction="sum") / 6
    assert float(contrastive_loss(VIDEO, TEXT, LossConfig("sigmoid"))) == pytest.approx(float(expected), rel=1e-5)


def test_transport_divides_the_mass_of_a_text_among_the_videos_that_it_fits():
    similarity = torch.full((4, 4), -9.0).fill_diagonal_(9.0)
    similarity[0, 1] = similarity[1, 0] = 9.0
    plan = transport(similarity)
    assert torch.allclose(plan.sum(1), torch.ones(4), atol=1e-3)
    assert torch.allclose(plan.sum(0), torch.ones(4), atol=1e-3)
    assert torch.allclose(plan[:2, :2], torch.full((2, 2), 0.5), atol=1e-3)
    softened = contrastive_loss(VIDEO, TEXT, LossConfig(soft_targets=1e-9))
    assert float(softened) == pytest.approx(float(contrastive_loss(VIDEO, TEXT, LossConfig())), rel=1e-5)


def test_a_loss_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="choose from info-nce, mil-nce, sigmoid"):
        LossConfig("triplet")
    with pytest.raises(ValueError, match="of info-nce only"):
        LossConfig("sigmoid", soft_targets=0.1)


class Lengths:
    """A model whose vector of a text is its length and its first letter."""

    def encode_text(self, texts):
        return torch.tensor([[float(len(text)), float(ord(text[0]))] for text in texts])


def test_a_text_is_the_mean_of_its_phrasings():
    model = Prompted(Lengths(), ["{}", "a video of {}"])  # type: ignore[arg-type]
    assert model.encode_text(["onion", "to stir"]).tolist() == [[10.5, 104.0], [12.5, 106.5]]
    with pytest.raises(ConfigError, match=r"write \{\} once"):
        Prompted(Lengths(), ["a video"])  # type: ignore[arg-type]


def test_with_each_positive_a_bag_of_one_text_has_the_loss_of_its_pair():
    expected = sum(info_nce(VIDEO, TEXT)) / 2
    assert float(mil_nce(VIDEO, TEXT[:, None], each=1.0)) == pytest.approx(float(expected), rel=1e-5)


def test_each_positive_asks_more_of_a_bag_than_that_one_text_fits():
    stranger = torch.randn(TEXT.shape, generator=torch.Generator().manual_seed(1))
    fits = torch.stack([4 * VIDEO, 4 * VIDEO], 1)
    half_fits = torch.stack([4 * VIDEO, stranger], 1)
    together = float(mil_nce(VIDEO, half_fits)) - float(mil_nce(VIDEO, fits))
    each = float(mil_nce(VIDEO, half_fits, each=1.0)) - float(mil_nce(VIDEO, fits, each=1.0))
    assert each > max(together, 0.0) + 1.0
    mixed = contrastive_loss(VIDEO, half_fits.flatten(0, 1), LossConfig("mil-nce", each_positive=0.25))
    parts = 0.75 * mil_nce(VIDEO, half_fits) + 0.25 * mil_nce(VIDEO, half_fits, each=1.0)
    assert float(mixed) == pytest.approx(float(parts), rel=1e-6)
    with pytest.raises(ValueError, match="mil-nce only"):
        LossConfig(each_positive=0.5)
