"""Positive pairs: how a video clip and a text clip are cut out of one narrated video (paper, section 3.2).

People speak of a thing before or after they show it, so a text clip and a video clip that merely *overlap* in time make
better pairs than strictly aligned ones: the text is drawn first, then a second within its span, around which the video
clip grows to a length of its own.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from ..corpus.rows import NarratedVideo
from ..errors import ConfigError, CorpusError
from ..model.packing import CLIP_SPECIALS, Packed, pack_text, pack_video, to
from ..ranges import Range, ranged
from .tokens import Said, tokenised

SECONDS, TOKENS = Range(1, 100_000), Range(1, 100_000)


@dataclass(frozen=True)
@ranged
class ClipConfig:
    """How pairs are cut (the defaults are the paper's)."""

    rule: str = "official"
    """``official`` is the published code's overlapped rule, in which a video clip need not contain the second it grew
    from, and may miss its text where captions run past the end of the video; ``overlapped`` is the same with every pair
    overlapping; ``aligned`` takes the text's own span for the video (the paper's ablation); ``placed``, for captions
    that are where a model sees them (``realign``), is the same with texts of captions that share a moment; ``mil-nce``
    takes ``max_seconds`` around a single caption and, for texts, the ``bag`` captions nearest to it (Miech et al.,
    2020); ``beginning`` is always the same pair, of the first ``max_seconds``."""
    pairs_per_video: Annotated[int, Range(1, 10_000)] = 16
    """Pairs that are cut out of a video each time it is drawn."""
    min_seconds: Annotated[int, SECONDS] = 3
    """Least seconds of a video clip whose length is drawn."""
    max_seconds: Annotated[int, SECONDS] = 32
    """Most seconds of a video clip."""
    min_text_tokens: Annotated[int, TOKENS] = 8
    """Least word pieces of a text whose length is drawn."""
    max_text_tokens: Annotated[int, TOKENS] = 64
    """Most word pieces of a text whose length is drawn; a caption is never split, so a text can become longer."""
    bag: Annotated[int, Range(1, 1000)] = 5
    """Captions that are positives together, by the rule ``mil-nce``."""
    max_span: Annotated[float, Range(0, 1e6)] = 256.0
    """Seconds of speech after which a text grows no further."""
    max_caption_tokens: Annotated[int, TOKENS] = 32
    """Tokens that are kept of each caption."""
    by_certainty: bool = False
    """Whether texts begin the more often at a caption, the surer it is that what it says is shown (``realign``)."""
    chatter: Annotated[int, Range(0, 10_000)] = 0
    """Of each video, sentences about nothing that is shown (``realign``), as texts that no clip of the batch fits."""

    def __post_init__(self):
        if self.rule not in CLIP_RULES:
            raise ConfigError(f"rule is '{self.rule}'; choose from {', '.join(CLIP_RULES)}")
        for least, most in (("min_seconds", "max_seconds"), ("min_text_tokens", "max_text_tokens")):
            low, high = getattr(self, least), getattr(self, most)
            if low > high and self.draws(least):
                raise ConfigError(f"{least}={low}: choose at most {most}, which is {high}")

    def draws(self, length: str) -> bool:
        """Whether the rule draws a length between ``min_…`` and ``max_…``."""
        if length == "min_seconds":
            return self.rule in ("official", "overlapped")
        return self.rule in RULES

    @property
    def texts_per_clip(self) -> int:
        return self.bag if self.rule == "mil-nce" else 1


@dataclass(frozen=True)
class Narration:
    """What is said in a video: N captions in order, in seconds, and how many tokens each has."""

    starts: Sequence[float]
    ends: Sequence[float]
    tokens: Sequence[int]
    certainty: Sequence[float] = ()
    """How likely a text begins at each, in proportion; empty: equally."""

    def __post_init__(self):
        if not self.starts:
            raise CorpusError("a video without captions gives no pairs")


@dataclass(frozen=True)
class Clip:
    """A pair: captions ``[first, last)`` and seconds ``[start, end)`` of the same video."""

    first: int
    last: int
    start: int
    end: int


def draw_clip(narration: Narration, seconds: int, config: ClipConfig, rng: random.Random) -> Clip:
    """Draw one positive pair from a video of ``seconds`` seconds (paper, section 3.2)."""
    if config.rule == "beginning":
        end = min(config.max_seconds, seconds)
        return Clip(0, max(sum(start < end for start in narration.starts), 1), 0, end)
    first, last = _draw_text(narration, config, rng)
    spoken = narration.starts[first], max(narration.ends[first:last])
    start, end = RULES[config.rule](spoken, seconds, config, rng)
    return Clip(first, last, start, end)


def _draw_text(narration: Narration, config: ClipConfig, rng: random.Random) -> tuple[int, int]:
    """Grow from a random caption by whole captions, after or before with equal probability, to the drawn length."""
    first = _draw_caption(narration, rng)
    last = first + 1
    wanted = rng.randint(config.min_text_tokens, config.max_text_tokens)
    count = narration.tokens[first]
    lowest, highest = _neighbours(first, narration, config)
    while count < wanted and narration.ends[last - 1] - narration.starts[first] <= config.max_span:
        can_grow_back, can_grow_on = first > lowest, last < highest
        if can_grow_on and (not can_grow_back or rng.getrandbits(1)):
            count += narration.tokens[last]
            last += 1
        elif can_grow_back:
            first -= 1
            count += narration.tokens[first]
        else:
            break
    return first, last


def _neighbours(begun: int, narration: Narration, config: ClipConfig) -> tuple[int, int]:
    """Captions [lowest, highest) to which a text that begins at one may grow."""
    if config.rule != "placed":
        return 0, len(narration.starts)
    lowest, highest = begun, begun + 1
    while lowest > 0 and _shares_moment(lowest - 1, begun, narration):
        lowest -= 1
    while highest < len(narration.starts) and _shares_moment(highest, begun, narration):
        highest += 1
    return lowest, highest


def _shares_moment(other: int, begun: int, narration: Narration) -> bool:
    middle = (narration.starts[other] + narration.ends[other]) / 2
    return narration.starts[begun] <= middle <= narration.ends[begun]


def _draw_caption(narration: Narration, rng: random.Random) -> int:
    if any(narration.certainty):
        return rng.choices(range(len(narration.starts)), narration.certainty)[0]
    return rng.randrange(len(narration.starts))


def _official(spoken: tuple[float, float], seconds: int, config: ClipConfig, rng: random.Random) -> tuple[int, int]:
    centre = rng.randint(math.floor(spoken[0]), max(math.ceil(spoken[1]), math.floor(spoken[0])))
    centre = min(max(centre, 0), seconds)
    return _grow(centre, centre, seconds, config, rng)


def _overlapped(spoken: tuple[float, float], seconds: int, config: ClipConfig, rng: random.Random) -> tuple[int, int]:
    first = min(max(math.floor(spoken[0]), 0), seconds - 1)
    last = min(max(math.ceil(spoken[1]) - 1, first), seconds - 1)
    centre = rng.randint(first, last)
    return _grow(centre, centre + 1, seconds, config, rng)


def _aligned(spoken: tuple[float, float], seconds: int, config: ClipConfig, rng: random.Random) -> tuple[int, int]:
    start = min(max(math.floor(spoken[0]), 0), seconds - 1)
    end = max(math.ceil(spoken[1]), start + 1)
    return start, min(end, start + config.max_seconds, seconds)


def _grow(start: int, end: int, seconds: int, config: ClipConfig, rng: random.Random) -> tuple[int, int]:
    """Widen [start, end) to a random length, second by second to the left or right with equal probability.

    A walk that continues on the other side once it is at a border ends where a walk without borders does, clamped: so
    the number of steps to the left is one binomial draw.
    """
    length = min(rng.randint(config.min_seconds, config.max_seconds), seconds)
    steps = max(length - (end - start), 0)
    left = rng.getrandbits(steps).bit_count() if steps else 0
    left = min(max(left, steps - (seconds - end)), start)
    return start - left, end + steps - left


RULES = {"official": _official, "overlapped": _overlapped, "aligned": _aligned, "placed": _aligned}
CLIP_RULES = (*RULES, "mil-nce", "beginning")


@dataclass(frozen=True)
class Batch:
    """B pairs, packed: what the loader gives and the model takes. Each video has K texts, which follow each other."""

    video: Packed  # B clips, (ΣT, F), as in the corpus: float16
    text: Packed  # B × K texts, (ΣL,) int, [CLS] text [SEP]
    owner: Tensor  # (B,) int, which of the batch's videos the pair is from
    shown: Tensor  # (B, 2) seconds of the video clip: start, end
    spoken: Tensor  # (B, 2) seconds of the text
    chatter: Packed | None = None  # texts of no clip

    def __post_init__(self):
        if len(self.text) % len(self.video):
            raise ValueError(f"each video has as many texts as the others: {self}")
        if not len(self.video) == len(self.owner) == len(self.shown) == len(self.spoken):
            raise ValueError(f"the pairs' times are not as many as the pairs: {self}")

    def __len__(self) -> int:
        return len(self.video)

    def __repr__(self) -> str:
        times = (f"{name} {tuple(getattr(self, name).shape)}" for name in ("owner", "shown", "spoken"))
        return f"Batch({self.video}, {self.text}, {', '.join(times)})"

    def prepared(self) -> "Batch":
        """The same, with the layouts that the towers ask for."""
        self.video.layout(CLIP_SPECIALS).prepared()
        for texts in (self.text, self.chatter) if self.chatter else (self.text,):
            texts.layout().prepared()
        return self

    def to(self, device: torch.device) -> "Batch":
        return self.moved(lambda x: to(x, device))

    def pin_memory(self) -> "Batch":
        """The same in memory that a GPU reads by itself, with its layouts: so nothing of it is waited for later.

        They are made here, in 0.2 ms, since it takes another process's 1.2 ms to hand them over.
        """
        return self.prepared().moved(Tensor.pin_memory)

    def moved(self, move: Callable[[Tensor], Tensor]) -> "Batch":
        """The same batch after ``move`` of every tensor but the lengths."""
        times = (move(x) for x in (self.owner, self.shown, self.spoken))
        chatter = self.chatter and self.chatter.moved(move)
        return Batch(self.video.moved(move), self.text.moved(move), *times, chatter=chatter)

    def overlaps(self) -> Tensor:
        """Which texts (rows) and clips (columns) are of the same video and overlap in time: (B, B) bool."""
        return overlapping(self.owner, self.shown, self.spoken)


def overlapping(owner: Tensor, shown: Tensor, spoken: Tensor) -> Tensor:
    """Which texts (rows) and clips (columns) overlap: (B,) of which video, (B, 2) and (B, 2) seconds -> (B, B) bool."""
    same = owner[:, None] == owner
    return same & (spoken[:, None, 0] < shown[:, 1]) & (shown[:, 0] < spoken[:, None, 1])


def draw_batch(
    videos: Sequence[NarratedVideo], config: ClipConfig, max_text_tokens: int, rng: random.Random,
    tokens: Sequence[Said] | None = None,
) -> Batch:  # fmt: skip
    """``config.pairs_per_video`` pairs of each video, in the videos' order.

    Args:
        tokens: what is said in each video, by default tokenised now.
    """
    features, texts, owner, shown, spoken = [], [], [], [], []
    tokens = tokens or tokenised(videos, config.max_caption_tokens)
    for number, (video, own) in enumerate(zip(videos, tokens, strict=True)):
        times = [c.start for c in video.captions], [c.end for c in video.captions]
        sure = video.certainty if config.by_certainty else ()
        narration = Narration(*times, own.lengths[: len(video.captions)], sure)
        for _ in range(config.pairs_per_video):
            if config.rule == "mil-nce":
                clip, bag = draw_bag(narration, video.seconds, config, rng)
                texts += [own.between(i, i + 1)[:max_text_tokens] for i in bag]
                said = min(bag), max(bag) + 1
            else:
                clip = draw_clip(narration, video.seconds, config, rng)
                texts.append(own.between(clip.first, clip.last)[:max_text_tokens])
                said = clip.first, clip.last
            features.append(video.features[clip.start : clip.end])
            owner.append(number)
            shown.append((clip.start, clip.end))
            spoken.append((narration.starts[said[0]], max(narration.ends[slice(*said)])))
    when = (torch.tensor(owner), torch.tensor(shown, dtype=torch.float32), torch.tensor(spoken, dtype=torch.float32))
    chatter = [
        own.between(i, i + 1)[:max_text_tokens]
        for video, own in zip(videos, tokens, strict=True)
        if video.chatter
        for i in rng.choices(range(len(video.captions), len(video.texts)), k=config.chatter)
    ]
    of_none = pack_text(chatter) if chatter else None
    return Batch(pack_video(features), pack_text(texts), *when, chatter=of_none)


def draw_bag(narration: Narration, seconds: int, config: ClipConfig, rng: random.Random) -> tuple[Clip, list[int]]:
    """A clip of ``max_seconds`` around a random caption, and the ``bag`` captions nearest to it (with repeats)."""
    centre = _draw_caption(narration, rng)
    middle = [(s + e) / 2 for s, e in zip(narration.starts, narration.ends, strict=True)]
    length = min(config.max_seconds, seconds)
    start = min(max(round(middle[centre] - length / 2), 0), seconds - length)
    nearest = sorted(range(len(middle)), key=lambda i: abs(middle[i] - middle[centre]))[: config.bag]
    bag = [nearest[i % len(nearest)] for i in range(config.bag)]
    return Clip(centre, centre + 1, start, start + length), bag
