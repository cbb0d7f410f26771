"""What is said in a corpus as token ids: tokenised once, and read from mapped files by whoever draws batches."""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..corpus.rows import NarratedVideo
from ..corpus.store import Corpus
from ..model.tokenizer import bert_tokenizer
from ..progress import track
from ..storage.copies import working_copy
from ..storage.places import place

CHUNK = 1000
"""Videos that are tokenised together."""


@dataclass(frozen=True)
class Said:
    """The texts of a video as token ids: its captions in their order, then its chatter."""

    ids: np.ndarray  # (ΣL,) int
    offsets: np.ndarray  # (texts + 1,) int: where each text begins, and where the last one ends

    def between(self, first: int, last: int) -> np.ndarray:
        """The ids of texts [first, last), one after the other."""
        return self.ids[self.offsets[first] : self.offsets[last]]

    @property
    def lengths(self) -> list[int]:
        """Tokens of each text."""
        return np.diff(self.offsets).tolist()


def tokenised(videos: Iterable[NarratedVideo], most: int) -> list[Said]:
    """The texts of each video, of which at most ``most`` tokens are kept."""
    return _tokenised([video.texts for video in videos], most)


def _tokenised(texts: list[list[str]], most: int) -> list[Said]:
    encoded = bert_tokenizer().encode([text for said in texts for text in said], most)
    ids = np.fromiter((i for of_text in encoded for i in of_text), np.uint16)
    offsets = np.cumsum([0, *map(len, encoded)])
    ends = np.cumsum([0, *map(len, texts)])
    found = []
    for first, last in pairwise(ends):
        own = offsets[first : last + 1]
        found.append(Said(ids[own[0] : own[-1]], own - own[0]))
    return found


class Tokens:
    """The texts of all videos of a corpus, by row, from the files in a folder (``tokens_of`` makes them)."""

    FILES = IDS, TEXTS, VIDEOS = "ids.npy", "texts.npy", "videos.npy"
    """(ΣL,) uint16 ids; where in them each text begins, (texts + 1,); where in those each video does, (rows + 1,)."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __getitem__(self, row: int) -> Said:
        ids, texts, videos = self._mapped
        offsets = np.asarray(texts[videos[row] : videos[row + 1] + 1])
        return Said(np.asarray(ids[offsets[0] : offsets[-1]]), offsets - offsets[0])

    @cached_property
    def _mapped(self) -> list[np.ndarray]:
        return [np.load(self.folder / name, mmap_mode="r") for name in self.FILES]

    def __getstate__(self) -> dict:
        return {"folder": self.folder}


def tokens_of(corpus: Corpus, most: int) -> Tokens:
    """A corpus's texts, at most ``most`` tokens of each; tokenised now if they have not been yet.

    They lie beside the corpus, in ``NAME.lance.tokens``, or in the user's cache for a corpus in an object store or a
    folder that cannot be written into. A corpus, tokenizer or ``most`` that has changed makes others; those of before
    stay, since another training may read them.
    """
    where = place(f"{corpus.path}.tokens")
    folder = where if isinstance(where, Path) and os.access(where.parent, os.W_OK) else working_copy(where, always=True)
    made = folder / _identity(corpus, most)
    if not made.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as scratch:
            _write(corpus, most, Path(scratch) / "new")
            try:
                os.rename(Path(scratch) / "new", made)
            except OSError:  # another process has just made the same
                if not made.is_dir():
                    raise
    return Tokens(made)


def _identity(corpus: Corpus, most: int) -> str:
    """Of what token ids depend on."""
    what = f"{bert_tokenizer().fingerprint} {corpus.version} {most}"
    return hashlib.blake2b(what.encode(), digest_size=10).hexdigest()


def _write(corpus: Corpus, most: int, folder: Path) -> None:
    folder.mkdir()
    lengths, counts = [np.zeros(1, np.int64)], [0]
    with open(folder / "ids", "wb") as file, track("tokenise", len(corpus), "videos") as advance:
        for start in range(0, len(corpus), CHUNK):
            rows = range(start, min(start + CHUNK, len(corpus)))
            for said in _tokenised(corpus.texts(rows), most):
                file.write(said.ids.tobytes())
                lengths.append(np.diff(said.offsets))
                counts.append(len(said.offsets) - 1)
            advance(len(rows))
    ids = np.memmap(folder / "ids", np.uint16, "r") if os.path.getsize(folder / "ids") else np.empty(0, np.uint16)
    np.save(folder / Tokens.IDS, ids)
    np.save(folder / Tokens.TEXTS, np.concatenate(lengths).cumsum())
    np.save(folder / Tokens.VIDEOS, np.cumsum(counts))
    os.remove(folder / "ids")
