"""Narration placed where a model sees it (Han et al., CVPR 2022; SPEC's alignment), as a corpus to train another on.

Speech runs ahead of the pictures or behind them, and most of it is about nothing that is shown. A first model, trained
in spite of that, knows where each sentence belongs: with its times a second model can learn from short, strictly
aligned clips. What is written are captions alone, with the times of before and after; features stay where they are.
"""

import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import numpy as np

from ..corpus.origin import Origin
from ..corpus.realigned import add_realigned, moves, realigned_corpus
from ..corpus.store import Corpus, NarratedVideo
from ..errors import ConfigError
from ..model.alignment import REACH, Alignment, align
from ..model.joint import JointModel
from ..progress import track
from ..ranges import Range, ranged
from ..storage.names import noted as noted_name
from ..storage.places import Place, place, write_whole
from ..ties import TOLERANCE
from .distributed import Ranks

VIDEOS, OTHERS = 100, 5
"""Videos by which an aligner is judged, and other videos' narrations that each is tried with."""
FEWEST = 50
"""Videos from which on a judgement means something."""
SETTLED_LAG, SETTLED_SHARE = 1.0, 0.9
"""Seconds by which captions move, and share of them that is kept, at which realigning has nothing to mend."""
COMMIT_SECONDS, AT_ONCE = 60.0, 16
"""Work that a killed job can lose, and videos whose sentences are encoded together."""
SUMMARY = "realigned.json"
"""In the corpus's folder: written when it is whole."""


@dataclass(frozen=True)
@ranged
class RealignConfig:
    """How narration is placed. ``drop``: whether sentences that the alignment leaves out are left out of the corpus."""

    reach: Annotated[float, Range(1, 100_000)] = REACH
    """Seconds from where it is spoken in which what a sentence describes is looked for."""
    drop: bool = True


@dataclass(frozen=True)
class Realigned:
    """What became of a corpus's captions."""

    videos: int
    captions: int
    kept: int
    moved: tuple[float, float, float]
    """Seconds from the middle of when it is said to that of when it is shown: a quarter, half, three quarters of the
    kept captions are below."""
    told_apart: float
    """Share of comparisons in which a video's own narration fits it better than another video's; 0.5 is chance."""
    least: float
    """What ``told_apart`` has to exceed: two standard errors above chance; 0 for too few videos to say."""

    def __str__(self) -> str:
        low, middle, high = self.moved
        text = (
            f"{self.kept:,} of {self.captions:,} captions kept ({self.share:.0%}), shown {middle:+.1f} s from when "
            f"they are said ({low:+.1f} to {high:+.1f} s for half of them); own narration told from another's in "
            f"{self.told_apart:.0%} of comparisons"
        )
        return f"{text}; {self.advice}" if self.advice else text

    @property
    def share(self) -> float:
        return self.kept / max(self.captions, 1)

    @property
    def advice(self) -> str:
        """Why it will not help; empty where it may."""
        is_settled = abs(self.moved[1]) < SETTLED_LAG and self.moved[2] - self.moved[0] < 2 * SETTLED_LAG
        if is_settled and self.share > SETTLED_SHARE:
            return "speech is about what is shown as it is said: realigning changes next to nothing here"
        if self.least and self.told_apart < self.least + 0.1:
            return "the model hardly tells a video's own narration from another's: a better first model comes first"
        return ""


# Parameters: of the step itself; who shares it is the training's.
def realign(
    corpus: Corpus, model: JointModel, out: str | Place, config: RealignConfig | None = None,
    rows: Sequence[int] | None = None, ranks: Ranks | None = None,
) -> Realigned:  # fmt: skip
    """Write a corpus of the same videos with their captions where ``model`` sees them; goes on where it was stopped.

    Args:
        corpus: of a realigned one the original captions are taken.
        out: the realigned corpus; what is there already, of the same model and settings, is kept.
        rows: of the videos, by default of all in which something is said.
        ranks: processes that share the work.

    Raises:
        ConfigError: the model cannot tell a video's own narration from another's, or ``out`` holds something else.
    """
    config, ranks, corpus = config or RealignConfig(), ranks or Ranks(), corpus.source
    model.check_features(corpus.kind, corpus.path)
    where, spoken = place(out), corpus.rows_with_captions()
    rows = [row for row in (range(len(corpus)) if rows is None else rows) if row in spoken]
    noted = {"model": model.name, "fingerprint": model.fingerprint, "settings": asdict(config)}
    origin = Origin.of(corpus.path, str(where), **noted)
    if not rows:
        raise ConfigError(f"{corpus.path}: in none of the videos that are asked for is anything said")
    done = set(realigned_corpus(where, origin, corpus).ids) if where.exists() else set()
    missing = [row for row in rows if corpus.ids[row] not in done]
    if missing or not (where / SUMMARY).exists():
        told_apart, least = judged(corpus, model, rows, config.reach)
        if least and told_apart <= least:
            raise ConfigError(
                f"{origin.model or 'the model'} cannot tell a video's own narration from another's ({told_apart:.0%} "
                "of comparisons, chance is 50%), so where it places a sentence means nothing; train it longer, or on "
                "more videos"
            )
        with ranks.first_before_others():  # a refused model leaves nothing; nobody adds while another still looks
            made = realigned_corpus(where, origin, corpus)
        mine = [missing[i] for i in ranks.share(len(missing))]
        with track("realign", len(rows), "videos", len(rows) - len(missing), ranks.is_first) as advance:
            _place(made, corpus, model, mine, config, lambda n: advance(n * ranks.size))
        ranks.wait()
        if ranks.is_first:
            summed = summed_up(Corpus(where), told_apart, least)
            write_whole(where / SUMMARY, json.dumps(asdict(summed), indent=1))
        ranks.wait()
    noted = json.loads((where / SUMMARY).read_text())
    return Realigned(**noted | {"moved": tuple(noted["moved"])})


def _place(
    made: Corpus, corpus: Corpus, model: JointModel, rows: list[int], config: RealignConfig, advance: Any
) -> None:
    """Add the videos of these rows of ``corpus`` to ``made``, their captions where the model sees them."""
    gathered, since = [], time.monotonic()
    for start in range(0, len(rows), AT_ONCE):
        videos = corpus.read(rows[start : start + AT_ONCE])
        for video, places in zip(videos, alignments(model, videos, config.reach), strict=True):
            gathered.append(_row(video, places, corpus.kind.encoder, config))
        advance(len(videos))
        if time.monotonic() - since > COMMIT_SECONDS or start + AT_ONCE >= len(rows):
            add_realigned(made, gathered)
            gathered, since = [], time.monotonic()


def alignments(model: JointModel, videos: Sequence[NarratedVideo], reach: float) -> Iterator[Alignment]:
    """Where each video's captions belong, within ``reach`` seconds of where they are spoken."""
    said = [caption.text for video in videos for caption in video.captions]
    sentences, first = model.encode_text(said).numpy(), 0
    for video in videos:
        own = sentences[first : first + len(video.captions)]
        first += len(video.captions)
        yield align(model.video_tokens(video.features).numpy(), own, _spoken(video), reach)


def _spoken(video: NarratedVideo) -> np.ndarray:
    return np.array([(c.start, c.end) for c in video.captions])


def _row(video: NarratedVideo, places: Alignment, encoder: str, config: RealignConfig) -> dict:
    captions = [
        {
            "text": caption.text, "start": span[0], "end": span[1], "spoken_start": caption.start,
            "spoken_end": caption.end, "probability": probability, "kept": bool(kept or not config.drop),
        }
        for caption, span, probability, kept in zip(
            video.captions, places.spans.tolist(), places.probability.tolist(), places.kept, strict=True
        )
    ]  # fmt: skip
    kept = sum(caption["kept"] for caption in captions)
    noted = {"id": video.id, "path": noted_name(video.path), "encoder": encoder, "duration": video.duration}
    return noted | {"kept": kept, "captions": captions}


def judged(corpus: Corpus, model: JointModel, rows: Sequence[int], reach: float = REACH) -> tuple[float, float]:
    """Whether a model can tell a video's own narration from other videos', without labels.

    A narration fits a video the better, the further the best seconds of its sentences stand out. Own and other
    narrations are tried on the same videos, with the times at which they are spoken.

    Returns:
        The share of comparisons that the own narration wins, ties counting half; and what it has to exceed, two
        standard errors above chance, or 0 for too few videos.
    """
    some = random.Random("judged").sample(list(rows), min(VIDEOS, len(rows)))
    if len(some) < 2:
        return 0.5, 0.0
    videos = corpus.read(some)
    tokens = [model.video_tokens(video.features).numpy() for video in videos]
    sentences = [model.encode_text([c.text for c in video.captions]).numpy() for video in videos]
    fits = np.full((len(videos), min(OTHERS, len(videos) - 1) + 1), np.nan)
    for i, j in np.ndindex(fits.shape):
        other = (i + j) % len(videos)
        confidence = align(tokens[i], sentences[other], _spoken(videos[other]), reach).confidence
        fits[i, j] = confidence[np.isfinite(confidence)].mean()
    own, others = fits[:, :1], fits[:, 1:]
    within = TOLERANCE * np.abs(fits).max()
    won = (own > others + within).mean() + (np.abs(own - others) <= within).mean() / 2
    return float(won), 0.5 + len(videos) ** -0.5 if len(videos) >= FEWEST else 0.0


def summed_up(made: Corpus, told_apart: float, least: float) -> Realigned:
    """The figures of a realigned corpus."""
    captions, moved = moves(made)
    low, middle, high = np.percentile(moved if len(moved) else [0.0], (25, 50, 75)).round(3).tolist()
    return Realigned(len(made), captions, len(moved), (low, middle, high), told_apart, least)
