import json

import pytest
import torch
from made_corpus import WORDS, made_corpus

from videoclip.corpus.store import Corpus
from videoclip.errors import ConfigError
from videoclip.model.joint import load_model
from videoclip.pretrain.text_side import TextSideConfig, train_text_side


def test_sentences_learn_the_features_that_are_seen_while_they_are_said(tmp_path):
    corpus = Corpus(made_corpus(tmp_path / "c.lance"))
    config = TextSideConfig(word_size=8, hidden_size=32, around=0.0, bag=1, batch=64, updates=120, lr=1e-2)
    train_text_side(corpus, range(20), config, tmp_path / "text")
    model = load_model(f"mil-nce:{tmp_path / 'text'}")
    assert model.features == corpus.kind
    assert {"here", "is", "the", *WORDS} == set(model.config.words)
    assert json.loads((tmp_path / "text" / "result.json").read_text())["videos"] == 20
    held_out = corpus.read(range(20, 24))
    texts = model.encode_text([f"here is the {word}" for word in WORDS])
    right = []
    for video in held_out:
        scores = model.video_tokens(video.features) @ texts.T
        for caption in video.captions:
            found = scores[int(caption.start) : int(caption.start) + 3].mean(0).argmax()
            right.append(caption.text.endswith(WORDS[int(found)]))
    assert sum(right) > 0.9 * len(right)
    assert torch.equal(model.encode_text(["HERE is The onion!"])[0], model.encode_text(["here is the onion"])[0])
    with pytest.raises(ConfigError, match="is not empty"):
        train_text_side(corpus, range(20), config, tmp_path / "text")
    with pytest.raises(ConfigError, match="fewer than a batch of 10000; set batch lower"):
        train_text_side(corpus, range(20), TextSideConfig(batch=10_000), tmp_path / "other")
