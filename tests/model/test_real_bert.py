"""Real pre-trained weights in BERT form: all-MiniLM-L6-v2 (Apache-2.0), as the optional package carries it."""

from pathlib import Path

import pytest
import torch
from minilm import minilm_folder

from videoclip.model.config import ModelConfig
from videoclip.model.official import bert_tensors
from videoclip.model.packing import pack_text
from videoclip.model.tokenizer import bert_tokenizer
from videoclip.model.videoclip import VideoCLIP

MINILM = ModelConfig(
    hidden_size=384, heads=12, intermediate_size=1536, video_layers=3, text_layers=6, max_text_tokens=120
)
TEXTS = ["slice the red onion", "", "Whisk the eggs — gently!", "stir " * 150, "crème brûlée 🍮 食べる"]


@pytest.fixture(scope="module")
def folder() -> Path:
    """The weights' folder; the package's code is not run."""
    return minilm_folder()


def test_a_tower_with_real_weights_gives_what_transformers_gives(folder):
    transformers = pytest.importorskip("transformers")
    model = VideoCLIP(MINILM).eval()
    model.load_state_dict(bert_tensors(model.config, folder), strict=False)
    bert = transformers.BertModel.from_pretrained(str(folder)).eval()
    packed = pack_text(bert_tokenizer().encode(TEXTS, MINILM.max_text_tokens))
    tokens, mask = packed.padded()
    with torch.inference_mode():
        wanted = bert(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
        got = model.text_tower(packed).padded()[0]
    assert (got[mask] - wanted[mask]).abs().max() < 1e-5


def test_its_vocabulary_is_the_packaged_one(folder):
    words = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    assert len(words) == len(bert_tokenizer()) == 30522
    whole = {word: i for i, word in enumerate(words) if word.isascii() and word.isalnum()}
    assert len(whole) > 20_000
    assert bert_tokenizer().encode(list(whole)) == [[i] for i in whole.values()]


def test_real_weights_know_what_is_similar(folder):
    """The mean over tokens, of unit length, is how these weights are meant to be used."""
    model = VideoCLIP(MINILM).eval()
    model.load_state_dict(bert_tensors(model.config, folder), strict=False)
    vectors = torch.nn.functional.normalize(
        model.encode_text(["slice the onion", "cut up an onion", "the stock market fell"]), dim=1
    )
    similarity = vectors @ vectors.T
    assert similarity[0, 1] > 0.7 > 0.3 > similarity[0, 2]
