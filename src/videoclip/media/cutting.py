"""Cuts of a video into files of their own: its streams copied, or encoded anew at the very frame."""

from array import array
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MediaError
from .clock import seconds_at
from .opening import create_video, open_video, reason, video_stream
from .tone import is_hdr
from .upright import BT601, BT709, DEINTERLACED, HD_LINES, graph_of, pulled, turn_of, upright
from .video import packets_from

TICKS = 90_000
"""Of an encoded picture's time, per second, so that a variable rate stays one."""
LONG = 0.5
"""Seconds for which one picture is shown, from which on a clip repeats it at its begin and end."""
APART = 60.0
"""Seconds by which sound and pictures of the same time may lie apart in a file."""

LIMITED, SRGB = 1, 13
PRIMARIES, TRANSFERS = (1, 4, 5, 6, 7, 8, 9, 11, 12, 22), (1, 4, 5, 6, 7, 8, 11, 13, 14, 15)
"""Colours that an encoded clip keeps of its source, by their numbers in ITU-T H.273."""
SCALED_TO = {BT709: "ITU709", BT601: "ITU601"}


def cut(path: str | Path, start: float, end: float, out: Path, encode: bool = False) -> None:
    """Write seconds ``start`` to ``end`` of a video into a file of its own.

    Args:
        encode: cut at the very frame, encoding anew (H.264, AAC). Otherwise streams are copied, from the last key frame
            before ``start``.

    Raises:
        MediaError: the file cannot be read, or its streams do not fit the container of ``out``.
    """
    from av.error import FFmpegError

    try:
        (_encoded if encode else _copied)(path, start, end, out)
    except (FFmpegError, ValueError, RuntimeError) as error:
        out.unlink(missing_ok=True)
        remedy = "" if encode else "; try again with encoding"
        raise MediaError(f"{path}: {start:.1f} to {end:.1f} s cannot be cut ({reason(error)}){remedy}") from error
    except MediaError:
        out.unlink(missing_ok=True)
        raise


def _kept(source: Any, path: str | Path) -> list[Any]:
    """The streams of a cut: pictures and the first sound that can be decoded."""
    sounds = [sound for sound in source.streams.audio if sound.codec_context]
    return [video_stream(source, path), *sounds[:1]]


def _copied(path: str | Path, start: float, end: float, out: Path) -> None:
    """Read twice, so that however long a moment is, only the times of its pictures are in memory."""
    decoded, began = _times(path, start, end)
    with open_video(path) as source, _output(out) as target:
        kept = _kept(source, path)
        origin = (source.start_time or 0) / 1_000_000
        streams = {stream.index: target.add_stream_from_template(stream) for stream in kept}
        last: dict[int, int] = {}
        number = 0
        for packet in _wanted(packets_from(source, kept, start), [s.index for s in kept], origin + end):
            index = packet.stream.index
            if index == kept[0].index:
                if number == len(decoded):
                    continue
                packet.dts = decoded[number]
                number += 1
            elif packet.pts * packet.time_base < began or packet.pts * packet.time_base >= origin + end:
                continue
            elif packet.dts is None or packet.dts <= last.get(index, packet.dts - 1):
                packet.dts = packet.pts = max(packet.pts, last[index] + 1) if index in last else packet.pts
            last[index] = packet.dts
            shift = round(began / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = streams[index]
            target.mux(packet)


def _times(path: str | Path, start: float, end: float) -> tuple[np.ndarray, Fraction]:
    """When to decode the pictures of a moment, in the stream's units and the file's order, and the second of the first.

    Times of decoding grow and are at most those of showing: the latter in order, earlier as far as needed.
    """
    times, shown = array("q"), 0
    with open_video(path) as source:
        kept = _kept(source, path)
        video, base = kept[0].index, kept[0].time_base
        origin = (source.start_time or 0) / 1_000_000
        for packet in _wanted(packets_from(source, kept, start), [s.index for s in kept], origin + end):
            if packet.stream.index == video:
                times.append(packet.pts)
                shown = len(times) if float(packet.pts * base) < origin + end else shown
    if not shown:
        raise ValueError("no picture there")
    kept_times = np.array(times[:shown])
    ordered = np.sort(kept_times)
    return (ordered - (ordered - kept_times).max()).tolist(), kept_times[0].item() * base


def _wanted(packets: Iterator[Any], streams: Sequence[int], end: float) -> Iterator[Any]:
    """Packets from the first key frame on until all pictures and sounds before ``end`` have come."""
    video, past, first = streams[0], {}, None
    for packet in packets:
        if packet.pts is None or packet.time_base is None:
            continue
        index, seconds = packet.stream.index, float(packet.pts * packet.time_base)
        if index != video:
            past[index] = seconds >= end
            yield packet
        elif first is not None or packet.is_keyframe:
            if first is not None and packet.pts < first:
                continue  # shown before the key frame, and made of what lies before it
            first = packet.pts if first is None else first
            past[index] = (float(packet.dts * packet.time_base) if packet.dts is not None else seconds) >= end
            yield packet
        if sum(past.values()) == len(streams) or seconds > end + APART:
            return


def _output(out: Path) -> Any:
    return create_video(out, {"movflags": "faststart"} if out.suffix == ".mp4" else {})


def _encoded(path: str | Path, start: float, end: float, out: Path) -> None:
    with open_video(path) as source:
        kept = _kept(source, path)
        origin = (source.start_time or 0) / 1_000_000
        with _output(out) as target:
            picture = _Pictures(target, kept[0])
            sound = _Sound(target, kept[1]) if kept[1:] else None
            frames = _frames(packets_from(source, kept, start), origin, end, {stream.index for stream in kept})
            early: list[tuple[Any, float]] = []  # sound before the first picture, whose size the file's header needs
            shown: Any = None  # the picture before the moment, which is shown until the next one comes
            for second, frame in frames:
                if isinstance(frame, _audio_frame()):
                    if sound and second + frame.samples / frame.sample_rate > start:
                        early.append((frame, second - start))
                elif second < start:
                    shown = frame
                else:
                    if shown and second - start > LONG and not picture.count:
                        picture.add(shown, 0.0)
                    picture.add(frame, second - start)
                while sound and picture.count and early:
                    sound.add(*early.pop(0))
            lasts = min(end, (source.duration or 0) / 1_000_000) - start
            if shown and not picture.count and lasts > 0:
                picture.add(shown, 0.0)
                while sound and early:
                    sound.add(*early.pop(0))
            picture.shown_until(lasts)
            if not picture.count:
                raise ValueError("no picture there")
            picture.end()
            if sound:
                sound.end()


def _audio_frame() -> type:
    import av

    return av.AudioFrame


def _frames(packets: Iterator[Any], origin: float, end: float, streams: set[int]) -> Iterator[tuple[float, Any]]:
    """(second, frame) before ``end``, until every stream has come so far; what is damaged is left out."""
    from av.error import FFmpegError

    reached: set[int] = set()
    for packet in packets:
        if packet.pts is not None and float(packet.pts * packet.time_base) - origin > end + APART:
            return
        if packet.stream.index in reached:
            continue
        try:
            frames = packet.decode()
        except FFmpegError:
            continue
        for frame in frames:
            second = seconds_at(frame, origin)
            if second >= end:
                reached.add(packet.stream.index)
                break
            yield second, frame
        if reached == streams:
            return


class _Pictures:
    """Pictures of an output: upright, of an ordinary range, with the shape of pixels and the times of the source."""

    def __init__(self, target: Any, source: Any):
        rate = Fraction(source.average_rate or 25).limit_denominator(1001)
        self.target, self.source, self.count, self.last = target, source, 0, -1
        self.graph, self.kind, self.shown = None, None, None
        self.stream = target.add_stream("libx264", rate=rate, options={"crf": "20"})
        self.stream.pix_fmt, self.stream.codec_context.time_base = "yuv420p", Fraction(1, TICKS)

    def add(self, frame: Any, second: float) -> None:
        frame.pts, frame.time_base = round(second * TICKS), Fraction(1, TICKS)
        self.shown, self.count = (frame, second), self.count + 1
        kind = frame.width, frame.height, frame.format.name
        if self.graph and kind != self.kind:
            self._pass_on(None)
        if self.graph is None and frame.interlaced_frame:
            self.graph, self.kind = graph_of(frame, frame.time_base, [DEINTERLACED]), kind
        self._pass_on(frame)

    def shown_until(self, second: float) -> None:
        """Show the last picture until then, where that is long: it is encoded once more, as the last."""
        if self.shown and second - self.shown[1] > LONG:
            self.add(self.shown[0], second - min(1 / float(self.stream.average_rate), 0.1))

    def end(self) -> None:
        self._pass_on(None)
        self.target.mux(self.stream.encode(None))

    def _pass_on(self, frame: Any | None) -> None:
        """Let a frame be encoded, those of woven fields after they were made whole; None for what is left."""
        if self.graph is None:
            if frame:
                self._encode(frame)
            return
        self.graph.push(frame)
        for whole in pulled(self.graph):
            self._encode(whole)
        self.graph = self.graph if frame else None

    def _encode(self, frame: Any) -> None:
        pixels = upright(frame)
        if self.last < 0:
            self._begin(frame, pixels)
        made = type(frame).from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        made.colorspace = self.stream.codec_context.colorspace
        made = made.reformat(
            width=self.stream.width, height=self.stream.height, format="yuv420p",
            dst_colorspace=SCALED_TO[self.stream.codec_context.colorspace], dst_color_range=LIMITED,
        )  # fmt: skip
        made.pts, made.time_base = max(round(frame.time * TICKS), self.last + 1), Fraction(1, TICKS)
        self.last = made.pts
        self.target.mux(self.stream.encode(made))

    def _begin(self, frame: Any, pixels: np.ndarray) -> None:
        """Say what the pictures are like: their size, the shape of their pixels, and what their colours mean."""
        context = self.stream.codec_context
        self.stream.height, self.stream.width = (side - side % 2 or 2 for side in pixels.shape[:2])
        shape = self.source.sample_aspect_ratio
        if shape and shape != 1:
            context.sample_aspect_ratio = 1 / shape if turn_of(frame).exchanged else shape
        usual = BT709 if frame.height >= HD_LINES else BT601
        context.colorspace, context.color_range = usual, LIMITED
        if is_hdr(frame):
            context.color_primaries, context.color_trc = BT709, SRGB
        else:
            context.color_primaries = frame.color_primaries if frame.color_primaries in PRIMARIES else usual
            context.color_trc = frame.color_trc if frame.color_trc in TRANSFERS else usual


class _Sound:
    """Sound of an output, which begins when it does in the source."""

    def __init__(self, target: Any, source: Any):
        self.target, self.stream = target, target.add_stream("aac", rate=source.rate)

    def add(self, frame: Any, second: float) -> None:
        frame.time_base = Fraction(1, frame.sample_rate)
        frame.pts = max(round(second * frame.sample_rate), 0)
        self.target.mux(self.stream.encode(frame))

    def end(self) -> None:
        self.target.mux(self.stream.encode(None))
