"""A decoder for ``videoclip.media.nvdec`` that needs no GPU: PyAV's, with frames as a GPU's decoder gives them."""

from contextlib import nullcontext

import numpy as np
import torch

from videoclip.media.nvdec import Decoded, Irregular

CODECS = {"av1": "libdav1d"}


def planes_of(frame) -> tuple[torch.Tensor, torch.Tensor]:
    """A frame in yuv420p as (H, W) and (⌈H/2⌉, ⌈W/2⌉, 2) uint8."""
    rows = [np.frombuffer(p, np.uint8).reshape(p.height, p.line_size)[:, : p.width].copy() for p in frame.planes]
    return torch.from_numpy(rows[0]), torch.from_numpy(np.stack(rows[1:], -1))


class Software:
    """As ``Nvdec``. It has no picture of a container, so that packets must hold all that is to be known."""

    device = torch.device("cpu")

    def __init__(self, codec: str, width: int, height: int):
        import av

        self.codec = av.CodecContext.create(CODECS.get(codec, codec), "r")

    def decode(self, packet) -> list[Decoded]:
        from av.error import FFmpegError

        try:
            return [Decoded(frame.pts, *planes_of(frame)) for frame in self.codec.decode(packet)]
        except FFmpegError as error:
            raise Irregular("the decoder failed") from error

    def queue(self):
        return nullcontext()
