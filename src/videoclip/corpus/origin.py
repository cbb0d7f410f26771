"""What a realigned corpus notes of itself: whose captions these are, which model placed them, and how."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..config import from_note
from ..errors import CorpusError
from ..storage.places import place

METADATA = b"videoclip.realigned"


@dataclass(frozen=True)
class Origin:
    """A realigned corpus's own note. ``beside``: the source as it is seen from the realigned corpus's folder."""

    source: str
    beside: str = ""
    model: str = field(default="", compare=False)
    fingerprint: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    context: float = field(default=0.0, compare=False)
    """Seconds of speech around each sentence that helped to place it: what came of the setting of that name."""

    @classmethod
    def of(cls, source: str, path: str, **noted: Any) -> "Origin":
        """The note of a corpus at ``path`` whose features are in ``source``."""
        local = isinstance(place(source), Path) and isinstance(place(path), Path)
        if not local:
            return cls(source, **noted)
        held, folder = os.path.abspath(source), os.path.dirname(os.path.abspath(path))
        return cls(held, os.path.relpath(held, folder), **noted)

    def found_from(self, path: str) -> str:
        """Where the source lies now: both may have been moved together.

        Raises:
            CorpusError: nowhere.
        """
        beside = Path(os.path.normpath(Path(path).parent / self.beside)) if self.beside else None
        if beside is not None and beside.exists():
            return str(beside)
        if not place(self.source).exists():
            raise CorpusError(f"{path}: its features are in {self.source}, which is not there; put it back, or beside")
        return self.source

    def metadata(self) -> dict[bytes, bytes]:
        """For a dataset's schema."""
        return {METADATA: json.dumps(asdict(self)).encode()}


def origin_of(schema: Any, path: str) -> Origin | None:
    """The note in a dataset's schema, if it is of a realigned corpus."""
    noted = (schema.metadata or {}).get(METADATA)
    return None if noted is None else from_note(Origin, json.loads(noted), path)
