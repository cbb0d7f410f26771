"""Extraction on a Ray cluster: Ray Data hands files to actors, each with an encoder of its own.

A worker that dies is replaced, and its files are given to another; each file's outcome reaches the driver once. The
driver alone writes the corpus, as without Ray, so that it can be started again and goes on from what is written. Files
and weights must be found under the same paths on all machines.
"""

import logging
import os
import socket
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import MediaError, VideoclipError, command_for
from ..media.files import VideoFile
from ..media.video import decoder_named
from ..parallel import share_cores
from .extract import Engine, ExtractOptions, Outcome, outcome_of
from .rows import NarratedVideo

LOCAL = "local"


def on_ray(address: str, encoder: str, weights: str = "", decode: str = "auto") -> Engine:
    """An engine for ``extract`` that works on a Ray cluster.

    Args:
        address: of the cluster, such as ``auto`` or ``ray://host:10001``; ``local``: one on this machine for the time.
        encoder: name of the encoder, which every actor loads for itself. There are as many actors as the options'
            ``workers`` say; by default one per GPU of the cluster, or per core where it has none.
        decode: who decodes files on each machine: auto, cpu or gpu.

    Raises:
        VideoclipError: Ray is not installed, or the cluster does not answer.
    """
    try:
        import ray
    except ImportError as error:
        raise VideoclipError(f"--ray needs Ray: {command_for('ray')}") from error

    def outcomes(todo: Sequence[VideoFile], options: ExtractOptions) -> Iterator[tuple[VideoFile, Outcome]]:
        if not todo:
            return
        _connect(ray, address)
        try:
            made_with = {"encoder": encoder, "weights": weights, "decode": decoder_named(decode), "options": options}
            yield from _outcomes(ray, todo, made_with, options.workers)
        finally:
            ray.shutdown()

    return outcomes


def _connect(ray: Any, address: str) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what goes wrong comes as an exception
    # A local cluster is of this process's interpreter, whatever it was started with.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    warnings.filterwarnings("ignore", "lance is not fork-safe")  # Ray starts programs of its own, by fork and exec
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="ray")
    options: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": "error"}
    if address == LOCAL:
        options |= {"num_cpus": os.cpu_count(), "include_dashboard": False}
    try:
        _knock(address)
        _start(ray, options)
    except (OSError, ValueError, RuntimeError) as error:
        raise VideoclipError(
            f"--ray {address}: no cluster answers there ({str(error).splitlines()[0][:150]}); 'ray start --head' makes "
            "one, 'local' needs none"
        ) from error


def _start(ray: Any, options: dict[str, Any], attempts: int = 3) -> None:
    """Ray gives up after 30 seconds, by a bare ``Exception``; on a machine that is busy its processes need longer."""
    for attempt in range(attempts):
        try:
            with _without_native_output():  # it tells that it was told to be silent
                ray.init(**options)
            return
        except Exception as error:
            if "timed out during startup" not in str(error):
                raise
            ray.shutdown()
            if attempt == attempts - 1:
                raise RuntimeError(str(error)) from error


@contextmanager
def _without_native_output() -> Iterator[None]:
    """Drop what a library's native code writes to the standard error output; what goes wrong it raises."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _knock(address: str) -> None:
    """Raise ``OSError`` if nobody listens at HOST:PORT, which Ray itself notices after minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def _outcomes(
    ray: Any, todo: Sequence[VideoFile], made_with: dict[str, Any], workers: int
) -> Iterator[tuple[VideoFile, Outcome]]:
    import ray.data

    for logger in ("ray.data", "ray.data._internal"):
        logging.getLogger(logger).setLevel(logging.ERROR)  # our own progress is shown in place of Ray's
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    have = ray.cluster_resources()
    gpus = int(have.get("GPU", 0))
    actors = workers or gpus or max(int(have.get("CPU", 1)), 1)
    # One file a block: what a dead worker costs, and the step in which work is handed out.
    rows = [{"number": i, "source": source} for i, source in enumerate(todo)]
    files = ray.data.from_items(rows, override_num_blocks=len(todo))
    made = files.map_batches(
        Worker,
        fn_constructor_kwargs=made_with,
        batch_size=1,
        num_cpus=1,
        num_gpus=1 if gpus else 0,
        compute=ray.data.ActorPoolStrategy(size=min(actors, len(todo))),
    )
    for row in made.iter_rows():
        yield todo[row["number"]], row["outcome"]


class Worker:
    """An actor: sources -> their outcomes."""

    def __init__(self, encoder: str, weights: str, decode: str, options: ExtractOptions):
        from ..encoders.load import load_encoder

        share_cores(os.cpu_count() or 1)
        self.encoder, self.options = load_encoder(encoder, weights).decoding_by(decode), options

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        made = np.empty(len(batch["number"]), object)
        for i, source in enumerate(batch["source"]):
            result, damage = outcome_of(source, self.encoder, self.options)
            # Errors travel as what they say: an exception of another process may not be whole there.
            made[i] = (_bare(result) if isinstance(result, NarratedVideo) else MediaError(str(result)), damage)
        return {"number": batch["number"], "outcome": made}


def _bare(video: NarratedVideo) -> NarratedVideo:
    """With features that are an ordinary array."""
    return NarratedVideo(video.id, np.asarray(video.features), video.captions, video.path, video.duration)
