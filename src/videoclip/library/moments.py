"""A video as a library holds it: vectors of its moments and seconds, and small pictures."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..media.captions import Caption
from ..model.joint import JointModel
from ..tasks.grounding import windows
from .store.rows import Entry, Video

QUALITY = 60
"""Of pictures, from 0 to 100."""
EVERYDAY = Path(__file__).parent.parent / "data" / "everyday.txt"


def embedded(
    video: Video,
    features: np.ndarray,
    captions: Sequence[Caption],
    shown: Sequence[tuple[float, bytes]],
    model: JointModel,
) -> Entry:
    """A video's entry with the vectors of its moments and seconds."""
    if not len(features):
        return unseen(video, features.shape[1], captions, model.size)
    spans = windows(len(features))
    moments = model.encode_video([features[start:end] for start, end in spans]).numpy()
    tokens = model.video_tokens(features).numpy()
    return Entry(video, features, np.array(spans, np.float32), moments, tokens, captions, shown)


def unseen(video: Video, feature_size: int, captions: Sequence[Caption], size: int) -> Entry:
    """The entry of a recording without pictures, of which what is said is all there is."""
    nothing = np.zeros((0, size), np.float32)
    return Entry(
        video, np.zeros((0, feature_size), np.float16), np.zeros((0, 2), np.float32), nothing, nothing, captions, []
    )


def everyday(model: JointModel) -> np.ndarray:
    """Vectors of texts of everyday things, (N, D)."""
    return model.encode_text(EVERYDAY.read_text().splitlines()).numpy()


def webp(picture: np.ndarray) -> bytes:
    """(H, W, 3) uint8 RGB as a WebP file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, "webp", quality=QUALITY)
    return file.getvalue()
