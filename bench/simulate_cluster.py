"""How long do extraction, retrieval rounds and training take on clusters that fail? A simulation, not a measurement.

    python bench/simulate_cluster.py

Machines are slow or die at random; files are handed out one by one, as by Ray Data; a dead machine's file is given to
another. Retrieval rounds wait for the slowest process. Training goes on from its last checkpoint. Assumptions are
``Assumed`` below, rates among them that were measured (named so). docs/scale-out.md takes its numbers from here.
"""

import heapq
import json
from dataclasses import asdict, dataclass

import numpy as np
from result import RESULTS, print_table

VIDEO = 390.0
"""Seconds of a video of HowTo100M, in the mean."""


@dataclass(frozen=True)
class Assumed:
    """What the simulation stands on."""

    decode: float = 33.0
    """Seconds of 360p video that a core decodes and scales a second: 1,000 frames at 30 fps, measured."""
    cores: int = 16
    """Of a GPU machine."""
    encode: float = 1100.0
    """Seconds of video that its GPU encodes a second: 70.4 GFLOP each (counted) at 8 % of 990 TFLOP/s (guessed)."""
    slow_share: float = 0.05
    """Machines that run at half speed, from the first minute to the last."""
    spread: float = 0.15
    """Of the others' speed: sigma of a log-normal."""
    between_failures: float = 2000.0
    """Hours between two failures of a machine."""
    back_after: float = 0.2
    """Hours until it, or another in its place, works again."""
    start: float = 0.1
    """Hours until the first file."""
    commits: float = 2000.0
    """Videos a second that one driver takes in and writes; imports of small files write 13,000 (measured)."""
    pairs: float = 8000.0
    """Pairs a second of a training GPU, bf16: half of the goal; not measured."""
    checkpoint_every: float = 1 / 6
    """Hours between two checkpoints."""
    back_to_training: float = 0.1
    """Hours from a failure until all processes train again."""
    neighbours: float = 4.0
    """Seconds for those of 3,125 centres among 100,000 videos on two cores, measured; grows with the square."""
    neighbours_gpu: float = 200.0
    """How many times faster a GPU multiplies."""
    gpu_hour: float = 2.5
    gigabyte_month: float = 0.023
    """Prices in dollars."""


def extraction(hours: float, machines: int, a: Assumed, rng: np.random.Generator, most_tasks: int = 200_000) -> dict:
    """Hours until the last file is written: machines that are free take a file (or a block of them), or die."""
    files = max(round(hours * 3600 / VIDEO), 1)
    block = max(files // most_tasks, 1)
    tasks = files // block
    speed = _speeds(machines, a, rng)
    rate = min(a.decode * a.cores, a.encode)
    length = VIDEO * block * np.exp(0.6 * rng.standard_normal(tasks) - 0.18)  # mean 1
    free = [(a.start, m) for m in range(machines)]
    dies = a.start + rng.exponential(a.between_failures, machines)
    heapq.heapify(free)
    left, lost, end, failures = list(range(tasks)), 0.0, 0.0, 0
    while left:
        now, machine = heapq.heappop(free)
        took = length[left[-1]] / (rate * speed[machine]) / 3600
        if now + took > dies[machine]:  # the file is done again by whoever is free next
            lost, failures = lost + max(dies[machine] - now, 0.0), failures + 1
            back = max(dies[machine], now) + a.back_after
            dies[machine] = back + rng.exponential(a.between_failures)
            heapq.heappush(free, (back, machine))
            continue
        left.pop()
        end = max(end, now + took)
        heapq.heappush(free, (now + took, machine))
    written = files / a.commits / 3600
    ideal = hours / (rate * machines)
    bound = "the driver's writing" if written > end else "decoding" if a.decode * a.cores < a.encode else "encoding"
    end = max(end, written)
    return {
        "hours of video": hours, "machines": machines, "wall h": end, "of ideal": ideal / end, "failures": failures,
        "machine h lost": lost, "bound by": bound, "dollars": end * machines * a.gpu_hour,
        "features TB": hours * 3600 * 1056 / 1e12, "video TB at 360p": hours * 3600 * 1e5 / 1e12,
    }  # fmt: skip


def _speeds(count: int, a: Assumed, rng: np.random.Generator) -> np.ndarray:
    """Of machines, 1 in the mean of those that are not slow."""
    usual = np.exp(a.spread * rng.standard_normal(count) - a.spread**2 / 2)
    return np.where(rng.random(count) < a.slow_share, 0.5, usual)


def retrieval_round(videos: int, processes: int, a: Assumed, rng: np.random.Generator) -> dict:
    """Seconds of a round: shards embedded (the slowest process counts), neighbours, and an epoch to compare with."""
    speed = _speeds(processes, a, rng)
    epoch = videos * 16 / (a.pairs * processes) / speed.min()
    embed = videos * 16 / (3 * a.pairs * processes) / speed.min()  # forward alone is a third of a step
    exact = a.neighbours * (videos / 100_000) ** 2
    return {
        "videos": videos, "processes": processes, "epoch s": epoch, "embed 16 clips s": embed,
        "neighbours, two cores s": exact, "neighbours, GPU s": exact / a.neighbours_gpu,
        "added by clips": (embed + exact / a.neighbours_gpu) / epoch,
        "added by training's vectors": exact / a.neighbours_gpu / epoch,
    }  # fmt: skip


def training(videos: int, epochs: int, machines: int, a: Assumed, rng: np.random.Generator, repeats: int = 200) -> dict:
    """Hours of a training that any failure sets back to its last checkpoint, in the mean over repeats."""
    speed = _speeds(machines, a, rng).min()  # all wait for the slowest
    work = videos * 16 * epochs / (a.pairs * 8 * machines) / 3600 / speed
    ends, failures = [], []
    for _ in range(repeats):
        now, done, failed = 0.0, 0.0, 0
        next_failure = rng.exponential(a.between_failures / machines)
        while done < work:
            if now + (work - done) <= next_failure:
                now, done = now + work - done, work
            else:
                done += max(next_failure - now, 0.0)
                done -= done % a.checkpoint_every
                now, failed = next_failure + a.back_to_training, failed + 1
                next_failure = now + rng.exponential(a.between_failures / machines)
        ends.append(now)
        failures.append(failed)
    wall = float(np.mean(ends))
    return {
        "videos": videos, "epochs": epochs, "machines of 8 GPUs": machines, "without faults h": work, "wall h": wall,
        "failures": float(np.mean(failures)), "dollars": wall * machines * 8 * a.gpu_hour,
    }  # fmt: skip


def main(seed: int = 0) -> None:
    a, rng = Assumed(), np.random.default_rng(seed)
    made = {
        "extraction": [
            extraction(hours, machines, a, rng)
            for hours, machines in ((10, 1), (1_000, 1), (100_000, 8), (100_000, 64), (1e8, 1_000), (1e8, 5_000))
        ],
        "retrieval": [
            retrieval_round(videos, processes, a, rng)
            for videos, processes in ((9_000, 1), (923_000, 8), (1_100_000, 64), (923_000_000, 512))
        ],
        "training": [
            training(videos, 25, machines, a, rng)
            for videos, machines in ((9_000, 1), (923_000, 1), (923_000, 8), (923_000_000, 64))
        ],
    }
    for name, rows in made.items():
        print_table(name, rows)
    note = {"name": "simulate-cluster", "command": "simulate_cluster.py", "seed": seed, "assumed": asdict(a)}
    (RESULTS / "simulate-cluster.json").write_text(json.dumps(note | made, indent=1, default=float) + "\n")


if __name__ == "__main__":
    main()
