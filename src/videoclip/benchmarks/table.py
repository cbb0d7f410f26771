"""The benchmarks by name. Another one is a module that defines a ``Benchmark``, and a line here.

The module is imported when its benchmark is asked for: the command line shows the names without loading any.
"""

from collections.abc import Callable
from importlib import import_module as module
from typing import TYPE_CHECKING

from ..errors import VideoclipError

if TYPE_CHECKING:
    from .benchmark import Benchmark

MTEB = "mteb"
BENCHMARKS: dict[str, Callable[[], "Benchmark"]] = {
    "world": lambda: module("videoclip.benchmarks.world").BENCHMARK,
    "youcook2": lambda: module("videoclip.benchmarks.youcook2").BENCHMARK,
    "msrvtt": lambda: module("videoclip.benchmarks.msrvtt").RETRIEVAL,
    "msrvtt-mc": lambda: module("videoclip.benchmarks.msrvtt").QUESTIONS,
    "didemo": lambda: module("videoclip.benchmarks.didemo").BENCHMARK,
    "coin": lambda: module("videoclip.benchmarks.coin").BENCHMARK,
    "crosstask": lambda: module("videoclip.benchmarks.crosstask").BENCHMARK,
    "htm-align": lambda: module("videoclip.benchmarks.htm_align").BENCHMARK,
    "activitynet": lambda: module("videoclip.benchmarks.activitynet").BENCHMARK,
    "vatex": lambda: module("videoclip.benchmarks.vatex").BENCHMARK,
    "msvd": lambda: module("videoclip.benchmarks.msvd").BENCHMARK,
    "lsmdc": lambda: module("videoclip.benchmarks.lsmdc").BENCHMARK,
    "charades-sta": lambda: module("videoclip.benchmarks.charades").BENCHMARK,
    "qvhighlights": lambda: module("videoclip.benchmarks.qvhighlights").BENCHMARK,
    "ht-step": lambda: module("videoclip.benchmarks.htstep").BENCHMARK,
    "pairs": lambda: module("videoclip.benchmarks.own").PAIRS,
    "choices": lambda: module("videoclip.benchmarks.own").CHOICES,
    "segments": lambda: module("videoclip.benchmarks.own").SEGMENTS,
}


def benchmark(name: str) -> "Benchmark":
    """The benchmark of this name; ``mteb:TASK`` is a retrieval task of that harness.

    Raises:
        VideoclipError: there is none.
    """
    harness, _, task = name.partition(":")
    if harness == MTEB and task:
        return module("videoclip.benchmarks.mteb_tasks").benchmark_of(task)
    if name not in BENCHMARKS:
        raise VideoclipError(f"no benchmark '{name}'; there are {', '.join(BENCHMARKS)}, and {MTEB}:TASK")
    return BENCHMARKS[name]()
