import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from golden_cases import shapes

from videoclip.cli.main import app
from videoclip.config import load_config
from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.errors import ConfigError
from videoclip.media.captions import Caption
from videoclip.model.videoclip import VideoCLIP
from videoclip.pretrain.config import PretrainConfig
from videoclip.pretrain.estimate import estimate
from videoclip.report.lines import print_estimate

SMALL = ["model.hidden_size=32", "model.heads=2", "model.intermediate_size=64", "batches.videos=8"]


@pytest.fixture
def config(tmp_path):
    corpus = Corpus.create(tmp_path / "c.lance", FeatureKind("made", 8))
    said = [Caption(i, i + 3, f"some words {i}") for i in range(20)]
    corpus.append([NarratedVideo(f"v{i}", np.ones((30, 8), np.float16), said) for i in range(51)])
    return load_config(PretrainConfig, "demo", [f"corpus={tmp_path / 'c.lance'}", f"out={tmp_path / 'run'}", *SMALL])


def test_figures_are_those_of_the_run(config, tmp_path):
    effective, found = estimate(config)
    assert effective.model.encoder == "made"
    assert effective.model.feature_size == 8
    assert (found.videos, found.held_out) == (50, 1)
    assert (found.pairs_per_update, found.updates_per_epoch) == (64, 6)
    assert found.updates == 6 * sum(of_round.epochs for of_round in config.of_rounds())
    count = sum(p.numel() for p in VideoCLIP(effective.model).parameters())
    assert sum(found.parameters.values()) == count
    assert (found.weights, found.gradients, found.optimizer_state) == (4 * count, 4 * count, 8 * count)
    assert found.seconds_per_update > 0
    assert not (tmp_path / "run").exists()


def test_activations_grow_with_the_batch_and_the_model(config):
    def activations(**changes) -> int:
        return estimate(replace(config, **changes))[1].activations

    base = activations()
    assert activations(batches=replace(config.batches, videos=16)) == pytest.approx(2 * base, rel=0.2)
    assert activations(model=replace(config.model, video_layers=4, text_layers=4)) > 1.5 * base
    assert base > 64 * 20 * 32 * 4 * 10  # a dozen tensors of every token


def test_the_published_configuration_has_the_published_number_of_parameters():
    config = load_config(PretrainConfig, "paper")
    with torch.device("meta"):
        model = VideoCLIP(config.model)
    from videoclip.pretrain.estimate import published_parameters

    wanted = sum(int(np.prod(shape)) for _, shape, _, kind in shapes("mmfusion_separate") if kind == "parameter")
    assert published_parameters(config.model, sum(p.numel() for p in model.parameters())) == wanted == 177_423_360


def test_retrieval_adds_time_for_the_vectors_of_all_videos(config):
    assert estimate(config)[1].seconds_for_vectors == 0
    retrieved = replace(config, batches=replace(config.batches, rule="retrieved", candidates=16))
    assert estimate(retrieved)[1].seconds_for_vectors > 0


def test_a_run_without_negatives_is_refused(config):
    alone = replace(config, batches=replace(config.batches, videos=1), clips=replace(config.clips, pairs_per_video=1))
    with pytest.raises(ConfigError, match="no negatives"):
        estimate(alone)


def test_the_command_prints_configuration_sizes_memory_and_time_and_needs_no_corpus():
    from typer.testing import CliRunner

    arguments = ["pretrain", "--config", "demo", "--dry-run", *SMALL]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    for part in ("hidden_size: 32", "video tower", "per epoch", "optimiser state", "activations", "s per update"):
        assert part in done.output
    assert re.search(r"updates +137,500 per epoch", done.output)  # 1.1 million videos, 8 at a time


def test_rounds_are_estimated_together(config):
    once = estimate(replace(config, rounds=()))[1]
    twice = estimate(replace(config, rounds=({"epochs": 7, "clips": {"rule": "aligned"}},)))
    assert twice[0].rounds
    assert twice[1].epochs_in_all == once.epochs + 7
    assert twice[1].updates == once.updates_per_epoch * (once.epochs + 7)
    assert twice[1].seconds > 7 * once.updates_per_epoch * twice[1].further[0].seconds_per_update
    assert twice[1].memory >= once.weights + once.gradients + once.optimizer_state


@pytest.mark.parametrize(("there", "said"), [(80, "the GPU has 80 GB"), (0.001, "too little: lower batches.videos")])
def test_what_a_gpu_has_is_said_beside_what_the_run_needs(config, capsys, there, said):
    on_gpu = replace(estimate(config)[1], device="a GPU", devices=4, device_memory=int(there * 1e9))
    print_estimate(on_gpu)
    shown = capsys.readouterr().out
    assert said in shown
    assert "torchrun shares the work among 4 GPUs" in shown
    print_estimate(replace(on_gpu, devices=0, device_memory=0))
    assert "GPU has" not in capsys.readouterr().out
