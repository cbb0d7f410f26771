"""Seconds of a video decoded by an NVIDIA GPU (NVDEC, by PyNvVideoCodec), as the CPU's path gives them.

Files are opened and taken apart by PyAV here, too: the same files are refused, and the same times count. What the GPU's
decoder gives stays on the GPU until it is scaled. Only what is ordinary is decoded here. Whatever is not, such as HDR,
woven fields, damage or a change of size, raises ``Irregular``, and who asked has the CPU decode the file.
"""

import ctypes
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from ..errors import ConfigError, MediaError, command_for
from ..hardware import device_of
from .clock import Clock
from .opening import first_frame, open_video, standalone, video_stream
from .places import Places
from .planes import PIXELS_TOGETHER, WEIGHTS, Kind, Pictures
from .timeline import Timeline, lasting
from .tone import NAMES, is_hdr
from .upright import FULL, turn_of, with_colours

PROGRESSIVE = 0, 1
"""FFmpeg's numbers of an order of fields that is not said, or none."""
FORMATS = ("yuv420p", "yuvj420p")
CODECS = "h264", "hevc", "mpeg2video", "mpeg4", "vp8", "vp9", "av1"
ALIKE = 2.0
"""Levels of 255 by which the first frame of a file may differ on average from what the CPU decodes; most codecs leave
no freedom at all."""
MOST_PENDING = 128
"""Packets of which no frame came, from which on the decoder is taken to give none."""

AT_ONCE = 16
"""Files that are decoded at the same time: twice as many as GPUs have decoders, and each takes some memory."""
_sessions = threading.BoundedSemaphore(AT_ONCE)


class Irregular(Exception):
    """A file that is not decoded here, and why; at any moment until its last second."""


@dataclass
class Decoded:
    """A frame on the decoder's device: (H, W) and (H/2, W/2, 2) uint8, its time stamp and how long it lasts."""

    pts: int
    luma: torch.Tensor
    chroma: torch.Tensor
    duration: int = 0


class Decoder(Protocol):
    """Packets in the order of decoding -> frames in the order of showing, with the time stamps of their packets."""

    device: torch.device

    def decode(self, packet: Any) -> list[Decoded]:
        """Frames that are ready after a packet of PyAV; after None, the last ones. May raise ``Irregular``."""
        ...

    def queue(self) -> AbstractContextManager[Any]:
        """A block in which computing waits for the frames."""
        ...


def missing() -> str:
    """Why no file can be decoded by a GPU here, and the remedy; empty where it can be tried."""
    if device_of().type != "cuda":
        return "there is no NVIDIA GPU that models run on; choose --decode cpu or auto"
    return _missing_package()


@cache
def _missing_package() -> str:
    try:
        import PyNvVideoCodec  # pyright: ignore[reportMissingImports] # noqa: F401
    except ModuleNotFoundError:
        return f"PyNvVideoCodec is not installed: {command_for('gpu')}"
    except (ImportError, OSError, RuntimeError) as error:  # it looks for the driver
        return f"PyNvVideoCodec cannot be used ({_line(error)}); install the GPU's driver with its video libraries"
    return ""


def require() -> None:
    """Raise ``ConfigError`` where no file can be decoded by a GPU."""
    if why := missing():
        raise ConfigError(f"--decode gpu: {why}")


class Nvdec:
    """A GPU's decoder for one stream."""

    def __init__(self, codec: str, width: int, height: int):
        import PyNvVideoCodec as nvc  # pyright: ignore[reportMissingImports]

        codecs = {
            "h264": nvc.cudaVideoCodec.H264,
            "hevc": nvc.cudaVideoCodec.HEVC,
            "mpeg2video": nvc.cudaVideoCodec.MPEG2,
            "mpeg4": nvc.cudaVideoCodec.MPEG4,
            "vp8": nvc.cudaVideoCodec.VP8,
            "vp9": nvc.cudaVideoCodec.VP9,
            "av1": nvc.cudaVideoCodec.AV1,
        }
        device = device_of()
        gpu = device.index or 0
        self.nvc, self.device = nvc, torch.device(device.type, gpu)
        self.stream = torch.cuda.Stream(self.device)
        try:
            can = nvc.GetDecoderCaps(gpuid=gpu, codec=codecs[codec])
            if not (can["width_min"] <= width <= can["width_max"] and can["height_min"] <= height <= can["height_max"]):
                raise Irregular(f"this GPU does not decode {codec} of {width}×{height} pixels")
            # In PyTorch's context, and on one stream with what is computed of the frames.
            self.decoder = nvc.CreateDecoder(
                gpuid=gpu,
                codec=codecs[codec],
                cudacontext=_context(gpu),
                cudastream=self.stream.cuda_stream,
                usedevicememory=True,
            )
        except Irregular:
            raise
        except Exception as error:  # of whatever kind a driver or another version of the package ends in
            raise Irregular(f"the GPU does not decode {codec} ({_line(error)})") from error

    def decode(self, packet: Any) -> list[Decoded]:
        data = self.nvc.PacketData()  # an empty one is the end
        if packet is not None:
            data.bsl_data, data.bsl, data.pts = packet.buffer_ptr, packet.buffer_size, packet.pts
        try:
            with self.queue():
                return [self._copied(frame) for frame in self.decoder.Decode(data)]
        except Irregular:
            raise
        except Exception as error:
            raise Irregular(f"the GPU's decoder failed ({_line(error)})") from error

    def _copied(self, frame: Any) -> Decoded:
        """The decoder writes into the same memory again."""
        if frame.format != self.nvc.Pixel_Format.NV12:
            raise Irregular("the GPU's decoder gives no NV12")
        luma, chroma = (torch.as_tensor(plane, device=self.device) for plane in frame.cuda())
        height, width = luma.shape[:2]
        return Decoded(
            frame.timestamp, luma.reshape(height, width).clone(), chroma.reshape(height // 2, width // 2, 2).clone()
        )

    def queue(self) -> AbstractContextManager[Any]:
        return torch.cuda.stream(self.stream)


def _context(gpu: int) -> int:
    """The address of a GPU's primary context, which is PyTorch's."""
    cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    device, context = ctypes.c_int(), ctypes.c_void_p()
    if cuda.cuDeviceGet(ctypes.byref(device), gpu) or cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device):
        raise RuntimeError("CUDA has no context")
    return context.value or 0


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:150]


def kind_of(container: Any, stream: Any) -> tuple[Kind, torch.Tensor]:
    """What a file's frames have in common, and the brightness of its first one, (H, W) uint8, which the CPU decodes.

    Raises:
        Irregular: they are none that are decoded here.
    """
    codec, frame = stream.codec_context.codec.canonical_name, first_frame(container, stream)
    if codec not in CODECS:
        raise Irregular(f"the codec is {codec}")
    if frame is None:
        raise Irregular("the first frame is damaged")
    with_colours(frame)
    if frame.format.name not in FORMATS or frame.width % 2 or frame.height % 2:
        raise Irregular(f"frames are {frame.format.name} of {frame.width}×{frame.height} pixels")
    if is_hdr(frame) or frame.colorspace not in WEIGHTS:
        raise Irregular(NAMES.get(frame.color_trc, "colours are of a rare kind"))
    if frame.interlaced_frame or stream.codec_context.field_order not in PROGRESSIVE:
        raise Irregular("fields are woven")
    is_full = frame.color_range == FULL or frame.format.name == "yuvj420p"
    plane = frame.planes[0]
    luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width].copy()
    return Kind(frame.width, frame.height, frame.colorspace, is_full, turn_of(frame)), torch.from_numpy(luma)


# Parameters: those of ``seconds_of``, and who decodes.
def decoded_seconds(
    path: str | Path, fps: int, size: int, squeezed: bool, decoder_of: Callable[[str, int, int], Decoder] | None = None
) -> Iterator[np.ndarray]:
    """As ``seconds_of``: (fps, size, size, 3) uint8 RGB arrays, the last filled with black.

    Args:
        decoder_of: makes a decoder for a codec, a width and a height; by default the GPU's.

    Raises:
        MediaError: the file is none that is read.
        Irregular: it, or what is left of it, is to be decoded by the CPU.
    """
    with open_video(path) as container:
        kind, first = kind_of(container, video_stream(container, path))
    with _sessions, open_video(path) as container:
        stream = video_stream(container, path)
        clock = Clock(container.format.name)
        timeline = Timeline(container, stream, clock, path, fps)
        decoder = (decoder_of or Nvdec)(stream.codec_context.codec.canonical_name, kind.width, kind.height)
        shown = Places(fps, stream.time_base).filled(_frames(container, stream, timeline, decoder, first))
        pictures = Pictures(kind, size, squeezed, decoder.device)
        second, filled, given = np.zeros((fps, size, size, 3), np.uint8), 0, 0
        for part in _scaled(shown, fps, pictures, decoder):
            second[filled : filled + len(part)] = part
            filled += len(part)
            if filled == fps:
                yield second
                given += 1
                second, filled = np.zeros_like(second), 0
    if filled:
        yield second
    elif not given:
        raise Irregular("no frame lasts until a place")


def _scaled(
    shown: Iterator[tuple[Decoded, int]], fps: int, pictures: Pictures, decoder: Decoder
) -> Iterator[np.ndarray]:
    """Pictures in their order, (N, size, size, 3) uint8, of which no part reaches over the end of a second.

    Several frames are scaled together; one that is shown at several places of a second, once.
    """
    frames: list[Decoded] = []
    rows: list[int] = []
    left = fps
    for frame, count in shown:
        while count:
            frames.append(frame)
            rows += [len(frames) - 1] * min(count, left)
            count, left = max(count - left, 0), max(left - count, 0)
            if not left or len(frames) * frame.luma.numel() >= PIXELS_TOGETHER:
                yield _few(frames, rows, pictures, decoder)
                frames, rows, left = [], [], left or fps
    if rows:
        yield _few(frames, rows, pictures, decoder)


def _few(frames: list[Decoded], rows: list[int], pictures: Pictures, decoder: Decoder) -> np.ndarray:
    try:
        with decoder.queue():
            luma, chroma = (torch.stack(planes) for planes in zip(*((f.luma, f.chroma) for f in frames), strict=True))
            return pictures.of(luma, chroma).cpu().numpy()[rows]
    except torch.OutOfMemoryError as error:
        raise Irregular("the GPU has too little memory left") from error


def _frames(
    container: Any, stream: Any, timeline: Timeline, decoder: Decoder, first: torch.Tensor
) -> Iterator[Decoded]:
    """The frames that are to be shown, with time stamps from the container's start, if ``first`` is what it should be.

    So nothing is taken from a decoder, or a driver, that gives something else than pictures of this file.
    """
    is_known = False
    pending: dict[int, tuple[int, bool]] = {}
    for packet in chain(_packets(container, stream, timeline.clock, pending), [None]):
        for frame in decoder.decode(packet):
            if frame.pts not in pending or frame.pts > min(_awaited(pending), default=frame.pts):
                raise Irregular("frames are missing")
            duration, is_unseen = pending.pop(frame.pts)
            if is_unseen:
                continue
            if frame.luma.shape != first.shape:
                raise Irregular("frames change their size")
            if not is_known:
                with decoder.queue():
                    apart = float((frame.luma.cpu().float() - first.float()).abs().mean())
                if apart > ALIKE:
                    raise Irregular(f"the first frame is another one than the CPU's, by {apart:.0f} of 255 on average")
                is_known = True
            placed = timeline.placed(frame.pts, stream.time_base)
            if placed is None:
                raise Irregular("times of frames are damaged")
            yield Decoded(placed, frame.luma, frame.chroma, lasting(duration, stream.time_base))
    if _awaited(pending):
        raise Irregular("frames are missing")


def _awaited(pending: dict[int, tuple[int, bool]]) -> list[int]:
    return [pts for pts, (_, is_unseen) in pending.items() if not is_unseen]


def _packets(container: Any, stream: Any, clock: Clock, pending: dict[int, tuple[int, bool]]) -> Iterator[Any]:
    """Packets as the decoder wants them; ``pending`` gets by the time of each its duration and whether it is unseen."""
    try:
        yield from standalone(_noted(clock.continuous(container.demux(stream)), pending), stream)
    except MediaError as error:
        raise Irregular(f"packets are damaged ({error})") from error


def _noted(packets: Iterator[Any], pending: dict[int, tuple[int, bool]]) -> Iterator[Any]:
    is_first = True
    for packet in packets:
        if not packet.size:  # the end
            continue
        if packet.is_corrupt or packet.pts is None or packet.pts in pending or (is_first and not packet.is_keyframe):
            raise Irregular("packets are damaged, or have no times")
        if len(pending) == MOST_PENDING:
            raise Irregular("frames are missing")
        pending[packet.pts] = packet.duration or 0, packet.is_discard
        is_first = False
        yield packet
