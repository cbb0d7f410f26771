"""Found moments as lists for editing programs: each in the pictures, the time code and the size of its own file."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..media.source import COUNTED, Source, source_of, time_code
from ..storage.names import shown
from .ranking import Hit

MOST = 999
"""Events that an edit decision list numbers."""


@dataclass(frozen=True)
class _Cut:
    """A moment on the time line: pictures ``first`` to ``after`` of its file; ``length`` of the line from ``at`` on."""

    hit: Hit
    source: Source
    first: int
    after: int
    at: int
    length: int


def _cuts(hits: Sequence[Hit]) -> tuple[Source, list[_Cut]]:
    """The moments one after another, and the file whose rate the time line has: the first that time codes can count."""
    sources = {path: source_of(path) for path in dict.fromkeys(hit.path for hit in hits)}
    line = next((source for source in sources.values() if source.rate in COUNTED), Source())
    cuts, at = [], 0
    for hit in hits:
        source = sources[hit.path]
        first, after = source.span(hit.start, hit.end)
        length = after - first if source.rate == line.rate else max(int((after - first) / source.rate * line.rate), 1)
        cuts.append(_Cut(hit, source, first, after, at, length))
        at += length
    return line, cuts


def as_edl(hits: Sequence[Hit], title: str) -> str:
    """An edit decision list (CMX 3600): the moments as cuts one after another.

    It has a single rate, that of the first file, or 25 where time codes count no such rate; of files at another rate
    the times are right, and their rate is named.
    """
    line, cuts = _cuts(hits[:MOST])
    mode = "DROP FRAME" if line.drops else "NON-DROP FRAME"
    lines = [f"TITLE: {one_line(title)[:70]}", f"FCM: {mode}", ""]
    for number, cut in enumerate(cuts, 1):
        source, same = cut.source, cut.source.rate == line.rate
        first = source.start + cut.first if same else int((source.start + cut.first) / source.rate * line.rate)
        drops = source.drops if same else line.drops
        codes = [time_code(n, line.rate, drops) for n in (first, first + cut.length)]
        codes += [time_code(n, line.rate, line.drops) for n in (cut.at, cut.at + cut.length)]
        channels = "V" if not source.channels else "B" if source.channels == 1 else "AA/V"
        lines += [f"{number:03d}  AX       {channels:<5} C        {' '.join(codes)}"]
        lines += [f"* FROM CLIP NAME: {one_line(Path(cut.hit.path).name)}", f"* SOURCE FILE: {one_line(cut.hit.path)}"]
        if not same:
            lines.append(f"* SOURCE RATE: {float(source.rate):.5g}")
        lines.append("")
    return "\n".join(lines)


def as_fcpxml(hits: Sequence[Hit], title: str) -> str:
    """A timeline of the moments for Final Cut Pro, DaVinci Resolve and Premiere (FCPXML 1.9), with a marker each."""
    line, cuts = _cuts(hits)
    root = ET.Element("fcpxml", version="1.9")
    resources = ET.SubElement(root, "resources")
    formats: dict[tuple, str] = {}
    assets: dict[str, str] = {}

    def format_of(source: Source) -> str:
        key = source.rate, source.width, source.height
        if key not in formats:
            formats[key] = f"r{len(formats) + len(assets) + 1}"
            size = {"width": str(source.width), "height": str(source.height)}
            ET.SubElement(resources, "format", size, id=formats[key], frameDuration=_time(1, source.rate))
        return formats[key]

    sequence_format = format_of(line)
    for cut in cuts:
        if cut.hit.path not in assets:
            its_format = format_of(cut.source)
            assets[cut.hit.path] = f"r{len(formats) + len(assets) + 1}"
            asset = ET.SubElement(resources, "asset", attrib=_asset(cut, assets[cut.hit.path], its_format))
            asset.append(_file(cut.hit.path))
    event = ET.SubElement(ET.SubElement(root, "library"), "event", name="videoclip")
    project = ET.SubElement(event, "project", name=one_line(title) or "moments")
    total = sum(cut.length for cut in cuts)
    sequence = ET.SubElement(
        project, "sequence", format=sequence_format, duration=_time(total, line.rate), tcStart="0s",
        tcFormat="DF" if line.drops else "NDF",
    )  # fmt: skip
    spine = ET.SubElement(sequence, "spine")
    for cut in cuts:
        start = _time(cut.source.start + cut.first, cut.source.rate)
        clip = ET.SubElement(
            spine, "asset-clip", ref=assets[cut.hit.path], name=one_line(Path(cut.hit.path).stem),
            offset=_time(cut.at, line.rate), start=start, duration=_time(cut.length, line.rate),
            tcFormat="DF" if cut.source.drops else "NDF",
        )  # fmt: skip
        note = one_line(f"{title}: {cut.hit.said}"[:200])
        ET.SubElement(clip, "marker", start=start, duration=_time(1, cut.source.rate), value=note)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _asset(cut: _Cut, identity: str, its_format: str) -> dict[str, str]:
    source = cut.source
    made = {
        "id": identity,
        "name": one_line(Path(cut.hit.path).stem),
        "start": _time(source.start, source.rate),
        "duration": _time(source.pictures or cut.after, source.rate),
        "hasVideo": "1",
        "format": its_format,
    }
    if source.channels:
        made |= {"hasAudio": "1", "audioSources": "1", "audioChannels": str(source.channels)}
        made |= {"audioRate": str(source.sound_rate)}
    return made


def _file(path: str) -> ET.Element:
    return ET.Element("media-rep", kind="original-media", src=Path(path).absolute().as_uri())


def _time(pictures: int, rate: Fraction) -> str:
    """A time as FCPXML wants it: whole pictures, as a fraction of a second."""
    time = Fraction(pictures) / rate
    return f"{time.numerator}s" if time.denominator == 1 else f"{time.numerator}/{time.denominator}s"


def one_line(text: str) -> str:
    """On one line, without signs that cannot be printed; bytes that are no text are shown."""
    return "".join(c if c.isprintable() else " " for c in shown(text))
