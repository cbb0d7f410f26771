"""A library's vectors by another model: from the stored features, or from the files where it understands others.

Searches work meanwhile with what was there, and what a killed job has done is not done again.
"""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..encoders.encoder import AnyEncoder
from ..errors import MediaError
from ..model.joint import JointModel
from ..parallel import in_parallel
from ..progress import track
from .moments import embedded, unseen
from .store.about import About
from .store.rows import Entry, Video
from .store.writing import Writer
from .trials import calibrate

TOGETHER = 64
"""Videos whose vectors are written together, of stored features; of files, a few."""
FEW = 4


def embed_again(writer: Writer, after: About, model: JointModel, told: Callable[[dict], None]) -> None:
    """Vectors of another model, from the stored features: nothing is decoded."""
    writer.tidy()
    videos = writer.store.videos()
    with writer.reembedding(after) as other:
        todo = sorted(videos.keys() - other.store.embedded())
        with track("embed", len(videos), "videos", len(videos) - len(todo)) as advance:
            for start in range(0, len(todo), TOGETHER):
                ready = []
                for number, features in writer.store.all_features(todo[start : start + TOGETHER]):
                    ready.append(embedded(videos[number], features, [], [], model))
                    advance()
                other.write_vectors(ready)
                told({"stage": "embedding", "done": start + len(ready), "total": len(todo)})
        calibrate(other, model)


# Parameters: the work, by what it is done, and who is told of it.
def look_again(
    writer: Writer,
    after: About,
    model: JointModel,
    encoder: AnyEncoder,
    workers: int,
    told: Callable[[dict], None],
) -> dict[str, str]:
    """Features and vectors by another encoder and its model, from the files; what is said, and pictures, stay.

    Returns:
        The paths that cannot be looked at, with the reason: these are found by what is said alone.
    """
    writer.tidy()
    videos, set_aside = writer.store.videos(), {}
    size = encoder.kind.feature_size

    def look(shared: AnyEncoder, video: Video, stop: threading.Event) -> Entry | MediaError:
        def go_on() -> None:
            if stop.is_set():
                raise MediaError("interrupted")

        try:
            is_sound = not video.width
            features = None if is_sound else shared.encode_file(Path(video.path), lambda _: None, go_on)
        except MediaError as error:
            return error
        except OSError as error:
            return MediaError(f"{video.path}: cannot be read ({error.strerror})")
        return unseen(video, size, [], model.size) if features is None else embedded(video, features, [], [], model)

    with encoder.shared() as shared, writer.reembedding(after) as other:
        todo = [videos[number] for number in sorted(videos.keys() - other.store.with_features())]
        other.forget_vectors([video.id for video in todo])
        ready: list[Entry] = []
        blind: list[Entry] = []  # written last, since a job that was broken off tries them again

        def flush(entries: list[Entry]) -> None:
            if entries:
                other.write_vectors(entries)
                other.write_features(entries)
                entries.clear()

        with track("look again", len(videos), "videos", len(videos) - len(todo)) as advance:
            for count, (video, outcome) in enumerate(in_parallel(partial(look, shared), todo, workers), 1):
                if isinstance(outcome, MediaError):
                    set_aside[video.path] = str(outcome)
                    blind.append(unseen(video, size, [], model.size))
                else:
                    ready.append(outcome)
                if len(ready) >= FEW:
                    flush(ready)
                advance(1, Path(video.path).name[:40])
                told({"stage": "looking again", "done": count, "total": len(todo), "current": Path(video.path).name})
        flush(ready)
        flush(blind)
        calibrate(other, model)
    return set_aside
