"""What a library knows of itself: its own sentences are looked for by sight, each of which it knows the time of.

Nobody has labelled a library, but what is said in a video is mostly about what is shown there at about that time. A
wrong hit in the same video lies near that time or far from it by chance. So the hits that lie near, less what chance
makes of those that lie far, are those that are right. Two kinds of sentences would mislead, and are left out: those
whose words are said in other videos too, since they may be shown there as well, as is most chatter; and those for which
no moment of the library stands out.
"""

from dataclasses import replace
from itertools import islice

import numpy as np

from ..media.captions import Caption
from ..model.alignment import REACH
from ..model.joint import JointModel
from ..ties import MOMENT
from .calibration import calibrated
from .confidence import Confidence, known, learnt
from .moments import everyday
from .ranking import Hit, content_words, has_share
from .sight import moments_near
from .store.reading import Store
from .store.writing import Writer

SAMPLE = 20_000
"""Moments by which it is measured where hits begin."""
BESIDE = 1_000
"""Moments beside which a hit is seen."""
LOOKED_AT, TRIALS = 2_000, 400
"""Sentences of which it is asked whether other videos have their words, and those that are looked for."""
ALIKE = 0.75
"""Share of a sentence's words from which on a passage says the same."""
CHATTER = 0.25
"""Share of the sentences that are left out, those for which no moment stands out. What chatter stays lowers shares."""
LEAST_WORDS = 3
"""Words that say something, of a sentence that is looked for."""
HITS, WINDOWS = 10, 120
"""Hits of each that are judged, as many as are listed by default, and windows of which they are made."""
MOST_NEAR = 2 / 3
"""Share of a video that may lie near a sentence; of shorter videos chance cannot be told."""


def calibrate(writer: Writer, model: JointModel) -> None:
    """Measure anew where hits begin, and how often they are right."""
    before = writer.store.calibration()
    calibration = calibrated(before.bank if before else everyday(model), writer.store.sample(SAMPLE))
    if calibration:
        writer.calibrate(replace(calibration, confidence=confidence_of(writer.store, model)))


def confidence_of(store: Store, model: JointModel) -> Confidence | None:
    """How often hits are right, by the sentences of a library; None where too little is said to tell."""
    told = sentences_of_their_own(store)
    if not told:
        return None
    beside, durations = store.sample(BESIDE, seed=1), {n: video.duration for n, video in store.videos().items()}
    features, labels = [], []
    for vector, (video, said) in zip(model.encode_text([c.text for _, c in told]).numpy(), told, strict=True):
        hits = moments_near(store, vector, WINDOWS, durations)[0][:HITS]
        if not hits:  # the nearest are left from videos that were removed
            continue
        features.append(known(np.array([hit.score for hit in hits]), beside @ vector))
        labels.append(nearness(hits, video, said, durations[video]))
    stands_out = np.array([of_text[0, 0] for of_text in features])
    used = np.flatnonzero(stands_out >= np.quantile(stands_out, CHATTER)) if len(features) else []
    return learnt(beside, [features[i] for i in used], [labels[i] for i in used])


def sentences_of_their_own(store: Store) -> list[tuple[int, Caption]]:
    """Random sentences with their videos, of videos with pictures that are long enough, in words that no other has."""
    videos = store.videos()
    seen = {number for number, video in videos.items() if video.width}  # the others are sound alone

    def is_its_own(video: int, said: Caption) -> bool:
        words = content_words(said.text)
        if video not in seen or len(words) < LEAST_WORDS or near_share(said, videos[video].duration) > MOST_NEAR:
            return False
        passages = store.said(words, HITS)
        return not any(
            other in videos and other != video and has_share(text, words, ALIKE) for other, *_, text in passages
        )

    return list(islice((told for told in store.sentences(LOOKED_AT) if is_its_own(*told)), TRIALS))


def nearness(hits: list[Hit], video: int, said: Caption, duration: float) -> np.ndarray:
    """(K,): 1 for hits near a sentence of their video, less than 0 for those far from it, whose mean is 0 by chance."""
    near = near_share(said, duration)
    middles = np.array([(hit.start + hit.end) / 2 for hit in hits])
    is_near = (middles > said.start - REACH - MOMENT) & (middles < said.end + REACH + MOMENT)
    return np.where([hit.video == video for hit in hits], np.where(is_near, 1.0, -near / (1 - near)), 0.0)


def near_share(said: Caption, duration: float) -> float:
    """Share of a video's seconds that lie near a sentence."""
    return (min(said.end + REACH, duration) - max(said.start - REACH, 0.0)) / max(duration, 1e-9)
