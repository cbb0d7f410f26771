"""Videos whose seconds are labelled: segmentation with every label as a candidate, which several benchmarks ask for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import CorpusError
from ..model.joint import JointModel
from ..tasks.metrics import BACKGROUND, segmentation_metrics
from ..tasks.segmentation import background_text, labels_of_seconds, segment

Shown = tuple[float, float, str]
"""Start and end in seconds, and what is shown."""


@dataclass(frozen=True)
class Segmented:
    """Labels of the seconds of each video, true ones and those by each rule; numbers of labels, -1 for background."""

    truth: dict[str, np.ndarray]  # video -> (T,)
    predicted: dict[str, dict[str, np.ndarray]]  # rule -> video -> (T,)
    left_out: dict[str, int]

    def check(self, message: str) -> None:
        """Raise ``CorpusError`` with the message if no second has a label."""
        if all((labels == BACKGROUND).all() for labels in self.truth.values()):
            raise CorpusError(message)

    def metrics(self, rule: str) -> dict:
        """Of the labels by a rule."""
        return segmentation_metrics(list(self.predicted[rule].values()), list(self.truth.values()))

    def items(self, rule: str) -> list[dict]:
        """Every video with its labels by a rule."""
        return [
            {"video": video, "truth": truth.tolist(), "prediction": self.predicted[rule][video].tolist()}
            for video, truth in self.truth.items()
        ]


def segment_videos(
    model: JointModel,
    features: dict[str, np.ndarray],
    shown: Mapping[str, Sequence[Shown]],
    labels: Sequence[str],
    rules: Sequence[str],
) -> Segmented:
    """Label the seconds of videos by each of the rules (``tasks.segmentation.RULES``).

    Args:
        features: (T, F) of those videos that there are.
        shown: of every video; counted in ``left_out`` where there are no features.
    """
    place = {label: i for i, label in enumerate(labels)}
    texts = model.encode_text(labels).numpy()
    backgrounds = {rule: background_text(model, rule) for rule in rules}
    truth, predicted, past = {}, {rule: {} for rule in rules}, 0
    for video, seconds in features.items():
        past += sum(start >= len(seconds) for start, _, _ in shown[video])
        truth[video] = labels_of_seconds([(s, e, place[label]) for s, e, label in shown[video]], len(seconds))
        tokens = model.video_tokens(seconds).numpy()
        for rule in rules:
            predicted[rule][video] = segment(tokens, texts, rule, backgrounds[rule])
    left_out = {"without_features": len(shown) - len(features), "segments_past_the_end": past}
    return Segmented(truth, predicted, left_out)
