"""Narration placed by a model that sees: where it belongs, what is left out, and training in rounds on it."""

import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_corpus import SETTINGS, made_corpus
from test_distributed import environment, read_lines, torchrun

from videoclip.config import load_config
from videoclip.corpus.realigned import realigned_captions
from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.errors import ConfigError, CorpusError
from videoclip.media.captions import Caption
from videoclip.model.videoclip import VideoCLIP
from videoclip.pretrain import realign as module
from videoclip.pretrain.clips import ClipConfig, Narration, draw_clip
from videoclip.pretrain.config import PretrainConfig
from videoclip.pretrain.distributed import Ranks
from videoclip.pretrain.realign import RealignConfig, judged, realign
from videoclip.pretrain.trainer import pretrain

WORDS = ["onion", "bread", "cheese", "pan", "cake", "egg", "pot", "pepper"]
LAG = 6.0
CHATTER = "hello there my friends"
DIRECTIONS = np.eye(16)


class Sees:
    """A joint model that knows the words, and shows nothing for chatter."""

    name, size, fingerprint = "sees", 16, "abc"

    def encode_text(self, texts):
        vectors = [4 * DIRECTIONS[WORDS.index(t.split()[-1])] if t != CHATTER else 0 * DIRECTIONS[0] for t in texts]
        return torch.tensor(np.array(vectors), dtype=torch.float32)

    def video_tokens(self, features):
        return torch.tensor(np.asarray(features), dtype=torch.float32)

    def check_features(self, kind, what):
        pass


class Blind(Sees):
    """Tells nothing apart: its vectors are those of other words."""

    def encode_text(self, texts):
        seeds = [sum(map(ord, t)) for t in texts]
        return torch.tensor(np.array([np.random.default_rng(s).standard_normal(16) for s in seeds])).float()


def narrated(path, videos: int = 20) -> Corpus:
    """Videos of 60 s in which each word is shown for 6 s, and was said ``LAG`` seconds before; half is chatter."""
    corpus, rng, made = Corpus.create(path, FeatureKind("made", 16)), np.random.default_rng(1), []
    for number in range(videos):
        shown = rng.permutation(len(WORDS))
        features = 0.05 * rng.standard_normal((60, 16))
        captions = []
        for place, word in enumerate(shown):
            start = 8 + 6 * place
            features[start : start + 6] += DIRECTIONS[word]
            captions.append(Caption(start + 2 - LAG, start + 4 - LAG, f"take the {WORDS[word]}"))
            captions.append(Caption(start + 4 - LAG, start + 5 - LAG, CHATTER))
        made.append(NarratedVideo(f"v{number}", features.astype(np.float16), captions, duration=60.0))
    corpus.append(made)
    return corpus


def test_sentences_move_to_where_they_are_shown_and_chatter_is_left_out(tmp_path):
    corpus = narrated(tmp_path / "c.lance")
    placed = realign(corpus, Sees(), tmp_path / "r.lance")
    assert placed.captions == 20 * 16
    assert placed.kept == 20 * 8
    assert placed.moved[1] == pytest.approx(LAG, abs=1)
    assert placed.told_apart > 0.9
    assert placed.context == 0.0  # each says it all
    assert placed.advice == ""
    made = Corpus(tmp_path / "r.lance")
    for before, after in zip(corpus.read(range(20)), made.read(range(20)), strict=True):
        assert np.array_equal(before.features, after.features)
        assert (before.id, before.duration) == (after.id, after.duration)
        spoken = [c for c in before.captions if c.text != CHATTER]
        assert [c.text for c in after.captions] == [c.text for c in spoken]
        for was, now in zip(spoken, after.captions, strict=True):
            assert (now.start + now.end) / 2 == pytest.approx((was.start + was.end) / 2 + LAG, abs=1.5)
        assert list(after.chatter) == [CHATTER] * 8
        assert made.texts([made.row(after.id)]) == [after.texts]
    assert not [name for name in (tmp_path / "r.lance").rglob("*") if name.stat().st_size > 200_000]  # no features


class SeesParts(Sees):
    """Knows the words, however many there are in a text."""

    def encode_text(self, texts):
        known = [[DIRECTIONS[WORDS.index(w)] for w in text.split() if w in WORDS] for text in texts]
        return torch.tensor(np.array([4 * np.mean(words, axis=0) for words in known])).float()


def scattered(path, videos: int = 20) -> Corpus:
    """Two sentences to a moment, of which each alone fits another moment as well."""
    corpus, rng, made = Corpus.create(path, FeatureKind("made", 16)), np.random.default_rng(1), []
    pairs = [(i, 4 + i) for i in range(4)] + [(i, 4 + (i + 1) % 4) for i in range(4)]
    for number in range(videos):
        features, captions = 0.05 * rng.standard_normal((60, 16)), []
        for place, pair in enumerate(rng.permutation(pairs)):
            start = 8 + 6 * place
            features[start : start + 6] += DIRECTIONS[pair].sum(axis=0)
            captions += [Caption(start - LAG + k, start - LAG + k + 1, f"the {WORDS[pair[k]]}") for k in (0, 1)]
        made.append(NarratedVideo(f"v{number}", features.astype(np.float16), captions, duration=60.0))
    corpus.append(made)
    return corpus


def test_sentences_that_say_a_part_each_are_placed_with_their_context(tmp_path):
    corpus = scattered(tmp_path / "c.lance")

    def right(context: float) -> float:
        where = tmp_path / f"{context}.lance"
        placed = realign(corpus, SeesParts(), where, RealignConfig(context=context))
        assert placed.context == Corpus(where).origin.context == context
        assert ("share a moment" in str(placed)) == bool(context)
        hits = [
            abs((c["start"] + c["end"] - c["spoken_start"] - c["spoken_end"]) / 2 - LAG) < 3
            for c in realigned_captions(Corpus(where))
        ]
        return np.mean(hits)

    assert right(2.0) > right(0.0) + 0.05


def test_each_caption_keeps_its_own_times_and_how_sure_it_is(tmp_path):
    corpus = narrated(tmp_path / "c.lance", 2)
    realign(corpus, Sees(), tmp_path / "r.lance")
    noted = list(realigned_captions(Corpus(tmp_path / "r.lance")))
    said = [c for video in corpus.read([0, 1]) for c in video.captions]
    assert [(c["spoken_start"], c["spoken_end"], c["text"]) for c in noted] == [(c.start, c.end, c.text) for c in said]
    assert min(c["probability"] for c in noted if c["kept"]) > max(c["probability"] for c in noted if not c["kept"])


def test_all_sentences_can_be_kept_and_drawn_by_how_sure_they_are(tmp_path):
    corpus = narrated(tmp_path / "c.lance", 2)
    placed = realign(corpus, Sees(), tmp_path / "r.lance", RealignConfig(drop=False))
    assert placed.kept == placed.captions
    video = Corpus(tmp_path / "r.lance").read([0])[0]
    assert list(video.certainty) == [
        c["probability"] for c in _in_order(realigned_captions(Corpus(tmp_path / "r.lance")))
    ]

    sure = [0.0, 1.0, 0.0]
    config = ClipConfig(rule="aligned", min_text_tokens=1, max_text_tokens=1, by_certainty=True)
    for seed in range(20):
        clip = draw_clip(Narration([0, 5, 10], [4, 9, 14], [3, 3, 3], sure), 20, config, random.Random(seed))
        assert (clip.first, clip.last) == (1, 2)


def _in_order(captions):
    return sorted(list(captions)[:16], key=lambda c: (c["start"], c["end"]))


def test_a_model_that_cannot_tell_narrations_apart_is_refused(tmp_path):
    corpus = narrated(tmp_path / "c.lance", 60)
    with pytest.raises(ConfigError, match="cannot tell a video's own narration"):
        realign(corpus, Blind(), tmp_path / "r.lance")
    assert not (tmp_path / "r.lance").exists()  # so that a better model can take its place
    with pytest.raises(ConfigError, match="in none of the videos"):
        realign(corpus, Sees(), tmp_path / "r.lance", rows=[])
    judgement = judged(corpus, Sees(), range(60), RealignConfig())
    assert judgement.told_apart > judgement.least > 0.5
    for few in ([0], range(20)):  # by so few nobody is judged
        assert judged(corpus, Sees(), few, RealignConfig()).least == 0.0


def test_narration_that_is_right_already_is_said_to_need_nothing(tmp_path):
    source = narrated(tmp_path / "c.lance")
    realign(source, Sees(), tmp_path / "r.lance")
    right = Corpus.create(tmp_path / "right.lance", source.kind)
    right.append([replace(v, certainty=()) for v in Corpus(tmp_path / "r.lance").read(range(20))])
    placed = realign(right, Sees(), tmp_path / "again.lance", RealignConfig(drop=False))
    assert "next to nothing" in placed.advice
    assert "next to nothing" in str(placed)


def test_a_stopped_realigning_goes_on_and_gives_the_same(tmp_path, monkeypatch):
    corpus = narrated(tmp_path / "c.lance")
    whole = realign(corpus, Sees(), tmp_path / "whole.lance")
    monkeypatch.setattr(module, "COMMIT_SECONDS", 0)
    monkeypatch.setattr(module, "AT_ONCE", 3)
    added = []
    original = module.add_realigned

    def stopped(made, videos):
        if len(added) == 2:
            raise KeyboardInterrupt
        added.extend([1])
        original(made, videos)

    monkeypatch.setattr(module, "add_realigned", stopped)
    with pytest.raises(KeyboardInterrupt):
        realign(corpus, Sees(), tmp_path / "r.lance")
    monkeypatch.setattr(module, "add_realigned", original)
    assert len(Corpus(tmp_path / "r.lance")) == 6
    assert realign(corpus, Sees(), tmp_path / "r.lance") == whole
    found = [Corpus(tmp_path / name) for name in ("r.lance", "whole.lance")]
    assert sorted(found[0].ids) == sorted(found[1].ids)
    assert [found[0][video].captions for video in corpus.ids] == [found[1][video].captions for video in corpus.ids]
    with pytest.raises(ConfigError, match="other narration, model or settings"):
        realign(corpus, Sees(), tmp_path / "r.lance", RealignConfig(reach=5))
    with pytest.raises(ConfigError, match="features of its own"):
        realign(corpus, Sees(), tmp_path / "c.lance")


def test_processes_share_the_work(tmp_path):
    """Each adds its part, whoever comes first."""

    class Alone(Ranks):
        def wait(self):
            pass

    corpus = narrated(tmp_path / "c.lance")
    made = [realign(corpus, Sees(), tmp_path / "r.lance", ranks=Alone(0, 2))]
    assert len(Corpus(tmp_path / "r.lance")) == 10
    (tmp_path / "r.lance" / module.SUMMARY).unlink()
    made.append(realign(corpus, Sees(), tmp_path / "r.lance"))
    assert len(Corpus(tmp_path / "r.lance")) == 20
    assert made[1].kept == 160


def test_a_realigned_corpus_is_placed_anew_from_what_was_said(tmp_path):
    corpus = narrated(tmp_path / "c.lance")
    first = realign(corpus, Sees(), tmp_path / "first.lance")
    again = realign(Corpus(tmp_path / "first.lance"), Sees(), tmp_path / "second.lance")
    assert first == again


def test_a_realigned_corpus_moves_with_its_features_and_takes_no_videos(tmp_path):
    (tmp_path / "a").mkdir()
    corpus = narrated(tmp_path / "a" / "c.lance")
    realign(corpus, Sees(), tmp_path / "a" / "r.lance")
    (tmp_path / "a").rename(tmp_path / "b")
    made = Corpus(tmp_path / "b" / "r.lance")
    assert len(made.read([0])[0].features) == 60
    assert made.rows_with_captions() == set(range(20))
    with pytest.raises(CorpusError, match="realigned corpus; add videos to"):
        made.append([])
    (tmp_path / "b" / "c.lance").rename(tmp_path / "gone")
    with pytest.raises(CorpusError, match="its features are in"):
        Corpus(tmp_path / "b" / "r.lance")


# Rounds ------------------------------------------------------------------------------------------------------

ROUND = {"clips": {"rule": "aligned", "min_text_tokens": 1, "max_text_tokens": 6}, "epochs": 3}


@pytest.fixture
def settings(tmp_path) -> list[str]:
    corpus = made_corpus(tmp_path / "c.lance")
    rounds = json.dumps([ROUND])
    return [*SETTINGS, f"corpus={corpus}", f"out={tmp_path / 'run'}", "epochs=4", f"rounds={rounds}"]


def test_rounds_are_what_one_would_do_by_hand(settings, tmp_path, capsys):
    config = load_config(PretrainConfig, "", settings)
    trained = pretrain(config)
    assert "captions kept" in capsys.readouterr().err
    first = pretrain(replace(config, rounds=(), out=str(tmp_path / "first")))
    rows = range(24)
    realign(Corpus(config.corpus), first, tmp_path / "r.lance", rows=rows)
    second = load_config(
        PretrainConfig, "",
        [*settings, "rounds=[]", "epochs=3", "clips.rule=aligned", "clips.min_text_tokens=1", "clips.max_text_tokens=6",
         f"corpus={tmp_path / 'r.lance'}", f"out={tmp_path / 'second'}"],
    )  # fmt: skip
    assert pretrain(second).fingerprint == trained.fingerprint
    out = Path(config.out)
    assert VideoCLIP.from_pretrained(out / "round-1" / "model").fingerprint == first.fingerprint
    noted = json.loads((out / "result.json").read_text())["config"]
    assert noted["rounds"] == [ROUND]  # so that it can be repeated from it
    assert noted["corpus"] == config.corpus


@pytest.mark.parametrize("stopped_in", ["round-1", "."])
def test_rounds_go_on_where_they_were_stopped(settings, tmp_path, stopped_in):

    out = tmp_path / "run"
    command = [sys.executable, "-m", "videoclip", "pretrain", *settings]
    process = subprocess.Popen([*command, "epochs=4"], stderr=subprocess.PIPE, text=True)
    while len(read_lines(out / stopped_in)) < 2:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=300)
    resumed = pretrain(load_config(PretrainConfig, "", settings))
    whole = pretrain(load_config(PretrainConfig, "", [*settings, f"out={tmp_path / 'whole'}"]))
    assert resumed.fingerprint == whole.fingerprint


def test_processes_train_in_rounds_together(settings, tmp_path):
    """They place narration by turns, and train on it as one process does."""
    out = tmp_path / "together"
    command = torchrun(2, "-m", "videoclip", "pretrain", *settings, f"out={out}")
    subprocess.run(command, check=True, env=environment(), capture_output=True, timeout=600)
    alone = pretrain(load_config(PretrainConfig, "", settings))
    together = VideoCLIP.from_pretrained(out / "model")
    assert torch.allclose(alone.encode_text(["the onion"]), together.encode_text(["the onion"]), atol=2e-2)
    placed = [Corpus(folder / "round-1" / "realigned.lance") for folder in (out, tmp_path / "run")]
    assert sorted(placed[0].ids) == sorted(placed[1].ids)


def test_a_round_that_cannot_be_is_said_before_anything_is_done(settings, tmp_path):
    for rounds, said in (
        ([{"clips": {"rul": "aligned"}}], r"rounds.0.*did you mean 'clips.rule'"),
        ([{"clips": {"rule": "diagonal"}}], r"rounds.0: .*choose from"),
        ([{"seed": 3}], r"rounds.0: 'seed' is the same in all rounds"),
        ([{"loss": {"soft_targets": 3}}], r"rounds.0: loss.soft_targets.*from 0 to 1"),
    ):
        with pytest.raises(ConfigError, match=said):
            load_config(PretrainConfig, "", [*settings, f"rounds={json.dumps(rounds)}"])
    assert not (tmp_path / "run").exists()
    config = load_config(PretrainConfig, "", [*settings, "rounds.0.epochs=7"])
    assert [one.epochs for one in config.of_rounds()] == [4, 7]
    with pytest.raises(ConfigError, match="1 entries, counted from 0"):
        load_config(PretrainConfig, "", [*settings, "rounds.1.epochs=7"])
