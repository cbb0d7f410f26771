"""Texts that are tokenised once for a corpus."""

import os
import pickle
import random

import pytest
import torch
from made_corpus import SETTINGS, made_corpus

from videoclip.config import load_config
from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.media.captions import Caption
from videoclip.pretrain import tokens as module
from videoclip.pretrain.clips import ClipConfig, draw_batch
from videoclip.pretrain.config import PretrainConfig
from videoclip.pretrain.loading import load_batches
from videoclip.pretrain.run import State
from videoclip.pretrain.tokens import tokenised, tokens_of


@pytest.fixture
def corpus(tmp_path) -> Corpus:
    made_corpus(tmp_path / "c.lance")
    return Corpus(tmp_path / "c.lance")


def equal(a, b) -> bool:
    return torch.equal(a.text.values, b.text.values) and torch.equal(a.video.values, b.video.values)


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_are_the_same_from_the_files(corpus, workers):
    config = load_config(PretrainConfig, "", [*SETTINGS, f"workers={workers}", "clips.max_caption_tokens=3"])
    state = State(plan=[[3, 1, 4], [0, 2, 5]])
    ready = tokens_of(corpus, config.clips.max_caption_tokens)
    now, before = load_batches(corpus, state, config), load_batches(corpus, state, config, tokens=ready)
    assert all(equal(a, b) for a, b in zip(now, before, strict=True))


def test_files_are_made_once_and_anew_when_the_corpus_changes(corpus, tmp_path, monkeypatch):
    first = tokens_of(corpus, 8)
    assert first.folder.parent == tmp_path / "c.lance.tokens"
    monkeypatch.setattr(module, "_write", pytest.fail)
    assert tokens_of(Corpus(corpus.path), 8).folder == first.folder
    monkeypatch.undo()
    video = corpus.read([0])[0]
    corpus.replace(
        NarratedVideo(video.id, video.features, [Caption(0, 1, "Something else — naïve?"), Caption(1, 2, "")])
    )
    again = tokens_of(corpus, 8)
    assert again.folder != first.folder
    for row in range(len(corpus)):
        wanted = tokenised(corpus.read([row]), 8)[0]
        found = pickle.loads(pickle.dumps(again))[row]
        assert found.ids.tolist() == wanted.ids.tolist()
        assert found.offsets.tolist() == wanted.offsets.tolist()
    assert not [name for name in os.listdir(first.folder.parent) if name.startswith(".")]


def test_they_lie_in_the_cache_where_the_corpus_cannot_be_written_beside(corpus, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(module.os, "access", lambda *_: False)
    assert tokens_of(corpus, 8).folder.is_relative_to(tmp_path / "cache" / "videoclip")


def test_chatter_follows_the_captions(corpus, tmp_path):
    videos = [NarratedVideo(v.id, v.features, v.captions[1:], chatter=["well well", "hello there"])
              for v in corpus.read([0, 1])]  # fmt: skip
    said = tokenised(videos, 8)
    assert [len(s.lengths) for s in said] == [len(v.texts) for v in videos]
    config = ClipConfig(pairs_per_video=2, chatter=3)
    a, b = (draw_batch(videos, config, 20, random.Random(0), t) for t in (None, said))
    assert equal(a, b)
    assert torch.equal(a.chatter.values, b.chatter.values)
    assert len(a.chatter) == 6
