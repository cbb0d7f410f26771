"""Files as a library takes them in: each is read once, by several workers at a time.

What was moved or merely touched is not decoded again, nor is what another file of the library holds too: contents are
compared by a hash.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ..corpus.rows import is_finite
from ..encoders.encoder import AnyEncoder
from ..errors import MediaError
from ..media.captions import Caption, Narration
from ..media.container import Pictures, pictures
from ..media.dates import recorded_at
from ..media.files import VideoFile
from ..media.narration import HEARD, INSIDE, narration_of
from ..media.opening import SoundOnly, length_of_sound
from ..media.video import probe
from ..model.joint import JointModel
from ..parallel import in_parallel
from .moments import embedded, unseen, webp
from .store.found import digest_of
from .store.rows import TRACK, Entry, Video
from .store.writing import Writer

PICTURE_EVERY, PICTURE_WIDTH = 5.0, 240
"""Seconds for each of which there is a picture, and its pixels across."""
ENGLISH = "en"


def is_same(video: Video, file: VideoFile, language: str) -> bool:
    try:
        state = file.path.stat()
        same_words = _is_said_there(video, _stamp(file.captions), language)
    except OSError:  # which will be said of it in its turn
        return False
    return (state.st_size, state.st_mtime_ns) == (video.size, video.modified_ns) and same_words


def _is_said_there(video: Video, stamp: str, language: str) -> bool:
    """Whether a video's captions are from where they would be taken now: this caption file, or a track."""
    source, _, asked = video.captions.partition(":")
    if source == HEARD:
        return not stamp  # until a person's captions come
    if source == TRACK:
        return not stamp and (asked or ENGLISH) == language
    return video.captions == stamp


def _stamp(captions: Path | Sequence[Caption] | None) -> str:
    """Which caption file, and which version of it; empty for none."""
    if not isinstance(captions, Path):
        return ""
    state = captions.stat()
    return f"{captions}:{state.st_size}:{state.st_mtime_ns}"


class Work:
    """What workers share: the model, the encoder, and what the library holds already."""

    def __init__(
        self, writer: Writer, model: JointModel, encoder: AnyEncoder, by_path: dict[str, Video], language: str
    ):
        self.writer, self.model, self.encoder = writer, model, encoder
        self.by_path, self.language = by_path, language
        self.by_digest = {video.digest: video for video in by_path.values()}
        self.moved: set[str] = set()
        self.hears = False
        """Whether a recording without captions is taken, too, to be heard later."""
        self.warnings: list[str] = []
        self.lock = threading.Lock()
        self.numbers: dict[Path, int] = {}
        """Of new videos, in the order of the files, not in that in which workers end: so a library can be repeated."""

    def outcomes(self, todo: Sequence[VideoFile], workers: int) -> "Iterator[tuple[VideoFile, Outcome]]":
        """Each file with what became of it, as they are done. Tables are changed by the calling thread alone."""
        self.numbers = {file.path: number for number, file in enumerate(todo, self.writer.next_id())}
        with self.encoder.shared() as encoder:
            read = partial(self.read, encoder)
            for file, outcome in in_parallel(read, todo, workers):
                yield file, self._follow(outcome) if isinstance(outcome, _Same) else outcome

    def read(self, encoder: AnyEncoder, file: VideoFile, stop: threading.Event) -> "Entry | MediaError | _Same":
        """A file's entry; or why there is none; or what has changed of a video that is there."""

        def go_on() -> None:
            if stop.is_set():
                raise MediaError("interrupted")

        try:
            return self._read(encoder, file, go_on)
        except MediaError as error:
            return error
        except OSError as error:
            return MediaError(f"{file.path}: cannot be read ({error.strerror})")

    def _read(self, encoder: AnyEncoder, file: VideoFile, go_on: Callable[[], None]) -> "Entry | _Same":
        state = file.path.stat()
        if not state.st_size:
            raise MediaError(f"{file.path}: the file is empty")
        digest = digest_of(file.path, go_on)
        own = self.by_path.get(str(file.path))
        known = own if own and own.digest == digest else self.by_digest.get(digest)
        stamp = _stamp(file.captions)
        after = None
        if known:
            after = replace(
                known, path=str(file.path), modified_ns=state.st_mtime_ns, size=state.st_size, digest=digest
            )
        if known and after and (known is own or self._claim(known)):
            said = None if _is_said_there(known, stamp, self.language) else self._narration(file)
            return _Same(known, after, said, self._noted(said, file) if said else known.captions)
        try:
            info = probe(file.path)
        except SoundOnly as error:
            return self._sound(file, digest, error)
        said = self._narration(file)
        if known:
            features, shown = self.writer.store.features(known.id), self._pictures(file.path)
        else:
            shown = Pictures(PICTURE_EVERY, PICTURE_WIDTH, webp)
            features = _encoded(encoder, file.path, shown, self.warnings.append, go_on)
        video = Video(
            self.numbers[file.path], str(file.path), state.st_size, state.st_mtime_ns, digest, float(len(features)),
            recorded_at(file.path), info.width, info.height, said.language, self._noted(said, file),
        )  # fmt: skip
        go_on()
        return embedded(video, features, said.captions, list(shown), self.model)

    def _sound(self, file: VideoFile, digest: str, error: SoundOnly) -> Entry:
        """The entry of a file that is sound alone: it is found by what is said, and has no pictures."""
        said, state = self._narration(file), file.path.stat()
        if not said.captions and not self.hears:
            raise MediaError(f"{error}; with captions beside it, it would be found by what is said") from error
        video = Video(
            self.numbers[file.path], str(file.path), state.st_size, state.st_mtime_ns, digest,
            length_of_sound(file.path), recorded_at(file.path), 0, 0, said.language, self._noted(said, file),
        )  # fmt: skip
        return unseen(video, self.encoder.kind.feature_size, said.captions, self.model.size)

    def _claim(self, known: Video) -> bool:
        """Whether a file with the same contents is one that was moved here; by one file only."""
        with self.lock:
            if known.path in self.moved or Path(known.path).is_file():
                return False
            self.moved.add(known.path)
            return True

    def _follow(self, same: "_Same") -> str:
        """Note a video's new path, time or captions."""
        after = same.after
        if same.said is not None:
            self.writer.replace_speech(same.before, same.said.captions)
            after = replace(after, captions=same.noted, language=same.said.language)
        replaced = self.by_path.get(after.path)
        if replaced and replaced.id != same.before.id:
            self.writer.remove([replaced.id])
        self.writer.change(same.before, after)
        if same.before.path != after.path:
            return "moved"
        return "reworded" if same.said is not None else "touched"

    def _narration(self, file: VideoFile) -> Narration:
        try:
            return narration_of(file, self.language)
        except MediaError as error:
            self.warnings.append(str(error))
            return Narration()

    def _noted(self, said: Narration, file: VideoFile) -> str:
        """How a row notes where a video's captions are from."""
        return f"{TRACK}:{self.language}" if said.source == INSIDE else _stamp(file.captions)

    def _pictures(self, path: Path) -> Iterable[tuple[float, bytes]]:
        try:
            return pictures(path, PICTURE_EVERY, PICTURE_WIDTH, webp)
        except MediaError as error:
            self.warnings.append(str(error))
            return []


# Parameters: those of ``AnyEncoder.encode_file``.
def _encoded(
    encoder: AnyEncoder, path: Path, shown: Pictures, damage: Callable[[str], None], go_on: Callable[[], None]
) -> np.ndarray:
    features = encoder.encode_file(path, damage, go_on, look=shown.look)
    if not is_finite(features):
        raise MediaError(f"{path}: the encoder's features of it are not numbers")
    return features


Outcome = Entry | MediaError | str


@dataclass(frozen=True)
class _Same:
    """A video whose contents the library holds: its row as it is and will be, and what is said if that changed."""

    before: Video
    after: Video
    said: Narration | None
    noted: str
    """Where that is written, as the row notes it."""
