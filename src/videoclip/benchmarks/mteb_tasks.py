"""Retrieval tasks of the harness mteb between texts and videos, as benchmarks here: ranks, intervals, predictions.

A task brings its videos and texts along. Its own score (nDCG@10) comes from ``mteb.evaluate`` with a model of
``mteb_model``; both rank by the same dot products.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..corpus.store import Corpus
from ..errors import CorpusError, MediaError, VideoclipError, command_for
from ..model.joint import JointModel, encoder_for
from ..tasks.retrieval import NORMALIZATIONS, Retrieval, normalized_scores
from .benchmark import Benchmark, Options
from .mteb_model import HarnessModel

DIRECTIONS = ("t2v", "v2t")
"""Of tasks between texts and videos: what is asked for what. Both directions are measured of either."""


def benchmark_of(name: str) -> Benchmark:
    """A task by its name there, such as ``YouCook2T2VRetrieval``.

    Raises:
        VideoclipError: mteb is not installed, has no such task, or it is no retrieval between texts and videos.
    """
    try:
        from mteb import get_task  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise VideoclipError(f"mteb is not installed ({error}); {command_for('mteb')} brings it") from error
    try:
        return benchmark_from(get_task(name))
    except KeyError as error:
        raise VideoclipError(f"mteb has no task '{name}' ({str(error.args[0]).splitlines()[0][:200]})") from error


def benchmark_from(task: Any) -> Benchmark:
    """A task of mteb's, an ``AbsTaskRetrieval``, as a benchmark.

    Raises:
        VideoclipError: it is no retrieval between texts and videos.
    """
    about = task.metadata
    if about.type != "Any2AnyRetrieval" or about.category not in DIRECTIONS:
        raise VideoclipError(
            f"mteb:{about.name} is {about.type} of category {about.category}; retrieval between texts and videos is "
            f"Any2AnyRetrieval of {' or '.join(DIRECTIONS)}. mteb.evaluate runs others with as_mteb(model)"
        )
    splits, run = tuple(about.eval_splits), partial(evaluate_task, task)
    return Benchmark(run, splits, normalizations=NORMALIZATIONS, brings_videos=True)


def evaluate_task(task: Any, model: JointModel, corpus: Corpus, data: Path, options: Options) -> dict:
    """Text→video and video→text retrieval on a task of mteb's.

    Args:
        corpus: in which the features of the task's videos are kept, by their content.

    Raises:
        VideoclipError: its data cannot be loaded, it has several subsets, or none of its videos can be decoded.
    """
    try:
        task.load_data()
    except (OSError, ValueError) as error:  # no connection, no such data set any more, a file that is none
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise VideoclipError(f"mteb:{task.metadata.name}: its data cannot be loaded ({reason})") from error
    if len(task.dataset) != 1:
        raise VideoclipError(f"mteb:{task.metadata.name} has the subsets {', '.join(task.dataset)}; expected one")
    part = next(iter(task.dataset.values()))[options.split]
    sides = part["queries"], part["corpus"]
    texts, videos = sides if task.metadata.category == "t2v" else reversed(sides)
    right = _relevant(part["relevant_docs"], list(sides[0]["id"]), list(sides[1]["id"]))
    right = right if task.metadata.category == "t2v" else right.T
    usable, vectors = _vectors(HarnessModel(model, encoder_for(model), corpus), videos, task.metadata.name)
    asked = np.flatnonzero(right[:, usable].any(1))
    if not len(asked):
        raise CorpusError(f"mteb:{task.metadata.name}: no text has a video that can be decoded")
    said = [texts["text"][int(i)] for i in asked]
    scores = model.encode_text(said).cpu().numpy() @ vectors.T
    if options.normalization:
        scores = normalized_scores(scores, options.normalization)
    found = Retrieval(scores, right[np.ix_(asked, usable)], options.normalization)
    names, shown = list(texts["id"]), [{"video": str(videos["id"][int(j)])} for j in usable]
    items = found.items([{"query": text, "text": names[i]} for i, text in zip(asked, said, strict=True)], shown)
    left_out = {"not_decoded": len(videos) - len(usable), "without_a_video": len(texts) - len(asked)}
    source = {"annotations": task.metadata.name, "revision": task.metadata.dataset.get("revision", "")}
    return {"retrieval": found.metrics(), "left_out": left_out, "items": items} | source


def _relevant(documents: dict[str, dict[str, int]], queries: list[str], corpus: list[str]) -> np.ndarray:
    """Which document answers which query: (Q, N) bool."""
    column = {name: j for j, name in enumerate(corpus)}
    relevant = np.zeros((len(queries), len(corpus)), bool)
    for i, query in enumerate(queries):
        for document, score in documents.get(query, {}).items():
            if score > 0 and document in column:
                relevant[i, column[document]] = True
    return relevant


def _vectors(harness: HarnessModel, videos: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the videos that can be decoded, (M,), and their vectors, (M, D)."""
    usable: list[int] = []
    vectors: list[np.ndarray] = []
    fault = "it has none"
    for batch in harness.features_of(videos):
        fault = next((str(error) for error in batch.damaged.values()), fault)
        if batch.rows:
            usable += batch.rows
            vectors.append(harness.model.encode_video(batch.features).cpu().numpy())
    if not vectors:
        raise MediaError(f"mteb:{name}: none of its videos can be decoded ({fault})")
    return np.array(usable), np.concatenate(vectors)
