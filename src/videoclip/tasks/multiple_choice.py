"""Video question answering with given choices (paper, section 5.1): the answer is the text closest to the video."""

from collections.abc import Sequence

import numpy as np

from ..model.joint import JointModel


def choose(video: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """Index of the best choice of each question: pooled videos (Q, D), pooled choices (Q, C, D) -> (Q,) int."""
    return np.einsum("qd,qcd->qc", np.asarray(video), np.asarray(texts)).argmax(1)


def answer(model: JointModel, clips: Sequence[np.ndarray], choices: Sequence[Sequence[str]]) -> np.ndarray:
    """Answer Q questions, each a clip of (seconds, F) and C choices -> (Q,) int; every text is encoded once."""
    texts = sorted({text for question in choices for text in question})
    row = {text: i for i, text in enumerate(texts)}
    vectors = model.encode_text(texts).numpy()
    chosen = vectors[np.array([[row[text] for text in question] for question in choices])]
    return choose(model.encode_video(clips).numpy(), chosen)
