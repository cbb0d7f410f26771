"""What is asked of the machine, and that it is as it was afterwards."""

import os
import subprocess
import sys
import tempfile

import pytest
import torch

from videoclip.hardware import compiled, tensor_cores

GPU, CPU = torch.device("cuda"), torch.device("cpu")


@pytest.fixture(autouse=True)
def as_it_was():
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("outside", ["highest", "high"])
def test_tf32_is_allowed_within_a_block_alone(outside):
    torch.set_float32_matmul_precision(outside)
    with tensor_cores(GPU):
        assert torch.get_float32_matmul_precision() == "high"
        with tensor_cores(GPU, allowed=False):
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == outside
    with pytest.raises(KeyError), tensor_cores(GPU, allowed=False):
        raise KeyError
    assert torch.get_float32_matmul_precision() == outside


def test_nothing_changes_on_a_cpu():
    with tensor_cores(CPU):
        assert torch.get_float32_matmul_precision() == "highest"


def test_compiled_code_is_kept_in_the_users_cache_unless_they_say_where(monkeypatch, tmp_path):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/mine")
    compiled(len)
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "/mine"
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", f"{tempfile.gettempdir()}/torchinductor_somebody")
    compiled(len)
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "videoclip" / "compiled")


COUNT = """
import torch
from torch._dynamo.utils import counters
from videoclip.hardware import compiled
with torch.inference_mode():
    compiled(lambda x: (x * 2 + 1).relu().sum())(torch.ones(1000))
print(counters["inductor"]["fxgraph_cache_hit"] + counters["aot_autograd"]["autograd_cache_hit"])
"""


def test_a_later_process_takes_what_was_compiled(tmp_path):
    known = {name: value for name, value in os.environ.items() if name != "TORCHINDUCTOR_CACHE_DIR"}
    known["XDG_CACHE_HOME"] = str(tmp_path)
    command = [sys.executable, "-c", COUNT]
    found = []
    for _ in range(2):
        done = subprocess.run(command, env=known, capture_output=True, text=True, check=False)
        if done.returncode and "compiler" in done.stderr.lower():
            pytest.skip("no C++ compiler")
        assert not done.returncode, done.stderr
        found.append(int(done.stdout))
    assert found[0] == 0
    assert found[1] > 0


@pytest.mark.parametrize(
    ("given", "before", "wanted"),
    [({}, "", "10000"), ({}, "import torch; ", "None"), ({"GOMP_SPINCOUNT": "7"}, "", "7")],
)
def test_waiting_threads_sleep_early_where_pytorch_is_not_there_yet(given, before, wanted):
    code = f"{before}import os; from videoclip.hardware import sleep_early; sleep_early()"
    known = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"} | given
    command = [sys.executable, "-c", f"{code}; print(os.environ.get('GOMP_SPINCOUNT'))"]
    assert subprocess.run(command, env=known, capture_output=True, text=True, check=True).stdout.strip() == wanted
