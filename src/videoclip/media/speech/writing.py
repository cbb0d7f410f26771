"""Files with what is said in videos: SRT, VTT, or JSON with the times of words."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import ConfigError, MediaError
from ...progress import track
from ...storage.names import opened
from ...storage.places import write_whole
from ..captions import write_captions
from ..files import VideoFile
from .hearing import Transcript, hear
from .transcriber import Transcriber

FORMS = ("srt", "vtt", "json")


@dataclass
class Written:
    """What came of some files, by their paths; ``model`` is the recogniser's name."""

    model: str
    heard: dict[str, Transcript] = field(default_factory=dict)
    unheard: dict[str, str] = field(default_factory=dict)
    """Files that cannot be heard, with the reason."""
    present: int = 0
    """Files whose transcripts were there already, newer than the file."""


def check_forms(forms: Sequence[str]) -> None:
    """Raise ``ConfigError`` if there is no such form."""
    for form in forms:
        if form not in FORMS:
            raise ConfigError(f"--format '{form}'; choose from {', '.join(FORMS)}")


def transcribe_files(
    sources: Sequence[VideoFile], transcriber: Transcriber, out: Path, forms: Sequence[str], language: str = ""
) -> Written:
    """Write ``<out>/<id>.<form>`` of every file; what is there and newer than its file stays as it is.

    Args:
        language: of the sound track that is preferred where there are several.

    Raises:
        ConfigError: there is no such form.
    """
    check_forms(forms)
    written = Written(transcriber.name)
    with track("hear", len(sources), "files") as advance:
        for source in sources:
            made = [out / f"{opened(source.id)}.{form}" for form in forms]
            note = made[0].with_name(f".{made[0].stem}.hearing.json")
            try:
                if all(path.is_file() and path.stat().st_mtime >= source.path.stat().st_mtime for path in made):
                    written.present += 1
                else:
                    transcript = hear(source.path, transcriber, language, note)
                    for path in made:
                        _write(path, transcript)
                    written.heard[str(source.path)] = transcript
            except MediaError as error:
                written.unheard[str(source.path)] = str(error)
            note.unlink(missing_ok=True)
            advance(1, source.path.name[:40])
    return written


def _write(path: Path, transcript: Transcript) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json":
        write_whole(path, json.dumps(transcript.as_json(), indent=1, ensure_ascii=False))
    else:
        write_captions(path, transcript.narration.captions)
