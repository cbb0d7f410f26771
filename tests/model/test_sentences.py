"""Sentence encoders by folder: a tiny one of random weights goes the way of those of the hub."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from made_models import TOWER, VOCABULARY, made_tokenizer

from videoclip.errors import WeightsError
from videoclip.model.sentences import load_sentence_encoder

sentence_transformers = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
TEXTS = ["a red car", "Ein rotes Auto 食べる", "", "https://example.org/a.jpg"]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A tiny encoder with random weights, as its library saves one."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    plain, folder = tmp_path_factory.mktemp("bert"), tmp_path_factory.mktemp("made") / "tiny"
    BertModel(BertConfig(vocab_size=len(VOCABULARY), max_position_embeddings=32, **TOWER)).save_pretrained(plain)
    made_tokenizer("bert", 32).save_pretrained(plain)
    model = sentence_transformers.SentenceTransformer(str(plain), device="cpu", local_files_only=True)
    model.save_pretrained(str(folder))
    return folder


def test_texts_of_any_language_have_vectors_of_unit_length(made):
    encoder = load_sentence_encoder(str(made))
    vectors = encoder.encode_passages(TEXTS)
    assert vectors.shape == (4, encoder.size)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(vectors, encoder.encode_queries(TEXTS), atol=1e-5)  # it states no prompts
    assert encoder.name == str(made.resolve())


def test_a_fingerprint_is_that_of_the_weights(made, tmp_path):
    again = shutil.copytree(made, tmp_path / "again")
    assert load_sentence_encoder(str(again)).fingerprint == load_sentence_encoder(str(made)).fingerprint


def test_prompts_are_those_of_the_files_and_e5_has_its_own(made, tmp_path):
    prompted = shutil.copytree(made, tmp_path / "prompted")
    note = prompted / "config_sentence_transformers.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"prompts": {"query": "a red ", "document": "blue "}}))
    plain, encoder = load_sentence_encoder(str(made)), load_sentence_encoder(str(prompted))
    assert np.allclose(encoder.encode_queries(["car"]), plain.encode_queries(["a red car"]), atol=1e-5)
    assert np.allclose(encoder.encode_passages(["car"]), plain.encode_queries(["blue car"]), atol=1e-5)
    e5 = load_sentence_encoder(str(shutil.copytree(made, tmp_path / "multilingual-e5-small")))
    assert np.allclose(e5.encode_queries(["car"]), plain.encode_queries(["query: car"]), atol=1e-5)
    assert np.allclose(e5.encode_passages(["car"]), plain.encode_queries(["passage: car"]), atol=1e-5)


def test_what_could_run_code_is_refused(made, tmp_path):
    pickled = shutil.copytree(made, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="pickled"):
        load_sentence_encoder(str(pickled))
    foreign = shutil.copytree(made, tmp_path / "foreign")
    modules = json.loads((foreign / "modules.json").read_text())
    modules[0]["type"] = "own_code.Transformer"
    (foreign / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(WeightsError, match="never run"):
        load_sentence_encoder(str(foreign))


def test_what_is_no_encoder_is_named(made, tmp_path):
    with pytest.raises(WeightsError, match=r"modules\.json"):
        load_sentence_encoder(str(tmp_path))
    broken = shutil.copytree(made, tmp_path / "broken")
    (broken / "config.json").write_text("{}")
    with pytest.raises(WeightsError, match="broken"):
        load_sentence_encoder(str(broken))
    with pytest.raises(WeightsError, match="nobody/nothing"):
        load_sentence_encoder("nobody/nothing")
