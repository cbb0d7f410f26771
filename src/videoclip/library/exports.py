"""Found moments for other programs: playlists, markers for editors, tables, captions, and clips."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

from ..errors import ConfigError, MediaError
from ..media.cutting import cut
from ..media.video import probe
from ..progress import track
from .ranking import Hit

USUAL_RATE = 25
"""Frames per second where a file does not say."""


def as_json(hits: Sequence[Hit], title: str) -> str:
    """Everything that is known of the hits."""
    return json.dumps({"query": title, "hits": [asdict(hit) for hit in hits]}, indent=1)


def as_csv(hits: Sequence[Hit], title: str) -> str:
    """A row per hit, with a header."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["query", "path", "start", "end", "score", "sight", "speech", "said"])
    for hit in hits:
        row = [
            title,
            hit.path,
            f"{hit.start:.2f}",
            f"{hit.end:.2f}",
            f"{hit.score:.4f}",
            hit.sight,
            hit.speech,
            hit.said,
        ]
        writer.writerow([_harmless(v) if isinstance(v, str) else v for v in row])
    return file.getvalue()


def as_m3u(hits: Sequence[Hit], title: str) -> str:
    """A playlist that plays the moments one after another, in players that know VLC's options."""
    lines = ["#EXTM3U", f"#PLAYLIST:{_line(title)}"]
    for hit in hits:
        lines += [
            f"#EXTINF:{hit.end - hit.start:.0f},{_line(Path(hit.path).stem)} at {_clock(hit.start)}",
            f"#EXTVLCOPT:start-time={hit.start:.2f}",
            f"#EXTVLCOPT:stop-time={hit.end:.2f}",
            _line(hit.path),
        ]
    return "\n".join(lines) + "\n"


def as_edl(hits: Sequence[Hit], title: str) -> str:
    """An edit decision list (CMX 3600): the moments as cuts one after another, 25 frames per second."""
    lines = [f"TITLE: {_line(title)[:70]}", "FCM: NON-DROP FRAME", ""]
    at = 0.0
    for number, hit in enumerate(hits[:999], 1):
        length = hit.end - hit.start
        times = (hit.start, hit.end, at, at + length)
        codes = " ".join(_timecode(t) for t in times)
        lines += [f"{number:03d}  AX       V     C        {codes}", f"* FROM CLIP NAME: {_line(Path(hit.path).name)}"]
        lines += [f"* SOURCE FILE: {_line(hit.path)}", ""]
        at += length
    return "\n".join(lines)


def as_fcpxml(hits: Sequence[Hit], title: str) -> str:
    """A timeline of the moments for Final Cut Pro, DaVinci Resolve and Premiere (FCPXML 1.9), with a marker each."""
    root = ET.Element("fcpxml", version="1.9")
    resources = ET.SubElement(root, "resources")
    ET.SubElement(resources, "format", id="r0", frameDuration=f"1/{USUAL_RATE}s", width="1920", height="1080")
    assets: dict[str, str] = {}
    for hit in hits:
        if hit.path not in assets:
            assets[hit.path] = f"r{len(assets) + 1}"
            info = _probed(hit.path)
            asset = ET.SubElement(
                resources, "asset", id=assets[hit.path], name=_line(Path(hit.path).stem), start="0s",
                duration=_rational(max(info, hit.end)), hasVideo="1", format="r0",
            )  # fmt: skip
            ET.SubElement(asset, "media-rep", kind="original-media", src=Path(hit.path).absolute().as_uri())
    event = ET.SubElement(ET.SubElement(root, "library"), "event", name="videoclip")
    project = ET.SubElement(event, "project", name=_line(title) or "moments")
    total = sum(hit.end - hit.start for hit in hits)
    sequence = ET.SubElement(project, "sequence", format="r0", duration=_rational(total), tcStart="0s")
    spine, at = ET.SubElement(sequence, "spine"), 0.0
    for hit in hits:
        length = _rational(hit.end - hit.start)
        clip = ET.SubElement(
            spine, "asset-clip", ref=assets[hit.path], name=_line(Path(hit.path).stem), offset=_rational(at),
            start=_rational(hit.start), duration=length,
        )  # fmt: skip
        note = _line(f"{title}: {hit.said}"[:200])
        ET.SubElement(clip, "marker", start=_rational(hit.start), duration=f"1/{USUAL_RATE}s", value=note)
        at += hit.end - hit.start
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n' + ET.tostring(root, encoding="unicode") + "\n"


FORMS: dict[str, Callable[[Sequence[Hit], str], str]] = {
    "json": as_json,
    "csv": as_csv,
    "m3u": as_m3u,
    "edl": as_edl,
    "fcpxml": as_fcpxml,
}
"""What hits can be written as, by the suffix of the file."""


def in_form(form: str, hits: Sequence[Hit], title: str) -> str:
    """Hits as the text of a file.

    Raises:
        ConfigError: there is no such form.
    """
    if form not in FORMS:
        raise ConfigError(f"no form '{form}'; choose from {', '.join(FORMS)}")
    return FORMS[form](hits, title)


def export_clips(hits: Sequence[Hit], folder: Path, encode: bool = False) -> tuple[list[Path], dict[str, str]]:
    """Cut each moment out of its video into ``folder``; returns the files, and what could not be cut with the reason.

    Args:
        encode: cut at the very frame and encode anew; otherwise streams are copied from the key frame before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made, failed = [], {}
    with track("clips", len(hits), "clips") as advance:
        for number, hit in enumerate(hits, 1):
            source = Path(hit.path)
            stem = re.sub(r"[^\w.-]+", "_", source.stem)[:80].lstrip(".") or "clip"
            suffix = (
                ".mp4" if encode or source.suffix.lower() not in (".mkv", ".webm", ".mov") else source.suffix.lower()
            )
            out = folder / f"{number:03d}-{stem}-{int(hit.start)}s{suffix}"
            try:
                cut(source, hit.start, hit.end, out, encode)
                made.append(out)
            except MediaError as error:
                failed[hit.path] = str(error)
            advance()
    return made, failed


def _probed(path: str) -> float:
    try:
        return probe(path).duration
    except MediaError:
        return 0.0


def _line(text: str) -> str:
    """On one line, without signs that cannot be printed."""
    return "".join(c if c.isprintable() else " " for c in text)


def _harmless(text: str) -> str:
    """Not a formula for a spreadsheet."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _timecode(seconds: float) -> str:
    frames = round(seconds * USUAL_RATE)
    rest, frame = divmod(frames, USUAL_RATE)
    return f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}:{frame:02d}"


def _rational(seconds: float) -> str:
    """A time as FCPXML wants it: whole frames, as a fraction of a second."""
    time = Fraction(round(seconds * USUAL_RATE), USUAL_RATE)
    return f"{time.numerator}s" if time.denominator == 1 else f"{time.numerator}/{time.denominator}s"
