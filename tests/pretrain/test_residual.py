"""A model that starts from a ready-made one (``init: joint:NAME``)."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_corpus import SETTINGS, WORDS, made_corpus

from videoclip.config import load_config
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.errors import ConfigError, VideoclipError
from videoclip.model.joint import load_model
from videoclip.model.mil_nce import MilNce, MilNceConfig
from videoclip.model.packing import pack_text, pack_video
from videoclip.model.residual import texts_of
from videoclip.model.tokenizer import bert_tokenizer
from videoclip.model.videoclip import VideoCLIP
from videoclip.pretrain import trainer
from videoclip.pretrain.config import PretrainConfig, fitted
from videoclip.pretrain.estimate import estimate
from videoclip.pretrain.run import read_history
from videoclip.pretrain.trainer import pretrain

TEXTS = ["here is the onion", "a PAN and some bread!", "nothing that it knows", "the egg's pot " * 30]
QUICK = ("epochs=2", "batches.rule=random", "batches.videos=4", "batches.per_update=1", "optimizer.lr=1e-2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A corpus, and ready-made models for its features: an embedding of words, and a VideoCLIP."""
    folder = tmp_path_factory.mktemp("ready")
    made_corpus(folder / "c.lance")
    torch.manual_seed(1)
    MilNce(MilNceConfig(("here", "is", "the", *WORDS), 8, 16, 16, "made")).save(folder / "words")
    config = load_config(PretrainConfig, "", [*SETTINGS, "model.feature_size=16"])
    VideoCLIP(config.model).save_pretrained(folder / "videoclip")
    return folder


def settings(folder, out, name: str, *changes: str) -> PretrainConfig:
    places = [f"corpus={folder / 'c.lance'}", f"out={out}", f"init=joint:{name}"]
    return load_config(PretrainConfig, "", [*SETTINGS, *places, *QUICK, *changes])


def names(folder) -> list[str]:
    return [f"mil-nce:{folder / 'words'}", str(folder / "videoclip")]


@pytest.fixture(scope="module")
def videos():
    rng = np.random.default_rng(2)
    made = [rng.standard_normal((seconds, 16)).astype(np.float32) for seconds in (3, 32, 75)]
    return [video / np.linalg.norm(video, axis=1, keepdims=True) for video in made]


@pytest.mark.parametrize("which", [0, 1])
def test_before_training_it_is_the_ready_made_model(folder, videos, which, tmp_path):
    ready = load_model(names(folder)[which])
    corpus = Corpus(folder / "c.lance")
    model = trainer._new_model(fitted(settings(folder, tmp_path, names(folder)[which]), corpus.kind), corpus)
    assert model.size == ready.size
    for own, theirs in (
        (model.encode_text(TEXTS), ready.encode_text(TEXTS)),
        (model.encode_video(videos), ready.encode_video(videos)),
        (model.video_tokens(videos[2]), ready.video_tokens(videos[2])),
    ):
        assert own.shape == theirs.shape
        assert (own - theirs).abs().max() < 1e-5
    clips, texts = pack_video(videos[:2]), pack_text(bert_tokenizer().encode(TEXTS[:2]))
    model.eval()
    video, text = model(clips, texts)  # what training sees
    assert (video - ready.encode_video(videos[:2])).abs().max() < 1e-5
    assert (text - ready.encode_text(TEXTS[:2])).abs().max() < 1e-5
    assert (model.second_vectors(clips).values[:3] - ready.video_tokens(videos[0])).abs().max() < 1e-5


@pytest.mark.parametrize(("which", "epochs"), [(0, 8), (1, 1)])
def test_training_changes_what_is_added_alone_and_the_files_hold_both(folder, videos, which, epochs, tmp_path):
    ready = load_model(names(folder)[which])
    model = pretrain(settings(folder, tmp_path / "run", names(folder)[which], f"epochs={epochs}"))
    losses = [line["loss"] for line in read_history(tmp_path / "run" / "history.jsonl") if "loss" in line]
    assert epochs == 1 or sum(losses[-5:]) < 0.9 * sum(losses[:5])
    assert model.video_gate.gate.abs().min() > 0
    assert model.start.fingerprint == ready.fingerprint
    loaded = load_model(tmp_path / "run" / "model")
    assert loaded.features == FeatureKind("made", 16)
    assert loaded.fingerprint == model.fingerprint
    assert torch.equal(loaded.encode_text(TEXTS), model.encode_text(TEXTS))
    assert torch.equal(loaded.encode_video(videos), model.encode_video(videos))
    assert (loaded.encode_video(videos) - ready.encode_video(videos)).abs().max() > 1e-3
    assert sum(model.parameter_counts().values()) == sum(p.numel() for p in model.parameters() if p.requires_grad)


def test_an_interrupted_training_goes_on_as_if_nothing_had_been(folder, tmp_path, monkeypatch):
    name = names(folder)[0]
    whole = pretrain(settings(folder, tmp_path / "whole", name, "epochs=1"))
    step, steps = trainer.train_step, []

    def failing(*arguments):
        steps.append(0)
        if len(steps) == 3:
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(trainer, "train_step", failing)
    with pytest.raises(KeyboardInterrupt):
        pretrain(settings(folder, tmp_path / "run", name, "epochs=1"))
    assert pretrain(settings(folder, tmp_path / "run", name, "epochs=1")).fingerprint == whole.fingerprint


def test_texts_of_word_pieces_are_the_words_that_were_said():
    said = ["now we slice the crimson loaf", "don't rush it", "unbelievableness of it"]
    assert texts_of(pack_text(bert_tokenizer().encode(said))) == said


def test_what_cannot_be_started_from_is_one_error(folder, tmp_path):
    with pytest.raises(ConfigError, match=r"set model\.similarity=dot"):
        settings(folder, tmp_path, names(folder)[0], "model.similarity=cosine")
    with pytest.raises(ConfigError, match="set that instead"):
        load_config(PretrainConfig, "", [*SETTINGS, "model.start={kind: mil-nce}"])
    with pytest.raises(VideoclipError, match="no such folder"):
        pretrain(settings(folder, tmp_path / "a", str(tmp_path / "nothing")))
    MilNce(MilNceConfig(("a",), 8, 16, 16, "other")).save(tmp_path / "other")
    with pytest.raises(VideoclipError, match=r"c\.lance: features of encoder 'made', but .* 'other' only"):
        pretrain(settings(folder, tmp_path / "b", f"mil-nce:{tmp_path / 'other'}"))
    note = json.loads((folder / "videoclip" / "config.json").read_text())
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "config.json").write_text(json.dumps(note | {"start": {"kind": "oracle"}}))
    (tmp_path / "odd" / "model.safetensors").write_bytes((folder / "videoclip" / "model.safetensors").read_bytes())
    with pytest.raises(VideoclipError, match="no kind of model 'oracle'"):
        load_model(tmp_path / "odd")


def test_an_estimate_counts_the_ready_made_model(folder, tmp_path):
    config = settings(folder, tmp_path / "run", names(folder)[0])
    alone, on_top = (estimate(c)[1] for c in (replace(config, init=""), config))
    frozen = sum(p.numel() for p in load_model(names(folder)[0]).parameters())
    gates = on_top.parameters["gates"]
    assert on_top.weights == alone.weights + 4 * (frozen + gates)
    assert on_top.gradients == alone.gradients + 4 * gates


@pytest.mark.parametrize(("shares", "kept"), [("[1.0]", 1.0), ("[0.0]", 0.0), ("[0.0,0.5,1.0]", None)])
def test_as_much_is_kept_of_what_was_learned_as_held_out_videos_like_best(folder, tmp_path, shares, kept):
    config = settings(folder, tmp_path, names(folder)[0], f"shares={shares}")
    model = pretrain(config)
    share = json.loads((tmp_path / "result.json").read_text())["share"]
    assert share in config.shares
    assert kept in (None, share)
    same = model.encode_text(TEXTS).allclose(load_model(names(folder)[0]).encode_text(TEXTS), atol=1e-5)
    assert same == (share == 0)
    assert load_model(tmp_path / "model").encode_text(TEXTS).equal(model.encode_text(TEXTS))


def test_without_a_ready_made_model_there_is_no_share(folder, tmp_path):
    places = [f"corpus={folder / 'c.lance'}", f"out={tmp_path}"]
    pretrain(load_config(PretrainConfig, "", [*SETTINGS, *places, *QUICK]))
    assert "share" not in json.loads((tmp_path / "result.json").read_text())
