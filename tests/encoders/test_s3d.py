import hashlib
import json
from itertools import product

import numpy as np
import pytest
import torch
from golden_cases import assert_close, cases, s3d_input, s3d_weight, shapes

from videoclip.encoders.s3d import S3D, max_of_slices, max_pool, mean_of_all

POOLS = [((3, 3, 3), (1, 1, 1), 1), ((1, 3, 3), (1, 2, 2), 0), ((3, 3, 3), (2, 2, 2), 0), ((2, 2, 2), (2, 2, 2), 0)]
"""Kernel, stride and padding of those that S3D has."""


@pytest.mark.parametrize("path", cases("s3d_*.npz"), ids=lambda p: p.stem)
def test_golden_s3d_features_are_those_of_the_published_network(path):
    case = np.load(path, allow_pickle=False)
    meta = json.loads(str(case["meta"]))
    weights = {name: s3d_weight(name, shape, meta["weight_seed"]) for name, shape, _ in shapes("s3d_howto100m")}
    net = S3D()
    net.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items() if w is not None}, strict=True)
    video = s3d_input(meta["input_seed"], meta["input_shape"])
    assert hashlib.sha256(video.tobytes()).hexdigest() == meta["input_sha256"]
    with torch.inference_mode():
        mixed = net.eval().pooled(torch.from_numpy(video))
        feature = net.fc(mixed)
    assert_close(mixed, case["mixed_5c"], within=1e-4, least=0)
    assert_close(feature, case["video_embedding"], within=1e-4, least=0)


@pytest.mark.parametrize(("kernel", "stride", "padding"), POOLS)
def test_pools_of_slices_are_those_of_the_library(kernel, stride, padding):
    for shape in product((3, 5, 8), (7, 8, 14), (7, 15)):
        x = torch.randn(2, 3, *shape).relu()
        wanted = torch.nn.functional.max_pool3d(x, kernel, stride, padding, ceil_mode=True)
        assert torch.equal(max_of_slices(x, kernel, stride, padding), wanted), shape


def test_in_bfloat16_pools_are_the_librarys_to_the_bit_and_means_are_close():
    torch.manual_seed(0)
    for shape in ((2, 16, 5, 9, 7), (1, 3, 4, 6, 6)):
        x = torch.rand(shape).to(torch.bfloat16).to(memory_format=torch.channels_last_3d)
        for kernel, stride, padding in POOLS:
            wanted = torch.nn.functional.max_pool3d(x, kernel, stride, padding, ceil_mode=True)
            assert torch.equal(max_pool(x, kernel, stride, padding), wanted)
        assert torch.allclose(mean_of_all(x).float(), x.float().mean((2, 3, 4)), atol=2**-7)
