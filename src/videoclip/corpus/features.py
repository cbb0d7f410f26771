"""Features that others extracted: folders of ``.npy`` or ``.pth.tar`` files or safetensors, and the published shards.

All are asked the same: which videos they hold, and the features of one of them.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..errors import CorpusError, VideoclipError
from ..published.arrays import UNREADABLE, read_npy, reason
from ..published.pickles import InertUnpickler

SUFFIXES = (".npy", ".pth.tar", ".pth", ".pt")
"""Of files of features, one a video; a folder is of one of them, the first of which it has any."""


class FeatureStore(Protocol):
    """Features of many videos, read one video at a time."""

    def find(self, video: str) -> str | None:
        """The key of the video that goes by this name, if there is one."""
        ...

    def __iter__(self) -> Iterator[str]:
        """The keys of all videos, in order."""
        ...

    def name(self, key: str) -> str:
        """The id of a video that nobody else gives one."""
        ...

    def read(self, key: str) -> tuple[np.ndarray, str]:
        """Features (seconds, F) of a video, and the path that they came from; ``CorpusError`` says why not."""
        ...

    def __len__(self) -> int: ...


class FeatureFiles:
    """Every file of features below a folder: its key is the path below the folder, without the suffix.

    A video is found by its key, or by the bare name of its file where only one has it.
    """

    def __init__(self, folder: Path, suffix: str = ".npy"):
        self.folder, self.suffix = folder, suffix
        self._place: dict[str, str] = {}  # bare name -> folder; memory counts, with a million files
        self._more: set[str] = set()  # keys of further files of the same bare name
        for root, names in _walk(folder, suffix):
            place = sys.intern(Path(root).relative_to(folder).as_posix())
            for name in names:
                stem = name[: -len(suffix)]
                if stem in self._place:
                    self._more.add(_key(place, stem))
                else:
                    self._place[stem] = place
        self._ambiguous = {key.rpartition("/")[2] for key in self._more}

    def __len__(self) -> int:
        return len(self._place) + len(self._more)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted([*(_key(place, stem) for stem, place in self._place.items()), *self._more]))

    def find(self, video: str) -> str | None:
        place, _, stem = video.rpartition("/")
        if video in self._more or (stem in self._place and self._place[stem] == (place or ".")):
            return video
        return _key(self._place[video], video) if video in self._place and video not in self._ambiguous else None

    def name(self, key: str) -> str:
        stem = key.rpartition("/")[2]
        return key if stem in self._ambiguous else stem

    def read(self, key: str) -> tuple[np.ndarray, str]:
        path = f"{self.folder}/{key}{self.suffix}"
        return (read_npy if self.suffix == ".npy" else _read_tensor)(path), path


def _key(place: str, stem: str) -> str:
    return stem if place == "." else f"{place}/{stem}"


def _walk(folder: Path, suffix: str) -> Iterator[tuple[str, list[str]]]:
    for root, folders, names in os.walk(folder):
        folders.sort()
        yield root, sorted(name for name in names if name.endswith(suffix))


def _read_tensor(path: str) -> np.ndarray:
    """The features in a file of ``torch.save``: a tensor, or the only one (seconds, F) of a dict. Nothing is run.

    That the zoo of TAN (HowTo100M, a vector a second of CLIP-L/14 or InternVideo) holds one of these is assumed.
    """
    from ..published.torch_files import StoredTensor, read_checkpoint

    try:
        content = read_checkpoint(Path(path)).content
        inside = list(content.values()) if isinstance(content, dict) else [content]
        found = [tensor for tensor in inside if isinstance(tensor, StoredTensor) and tensor.ndim == 2]
        if len(found) != 1:
            what = f"{len(found)} tensors (seconds, F)" if inside else "nothing"
            raise CorpusError(f"{path}: holds {what}, expected one; save the features as .npy")
        return found[0].read().float().numpy()
    except VideoclipError as error:
        raise CorpusError(str(error)) from error


class Shards:
    """The published code's shards: in ``S_data.npy`` the seconds of many videos, in ``S_starts.npy`` where each begins.

    Which videos they are stands in a pickle beside them (``train_meta.pkl``), which is read without running anything in
    it: ids by shard, as {shard: [id, …]} or [[id, …], …], or one (id, shard, index) per video.

    Raises:
        CorpusError: there is no such pickle, or a shard that it does not fit.
    """

    def __init__(self, folder: Path):
        self._files = {path.name.removesuffix("_data.npy"): path for path in sorted(folder.glob("*_data.npy"))}
        self._open: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._where: dict[str, tuple[str, int]] = {}
        metas = sorted(folder.glob("*.pkl"))
        if not metas:
            raise CorpusError(
                f"{folder}: holds shards, but no pickle (train_meta.pkl) that says which videos they are of"
            )
        for meta in metas:
            self._take(meta)

    def __len__(self) -> int:
        return len(self._where)

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def find(self, video: str) -> str | None:
        return video if video in self._where else None

    def name(self, key: str) -> str:
        return key

    def read(self, key: str) -> tuple[np.ndarray, str]:
        shard, index = self._where[key]
        data, starts = self._shard(shard)
        if not 0 <= index < len(starts) - 1:
            raise CorpusError(f"{self._files[shard]}: has {len(starts) - 1} videos, none of number {index}")
        return np.array(data[starts[index] : starts[index + 1]]), str(self._files[shard])

    def _shard(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        if name not in self._open:
            path = self._files[name]
            starts_path = path.with_name(f"{name}_starts.npy")
            try:
                data = np.load(path, mmap_mode="r", allow_pickle=False)
                starts = np.load(starts_path, allow_pickle=False)
            except UNREADABLE as error:
                raise CorpusError(f"{path}: this shard or its starts cannot be read ({reason(error)})") from error
            whole = data.ndim == 2 and data.dtype.kind == "f" and starts.ndim == 1 and starts.dtype.kind in "iu"
            if not whole or not len(starts) or starts[0] != 0 or starts[-1] != len(data) or (np.diff(starts) < 0).any():
                raise CorpusError(f"{path}: this shard does not fit {starts_path.name}")
            self._open = {name: (data, starts)}  # one at a time: videos come shard by shard
        return self._open[name]

    def _take(self, meta: Path) -> None:
        with open(meta, "rb") as file:
            content = InertUnpickler(file, str(meta)).read()
        split = re.sub(r"_?meta$", "", meta.stem)
        for shard, index, video in _videos_of(content, meta):
            name = next((n for n in (f"{split}_{shard}", shard, f"{split}{shard}") if n in self._files), None)
            if name is None:
                raise CorpusError(f"{meta}: speaks of a shard {shard}, but there is no {split}_{shard}_data.npy")
            if video in self._where:
                raise CorpusError(f"{meta}: video '{video}' is in two shards")
            self._where[video] = (name, index)


def _videos_of(content: Any, meta: Path) -> Iterator[tuple[str, int, str]]:
    """(shard, place in it, video) of each video, from whichever form the pickle has."""
    if isinstance(content, list) and content and isinstance(content[0], str):
        content = {0: content}
    if isinstance(content, list) and content and isinstance(content[0], tuple) and len(content[0]) == 3:
        for video, shard, index in content:
            yield str(shard), int(index), str(video)
        return
    shards: Iterable = content.items() if isinstance(content, dict) else enumerate(content if _is_rows(content) else ())
    found = False
    for shard, videos in shards:
        if isinstance(videos, tuple) and len(videos) == 2 and isinstance(videos[1], int):
            found = True
            yield str(videos[0]), videos[1], str(shard)  # {video: (shard, place)}
        elif _is_rows(videos) and all(isinstance(video, str) for video in videos):
            found = True
            for index, video in enumerate(videos):
                yield str(shard), index, video
        else:
            raise CorpusError(f"{meta}: shard {shard} is not a list of video ids")
    if not found:
        raise CorpusError(f"{meta}: holds no ids of videos by shard, but {type(content).__name__}")


def _is_rows(value: Any) -> bool:
    return isinstance(value, list | tuple)


class SafetensorsFolder:
    """The files of safetensors in a folder, as ``videoclip export`` writes them: a tensor per video."""

    def __init__(self, folder: Path):
        from safetensors import SafetensorError, safe_open

        self._where: dict[str, Path] = {}
        self._open: tuple[Path, Any] | None = None
        for path in sorted(folder.glob("*.safetensors")):
            try:
                with safe_open(path, "numpy") as file:
                    self._where |= dict.fromkeys(file.keys(), path)
            except (SafetensorError, OSError) as error:
                raise CorpusError(f"{path}: is not a file of safetensors ({reason(error)})") from error

    def __len__(self) -> int:
        return len(self._where)

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def find(self, video: str) -> str | None:
        return video if video in self._where else None

    def name(self, key: str) -> str:
        return key

    def read(self, key: str) -> tuple[np.ndarray, str]:
        from safetensors import safe_open

        path = self._where[key]
        if self._open is None or self._open[0] != path:  # one at a time: videos come file by file
            self._open = path, safe_open(path, "numpy")
        return self._open[1].get_tensor(key), str(path)


def open_features(folder: Path) -> FeatureStore:
    """The features in a folder, in whichever form they lie there.

    Raises:
        VideoclipError: there is no such folder, or nothing of that kind in it.
    """
    if not folder.is_dir():
        raise VideoclipError(f"{folder}: no such folder")
    if any(folder.glob("*_data.npy")) and any(folder.glob("*_starts.npy")):
        return Shards(folder)
    if any(folder.glob("*.safetensors")):
        return SafetensorsFolder(folder)
    for suffix in SUFFIXES:
        if len(found := FeatureFiles(folder, suffix)):
            return found
    raise VideoclipError(f"{folder}: no files of features in it ({', '.join(SUFFIXES)})")
