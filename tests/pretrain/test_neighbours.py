import random

import numpy as np
import pytest
import torch
from golden_cases import documents
from hypothesis import given
from hypothesis import strategies as st

from videoclip.errors import ConfigError
from videoclip.pretrain import neighbours
from videoclip.pretrain.neighbours import BatchConfig, nearest, plan_epoch, retrieved_batches


def golden_vectors() -> list[dict]:
    return [case for document in documents("batches*.json") for case in document["vector_sets"].values()]


@pytest.mark.parametrize("case", golden_vectors())
def test_golden_batches_candidates_of_a_centre_are_its_nearest_videos(case):
    vectors = np.array(case["vectors"], np.float32)
    for centre, wanted in case["candidates_for_centre_exhaustive_index"].items():
        found = nearest(vectors, vectors[[int(centre)]], len(wanted), BatchConfig())[0]
        assert set(found.tolist()) == set(wanted)
        assert found[0] == int(centre)


def exhaustive_trials() -> list[tuple[dict, list]]:
    """Those of the published code's trials whose index has one cell, which is an exact search like ours."""
    return [
        (setting, document["vector_sets"][setting["vector_set"]]["vectors"])
        for document in documents("batches*.json")
        for setting in document["settings"]
        if setting["index_cells"] == 1
    ]


@pytest.mark.parametrize(("setting", "vectors"), exhaustive_trials())
def test_golden_batches_are_as_mixed_as_the_published_ones(setting, vectors):
    vectors = np.array(vectors, np.float32)
    config = BatchConfig(videos=setting["num_video_per_batch"], candidates=setting["num_candidates"])
    tight, distinct = [], []
    for seed in range(20):
        plan = retrieved_batches(vectors, config, random.Random(seed))
        tight += [np.linalg.norm(vectors[b] - vectors[b].mean(0), axis=1).mean() for b in plan]
        distinct.append(len({video for batch in plan for video in batch}))
        assert all(len(set(batch)) == config.videos for batch in plan)
    published = sum(seed["batches"] for seed in setting["per_seed"])
    for name, values, count in (
        ("mean_distance_to_batch_mean", tight, published),
        ("distinct_videos_per_epoch", distinct, len(setting["per_seed"])),
    ):
        theirs = setting["summary"][name]
        error = theirs["std"] * (1 / count + 1 / len(values)) ** 0.5
        assert abs(np.mean(values) - theirs["mean"]) < 4 * error, name


def clustered_vectors(seed: int, clusters: int = 10, size: int = 8) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((clusters, 16)) * 10
    return (centres.repeat(size, 0) + rng.standard_normal((clusters * size, 16))).astype(np.float32)


@given(st.integers(0, 1000), st.sampled_from(["clusters", "random"]), st.sampled_from([4, 8, 10]))
def test_every_video_is_in_exactly_one_batch_of_an_epoch(seed, rule, videos):
    config = BatchConfig(rule=rule, videos=videos, cluster_size=2)
    plan = plan_epoch(80, config, random.Random(seed), clustered_vectors(seed))
    assert sorted(video for batch in plan for video in batch) == list(range(80))


def test_clusters_are_neighbours():
    plan = plan_epoch(
        80, BatchConfig(rule="clusters", videos=16, cluster_size=4), random.Random(0), clustered_vectors(0)
    )
    together = [len({video // 8 for video in batch[i : i + 4]}) == 1 for batch in plan for i in range(0, 16, 4)]
    assert np.mean(together) > 0.8


def test_an_inverted_file_finds_nearly_what_exhaustive_search_finds():
    vectors = clustered_vectors(1, clusters=40, size=50)
    exact = nearest(vectors, vectors[:100], 32, BatchConfig())
    approximate = nearest(vectors, vectors[:100], 32, BatchConfig(exhaustive_up_to=100))
    shared = [len(set(a) & set(b)) / 32 for a, b in zip(exact.tolist(), approximate.tolist(), strict=True)]
    assert np.mean(shared) > 0.9


@pytest.mark.parametrize("videos", [2, 5, 10, 30])
def test_an_inverted_file_of_few_videos_finds_as_many_as_are_asked_for(videos):
    vectors = clustered_vectors(1, clusters=videos, size=1)
    config = BatchConfig(videos=2, candidates=min(videos, 20), exhaustive_up_to=0)
    found = nearest(vectors, vectors, min(videos, 20), config)
    assert all(len(set(row)) == len(row) and min(row) >= 0 for row in found.tolist())
    assert all(len(set(batch)) == 2 for batch in plan_epoch(videos, config, random.Random(0), vectors))


def test_a_batch_larger_than_the_corpus_is_an_error_that_says_what_to_set():
    with pytest.raises(ConfigError, match="set it to 10 or less"):
        plan_epoch(10, BatchConfig(rule="random", videos=32), random.Random(0), None)


def test_without_vectors_batches_are_random_and_differ_between_epochs():
    config = BatchConfig(videos=8)
    a, b = (plan_epoch(80, config, random.Random(seed), None) for seed in (0, 1))
    assert a != b
    assert len(a) == 10


@pytest.mark.parametrize(("videos", "k", "block"), [(1, 1, 64), (50, 50, 16), (333, 20, 64), (200, 8, 1 << 16)])
def test_search_by_blocks_finds_what_faiss_finds(videos, k, block, monkeypatch):
    """On whatever device: what is done on a GPU, here on the CPU."""
    rng = np.random.default_rng(videos)
    vectors = rng.standard_normal((videos, 24)).astype(np.float32)
    vectors[videos // 2 :] = vectors[: videos - videos // 2]  # each twice: equally near
    queries = vectors[::3] + 1e-3
    wanted = nearest(vectors, queries, k, BatchConfig())
    cpu = torch.device("cpu")
    monkeypatch.setattr(neighbours, "_nearest", lambda v, q, k, _: neighbours.nearest_by_blocks(v, q, k, cpu, block))
    assert np.array_equal(nearest(vectors, queries, k, BatchConfig()), wanted)
