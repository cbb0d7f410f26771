"""A video as editing programs see it: rate, size, sound, and the time code of its first picture."""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..errors import MediaError
from .opening import first_frame, open_video, video_stream
from .upright import turn_of

RATES = [
    *(Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120)),
    *(Fraction(n) for n in (12, 15, 24, 25, 30, 48, 50, 60, 100, 120)),
]
"""Rates that editing programs know; what a file says is one of them within a thousandth."""
COUNTED = [*(Fraction(n * 1000, 1001) for n in (24, 30, 48, 60)), *(Fraction(n) for n in (24, 25, 30, 48, 50, 60))]
"""Rates for which there are time codes (SMPTE ST 12-1 and ST 12-3)."""
USUAL_RATE = Fraction(25)
"""Where a file does not say, or is gone."""
CODE = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")


@dataclass(frozen=True)
class Source:
    """Of a file. ``start``: number of its first picture, by its time code; ``pictures``: how many, 0 if unknown."""

    rate: Fraction = USUAL_RATE
    drops: bool = False
    """Whether numbers of pictures are dropped, so that time codes of 29.97 and 59.94 keep pace with the clock."""
    start: int = 0
    pictures: int = 0
    width: int = 1920
    height: int = 1080
    channels: int = 0
    """Of its sound; 0 for none."""
    sound_rate: int = 48_000

    def picture(self, seconds: float) -> int:
        """The picture that is shown so many seconds after the first, at most the one after the last."""
        number = max(round(seconds * self.rate), 0)
        return min(number, self.pictures) if self.pictures else number

    def span(self, start: float, end: float) -> tuple[int, int]:
        """The first picture of a moment and the one after its last, within the file, at least one."""
        first, after = self.picture(start), self.picture(end)
        first = min(first, max(self.pictures - 1, 0)) if self.pictures else first
        return first, max(after, first + 1)


def source_of(path: str | Path) -> Source:
    """What editing programs need to know of a file; the usual where it cannot be read."""
    try:
        with open_video(path) as container:
            stream = video_stream(container, path)
            rate = _rate(stream)
            length = container.duration / 1_000_000 if container.duration else 0.0
            own = float(stream.duration * stream.time_base) if stream.duration else length
            code = next((value for value in _codes(container)), "")
            start, drops = _number(code, rate)
            channels, sound_rate = next(
                ((s.codec_context.layout.nb_channels, s.rate) for s in container.streams.audio if s.codec_context),
                (0, 48_000),
            )
            return Source(
                rate,
                drops,
                start,
                int(own * rate + Fraction(1, 1000)),
                *_size(container, stream),
                channels,
                sound_rate,
            )
    except MediaError:
        return Source()


def _size(container: Any, stream: Any) -> tuple[int, int]:
    """Width and height as the video is shown: those of phones lie on their side in the file."""
    frame = first_frame(container, stream)
    is_turned = frame is not None and turn_of(frame).exchanged
    return (stream.height, stream.width) if is_turned else (stream.width, stream.height)


def time_code(number: int, rate: Fraction, drops: bool) -> str:
    """The time code of a picture (SMPTE ST 12-1): hours:minutes:seconds:pictures, with a semicolon where some drop."""
    nominal = round(rate)
    if drops:
        left_out = nominal // 15  # two of 30, four of 60: in every minute but the tenth
        per_ten, per_minute = 10 * 60 * nominal - 9 * left_out, 60 * nominal - left_out
        tens, rest = divmod(number, per_ten)
        number += 9 * left_out * tens
        if rest >= left_out:
            number += left_out * ((rest - left_out) // per_minute)
    rest, picture = divmod(number, nominal)
    digits = len(str(nominal - 1))
    sign = ";" if drops else ":"
    clock = f"{rest // 3600 % 24:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{clock}{sign}{picture:0{max(digits, 2)}d}"


def _number(code: str, rate: Fraction) -> tuple[int, bool]:
    """The number of a picture by its time code, and whether numbers are dropped; 0 where there is none."""
    found = CODE.fullmatch(code.strip())
    if not found:
        return 0, False
    nominal, drops = round(rate), found[4] != ":" and rate in (RATES[1], RATES[3])
    hours, minutes, seconds, picture = (int(found[i]) for i in (1, 2, 3, 5))
    number = (3600 * hours + 60 * minutes + seconds) * nominal + picture
    if drops:
        whole = 60 * hours + minutes
        number -= nominal // 15 * (whole - whole // 10)
    return number, drops


def _codes(container):
    """Time codes that a file and its streams name."""
    for holder in (*container.streams, container):
        for name, value in holder.metadata.items():
            if name.lower() == "timecode":
                yield value


def _rate(stream) -> Fraction:
    """The rate of a stream, as editing programs know it; of a varying one, what it is made of."""
    said = stream.average_rate or stream.guessed_rate or USUAL_RATE
    if stream.base_rate and stream.base_rate <= 120 and abs(stream.base_rate / said - 1) > 0.02:
        said = stream.base_rate
    known = min(RATES, key=lambda rate: abs(rate - said))
    if abs(known / said - 1) < Fraction(1, 1000):
        return known
    return Fraction(max(round(said), 1))
