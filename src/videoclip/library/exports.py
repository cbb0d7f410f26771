"""Found moments for other programs: playlists, markers for editors, tables, captions, and clips."""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from ..errors import ConfigError, MediaError
from ..media.cutting import cut
from ..progress import track
from .editing import as_edl, as_fcpxml, one_line
from .ranking import Hit

MORE = ("meaning", "quote", "written", "line")
"""Columns of tables that came later, fields of ``Hit``."""


def as_json(hits: Sequence[Hit], title: str) -> str:
    """Everything that is known of the hits."""
    return json.dumps({"query": title, "hits": [asdict(hit) for hit in hits]}, indent=1)


def as_csv(hits: Sequence[Hit], title: str) -> str:
    """A row per hit, with a header."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["query", "path", "start", "end", "score", "sight", "sure", "speech", "said", *MORE])
    for hit in hits:
        row = [
            title,
            hit.path,
            f"{hit.start:.2f}",
            f"{hit.end:.2f}",
            f"{hit.score:.4f}",
            hit.sight,
            hit.sure,
            hit.speech,
            hit.said,
            *(getattr(hit, name) for name in MORE),
        ]
        writer.writerow([_harmless(v) if isinstance(v, str) else v for v in row])
    return file.getvalue()


def as_m3u(hits: Sequence[Hit], title: str) -> str:
    """A playlist that plays the moments one after another, in players that know VLC's options."""
    lines = ["#EXTM3U", f"#PLAYLIST:{one_line(title)}"]
    for hit in hits:
        lines += [
            f"#EXTINF:{hit.end - hit.start:.0f},{one_line(Path(hit.path).stem)} at {_clock(hit.start)}",
            f"#EXTVLCOPT:start-time={hit.start:.2f}",
            f"#EXTVLCOPT:stop-time={hit.end:.2f}",
            _plain_path(hit.path),
        ]
    return "\n".join(lines) + "\n"


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
    """Cut each moment out of its video into ``folder``; returns the files, and the clips that failed with the reason.

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
                failed[out.name] = str(error)
            advance()
    return made, failed


def _plain_path(path: str) -> str:
    """A path as a line that players open: as it is, but for line breaks, which no line can hold."""
    return path.replace("\n", " ").replace("\r", " ")


def _harmless(text: str) -> str:
    """Not a formula for a spreadsheet."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
