"""A corpus for PyTorch's ``DataLoader``.

    from torch.utils.data import DataLoader
    from videoclip import CorpusDataset

    for videos in DataLoader(CorpusDataset("my.lance"), batch_size=8, shuffle=True, num_workers=2):
        ...  # a list of 8 NarratedVideo

Videos have different lengths, so that a batch is a list of them; ``transform`` makes of each what can be stacked.
Workers may be started in any way: Lance does not survive a fork, so a forked worker has a program beside it that reads.
"""

import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch.utils.data import Dataset
from torch.utils.data._utils.collate import default_collate_fn_map

from ..errors import CorpusError
from ..processes import is_forked
from ..storage.places import Place
from .rows import NarratedVideo
from .store import Corpus


class CorpusDataset(Dataset):
    """The videos of a corpus, or some of them, by number.

    Args:
        corpus: one that is open, or where it is.
        videos: ids, in the order in which they are to be numbered; by default all, in row order.
        transform: what becomes of each video; by default it stays a ``NarratedVideo``.

    Raises:
        CorpusError: there is no corpus, or no such video in it.
    """

    def __init__(
        self,
        corpus: Corpus | str | Place,
        videos: Iterable[str] | None = None,
        transform: Callable[[NarratedVideo], Any] | None = None,
    ):
        self.corpus = corpus if isinstance(corpus, Corpus) else Corpus(corpus)
        rows = range(len(self.corpus)) if videos is None else [self.corpus.row(video) for video in videos]
        self.rows: Sequence[int] = rows
        self.transform = transform
        self._reader: Reader | None = None
        warnings.filterwarnings("ignore", "lance is not fork-safe")  # it is not used where it was forked

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> Any:
        return self.__getitems__([number])[0]

    def __getitems__(self, numbers: Sequence[int]) -> list:
        """Several at once, as a ``DataLoader`` asks for them."""
        videos = self._read([self.rows[number] for number in numbers])
        return [self.transform(video) for video in videos] if self.transform else videos

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_reader": None}

    def _read(self, rows: list[int]) -> list[NarratedVideo]:
        if not is_forked():
            return self.corpus.read(rows)
        self._reader = self._reader or Reader(self.corpus)
        return self._reader.read(rows)


class Reader:
    """A program that reads a corpus for a process that cannot, and ends with it."""

    def __init__(self, corpus: Corpus):
        code = f"import sys; sys.path[:] = {sys.path!r}; from videoclip.corpus.reader import answer; answer()"
        self.path = corpus.path
        self.program = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._send(corpus)

    def read(self, rows: list[int]) -> list[NarratedVideo]:
        """``Corpus.read``, by the program.

        Raises:
            CorpusError: what ``Corpus.read`` raises, or the program has ended.
        """
        self._send(rows)
        assert self.program.stdout
        try:
            answer = pickle.load(self.program.stdout)
        except EOFError:
            raise CorpusError(
                f"{self.path}: the program that reads it has ended (exit {self.program.wait()})"
            ) from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _send(self, what: object) -> None:
        assert self.program.stdin
        try:
            pickle.dump(what, self.program.stdin)
            self.program.stdin.flush()
        except BrokenPipeError:
            raise CorpusError(f"{self.path}: the program that reads it has ended; see above") from None


def _as_list(batch: list[NarratedVideo], *, collate_fn_map: object = None) -> list[NarratedVideo]:
    return batch


default_collate_fn_map[NarratedVideo] = _as_list  # PyTorch's way to say what a batch of a class is
