"""Narration placed where a model sees it (Han et al., CVPR 2022; SPEC's alignment), as a corpus to train another on.

Speech runs ahead of the pictures or behind them, and most of it is about nothing that is shown. A first model, trained
in spite of that, knows where each sentence belongs: with its times a second model can learn from short, strictly
aligned clips. What is written are captions alone, with the times of before and after; features stay where they are.
"""

import json
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any

import numpy as np

from ..corpus.origin import Origin
from ..corpus.realigned import add_realigned, moves, realigned_corpus
from ..corpus.rows import NarratedVideo
from ..corpus.store import Corpus
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
SHARED = 1 / 3
"""Share of sentences that are placed at a moment with another one, above which each says a part of what is shown."""
SUMMARY = "realigned.json"
"""In the corpus's folder: written when it is whole."""


@dataclass(frozen=True)
@ranged
class RealignConfig:
    """How narration is placed."""

    reach: Annotated[float, Range(1, 100_000)] = REACH
    """Seconds from where it is spoken in which what a sentence describes is looked for."""
    context: Annotated[float, Range(0, 1000)] = 2.0
    """Seconds before and after a sentence, of which what is said counts half in placing it, where many sentences turn
    out to be about the same moment; 0: never."""
    drop: bool = True
    """Whether sentences that seem to be about nothing that is shown are left out of the corpus."""


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
    context: float = 0.0
    """Seconds around each sentence of which what is said helped to place it."""

    def __str__(self) -> str:
        low, middle, high = self.moved
        text = (
            f"{self.kept:,} of {self.captions:,} captions kept ({self.share:.0%}), shown {middle:+.1f} s from when "
            f"they are said ({low:+.1f} to {high:+.1f} s for half of them); own narration told from another's in "
            f"{self.told_apart:.0%} of comparisons"
        )
        if self.context:
            text += f"; placed with what is said within {self.context:g} s, since many sentences share a moment"
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
        judgement = judged(corpus, model, rows, config)
        if not judgement.is_fit:
            raise ConfigError(
                f"{origin.model or 'the model'} cannot tell a video's own narration from another's "
                f"({judgement.told_apart:.0%} of comparisons, chance is 50%), so where it places a sentence means "
                "nothing; train it longer, or on more videos"
            )
        with ranks.first_before_others():  # a refused model leaves nothing; nobody adds while another still looks
            made = realigned_corpus(where, replace(origin, context=judgement.context), corpus)
        mine = [missing[i] for i in ranks.share(len(missing))]
        with track("realign", len(rows), "videos", len(rows) - len(missing), ranks.is_first) as advance:
            _place(made, corpus, model, mine, config, lambda n: advance(n * ranks.size))
        ranks.wait()
        if ranks.is_first:
            summed = summed_up(Corpus(where), judgement)
            write_whole(where / SUMMARY, json.dumps(asdict(summed), indent=1))
        ranks.wait()
    noted = json.loads((where / SUMMARY).read_text())
    return Realigned(**noted | {"moved": tuple(noted["moved"])})


def _place(
    made: Corpus, corpus: Corpus, model: JointModel, rows: list[int], config: RealignConfig, advance: Any
) -> None:
    """Add the videos of these rows of ``corpus`` to ``made``, their captions where the model sees them."""
    context = made.origin.context if made.origin else 0.0
    gathered, since = [], time.monotonic()
    for start in range(0, len(rows), AT_ONCE):
        videos = corpus.read(rows[start : start + AT_ONCE])
        for video, places in zip(videos, alignments(model, videos, config.reach, context), strict=True):
            gathered.append(_row(video, places, corpus.kind.encoder, config))
        advance(len(videos))
        if time.monotonic() - since > COMMIT_SECONDS or start + AT_ONCE >= len(rows):
            add_realigned(made, gathered)
            gathered, since = [], time.monotonic()


def alignments(
    model: JointModel, videos: Sequence[NarratedVideo], reach: float, context: float = 0.0
) -> Iterator[Alignment]:
    """Where each video's captions belong, within ``reach`` seconds of where they are spoken."""
    for video, sentences in zip(videos, sentence_vectors(model, videos, context), strict=True):
        yield align(model.video_tokens(video.features).numpy(), sentences, _spoken(video), reach)


def sentence_vectors(model: JointModel, videos: Sequence[NarratedVideo], context: float = 0.0) -> list[np.ndarray]:
    """A vector of each video's N captions, (N, D).

    With a context, what is said within so many seconds before and after counts half: people say in several sentences
    what they show at once, and none of these says all of it.
    """
    vectors = model.encode_text([caption.text for video in videos for caption in video.captions]).numpy()
    if context:
        around = [text for video in videos for text in _with_context(video, context)]
        vectors = (vectors + model.encode_text(around).numpy()) / 2
    return np.split(vectors, np.cumsum([len(video.captions) for video in videos])[:-1])


def _with_context(video: NarratedVideo, context: float) -> list[str]:
    """Each caption's text with those spoken up to ``context`` seconds before it or after it."""
    spoken = _spoken(video)
    near = (spoken[:, None, 0] - context <= spoken[:, 1]) & (spoken[:, 0] <= spoken[:, None, 1] + context)
    texts = [caption.text for caption in video.captions]
    return [" ".join(text for text, is_near in zip(texts, row, strict=True) if is_near) for row in near]


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


@dataclass(frozen=True)
class Judgement:
    """What a corpus says of its aligner; the fields are those of ``Realigned``."""

    told_apart: float = 0.5
    least: float = 0.0
    context: float = 0.0

    @property
    def is_fit(self) -> bool:
        return not self.least or self.told_apart > self.least


def judged(corpus: Corpus, model: JointModel, rows: Sequence[int], config: RealignConfig) -> Judgement:
    """Whether a model can tell a video's own narration from other videos', and how to place with it, without labels.

    A narration fits a video the better, the further the best seconds of its sentences stand out. Own and other
    narrations are tried on the same videos, with the times at which they are spoken. Ties count half. Where more than
    ``SHARED`` of the sentences share a moment, each says a part of it, and they are placed with their context.
    """
    some = random.Random("judged").sample(list(rows), min(VIDEOS, len(rows)))
    if len(some) < 2:
        return Judgement()
    videos = corpus.read(some)
    tokens = [model.video_tokens(video.features).numpy() for video in videos]
    sentences, context = sentence_vectors(model, videos), 0.0
    places = (align(*each, config.reach) for each in zip(tokens, sentences, map(_spoken, videos), strict=True))
    if config.context and shared(places) > SHARED:
        context = config.context
        sentences = sentence_vectors(model, videos, context)
    fits = np.full((len(videos), min(OTHERS, len(videos) - 1) + 1), np.nan)
    for i, j in np.ndindex(fits.shape):
        other = (i + j) % len(videos)
        confidence = align(tokens[i], sentences[other], _spoken(videos[other]), config.reach).confidence
        fits[i, j] = confidence[np.isfinite(confidence)].mean()
    own, others = fits[:, :1], fits[:, 1:]
    within = TOLERANCE * np.abs(fits).max()
    won = (own > others + within).mean() + (np.abs(own - others) <= within).mean() / 2
    return Judgement(float(won), 0.5 + len(videos) ** -0.5 if len(videos) >= FEWEST else 0.0, context)


def shared(places: Iterable[Alignment]) -> float:
    """Share of the kept sentences in whose span the middle of another one lies."""
    counts = []
    for placed in places:
        spans = placed.spans[placed.kept]
        middle = spans.mean(axis=1)
        counts.append(((spans[:, :1] <= middle) & (middle <= spans[:, 1:])).sum(axis=1))
    together = np.concatenate([np.empty(0), *counts]) > 1
    return float(together.mean()) if len(together) else 0.0


def summed_up(made: Corpus, judgement: Judgement) -> Realigned:
    """The figures of a realigned corpus."""
    captions, moved = moves(made)
    low, middle, high = np.percentile(moved if len(moved) else [0.0], (25, 50, 75)).round(3).tolist()
    context = made.origin.context if made.origin else 0.0
    return Realigned(
        len(made), captions, len(moved), (low, middle, high), judgement.told_apart, judgement.least, context
    )
