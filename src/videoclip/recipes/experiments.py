"""The experiments: which variants of a training are compared, and on which worlds."""

from dataclasses import dataclass, replace

from ..errors import ConfigError

SMALL = (
    "init=", "model.hidden_size=128", "model.heads=4", "model.intermediate_size=512", "model.video_layers=2",
    "model.text_layers=2", "model.positions=64", "clips.pairs_per_video=8", "clips.min_seconds=3",
    "clips.max_seconds=10", "clips.min_text_tokens=6", "clips.max_text_tokens=24", "batches.videos=32",
    "batches.candidates=64", "batches.clips_per_vector=4", "optimizer.lr=2e-3", "optimizer.warmup_updates=50",
    "optimizer.decay_updates=0", "epochs=16", "validate_epochs=16", "train_videos=train/*",
    "validation_videos=val/*",
)  # fmt: skip
"""What makes a preset small enough for a world: sizes, lengths and steps, nothing of the method."""


@dataclass(frozen=True)
class Variant:
    """A training run: a preset and what is changed of it.

    ``after``: the variant whose model places the narration that this one trains on, as ``PretrainConfig.rounds`` do;
    here the rounds are runs of their own, so that several variants can follow the same first one.
    """

    preset: str
    changes: tuple[str, ...] = ()
    after: str = ""

    def with_(self, *changes: str) -> "Variant":
        return replace(self, changes=self.changes + changes)

    def following(self, first: str, *changes: str) -> "Variant":
        return replace(self, changes=self.changes + changes, after=first)


@dataclass(frozen=True)
class Experiment:
    """Variants that are compared with the first one, on worlds of so many families."""

    title: str
    families: int
    variants: dict[str, Variant]
    base: tuple[str, ...] = SMALL
    narrator: str = "lagging"

    @property
    def world(self) -> str:
        """What its worlds and runs are called by."""
        return f"{self.families}-families" + ("" if self.narrator == "lagging" else f"-{self.narrator}")


def experiment(name: str) -> Experiment:
    """An experiment by name.

    Raises:
        ConfigError: there is none.
    """
    if name not in EXPERIMENTS:
        raise ConfigError(f"no experiment '{name}'; there are {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]


PAPER = Variant("paper")
BAGS = PAPER.with_(
    "model.similarity=cosine", "clips.rule=mil-nce", "clips.bag=3", "clips.max_seconds=6", "loss.kind=mil-nce",
    "loss.mask_overlaps=true",
)  # fmt: skip
STEADY = BAGS.with_("loss.each_positive=0.5", "batches.rule=clusters", "batches.cluster_size=16")
RANDOM = PAPER.with_("batches.rule=random")
DEMO = ("model.similarity=cosine", "loss.mask_overlaps=true", "loss.soft_targets=0.3")
FIRST, EQUAL = "random batches", "random batches, twice as long"
REALIGNED = RANDOM.following(FIRST, "clips.rule=aligned")
SHORT = REALIGNED.with_("clips.min_text_tokens=1", "clips.max_text_tokens=8")
PLACED = RANDOM.following(FIRST, "clips.rule=placed", "clips.min_text_tokens=1").with_(*DEMO)
ROUNDS = PLACED.with_("clips.chatter=2")
SIMILAR = ("batches.rule=retrieved", "loss.mask_alike=0.95", "loss.soft_targets=0")
"""Batches of similar videos, where clips of the same meaning are not each other's negatives."""
FEW, MANY = 8, 64
"""Families: with few, a random batch of 32 videos holds look-alikes of each video; with many, hardly any."""


def _rounds() -> dict[str, Variant]:
    """Two rounds against one that is as long; what each part of the recipe brings."""
    return {
        FIRST: RANDOM,
        EQUAL: RANDOM.with_("epochs=32"),
        "paper, twice as long": PAPER.with_("epochs=32"),
        "realigned, overlapped clips": RANDOM.following(FIRST),
        "realigned, aligned clips": REALIGNED,
        "best": Variant("best"),
        "placed, nothing dropped, aligned clips": REALIGNED.with_("realign.drop=false"),
        "placed, drawn by certainty, aligned clips": REALIGNED.with_("realign.drop=false", "clips.by_certainty=true"),
        "realigned, short texts": SHORT,
        "two rounds": ROUNDS,
        "two rounds without chatter": PLACED,
        "two rounds without chatter, single sentences": PLACED.with_("clips.max_text_tokens=1"),
        "two rounds, short texts of neighbours": SHORT.with_(*DEMO),
        "two rounds, long texts of neighbours": SHORT.with_(*DEMO, "clips.max_text_tokens=24"),
        "two rounds, similar batches": ROUNDS.with_(*SIMILAR),
        "two rounds, batches that become similar": ROUNDS.with_(*SIMILAR, "batches.random_epochs=8"),
        "two rounds, batches of four times the size": ROUNDS.with_(
            "batches.per_update=4", "optimizer.lr=4e-3", "optimizer.warmup_updates=12"
        ),
        "three rounds": ROUNDS.following("two rounds"),
        "two rounds, placed and drawn by certainty": ROUNDS.with_("realign.drop=false", "clips.by_certainty=true"),
    }


EXPERIMENTS = {
    "ablation": Experiment(
        "What each technique of the paper brings",
        MANY,
        {
            "paper": PAPER,
            "random batches": RANDOM,
            "random batches, aligned clips": RANDOM.with_("clips.rule=aligned"),
            "MIL-NCE clips and loss": PAPER.with_(
                "clips.rule=mil-nce", "loss.kind=mil-nce", "clips.bag=5", "clips.max_seconds=4"
            ),
            "one shared transformer": PAPER.with_("model.shared=true"),
            "exactly k neighbours": PAPER.with_("batches.candidates=32"),
            "first 32 s for video vectors": PAPER.with_("batches.vector_from=beginning"),
            "[CLS] pooling": PAPER.with_("model.pooling=cls"),
        },
    ),
    "beyond": Experiment(
        "What can be had beyond the paper, at the same compute",
        MANY,
        {
            "paper": PAPER,
            "overlaps masked": PAPER.with_("loss.mask_overlaps=true"),
            "cosine": PAPER.with_("model.similarity=cosine"),
            "soft targets": PAPER.with_("loss.soft_targets=0.3"),
            "MIL-NCE over three captions": PAPER.with_(
                "clips.rule=mil-nce", "loss.kind=mil-nce", "clips.bag=3", "clips.max_seconds=6"
            ),
            "cosine, overlaps masked, soft targets": PAPER.with_(*DEMO),
            "MIL-NCE, cosine, overlaps masked": BAGS,
            "the same, each positive, clusters of 16": STEADY,
        },
    ),
    "few-families": Experiment(
        "The same where random batches are hard already",
        FEW,
        {
            "paper": PAPER,
            "random batches": RANDOM,
            "random batches, cosine, overlaps masked, soft targets": RANDOM.with_(*DEMO),
            "MIL-NCE, cosine, overlaps masked": BAGS,
            "the same, random batches": BAGS.with_("batches.rule=random"),
            "the same, each positive, clusters of 16": STEADY,
        },
    ),
    "scattered": Experiment(
        "Where what a step needs is said in several sentences: long texts or single captions",
        MANY,
        {
            FIRST: RANDOM,
            EQUAL: RANDOM.with_("epochs=32"),
            "MIL-NCE clips and loss, random batches": RANDOM.with_(
                "clips.rule=mil-nce", "loss.kind=mil-nce", "clips.bag=5", "clips.max_seconds=4"
            ),
            "single captions": RANDOM.with_("clips.min_text_tokens=1", "clips.max_text_tokens=1"),
            "two rounds": ROUNDS,
            "two rounds without chatter": PLACED,
            "two rounds without chatter, sentences placed alone": PLACED.with_("realign.context=0"),
            "two rounds without chatter, single sentences": PLACED.with_("clips.max_text_tokens=1"),
            "two rounds, short texts of neighbours": SHORT.with_(*DEMO),
            "best": Variant("best"),
        },
        narrator="scattered",
    ),
    **{
        name: Experiment(title, families, _rounds())
        for name, title, families in (
            ("realigned", "What a first model's placing of the narration brings to a second one", MANY),
            ("realigned-few-families", "The same in a world of few families", FEW),
        )
    },
}
