"""An update changes the weights as it should, and waits for nothing."""

import random
from dataclasses import replace
from types import SimpleNamespace

import pytest
import ranks_worker
import torch

from videoclip.model.videoclip import VideoCLIP
from videoclip.pretrain.clips import Batch, draw_batch
from videoclip.pretrain.config import PretrainConfig
from videoclip.pretrain.estimate import made_up
from videoclip.pretrain.step import Training, autocast, train_step

CPU = torch.device("cpu")


def config_of(case: str) -> PretrainConfig:
    config = ranks_worker.config_of(case)
    return replace(config, batches=replace(config.batches, vector_from="training"))


def batch_of(config: PretrainConfig, seed: int) -> Batch:
    chatter = ["hello there"] * config.clips.chatter
    videos = [replace(made_up(i, 16), chatter=chatter) for i in range(config.batches.videos)]
    return draw_batch(videos, config.clips, 64, random.Random(seed)).prepared()


@pytest.mark.parametrize("case", ranks_worker.CASES)
def test_no_number_of_an_update_is_read_from_the_device(case):
    """Tensors of the device ``meta`` have none: reading one would be an error. A GPU would have to be waited for."""
    config, meta = config_of(case), torch.device("meta")
    model = VideoCLIP(config.model).to(meta)
    optimizer = SimpleNamespace(param_groups=[{}], zero_grad=lambda set_to_none: None, step=lambda: None)
    batches = [batch_of(config, seed).to(meta) for seed in range(2)]
    training = Training(model, optimizer, config, autocast("fp32", meta))  # type: ignore[arg-type]
    measured, vectors = train_step(training, batches, [[0, 1, 2]] * 2, 0, 1.0)
    assert measured.shape == (2,)
    assert [v.shape for v in vectors] == [(3, 32)] * 2


def test_an_update_whose_loss_is_not_a_number_changes_nothing():
    config = config_of(next(iter(ranks_worker.CASES)))
    model = VideoCLIP(config.model)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    training = Training(model, optimizer, config, autocast("fp32", CPU))

    def state() -> list[torch.Tensor]:
        moments = [x for of_weight in optimizer.state.values() for x in of_weight.values()]
        return [x.detach().clone() for x in (*model.state_dict().values(), *moments)]

    good, bad = batch_of(config, 0), batch_of(config, 1)
    train_step(training, [good], [[0, 1, 2]], 0, 1e-3)
    before = state()
    measured, _ = train_step(training, [bad.moved(broken)], [[0, 1, 2]], 1, 1e-3)
    assert measured.isnan().all()
    assert all(torch.equal(a, b) for a, b in zip(before, state(), strict=True))
    measured, _ = train_step(training, [bad], [[0, 1, 2]], 1, 1e-3)
    assert measured.isfinite().all()
    assert not any(torch.equal(a, b) for a, b in zip(before, state(), strict=True) if a.ndim)


def broken(x: torch.Tensor) -> torch.Tensor:
    return torch.full_like(x, torch.nan) if x.dtype == torch.float16 else x
