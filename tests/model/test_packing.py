"""Packed sequences give what each sequence gives alone, whatever they are packed with."""

import pickle
import random
from dataclasses import replace
from functools import partial

import pytest
import torch

from videoclip.model.attention import attend, flash_attention, has_flash_attention, padded_attention
from videoclip.model.config import ModelConfig
from videoclip.model.loss import LossConfig, contrastive_loss
from videoclip.model.packing import Layout, Packed, mean_of_others, pack_text, pack_video
from videoclip.model.videoclip import VideoCLIP

CPU = torch.device("cpu")
SIZES = ModelConfig(
    feature_size=16, hidden_size=32, heads=2, intermediate_size=64, video_layers=2, text_layers=2, dropout=0.0
)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return VideoCLIP(SIZES)


def pairs(seed: int) -> tuple[Packed, Packed]:
    """Clips of 1 to 32 seconds and texts of 1 to 61 tokens, the shortest and the longest among them."""
    rng = random.Random(seed)
    seconds = [1, 32, *(rng.randint(1, 32) for _ in range(10))]
    words = [61, 1, *(rng.randint(1, 61) for _ in range(10))]
    videos = [torch.randn(n, 16, generator=torch.Generator().manual_seed(seed + n)) for n in seconds]
    return pack_video(videos), pack_text([[rng.randrange(1000, 2000) for _ in range(n)] for n in words])


def alone(packed: Packed) -> list[Packed]:
    return [packed.rows([i]) for i in range(len(packed))]


def gradients(model: VideoCLIP, video: torch.Tensor, text: torch.Tensor) -> tuple[float, list[torch.Tensor]]:
    model.zero_grad()
    loss = contrastive_loss(video, text, LossConfig())
    loss.backward()
    return float(loss.detach()), [p.grad for p in model.parameters()]


@pytest.mark.parametrize("seed", range(5))
def test_loss_and_gradients_of_a_packed_batch_are_those_of_its_pairs_one_by_one(model, seed):
    video, text = pairs(seed)
    loss, got = gradients(model, *model(video, text))
    each = [model(v, t) for v, t in zip(alone(video), alone(text), strict=True)]
    wanted_loss, wanted = gradients(model, *(torch.cat(side) for side in zip(*each, strict=True)))
    assert loss == pytest.approx(wanted_loss, abs=1e-5)
    for mine, theirs in zip(got, wanted, strict=True):
        assert torch.allclose(mine, theirs, atol=1e-5)


def test_seconds_of_a_packed_batch_are_those_of_its_clips_one_by_one(model):
    video, _ = pairs(7)
    with torch.inference_mode():
        for together, single in zip(model.second_vectors(video).split(), alone(video), strict=True):
            assert torch.allclose(together, model.second_vectors(single).values, atol=1e-6)


def test_bf16_is_close_to_fp32(model):
    video, text = pairs(3)
    with torch.inference_mode():
        exact = model(video, text)
        with torch.autocast("cpu", torch.bfloat16):
            rough = model(video, text)
    for a, b in zip(exact, rough, strict=True):
        assert torch.nn.functional.cosine_similarity(a, b.float()).min() > 0.999


def test_compiled_layers_give_what_eager_ones_give(monkeypatch):
    # Without the minutes that PyTorch's own kernels take: those are compared by bench/gpu.py.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager", fullgraph=True))
    torch.manual_seed(0)
    eager = VideoCLIP(replace(SIZES, video_layers=1, text_layers=1))
    compiled = VideoCLIP(eager.config)
    compiled.load_state_dict(eager.state_dict())
    compiled.compile_layers()
    for seed in (1, 2):
        loss, wanted = gradients(eager, *eager(*pairs(seed)))
        got_loss, got = gradients(compiled, *compiled(*pairs(seed)))
        assert got_loss == pytest.approx(loss, abs=1e-5)
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(got, wanted, strict=True))
    assert compiled.state_dict().keys() == eager.state_dict().keys()


def test_tokens_attend_to_their_own_sequence_alone():
    layout = Layout(torch.tensor([3, 1, 5]), CPU)
    x = torch.randn(9, 3, 2, 8)
    parts = [padded_attention(part, Layout(torch.tensor([len(part)]), CPU), 0.0) for part in x.split([3, 1, 5])]
    assert torch.allclose(attend(x, layout, 0.0), torch.cat(parts), atol=1e-6)


@pytest.mark.parametrize("special", [0, 2])
def test_a_layout_that_came_with_its_sequences_is_that_of_their_lengths(special):
    """It is computed elsewhere, and pinned, moved or joined with another before it is used."""
    video, _ = pairs(2)
    wanted = Layout(video.lengths + special, CPU, special)
    video.layout(special).prepared()
    sent = pickle.loads(pickle.dumps(video)).moved(torch.clone).to(CPU)
    assert set(PARTS if special else PARTS[:3]) <= vars(sent.layouts[special]).keys()
    for name in (*PARTS, "places", "valid", "firsts", "longest"):
        assert torch.equal(torch.as_tensor(getattr(sent.layout(special), name)), torch.as_tensor(getattr(wanted, name)))


def test_the_layout_of_texts_and_others_after_them_is_that_of_all():
    _, some = pairs(2)
    _, more = pairs(3)
    for text in (some, more):
        text.layout().prepared()
    both = some.followed_by(more)
    assert both.layouts
    for name in PARTS[:3]:
        assert torch.equal(getattr(both.layout(), name), getattr(Layout(both.lengths, CPU), name))


PARTS = ("offsets", "within", "others", "sources")


def test_flash_attention_is_called_as_this_pytorch_has_it():
    """Shapes alone, since the kernel is only on GPUs; ``bench/gpu.py`` compares its numbers there."""
    layout = Layout(torch.tensor([3, 1, 5]), torch.device("meta"))
    x = torch.randn(9, 3, 2, 8, device="meta", dtype=torch.bfloat16)
    assert not has_flash_attention(x)
    assert flash_attention(x, layout, 0.1).shape == (9, 16)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_flash_attention_is_padded_attention():
    layout = Layout(torch.tensor([3, 1, 34, 63]), torch.device("cuda"))
    x = torch.randn(101, 3, 12, 64, device="cuda", dtype=torch.bfloat16)
    assert has_flash_attention(x)
    assert torch.allclose(flash_attention(x, layout, 0.0), padded_attention(x, layout, 0.0), atol=2e-2)


def test_the_mean_leaves_the_first_token_out():
    lengths = torch.tensor([2, 4, 3])
    tokens = torch.randn(9, 5)
    wanted = torch.stack([part[1:].mean(0) for part in tokens.split(lengths.tolist())])
    assert torch.allclose(mean_of_others(tokens, Layout(lengths, CPU)), wanted)


def test_padding_and_picking_give_the_sequences_back():
    video, _ = pairs(1)
    full, mask = video.padded()
    assert torch.equal(full[mask], video.values)
    assert torch.equal(full[~mask], torch.zeros_like(full[~mask]))
    assert torch.equal(video.rows([2, 0]).split()[1], video.split()[0])


def test_lengths_that_do_not_fit_are_refused():
    for lengths in ([3, 3], [5, 0], []):
        with pytest.raises(ValueError, match="add up to"):
            Packed(torch.zeros(5, 2), torch.tensor(lengths, dtype=torch.long))
