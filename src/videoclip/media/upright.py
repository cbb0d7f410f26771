"""A decoded frame as it is to be seen: turned and mirrored as its file says, whole lines, ordinary range and colour."""

import threading
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .opening import decoder_threads
from .tone import is_hdr, to_sdr

_here = threading.local()
"""What this thread scales pictures with: made once, since that takes longer than scaling a small one."""
UNSAID, BT709, BT601 = 2, 1, 6
"""Colours by their numbers in ITU-T H.273: not said, those of HD, those of SD."""
LIMITED, FULL = 1, 2
"""FFmpeg's numbers of ranges of brightness: from 16 to 235, and from 0 to 255."""
HD_LINES = 720
"""From how many lines on a picture that does not say its colours has those of HD, as players take it."""

DEINTERLACED = ("bwdif", "mode=send_frame:deint=interlaced")
"""A filter that makes pictures of woven fields whole, and leaves others as they are."""


@dataclass(frozen=True)
class Turn:
    """How stored pictures become those to be seen: rows and columns exchanged first, then mirrored."""

    exchanged: bool = False
    left_right: bool = False
    upside_down: bool = False

    def filters(self) -> list[tuple[str, str]]:
        """The same, by the names and arguments of libavfilter."""
        wanted = (
            (self.exchanged, ("transpose", "cclock_flip")),
            (self.left_right, ("hflip", "")),
            (self.upside_down, ("vflip", "")),
        )
        return [named for applies, named in wanted if applies]

    def applied(self, pixels: np.ndarray) -> np.ndarray:
        """The same, of pixels (H, W, 3)."""
        pixels = pixels.swapaxes(0, 1) if self.exchanged else pixels
        return pixels[:: -1 if self.upside_down else 1, :: -1 if self.left_right else 1]


def turn_of(frame: Any) -> Turn:
    """What the display matrix of a frame asks for, to the nearest quarter turn (ISO/IEC 14496-12, 6.2.2)."""
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
            if abs(b) + abs(c) > abs(a) + abs(d):
                return Turn(True, c < 0, b < 0)
            return Turn(False, a < 0, d < 0)
    return Turn()


def upright(frame: Any, size: tuple[int, int] | None = None) -> np.ndarray:
    """A decoded frame's pixels as they are to be seen: (H, W, 3) uint8 RGB, turned, of an ordinary range.

    Args:
        size: width and height to scale to, before it is turned; by default the frame's own.
    """
    width, height = size or (frame.width, frame.height)
    with_colours(frame)
    turn, hdr, transfer = turn_of(frame), is_hdr(frame), frame.color_trc
    if frame.interlaced_frame:
        frame = _one_field(frame)
    if hdr:
        pixels = to_sdr(_scaled(frame, width, height, "rgb48le"), transfer)
    else:
        pixels = _scaled(frame, width, height, "rgb24")
    return turn.applied(pixels)


def _scaled(frame: Any, width: int, height: int, pixels: str) -> np.ndarray:
    from av.video.reformatter import VideoReformatter

    if not hasattr(_here, "reformatter"):
        _here.reformatter = VideoReformatter()
    return _here.reformatter.reformat(frame, width, height, pixels).to_ndarray()


def square_size(frame: Any, stream: Any) -> tuple[int, int]:
    """Width and height at which the pixels of a stream's frame are square, none of its lines lost."""
    shape = stream.sample_aspect_ratio or 1
    return (round(frame.width * shape), frame.height) if shape >= 1 else (frame.width, round(frame.height / shape))


def with_colours(frame: Any) -> Any:
    """The frame, which says by which matrix its colours were made: of HD, where it is of that size and does not say.

    What is smaller and does not say is taken for BT.601 by FFmpeg.
    """
    if frame.colorspace == UNSAID and frame.height >= HD_LINES and not frame.format.is_rgb:
        frame.colorspace = BT709
    return frame


def _one_field(frame: Any) -> Any:
    """The upper lines of a woven frame, half as high: two moments in one picture look like a comb."""
    graph = graph_of(frame, frame.time_base or Fraction(1, 25), [("field", "type=top")])
    graph.push(frame)
    return graph.pull()


def flat_frame(width: int, height: int, grey: int, is_full: bool) -> Any:
    """A frame in 4:2:0 of one grey, ``is_full`` or of limited brightness."""
    import av

    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, level in zip(frame.planes, (grey, 128, 128), strict=True):
        plane.update(bytes([level]) * plane.buffer_size)
    frame.color_range, frame.colorspace = (FULL if is_full else LIMITED), BT601
    return frame


def graph_of(frame: Any, time_base: Fraction, chain: list[tuple[str, str]]) -> Any:
    """A graph of such filters, for frames such as this one, with as many threads as the work of this one may use.

    By itself each graph takes a thread for every core, and several files at a time hinder each other.
    """
    import av.filter

    graph = av.filter.Graph()
    graph.threads = decoder_threads()
    node = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base)
    for name, arguments in [*chain, ("buffersink", "")]:
        after = graph.add(name, arguments) if arguments else graph.add(name)
        node.link_to(after)
        node = after
    graph.configure()
    return graph


def pulled(graph: Any) -> Any:
    """The frames that are ready in a graph."""
    from av.error import BlockingIOError, EOFError

    while True:
        try:
            yield graph.pull()
        except (BlockingIOError, EOFError):
            return
