"""Video question answering with given choices (paper, section 5.1): the answer is the text closest to the video."""

from collections.abc import Sequence

import numpy as np

from ..model.joint import JointModel
from ..ties import first_of_largest


def choose(video: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """Index of the best choice of each question, the first of equal ones: clips (Q, D), texts (Q, C, D) -> (Q,) int."""
    return first_of_largest(np.einsum("qd,qcd->qc", np.asarray(video), np.asarray(texts)))


def answer(
    model: JointModel,
    clips: Sequence[np.ndarray],
    choices: Sequence[Sequence[str]],
    clip_of: Sequence[int] | None = None,
) -> np.ndarray:
    """Answer Q questions with C choices each -> (Q,) int; every clip, of (seconds, F), and text is encoded once.

    Args:
        clip_of: which of the clips each question is about; by default there is one for each.
    """
    texts = sorted({text for question in choices for text in question})
    row = {text: i for i, text in enumerate(texts)}
    vectors = model.encode_text(texts).numpy()
    chosen = vectors[np.array([[row[text] for text in question] for question in choices])]
    videos = model.encode_video(clips).numpy()
    return choose(videos if clip_of is None else videos[np.asarray(clip_of)], chosen)
