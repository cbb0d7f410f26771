"""A hash of a model's weights: whose vectors a library holds, and whether two runs agree."""

import hashlib
from collections.abc import Mapping

import numpy as np
from torch import Tensor


def fingerprint_of(state: Mapping[str, Tensor]) -> str:
    """A hash over named tensors as float32: the same on every machine, in every precision that they are stored in.

    Nothing but the weights goes into it. What a model computes from them differs in the last bits between processors,
    and its configuration gains keys from version to version.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, weights in sorted(state.items()):
        digest.update(f"{name} {tuple(weights.shape)}".encode())
        digest.update(np.ascontiguousarray(weights.detach().float().cpu().numpy()).data)
    return digest.hexdigest()
