import json

import numpy as np
import pytest
import torch

from videoclip.errors import ConfigError
from videoclip.model.config import ModelConfig
from videoclip.model.videoclip import VideoCLIP
from videoclip.pretrain.config import OptimizerConfig
from videoclip.tasks.finetune import (
    Described,
    FinetuneConfig,
    Labelled,
    Timed,
    cut_windows,
    finetune,
    one_label,
    validation_figure,
)

WORDS = ("onion", "bread", "wheel", "pipe")
RNG = np.random.default_rng(0)
CODES = RNG.standard_normal((4, 8)).astype(np.float32)


def seconds_of(labels: np.ndarray) -> np.ndarray:
    noise = 0.2 * RNG.standard_normal((len(labels), 8)).astype(np.float32)
    return noise + np.where(labels[:, None] >= 0, CODES[labels], 0)


def examples(task: str, count: int) -> list:
    made = []
    for i in range(count):
        what = i % 4
        if task in ("retrieval", "multiple-choice"):
            made.append(Described(seconds_of(np.full(6, what)), [f"the {WORDS[what]}", f"a {WORDS[what]}"]))
        elif task == "moments":
            labels = np.full(30, -1)
            labels[10:15] = what
            made.append(Timed(seconds_of(labels), WORDS[what], [(2, 2), (2, 2), (2, 2), (2, 3)]))
        else:
            order = RNG.permutation(4)[:3]
            labels = np.repeat([-1, order[0], -1, order[1], order[2], -1], 4)
            texts = [WORDS[o] for o in order]
            shown = np.where(labels >= 0, np.array([list(order).index(x) if x >= 0 else 0 for x in labels]), -1)
            made.append(Labelled(seconds_of(labels), texts, one_label(shown, 3)))
    return made


def small_model() -> VideoCLIP:
    torch.manual_seed(0)
    return VideoCLIP(ModelConfig(8, 32, 2, 64, 1, 1, positions=80, max_seconds=32))


def config(task: str, epochs: int = 6) -> FinetuneConfig:
    optimizer = OptimizerConfig(lr=3e-3, warmup_updates=5, decay_updates=0)
    return FinetuneConfig(task, epochs, 8, optimizer, patience=6)


@pytest.mark.parametrize("task", ["retrieval", "multiple-choice", "segmentation", "localization", "moments"])
def test_training_makes_the_task_better_than_without(task, tmp_path):
    model, held_out = small_model(), examples(task, 4 if task != "moments" else 16)
    before = validation_figure(model.eval(), task, held_out)
    lines = finetune(model, examples(task, 64), held_out, config(task), tmp_path / "run")
    after = validation_figure(model, task, held_out)
    assert after > before
    assert after == max(line["validation"] for line in lines)
    assert VideoCLIP.from_pretrained(tmp_path / "run" / "model").config == model.config


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path, monkeypatch):
    data, held_out = examples("retrieval", 32), examples("retrieval", 4)
    whole = small_model()
    finetune(whole, data, held_out, config("retrieval", 3), tmp_path / "whole")

    calls = []

    def stops_in_the_third(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return validation_figure(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr("videoclip.tasks.finetune.validation_figure", stops_in_the_third)
        with pytest.raises(KeyboardInterrupt):
            finetune(small_model(), data, held_out, config("retrieval", 3), tmp_path / "parts")
    resumed = small_model()
    lines = finetune(resumed, data, held_out, config("retrieval", 3), tmp_path / "parts")
    assert len(lines) == 4
    assert (tmp_path / "parts" / "history.jsonl").read_text() == (tmp_path / "whole" / "history.jsonl").read_text()
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_the_best_epoch_is_kept_and_training_stops_when_it_does_not_get_better(tmp_path, monkeypatch):
    figures = iter([0.3, 0.9, 0.5, 0.4, 0.3])
    monkeypatch.setattr("videoclip.tasks.finetune.validation_figure", lambda *_: next(figures))
    settings = FinetuneConfig("retrieval", 10, 8, OptimizerConfig(lr=1e-3, warmup_updates=1), patience=2)
    lines = finetune(small_model(), examples("retrieval", 8), examples("retrieval", 4), settings, tmp_path)
    assert [line["validation"] for line in lines] == [0.3, 0.9, 0.5, 0.4]
    assert [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()] == lines


def test_long_videos_are_cut_into_windows_that_reach_to_their_end():
    holds = one_label(np.arange(50) % 3 - 1, 2)
    windows = cut_windows([Labelled(np.arange(50)[:, None], ["a", "b"], holds)], 32)
    assert [int(w.features[0, 0]) for w in windows] == [0, 8, 16, 18]
    assert all(len(w.features) == len(w.holds) == 32 for w in windows)
    assert int(windows[-1].features[-1, 0]) == 49


def test_nothing_to_train_on_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="0 examples to train retrieval on"):
        finetune(small_model(), [], [], config("retrieval"), tmp_path)
