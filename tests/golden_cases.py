"""Where the reference cases lie, and the recipes by which their weights and inputs are made."""

import json
import os
import zlib
from pathlib import Path

import numpy as np

OWN = Path(__file__).parent / "golden"
GOLDEN = Path(os.environ.get("VIDEOCLIP_GOLDEN") or OWN)


def cases(pattern: str) -> list[Path]:
    """Files of a name pattern, whatever there is of them."""
    return sorted(GOLDEN.glob(pattern))


def documents(pattern: str) -> list[dict]:
    """The JSON files of a name pattern."""
    return [json.loads(path.read_text()) for path in cases(pattern)]


def assert_close(ours, theirs, within: float = 1e-5, what: str = "", least: float = 1.0) -> None:
    """No entry is further off than ``within`` times the largest entry, or times ``least`` where all are smaller.

    Sums of float32 are off by a share of what was added, so that the bound grows with the numbers, but never shrinks
    below what the terms of a sum near zero may leave.
    """
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape, f"{what}: {ours.shape} for {theirs.shape}"
    bound = within * max(float(np.abs(theirs).max(initial=0)), least)
    furthest = float(np.abs(ours - theirs).max(initial=0))
    assert furthest <= bound, f"{what}: off by {furthest:.2g}, which is more than {bound:.2g}"


def shapes(network: str) -> list:
    """Names, shapes and types of a published network's tensors."""
    path = GOLDEN / "statedict_full.json"
    return json.loads((path if path.is_file() else OWN / path.name).read_text())[network]


def noise(name: str, shape, seed: int) -> np.ndarray:
    rng = np.random.default_rng(zlib.crc32(name.encode()) ^ seed)
    return rng.standard_normal(shape).astype(np.float32)


def model_weight(name: str, shape, seed: int, scale: float) -> np.ndarray | None:
    if name.endswith("position_ids"):
        return None
    x = noise(name, shape, seed)
    if name.endswith("LayerNorm.weight"):
        return np.float32(1) + np.float32(0.05) * x
    return np.float32(scale) * x


def s3d_weight(name: str, shape, seed: int) -> np.ndarray | None:
    owner, leaf = name.rsplit(".", 2)[-2:]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if name.startswith("text_module."):
        return None
    x, s = noise(name, shape, seed), np.float32(0.05)
    if leaf == "running_var":
        return np.float32(1) + np.abs(s * x)
    if leaf == "running_mean":
        return s * x
    if owner in ("bn1", "bn2"):
        return np.float32(1) + s * x if leaf == "weight" else s * x
    if leaf == "bias":
        return (np.float32(1.5) if "gating" in name else np.float32(0)) + s * x
    gain = 2.0 if len(shape) == 5 else 1.0
    return np.float32(np.sqrt(gain / int(np.prod(shape[1:])))) * x


def s3d_input(seed: int, shape) -> np.ndarray:
    b, c, t, h, w = shape
    rng = np.random.default_rng(seed)
    blocks = rng.random((b, c, -(-t // 4), -(-h // 16), -(-w // 16)))
    pixels = rng.random(shape)
    big = blocks.repeat(4, 2)[:, :, :t].repeat(16, 3)[:, :, :, :h].repeat(16, 4)[..., :w]
    return (0.75 * big + 0.25 * pixels).astype(np.float32)
