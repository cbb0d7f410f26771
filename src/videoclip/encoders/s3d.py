"""S3D-G with space-to-depth (Xie et al. 2018; Miech et al. 2020): the frozen video encoder of VideoCLIP.

Module names are those of the published ``s3d_howto100m.pth``, so that its state dict loads strictly. A narrower and
shallower one is the small encoder of the demo.
"""

import copy
import functools
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..config import from_note
from ..errors import WeightsError
from ..hardware import compiled, device_of, has_bf16, has_compiler, keep_memory
from ..published.arrays import read_words
from .config import EncoderConfig
from .encoder import Encoder
from .s3d_text import SentenceEmbedding

# Output channels of the branches of each inception block: 1×1×1; 1×1×1 → 3×3×3; 1×1×1 → 3×3×3; pool → 1×1×1.
_BLOCKS = {
    "mixed_3b": (64, (96, 128), (16, 32), 32),
    "mixed_3c": (128, (128, 192), (32, 96), 64),
    "mixed_4b": (192, (96, 208), (16, 48), 64),
    "mixed_4c": (160, (112, 224), (24, 64), 64),
    "mixed_4d": (128, (128, 256), (24, 64), 64),
    "mixed_4e": (112, (144, 288), (32, 64), 64),
    "mixed_4f": (256, (160, 320), (32, 128), 128),
    "mixed_5b": (256, (160, 320), (32, 128), 128),
    "mixed_5c": (384, (192, 384), (48, 128), 128),
}
_POOL_BEFORE = {"mixed_4b": ((3, 3, 3), (2, 2, 2)), "mixed_5b": ((2, 2, 2), (2, 2, 2))}  # kernel, stride

LEAST_ON_GPU = 32
"""Seconds that a GPU sees together: fewer leave it idle."""
TEXT = "text_module."
"""What names of the text side begin with."""

Size = int | tuple[int, int, int]
Net = TypeVar("Net", bound=nn.Module)


class SpatialTemporalConv(nn.Module):
    """Convolution, batch normalisation, ReLU; a separable one does so over space, then over time."""

    def __init__(self, channels: int, out: int, kernel: Size, padding: Size = 0, separable: bool = False):
        super().__init__()
        self.separable = separable
        if separable and isinstance(kernel, tuple) and isinstance(padding, tuple):
            (kt, kh, kw), (pt, ph, pw) = kernel, padding
            self.conv1 = nn.Conv3d(channels, out, (1, kh, kw), padding=(0, ph, pw), bias=False)
            self.conv2 = nn.Conv3d(out, out, (kt, 1, 1), padding=(pt, 0, 0), bias=False)
            self.bn2 = nn.BatchNorm3d(out)
        else:
            self.conv1 = nn.Conv3d(channels, out, kernel, padding=padding, bias=False)
        self.bn1 = nn.BatchNorm3d(out)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(self.bn1(convolved(x, self.conv1)))
        return F.relu_(self.bn2(convolved(x, self.conv2))) if self.separable else x


def convolved(x: Tensor, conv: nn.Conv3d) -> Tensor:
    """``conv(x)``; on a CPU by oneDNN, for which PyTorch itself takes a kernel half as fast where it has one thread."""
    if x.device.type != "cpu" or x.dtype != torch.float32 or torch.is_grad_enabled() or torch.compiler.is_compiling():
        return conv(x)
    if not torch.backends.mkldnn.is_available() or isinstance(conv.padding, str):
        return conv(x)
    return torch.mkldnn_convolution(x, conv.weight, conv.bias, conv.padding, conv.stride, conv.dilation, conv.groups)


class SelfGating(nn.Module):
    """Scales each channel by a sigmoid of a linear map of all channels' means."""

    def __init__(self, channels: int):
        super().__init__()
        self.fc = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.fc(mean_of_all(x)))[..., None, None, None]


class Inception(nn.Module):
    """Four branches side by side, each ending in its own gate."""

    def __init__(self, channels: int, b0: int, b1: tuple[int, int], b2: tuple[int, int], b3: int):
        super().__init__()
        self.conv_b0 = SpatialTemporalConv(channels, b0, 1)
        self.conv_b1_a = SpatialTemporalConv(channels, b1[0], 1)
        self.conv_b1_b = SpatialTemporalConv(b1[0], b1[1], (3, 3, 3), (1, 1, 1), separable=True)
        self.conv_b2_a = SpatialTemporalConv(channels, b2[0], 1)
        self.conv_b2_b = SpatialTemporalConv(b2[0], b2[1], (3, 3, 3), (1, 1, 1), separable=True)
        self.conv_b3_b = SpatialTemporalConv(channels, b3, 1)
        self.gating_b0, self.gating_b1 = SelfGating(b0), SelfGating(b1[1])
        self.gating_b2, self.gating_b3 = SelfGating(b2[1]), SelfGating(b3)
        self.channels = b0 + b1[1] + b2[1] + b3

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(
            [
                self.gating_b0(self.conv_b0(x)),
                self.gating_b1(self.conv_b1_b(self.conv_b1_a(x))),
                self.gating_b2(self.conv_b2_b(self.conv_b2_a(x))),
                self.gating_b3(self.conv_b3_b(max_pool(x, (3, 3, 3), (1, 1, 1), padding=1))),
            ],
            1,
        )


class S3D(nn.Module):
    """Pixels to one feature: (B, 3, T, H, W) RGB in [0, 1] -> (B, feature_size). T, H and W must be even.

    Args:
        width: factor of all channel counts.
        blocks: inception blocks, from ``mixed_3b`` on; all nine by default.
    """

    def __init__(self, feature_size: int = 512, width: float = 1.0, blocks: int = len(_BLOCKS)):
        super().__init__()

        def wide(channels: int) -> int:
            return max(round(channels * width), 4)

        self.conv1 = SpatialTemporalConv(24, wide(64), (2, 4, 4))
        self.conv_2b = SpatialTemporalConv(wide(64), wide(64), 1)
        self.conv_2c = SpatialTemporalConv(wide(64), wide(192), (3, 3, 3), (1, 1, 1), separable=True)
        self.gating = SelfGating(wide(192))
        self.blocks = list(_BLOCKS)[:blocks]
        channels = wide(192)
        for name in self.blocks:
            b0, b1, b2, b3 = _BLOCKS[name]
            pairs = (wide(b1[0]), wide(b1[1])), (wide(b2[0]), wide(b2[1]))
            block = Inception(channels, wide(b0), *pairs, wide(b3))
            self.add_module(name, block)
            channels = block.channels
        self.fc = nn.Linear(channels, feature_size)

    def forward(self, video: Tensor) -> Tensor:
        return self.fc(self.pooled(video))

    def pooled(self, video: Tensor) -> Tensor:
        """The mean over time and space of the last block's output: (B, 1024) for the full network."""
        return self.pooled_blocks(F.pad(space_to_depth(video), (*BORDER, *BORDER, 0, 1)))

    def features_of_blocks(self, blocks: Tensor) -> Tensor:
        """``forward``, from what ``blocks_of`` makes of pixels."""
        return self.fc(self.pooled_blocks(blocks))

    def pooled_blocks(self, blocks: Tensor) -> Tensor:
        """``pooled`` from 2×2×2 blocks of pixels as channels, with a border of zeros around them (``blocks_of``)."""
        x = max_pool_same(self.conv1(blocks), (1, 3, 3), (1, 2, 2))
        x = self.gating(self.conv_2c(self.conv_2b(x)))
        x = max_pool_same(x, (1, 3, 3), (1, 2, 2))
        for name in self.blocks:
            if name in _POOL_BEFORE:
                x = max_pool_same(x, *_POOL_BEFORE[name])
            x = self.get_submodule(name)(x)
        return mean_of_all(x)


def mean_of_all(x: Tensor) -> Tensor:
    """(B, C, T, H, W) -> (B, C).

    On a CPU, numbers in bfloat16 are summed by a matrix product: other sums begin with a copy in float32.
    """
    if x.is_cuda or x.dtype != torch.bfloat16:
        return x.mean((2, 3, 4))
    values = x.permute(0, 2, 3, 4, 1).flatten(1, 3)  # a view, where channels come last
    ones = values.new_ones(len(values), 1, values.shape[1])
    return (ones @ values)[:, 0] / values.shape[1]


def space_to_depth(video: Tensor) -> Tensor:
    """(B, 3, T, H, W) -> (B, 24, T/2, H/2, W/2); channels ordered (time, height, width offset, rgb), rgb fastest."""
    B, C, T, H, W = video.shape
    blocks = video.view(B, C, T // 2, 2, H // 2, 2, W // 2, 2)
    return blocks.permute(0, 3, 5, 7, 1, 2, 4, 6).reshape(B, 8 * C, T // 2, H // 2, W // 2)


BORDER = (1, 2)
"""Zeros before and after the height and width of the first convolution's input, and (0, 1) in time.

Its padding is (1, 2, 2), and the first element of its output is dropped along each axis: so it need not be computed.
"""


def blocks_of(pixels: Tensor, kind: torch.dtype = torch.float32) -> Tensor:
    """(B, T, H, W, 3) uint8 -> (B, 24, T/2 + 1, H/2 + 3, W/2 + 3) in [0, 1], channels last, with ``BORDER``."""
    B, T, H, W, _ = pixels.shape
    before, after = BORDER
    blocks = pixels.view(B, T // 2, 2, H // 2, 2, W // 2, 2, 3).permute(0, 1, 3, 5, 2, 4, 6, 7)
    shape = B, T // 2 + 1, H // 2 + sum(BORDER), W // 2 + sum(BORDER), 24
    framed = torch.zeros(shape, dtype=kind, device=pixels.device)  # bfloat16 holds whole numbers up to 256
    framed[:, :-1, before:-after, before:-after].unflatten(-1, (2, 2, 2, 3)).copy_(blocks)
    return framed.div_(255).permute(0, 4, 1, 2, 3)


def max_pool_same(x: Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> Tensor:
    """Max-pool padded with zeros like TensorFlow's SAME for the general case, then ceil mode.

    No value is below zero here: so where ceil mode alone cuts the last window short, it gives the same without a copy.
    """
    axes = list(zip(x.shape[2:], kernel, stride, strict=True))
    if not any(_needs_zeros(*axis) for axis in axes):
        return max_pool(x, kernel, stride)
    padding: list[int] = []
    for _, k, s in reversed(axes):
        total = max(k - s, 0)
        padding += [total // 2, total - total // 2]
    return max_pool(F.pad(x, padding), kernel, stride)


def max_pool(x: Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int], padding: int = 0) -> Tensor:
    """``max_pool3d`` in ceil mode, of what is not below zero, the way that is fastest on the device."""
    if x.is_cuda:
        return max_of_slices(x, kernel, stride, padding)
    if x.dtype == torch.bfloat16 and max(stride) == 1:  # whose bits are in the order of its values, from zero on
        framed = F.pad(x.view(torch.int16), [padding] * 6)
        return max_of_slices(framed, kernel, stride).view(x.dtype)
    return F.max_pool3d(x, kernel, stride, padding, ceil_mode=True)


def max_of_slices(x: Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int], padding: int = 0) -> Tensor:
    """``max_pool`` as maxima along one axis after another, of slices that are shifted against each other.

    Compiled for a GPU they become part of what is around them, where the library's pool writes indices that nobody
    reads.
    """
    for axis, (k, s) in enumerate(zip(kernel, stride, strict=True), 2):
        x = _max_along(x, axis, k, s, padding)
    return x


def _max_along(x: Tensor, axis: int, kernel: int, stride: int, padding: int) -> Tensor:
    if kernel == stride == 1:
        return x
    windows = (x.shape[axis] + 2 * padding - kernel + stride - 1) // stride + 1
    windows -= (windows - 1) * stride >= x.shape[axis] + padding  # a window begins within the values
    beyond = max((windows - 1) * stride + kernel - x.shape[axis] - padding, 0)
    around = [0, 0] * (4 - axis) + [padding, beyond]
    x = F.pad(x, around) if any(around) else x
    span = (windows - 1) * stride + 1
    parts = [x.narrow(axis, i, span) for i in range(kernel)]
    if stride > 1:
        every = [slice(None)] * axis + [slice(None, None, stride)]
        parts = [part[tuple(every)] for part in parts]
    return functools.reduce(torch.maximum, parts)


def _needs_zeros(size: int, kernel: int, stride: int) -> bool:
    """Whether the pooled axis is longer with the zeros than it is by ceil mode alone."""
    return kernel > stride and not (kernel - stride == 1 and stride == 2 and size % 2 == 0)


def folded(net: S3D) -> S3D:
    """The same function with each BatchNorm folded into the convolution before it, for inference."""
    net = copy.deepcopy(net).eval()
    for module in net.modules():
        if isinstance(module, SpatialTemporalConv):
            for i in ("1", "2") if module.separable else ("1",):
                conv, norm = getattr(module, f"conv{i}"), getattr(module, f"bn{i}")
                setattr(module, f"conv{i}", fuse_conv_bn_eval(conv, norm))
                setattr(module, f"bn{i}", nn.Identity())
    return net


def published_s3d(path: Path, device: str = "") -> Encoder:
    """S3D with the weights of ``s3d_howto100m.pth``, as the published extractor used it (SPEC 2.2, 2.4).

    Raises:
        WeightsError: no such file, or its tensors are not those of S3D.
    """
    state = {name: tensor for name, tensor in read_state(path).items() if not name.startswith(TEXT)}
    return _encoder("s3d", _loaded(S3D(), state, path), fps=30, frame_size=224, batch_seconds=4, device=device)


def published_text(path: Path, words: Path) -> SentenceEmbedding:
    """The text side of ``s3d_howto100m.pth``, with the vocabulary of ``s3d_dict.npy``.

    Raises:
        WeightsError: one of the files is not there, or they do not fit together.
    """
    state = {name.removeprefix(TEXT): t for name, t in read_state(path).items() if name.startswith(TEXT)}
    vocabulary = read_words(words)
    if len(state.get("word_embd.weight", ())) != len(vocabulary) + 1:
        raise WeightsError(
            f"{words}: has {len(vocabulary)} words, but {path} has vectors of "
            f"{len(state.get('word_embd.weight', ())) - 1}; the two files do not belong together"
        )
    return _loaded(SentenceEmbedding(vocabulary), state, path).eval()


def read_state(path: Path) -> dict[str, Tensor]:
    """The state dict of ``s3d_howto100m.pth``.

    Raises:
        WeightsError: no such file, or it holds something else.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; give the path of s3d_howto100m.pth")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of whatever kind a made-up file ends in
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{path}: is not a file of tensors alone, and was not run ({reason})") from error
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise WeightsError(f"{path}: holds more than the tensors of S3D; is it s3d_howto100m.pth?")
    return state


def trained_s3d(folder: Path, device: str = "") -> Encoder:
    """A narrow S3D from a folder that ``videoclip train-encoder`` wrote."""
    from safetensors.torch import load_file

    note, weights = folder / "config.json", folder / "model.safetensors"
    made = from_note(EncoderConfig, json.loads(note.read_text())["config"], note)
    net = _loaded(S3D(made.feature_size, made.width, made.blocks), load_file(weights), weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()[:8]
    return _encoder(f"{made.name}@{digest}", net, made.fps, made.frame_size, batch_seconds=64, device=device)


def _loaded(net: Net, state: dict[str, Tensor], path: Path) -> Net:
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        faults = " ".join(str(error).split())
        raise WeightsError(f"{path}: not the tensors of S3D: {faults[:300]}") from error
    return net


def _encoder(name: str, net: S3D, fps: int, frame_size: int, batch_seconds: int, device: str) -> Encoder:
    where = device_of(device)
    if where.type == "cuda":
        batch_seconds = max(batch_seconds, LEAST_ON_GPU)
    network = fast_network(net, where, batch_seconds)
    return Encoder(name, net.fc.out_features, fps, frame_size, network, batch_seconds=batch_seconds)


def fast_network(net: S3D, device: torch.device, size: int = 0) -> Callable[[Tensor], Tensor]:
    """Pixels, (N, T, H, W, 3) uint8 -> features, (N, feature_size), as fast as the device can, close to ``net``'s.

    BatchNorm is folded, channels come last, numbers are bfloat16 where the device multiplies those natively; on a GPU
    the network is compiled. The cosine to what ``net`` gives is at least 0.9999.

    Args:
        size: seconds N that compiled code is made for, once; by default it is made anew for each N that comes.
    """
    kind = torch.bfloat16 if has_bf16(device) else torch.float32
    fast = folded(net).to(device, kind, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    features = fast.features_of_blocks
    if device.type == "cpu":
        keep_memory()
    elif has_compiler():
        features = of_one_size(compiled(features), size) if size else compiled(features)
    return lambda pixels: features(blocks_of(pixels.to(device, non_blocking=True), kind))


def of_one_size(network: Callable[[Tensor], Tensor], size: int) -> Callable[[Tensor], Tensor]:
    """The same network (N, …) -> (N, F), which itself sees ``size`` of N at a time, the last ones with zeros."""

    def of_any(inputs: Tensor) -> Tensor:
        padding = [0, 0] * (inputs.dim() - 1) + [0, -len(inputs) % size]
        parts = F.pad(inputs, padding).split(size)
        return torch.cat([network(part) for part in parts])[: len(inputs)]

    return of_any
