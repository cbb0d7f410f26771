import json
import os
import random
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_corpus import made_corpus

from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.errors import ConfigError, CorpusError
from videoclip.model.config import ModelConfig
from videoclip.model.joint import load_model
from videoclip.model.loss import LossConfig, contrastive_loss
from videoclip.model.videoclip import VideoCLIP
from videoclip.pretrain import trainer
from videoclip.pretrain.clips import ClipConfig, draw_batch
from videoclip.pretrain.config import OptimizerConfig, PretrainConfig
from videoclip.pretrain.loading import split
from videoclip.pretrain.neighbours import BatchConfig, plan_epoch
from videoclip.pretrain.run import read_history
from videoclip.pretrain.trainer import pretrain
from videoclip.storage.checkpoints import newest_checkpoint

TINY = ModelConfig(hidden_size=32, heads=2, intermediate_size=64, video_layers=1, text_layers=1, positions=64)


@pytest.fixture
def config(tmp_path):
    return PretrainConfig(
        corpus=made_corpus(tmp_path / "c.lance"),
        out=str(tmp_path / "run"),
        validation_videos="v2?",
        model=TINY,
        init="",
        clips=ClipConfig(rule="overlapped", pairs_per_video=4, max_seconds=8, min_text_tokens=4, max_text_tokens=12),
        batches=BatchConfig(rule="clusters", videos=4, cluster_size=2, clips_per_vector=4),
        optimizer=OptimizerConfig(lr=1e-3, warmup_updates=5, decay_updates=0),
        epochs=4,
        log_every=1,
        precision="fp32",
    )


@pytest.fixture
def either(config, native):
    """The configuration as it is trained by default, on a processor of either kind."""
    return replace(config, precision="auto")


def losses(config: PretrainConfig) -> list[float]:
    from pathlib import Path

    return [line["loss"] for line in read_history(Path(config.out) / "history.jsonl") if "loss" in line]


def test_training_learns_to_tell_pairs_apart(either):
    pretrain(replace(either, epochs=20))
    first, last = losses(either)[:3], losses(either)[-3:]
    assert sum(last) < 0.85 * sum(first)


def test_training_is_a_plain_loop_that_waits_for_every_update(config):
    """To the last bit: nothing that is done ahead, or looked at later, changes a number."""
    config = replace(config, batches=BatchConfig(rule="random", videos=4), validate_epochs=0)
    trained = pretrain(config)
    corpus = Corpus(config.corpus)
    rows, _ = split(corpus, config)
    torch.manual_seed(config.seed)
    model = VideoCLIP(trained.config).train()
    adam = torch.optim.Adam(model.parameters(), 1.0, config.optimizer.betas, fused=True)
    wanted, count = [], len(rows) // 4
    for epoch in range(config.epochs):
        for i, chosen in enumerate(plan_epoch(len(rows), config.batches, random.Random(f"0 plan {epoch}"), None)):
            videos = corpus.read([rows[row] for row in chosen])
            batch = draw_batch(videos, config.clips, trained.config.max_text_tokens, random.Random(f"0 {epoch} {i}"))
            torch.manual_seed(len(wanted))
            loss = contrastive_loss(*model(batch.video, batch.text), config.loss)
            adam.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.optimizer.max_gradient_norm)
            adam.param_groups[0]["lr"] = config.optimizer.lr_at(len(wanted), config.epochs * count)
            adam.step()
            wanted.append(float(loss.detach()))
    assert losses(config) == wanted
    assert trained.fingerprint == model.fingerprint


def interrupt(config: PretrainConfig, update: int, times: int) -> None:
    """Train, and press Ctrl-C ``times`` times as the given update begins."""
    original, begun = trainer.train_step, []

    def interrupted(*arguments):
        begun.append(arguments)
        if len(begun) == update:
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)
        return original(*arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(trainer, "train_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pretrain(config)
    assert len(begun) == update


def test_an_interrupted_run_goes_on_with_the_same_losses_and_ends_with_the_same_weights(either, tmp_path):
    config = replace(either, log_every=3)
    whole = pretrain(replace(config, out=str(tmp_path / "whole")))
    interrupt(config, update=7, times=1)
    resumed = pretrain(config)
    assert losses(config) == losses(replace(config, out=str(tmp_path / "whole")))
    for (name, a), (_, b) in zip(whole.state_dict().items(), resumed.state_dict().items(), strict=True):
        assert torch.equal(a, b), name


def test_asked_twice_a_run_stops_at_once_and_goes_on_from_the_checkpoint_before(config, tmp_path):
    whole = losses(replace(config, out=pretrain_into(config, tmp_path / "whole")))
    interrupt(replace(config, checkpoint_minutes=0), update=7, times=2)
    pretrain(replace(config, checkpoint_minutes=0))
    assert losses(config) == whole


def pretrain_into(config: PretrainConfig, out) -> str:
    pretrain(replace(config, out=str(out)))
    return str(out)


def test_a_run_that_has_ended_is_not_trained_again(config):
    first = pretrain(config)
    count = len(losses(config))
    again = pretrain(config)
    assert len(losses(config)) == count
    assert torch.equal(first.video_tower.special_tokens, again.video_tower.special_tokens)


@pytest.mark.parametrize("interrupted", [False, True])
def test_the_best_weights_are_kept_and_training_ends_when_it_gets_no_better(config, tmp_path, monkeypatch, interrupted):
    config = replace(config, epochs=9, optimizer=replace(config.optimizer, decay_updates=1000))
    wanted = pretrain(replace(config, epochs=2, out=str(tmp_path / "two")))
    of_epoch = len(losses(replace(config, out=str(tmp_path / "two")))) // 2
    given = iter([3.0, 1.0, 2.0, 1.5, 1.2])
    monkeypatch.setattr(trainer, "validate", lambda *_: {"validation_loss": next(given)})
    config = replace(config, keep="best", patience=3)
    if interrupted:
        interrupt(config, update=3 * of_epoch + 1, times=1)
    best = pretrain(config)
    assert next(given, None) is None
    assert len(losses(config)) == 5 * of_epoch
    loaded = VideoCLIP.from_pretrained(str(tmp_path / "run" / "model"))
    for name, value in wanted.state_dict().items():
        assert torch.equal(value, best.state_dict()[name]), name
        assert torch.equal(value, loaded.state_dict()[name]), name


def test_keeping_the_best_needs_validations(config):
    with pytest.raises(ConfigError, match="validate_epochs=0"):
        replace(config, validate_epochs=0, patience=2)
    with pytest.raises(ConfigError, match="keep is 'first'"):
        replace(config, keep="first")


def test_loader_processes_give_the_same_batches(config, tmp_path):
    pretrain(replace(config, epochs=1))
    pretrain(replace(config, epochs=1, workers=1, out=str(tmp_path / "workers")))
    assert losses(config) == losses(replace(config, out=str(tmp_path / "workers")))


def test_the_order_in_which_videos_were_extracted_does_not_matter(config, tmp_path):
    pretrain(replace(config, epochs=2))
    corpus = Corpus(config.corpus)
    turned = Corpus.create(tmp_path / "turned.lance", corpus.kind)
    turned.append(corpus.read(range(len(corpus)))[::-1])
    pretrain(replace(config, epochs=2, corpus=turned.path, out=str(tmp_path / "turned")))
    assert losses(config) == losses(replace(config, out=str(tmp_path / "turned")))


def test_a_saved_model_gives_the_vectors_of_the_trained_one(either, tmp_path):
    model = pretrain(replace(either, epochs=1))
    loaded = VideoCLIP.from_pretrained(str(tmp_path / "run" / "model"))
    features = [np.ones((5, 16), np.float16), np.ones((40, 16), np.float16)]
    assert loaded.config == model.config
    assert loaded.config.encoder == "made"
    assert torch.equal(loaded.encode_video(features), model.encode_video(features))
    assert torch.equal(loaded.encode_text(["the onion"]), model.encode_text(["the onion"]))


def test_a_run_says_with_what_it_was_made(config, tmp_path):
    pretrain(replace(config, epochs=1))
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["seed"] == 0
    assert result["config"]["batches"]["rule"] == "clusters"
    assert result["versions"]["torch"]


def test_another_configuration_is_not_trained_into_the_same_folder(config):
    pretrain(replace(config, epochs=1))
    with pytest.raises(ConfigError, match="other epochs"):
        pretrain(config)


def test_a_folder_with_something_else_is_left_alone(config, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("do not lose")
    with pytest.raises(ConfigError, match="holds no run"):
        pretrain(config)
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["thesis.txt"]


def test_a_batch_larger_than_the_corpus_says_what_to_set(config):
    with pytest.raises(ConfigError, match=r"set batches.videos=20"):
        pretrain(replace(config, batches=replace(config.batches, videos=64)))


def test_a_corpus_without_captions_is_refused(config, tmp_path):
    silent = Corpus.create(tmp_path / "silent.lance", FeatureKind("made", 16))
    silent.append([NarratedVideo("a", np.ones((9, 16), np.float16), [])])
    with pytest.raises(CorpusError, match="no video with captions"):
        pretrain(replace(config, corpus=str(tmp_path / "silent.lance"), validation_videos=""))


def test_no_model_is_one_error(tmp_path):
    from videoclip.errors import WeightsError

    with pytest.raises(WeightsError, match="no such folder"):
        load_model(str(tmp_path / "nothing"))


VARIANTS = {
    "cosine": {"model": replace(TINY, similarity="cosine")},
    "one transformer": {"model": replace(TINY, shared=True)},
    "cls": {"model": replace(TINY, pooling="cls")},
    "masked and softened": {"loss": LossConfig(mask_overlaps=True, soft_targets=0.3, mask_alike=0.99)},
    "sigmoid": {"loss": LossConfig("sigmoid"), "model": replace(TINY, similarity="cosine")},
    "mil-nce": {
        "loss": LossConfig("mil-nce", mask_overlaps=True),
        "clips": ClipConfig(rule="mil-nce", bag=3, max_seconds=4, pairs_per_video=4),
    },
    "videos by their beginning": {
        "batches": BatchConfig("retrieved", videos=8, candidates=16, random_epochs=0, vector_from="beginning")
    },
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_learns_and_is_the_same_model_when_it_is_loaded(config, variant):
    settings = replace(config, epochs=4, validate_epochs=1, **VARIANTS[variant])
    model = pretrain(settings).eval()
    lines = [line for line in read_history(Path(settings.out) / "history.jsonl") if "validation_loss" in line]
    assert lines[-1]["validation_loss"] < lines[0]["validation_loss"]
    assert {"hard_negatives", "speech_lag"} <= lines[-1].keys()
    loaded = VideoCLIP.from_pretrained(Path(settings.out) / "model").eval()
    assert torch.equal(loaded.encode_text(["the onion"]), model.encode_text(["the onion"]))


def test_clips_and_loss_of_mil_nce_go_together():
    with pytest.raises(ValueError, match="go together"):
        PretrainConfig(loss=LossConfig("mil-nce"))


def test_vectors_from_training_are_those_of_its_pairs_and_survive_an_interruption(config, tmp_path):
    config = replace(config, batches=replace(config.batches, vector_from="training"), checkpoint_minutes=0)
    whole = losses(replace(config, out=pretrain_into(config, tmp_path / "whole")))
    interrupt(config, update=7, times=1)
    pretrain(config)
    assert losses(config) == whole
    vectors = newest_checkpoint(tmp_path / "run", torch.device("cpu"))["state"]["vectors"]
    assert vectors.shape == (20, TINY.hidden_size)
    assert vectors.isfinite().all()


def test_videos_that_training_has_not_met_get_vectors_from_clips(config, monkeypatch):
    embedded = []
    original = trainer.embed_videos

    def watched(model, corpus, rows, *rest):
        embedded.append(len(rows))
        return original(model, corpus, rows, *rest)

    monkeypatch.setattr(trainer, "embed_videos", watched)
    batches = BatchConfig(rule="retrieved", videos=4, candidates=8, vector_from="training", random_epochs=0)
    pretrain(replace(config, batches=batches, epochs=3))
    assert embedded[0] == 20
    assert embedded[2] < embedded[1] < 20


def test_a_videos_vector_is_the_mean_over_its_pairs_of_clip_and_texts():
    video, text = torch.randn(3, 5), torch.randn(6, 5)
    got = trainer.video_vectors(video, text, torch.tensor([1, 0, 1]), 2)
    pairs = [(video[i] + (text[2 * i] + text[2 * i + 1]) / 2) / 2 for i in range(3)]
    assert torch.allclose(got, torch.stack([pairs[1], (pairs[0] + pairs[2]) / 2]))
