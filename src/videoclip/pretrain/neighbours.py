"""Batches of mutually similar videos: hard negatives by retrieval (paper, section 3.3).

Before an epoch every video is embedded with the current model; a batch is then made of videos that lie close together,
so that its negatives differ from its positives in what matters.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch

from ..errors import ConfigError
from ..hardware import tensor_cores
from ..ranges import COUNT, FROM_NONE, Range, ranged
from ..ties import TOLERANCE, ranking

SPARE = 8
"""Neighbours that are looked at beyond those that are asked for, among which equally near ones are put in order."""

BLOCK = 1 << 16
"""Vectors that are compared at a time on a GPU: with a sixteenth of it queries, 1 GB of scores."""


@dataclass(frozen=True)
@ranged
class BatchConfig:
    """Which videos meet in a batch (the defaults are the paper's)."""

    rule: str = "retrieved"
    """``retrieved`` draws centre videos and for each ``videos`` of its ``candidates`` nearest (videos may be in several
    batches of an epoch or in none); ``clusters`` makes each batch of groups of ``cluster_size`` neighbours and has
    every video once an epoch; ``random`` shuffles."""
    videos: Annotated[int, COUNT] = 32
    """Videos in a batch."""
    candidates: Annotated[int, COUNT] = 64
    """Nearest videos of a centre among which those of its batch are drawn, by the rule ``retrieved``."""
    cluster_size: Annotated[int, COUNT] = 4
    """Neighbours that stay together, by the rule ``clusters``."""
    random_epochs: Annotated[int, FROM_NONE] = 1
    """First epochs with random batches, while the model cannot yet tell what is similar."""
    clips_per_vector: Annotated[int, Range(1, 10_000)] = 16
    """Clips whose mean is a video's vector, their video interval equal to the text's."""
    vector_from: str = "clips"
    """``clips`` drawn from the whole video; its ``beginning`` alone (the paper's ablation); or ``training``: what
    training made of the video's last pairs, which costs nothing, and clips for videos that have had none."""
    per_update: Annotated[int, Range(0, 1_000_000)] = 0
    """Batches of an update, those of all processes together; 0: one for each process. The same number gives the same
    training, on however many processes."""
    negatives: str = "batch"
    """Where a pair's negatives are from: its own ``batch``, as in the paper; or all pairs of the ``update``, of all
    processes. With one batch in an update it is the same."""
    exhaustive_up_to: Annotated[int, Range(0, 10**12)] = 2_000_000
    """Corpora up to this many videos are searched exactly, as are all that fit onto a GPU; others by inverted files.

    An exact search is one matrix product, at the machine's full rate; an inverted file scans its lists query by query
    at a tenth of that, and only wins where it can leave nearly all of them out.
    """

    def __post_init__(self):
        if self.rule not in ("retrieved", "clusters", "random"):
            raise ConfigError(f"rule is '{self.rule}'; choose from retrieved, clusters, random")
        if self.vector_from not in ("clips", "beginning", "training"):
            raise ConfigError(f"vector_from is '{self.vector_from}'; choose from clips, beginning, training")
        if self.negatives not in ("update", "batch"):
            raise ConfigError(f"negatives is '{self.negatives}'; choose from update, batch")
        if self.rule == "retrieved" and self.candidates < self.videos:
            raise ConfigError(f"candidates={self.candidates}: choose at least videos, which are {self.videos}")

    def needs_vectors(self, epoch: int) -> bool:
        return self.rule != "random" and epoch >= self.random_epochs


def plan_epoch(videos: int, config: BatchConfig, rng: random.Random, vectors: np.ndarray | None) -> list[list[int]]:
    """The batches of one epoch, each a list of ``config.videos`` different video numbers below ``videos``.

    Args:
        vectors: (videos, D) float32, or None for random batches.

    Raises:
        ConfigError: a batch is larger than the corpus.
    """
    if config.videos > videos:
        raise ConfigError(
            f"batches.videos is {config.videos}, but the corpus has {videos} videos; set it to {videos} or less"
        )
    if vectors is None or config.rule == "random":
        return _full_batches(rng.sample(range(videos), videos), config.videos)
    if config.rule == "retrieved":
        return retrieved_batches(vectors, config, rng)
    return clustered_batches(vectors, config, rng)


def retrieved_batches(vectors: np.ndarray, config: BatchConfig, rng: random.Random) -> list[list[int]]:
    """The paper's rule: around centres drawn without replacement, k random ones of the 2k nearest, centre included."""
    centres = rng.sample(range(len(vectors)), len(vectors) // config.videos)
    candidates = nearest(vectors, vectors[centres], min(config.candidates, len(vectors)), config)
    return [rng.sample(row, config.videos) for row in candidates.tolist()]


def clustered_batches(vectors: np.ndarray, config: BatchConfig, rng: random.Random) -> list[list[int]]:
    """Groups of ``cluster_size`` neighbours, shuffled into batches; every video is in one group.

    A video takes the nearest that are still free, in random order of the videos. What is left when a batch cannot be
    filled is dropped, as with random batches.
    """
    neighbours = nearest(vectors, vectors, min(8 * config.cluster_size, len(vectors)), config).tolist()
    free, clusters, alone = set(range(len(vectors))), [], []
    for video in rng.sample(range(len(vectors)), len(vectors)):
        if video not in free:
            continue
        group = [video, *(n for n in neighbours[video] if n in free and n != video)][: config.cluster_size]
        free.difference_update(group)
        (clusters if len(group) == config.cluster_size else alone).append(group)
    rng.shuffle(clusters)
    return _full_batches([video for group in [*clusters, *alone] for video in group], config.videos)


def nearest(vectors: np.ndarray, queries: np.ndarray, k: int, config: BatchConfig) -> np.ndarray:
    """Numbers of the ``k`` nearest vectors of each query by L2, nearest first: (Q, D) float32 -> (Q, k) int64.

    Of equally near ones the lower numbers come first: FAISS orders them by rounding, which differs between processors.
    """
    lengths = (vectors.astype(np.float64) ** 2).sum(1).max() + (queries.astype(np.float64) ** 2).sum(1, keepdims=True)
    distances, numbers = _nearest(vectors, queries, min(k + SPARE, len(vectors)), config)
    by_number = numbers.argsort(1)
    distances, numbers = (np.take_along_axis(x, by_number, 1) for x in (distances, numbers))
    order = ranking(-distances, TOLERANCE * lengths)  # squared distances are rounded as squared lengths are
    return np.take_along_axis(numbers, order, 1)[:, :k]


def _nearest(vectors: np.ndarray, queries: np.ndarray, k: int, config: BatchConfig) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances and numbers of the nearest, in no order that can be relied on where they are equally near."""
    import faiss

    vectors, queries = (np.ascontiguousarray(x, np.float32) for x in (vectors, queries))
    if torch.cuda.is_available() and 2 * vectors.nbytes < torch.cuda.mem_get_info()[0]:
        return nearest_by_blocks(vectors, queries, k, torch.device("cuda"))
    if len(vectors) <= config.exhaustive_up_to:
        return faiss.knn(queries, vectors, k)
    cells = min(int(4 * len(vectors) ** 0.5), len(vectors))
    index: Any = faiss.index_factory(vectors.shape[1], f"IVF{cells},Flat")
    index.nprobe = max(cells // 16, 1)
    index.train(vectors[np.random.default_rng(0).choice(len(vectors), min(len(vectors), 64 * cells), replace=False)])
    index.add(vectors)
    distances, numbers = index.search(queries, k)
    few = (numbers < 0).any(1)  # whose cells hold fewer
    if few.any():
        distances[few], numbers[few] = faiss.knn(queries[few], vectors, k)
    return distances, numbers


@torch.inference_mode()
def nearest_by_blocks(
    vectors: np.ndarray, queries: np.ndarray, k: int, device: torch.device, block: int = BLOCK
) -> tuple[np.ndarray, np.ndarray]:
    """Exact search by matrix products: squared distances (Q, k) float32 and numbers (Q, k) int64, nearest first.

    Args:
        block: vectors, and a sixteenth of it queries, that are compared at a time.
    """
    with tensor_cores(device, allowed=False):
        return _nearest_by_blocks(torch.from_numpy(vectors).to(device), torch.from_numpy(queries), k, block)


def _nearest_by_blocks(
    vectors: torch.Tensor, queries: torch.Tensor, k: int, block: int
) -> tuple[np.ndarray, np.ndarray]:
    found, blocks, device = [], vectors.split(block), vectors.device
    for queried in queries.split(max(block // 16, 1)):
        queried = queried.to(device)
        best = queried.new_empty(len(queried), 0), torch.empty(len(queried), 0, dtype=torch.long, device=device)
        for number, among in enumerate(blocks):
            scores = torch.addmm(among.square().sum(1), queried, among.T, alpha=-2)  # without the query's own length
            near, places = scores.topk(min(k, len(among)), largest=False)
            scores, numbers = torch.cat([best[0], near], 1), torch.cat([best[1], places + number * block], 1)
            near, places = scores.topk(min(k, scores.shape[1]), largest=False)
            best = near, numbers.gather(1, places)
        distances = (best[0] + queried.square().sum(1, keepdim=True)).clamp(min=0)
        found.append((distances.cpu().numpy(), best[1].cpu().numpy()))
    distances, numbers = zip(*found, strict=True)
    return np.concatenate(distances), np.concatenate(numbers)


def _full_batches(order: Sequence[int], size: int) -> list[list[int]]:
    return [list(order[i : i + size]) for i in range(0, len(order) - size + 1, size)]
