"""The kernel for short sequences, against padded attention: on a GPU, or as Triton's interpreter runs it."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from videoclip.model.attention import SHORT, padded_attention
from videoclip.model.packing import Layout

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
DTYPE, WITHIN = (torch.bfloat16, 1e-2) if DEVICE.type == "cuda" else (torch.float32, 1e-5)
ON_ITS_OWN = os.environ.get("TRITON_INTERPRET") == "1" or DEVICE.type == "cuda"
pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="needs Triton, which comes with PyTorch for GPUs")


@pytest.mark.skipif(ON_ITS_OWN, reason="is itself the interpreter's process")
def test_the_interpreter_runs_the_tests_below():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(Path(__file__))]
    done = subprocess.run(
        command, env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("s....")


def packed(lengths: list[int], heads: int = 2, size: int = 16) -> tuple[torch.Tensor, Layout]:
    layout = Layout(torch.tensor(lengths), DEVICE)
    made = torch.randn(sum(lengths), 3, heads, size, generator=torch.manual_seed(0))
    return made.to(DEVICE), layout


def attend(x: torch.Tensor, layout: Layout, dropout: float = 0.0, seed: int = 7) -> torch.Tensor:
    from videoclip.model.short_attention import short_attention

    seeds = torch.tensor([seed], device=DEVICE)
    return short_attention(x.to(DTYPE), layout.offsets, seeds, dropout, layout.longest > 64).float()


of_kernel = pytest.mark.skipif(not ON_ITS_OWN, reason="is run by the interpreter in a process of its own")


@of_kernel
@pytest.mark.parametrize("lengths", [[1, 5, 17, 64, 2], [SHORT, 1, 70]])
def test_it_is_padded_attention_forward_and_backward(lengths):
    x, layout = packed(lengths)
    exact, ours = x.clone().requires_grad_(), x.clone().requires_grad_()
    wanted, got = padded_attention(exact, layout, 0.0), attend(ours, layout)
    direction = torch.randn_like(wanted)
    wanted.backward(direction)
    got.backward(direction)
    assert torch.allclose(got, wanted, rtol=0, atol=WITHIN * float(wanted.abs().max()))
    assert exact.grad is not None
    assert ours.grad is not None
    assert torch.allclose(ours.grad, exact.grad, rtol=0, atol=WITHIN * float(exact.grad.abs().max()))


@of_kernel
def test_dropout_drops_its_share_and_is_drawn_by_the_seed():
    x, layout = packed([50] * 8)
    x[:, 2] = 1.0  # the sum of what is kept
    dropped = attend(x, layout, 0.3)
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.03)
    assert float(dropped.std()) > 0.05
    assert torch.equal(dropped, attend(x, layout, 0.3))
    assert not torch.equal(dropped, attend(x, layout, 0.3, seed=8))
    assert torch.allclose(attend(x, layout), torch.ones_like(dropped), atol=WITHIN)


@of_kernel
def test_the_backward_pass_drops_what_the_forward_pass_drops():
    """The output is linear in the values: its derivative along them is what it is for that direction alone."""
    x, layout = packed([20, 33])
    along = torch.randn_like(x)
    along[:, :2] = 0
    ours = x.clone().requires_grad_()
    out = attend(ours, layout, 0.5)
    weights = torch.randn_like(out)
    (gradient,) = torch.autograd.grad(out, ours, weights)
    difference = attend(x + along, layout, 0.5) - attend(x, layout, 0.5)
    expected = float((difference * weights).sum())
    assert float((gradient * along).sum()) == pytest.approx(expected, rel=0.1 if DEVICE.type == "cuda" else 1e-3)
