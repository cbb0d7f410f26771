"""Batches come ahead of the work on them, and numbers are read after it. A GPU is played by stand-ins."""

from contextlib import contextmanager

import pytest
import torch

from videoclip.pretrain.ahead import Later, on_device


class Stream:
    def __init__(self, name, said):
        self.name, self.said = name, said

    def wait_stream(self, other):
        self.said.append(f"{self.name} waits for {other.name}")


class Tensor:
    def __init__(self, number, said):
        self.number, self.said = number, said

    def record_stream(self, stream):
        self.said.append(f"{self.number} is used on {stream.name}")


class Batch:
    def __init__(self, number, said, on=None):
        self.number, self.said, self.on = number, said, on

    def to(self, device):
        self.said.append(f"{self.number} goes to {device} on {self.on[-1]}")
        return self

    def moved(self, move):
        move(Tensor(self.number, self.said))
        return self


@pytest.fixture
def said(monkeypatch):
    """What a made-up GPU is asked to do, with the name of the current stream as its last line."""
    said, current = [], ["main"]

    @contextmanager
    def on(stream):
        current.append(stream.name)
        yield
        current.pop()

    monkeypatch.setattr(torch.cuda, "Stream", lambda device: Stream("beside", said))
    monkeypatch.setattr(torch.cuda, "stream", on)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream(current[-1], said))
    return said, current


def test_a_batch_is_copied_beside_the_work_which_waits_for_it_and_its_memory_stays(said):
    said, current = said
    drawn = (Batch(number, said, current) for number in range(2))
    for number, batch in enumerate(on_device(drawn, torch.device("cuda"))):  # type: ignore[arg-type]
        assert batch.number == number
        said.append(f"work on {number}")
    assert said == [
        line
        for n in (0, 1)
        for line in (f"{n} goes to cuda on beside", "main waits for beside", f"{n} is used on main", f"work on {n}")
    ]


def test_on_a_cpu_a_batch_is_drawn_when_it_is_asked_for():
    said = []
    batches = on_device((Batch(number, said, [number]) for number in range(3)), torch.device("cpu"))  # type: ignore[arg-type]
    assert next(batches).number == 0
    assert said == ["0 goes to cpu on 0"]


def test_numbers_are_those_that_were_there():
    assert Later(torch.tensor([1.5, float("nan")])).read().nan_to_num(2).tolist() == [1.5, 2]
