"""The tasks on one video: which labels its seconds show, when steps happen, which answer fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..errors import ConfigError, VideoclipError
from ..media.captions import Caption
from ..model.joint import JointModel
from ..ranges import Range, check
from ..text import read_text
from ..ties import first_of_largest, slack
from .alignment import REACH, align
from .boundaries import boundaries
from .localization import locate_steps
from .metrics import BACKGROUND
from .segmentation import background_text, segment


@dataclass(frozen=True)
class Segment:
    """Seconds ``start`` to ``end`` that show ``label``."""

    start: float
    end: float
    label: str


def read_lines(path: Path) -> list[str]:
    """A file's lines that are not empty.

    Raises:
        VideoclipError: it cannot be read as text, or is empty.
    """
    lines = [line.strip() for line in read_text(path).splitlines()]
    if not any(lines):
        raise ConfigError(f"{path}: is empty; write one label a line")
    return [line for line in lines if line]


def _check(features: np.ndarray, texts: Sequence[str]) -> None:
    """Raise ``VideoclipError`` where nothing can be found: in a video of no seconds, or of a text of no words."""
    if not len(features):
        raise VideoclipError("the video has no second in which anything could be shown")
    if not texts or any(not text.strip() for text in texts):
        raise VideoclipError("a text is empty, so that nothing can be looked for; leave it out")


def segments(model: JointModel, features: np.ndarray, labels: Sequence[str], rule: str = "spread") -> list[Segment]:
    """Stretches of a video that show one of the labels, in order: (T, F) features; the rest is background.

    Raises:
        VideoclipError: the video has no seconds, or a label no words.
    """
    _check(features, labels)
    tokens, texts = model.video_tokens(features).numpy(), model.encode_text(labels).numpy()
    found = segment(tokens, texts, rule, background_text(model, rule))
    edges = [0, *(np.flatnonzero(np.diff(found)) + 1).tolist(), len(found)]
    shown = [(s, e, int(found[s])) for s, e in pairwise(edges) if found[s] != BACKGROUND]
    return [Segment(float(s), float(e), str(labels[label])) for s, e, label in shown]


def steps(model: JointModel, features: np.ndarray, texts: Sequence[str]) -> list[Segment]:
    """When each of ordered steps is shown: (T, F) features -> a stretch for each step, in their order.

    Raises:
        VideoclipError: there are more steps than seconds, or a step has no words.
    """
    _check(features, texts)
    if len(texts) > len(features):
        raise VideoclipError(
            f"{len(texts)} steps cannot follow each other in a video of {len(features)} s, for each takes a second; "
            "leave some out"
        )
    scores = model.video_tokens(features).numpy() @ model.encode_text(texts).numpy().T
    spans = stretches_of_steps(scores, locate_steps(scores))
    return [Segment(float(start), float(end), text) for (start, end), text in zip(spans, texts, strict=True)]


def stretches_of_steps(scores: np.ndarray, seconds: Sequence[int] | np.ndarray) -> list[tuple[int, int]]:
    """The stretch of each step around its second, none of which overlaps another: (T, K), (K,) increasing -> K pairs.

    Where the stretches of two neighbours overlap, the one ends and the next begins where both together score best.
    """
    spans = [tuple(int(t) for t in boundaries(scores[:, k], s, s + 1)) for k, s in enumerate(seconds)]
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    for k, (here, there) in enumerate(pairwise(seconds)):
        ends[k] = min(ends[k], there)
        starts[k + 1] = max(starts[k + 1], here + 1)
        if ends[k] > starts[k + 1]:
            first, last = starts[k + 1], ends[k]
            gain = np.cumsum([0.0, *(scores[first:last, k] - scores[first:last, k + 1])])
            ends[k] = starts[k + 1] = first + int(first_of_largest(gain, slack(scores) * len(gain)))
    return list(zip(starts, ends, strict=True))


def check_choices(choices: Sequence[str]) -> None:
    """Raise ``VideoclipError`` if there is nothing to choose between."""
    if len(choices) < 2:
        raise VideoclipError("name at least two answers to choose from")
    twice = [choice for choice in choices if choices.count(choice) > 1]
    if twice:
        raise VideoclipError(f"answer '{twice[0]}' is named twice; leave one out")


def answers(model: JointModel, features: np.ndarray, choices: Sequence[str], question: str = "") -> list[float]:
    """How likely each choice is, together 1: (T, F) features of the whole video or of a part.

    Args:
        question: stands before each choice.

    Raises:
        VideoclipError: the video has no seconds, there are fewer than two choices, one has no words, or is there twice.
    """
    _check(features, choices)
    check_choices(choices)
    texts = [f"{question} {choice}".strip() for choice in choices]
    scores = model.encode_text(texts).numpy() @ model.encode_video([features])[0].numpy()
    shares = np.exp(scores - scores.max())
    return (shares / shares.sum()).tolist()


def as_captions(found: Sequence[Segment]) -> list[Caption]:
    """Labels as captions."""
    return [Caption(s.start, s.end, s.label) for s in found]


@dataclass(frozen=True)
class Aligned:
    """A sentence of a narration: when it is ``spoken`` and when that is ``shown``, (start, end) in seconds each.

    ``at`` is the second that shows it best, ``confidence`` how sure that is, from 0 to 1; ``kept`` whether it describes
    something that is seen at all.
    """

    text: str
    spoken: tuple[float, float]
    shown: tuple[float, float]
    at: float
    confidence: float
    kept: bool


def aligned(
    model: JointModel, features: np.ndarray, captions: Sequence[Caption], reach: float = REACH
) -> list[Aligned]:
    """Which sentences describe something that is seen, and when: (T, F) features and what is said, in order.

    Args:
        reach: seconds from the speech in which it is looked for.

    Raises:
        VideoclipError: the video has no seconds, or nothing is said while it lasts.
    """
    _check(features, [caption.text for caption in captions])
    check("reach", reach, Range(1, 1e7))
    beyond = [caption for caption in captions if caption.start >= len(features)]
    if beyond:
        late = f"'{beyond[0].text}' is said at {beyond[0].start:g} s"
        raise VideoclipError(f"{late}, but the video ends at {len(features)} s; leave it out")
    spoken = [(caption.start, caption.end) for caption in captions]
    sentences = model.encode_text([caption.text for caption in captions]).numpy()
    found = align(model.video_tokens(features).numpy(), sentences, np.array(spoken), reach)
    rows = zip(captions, spoken, found.spans.tolist(), found.times, found.probability, found.kept, strict=True)
    return [
        Aligned(caption.text, when, (shown[0], shown[1]), float(at), round(float(sure), 3), bool(kept))
        for caption, when, shown, at, sure, kept in rows
    ]


def said_within(captions: Sequence[Caption], seconds: int) -> list[Caption]:
    """The captions that begin before a video of so many seconds ends.

    Raises:
        VideoclipError: none does.
    """
    within = [caption for caption in captions if caption.start < seconds]
    if not within:
        raise VideoclipError(
            f"nothing is said while the video lasts: its {len(captions)} captions begin after its end, at {seconds} s; "
            "are they of another video?"
        )
    return within


def shown_captions(sentences: Sequence[Aligned]) -> list[Caption]:
    """The sentences that are kept as captions of what is shown, in its order."""
    kept = sorted((sentence for sentence in sentences if sentence.kept), key=lambda sentence: sentence.shown)
    return [Caption(*sentence.shown, sentence.text) for sentence in kept]


def part_of(features: np.ndarray, start: float, end: float | None) -> np.ndarray:
    """The seconds from ``start`` to ``end`` (by default the last), at least one: (T, F) -> (≤ T, F).

    Raises:
        VideoclipError: the video has no such part.
    """
    if not 0 <= start < len(features):
        raise VideoclipError(f"start {start:g} s: choose a second of the video, which ends at {len(features)} s")
    if end is not None and not start < end <= len(features) + 1:
        raise VideoclipError(
            f"end {end:g} s: choose a second after {start:g} s of the video, which ends at {len(features)} s"
        )
    return features[int(start) : None if end is None else max(int(end), int(start) + 1)]
