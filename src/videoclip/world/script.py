"""What happens and what is said: the scripts of NarratedWorld, a controlled corpus with exact ground truth.

A video shows five to seven steps; a step is an action done to a coloured object in front of a background typical of
its family of tasks. The narration has the troubles that VideoCLIP's techniques exist for: a sentence about every three
seconds, most of it chatter that hints at the family but names no action; steps are narrated 8 s before to 4 s after
they begin, three in ten not at all; and every verb, object and colour has several names.

Held out from training: videos, phrasings (``TEST_PHRASES``), and one in six pairs of action and object.
"""

import random
import zlib
from dataclasses import dataclass, field, replace

DURATION = 60.0
SENTENCE_EVERY = 3.0
UNSEEN_IN_TEST = 0.3
FARTHEST = 3
"""Sentences by which a scattered narrator comes later or earlier where there is no room; else the step is left out."""


@dataclass(frozen=True)
class Narrator:
    """How a world is spoken of.

    ``lag``: seconds from the beginning of a step to the beginning of its narration. ``narrated``: share of the steps
    that are spoken of. ``insistent``: the narrator speaks of nothing else for as long as a step lasts. ``scattered``:
    no sentence says all of a step; its object, action and colour come in two to four sentences, with pronouns between,
    as people speak.
    """

    lag: tuple[float, float] = (-8.0, 4.0)
    narrated: float = 0.7
    insistent: bool = False
    scattered: bool = False


NARRATORS = {
    "lagging": Narrator(),
    "faithful": Narrator(lag=(0.0, 0.0), narrated=1.0, insistent=True),
    "scattered": Narrator(scattered=True),
}

COLOURS = {
    "red": ("red", "crimson"),
    "blue": ("blue", "navy"),
    "green": ("green", "emerald"),
    "yellow": ("yellow", "golden"),
    "orange": ("orange",),
    "purple": ("purple", "violet"),
    "white": ("white", "pale"),
    "black": ("black", "dark"),
}
ACTIONS = {  # name: (verb, its -ing form) of each synonym
    "slice": (("slice", "slicing"), ("cut", "cutting")),
    "stir": (("stir", "stirring"), ("mix", "mixing")),
    "shake": (("shake", "shaking"), ("rattle", "rattling")),
    "press": (("press", "pressing"), ("squeeze", "squeezing")),
    "turn": (("turn", "turning"), ("rotate", "rotating")),
    "lift": (("lift", "lifting"), ("raise", "raising")),
    "drop": (("drop", "dropping"), ("lower", "lowering")),
    "heat": (("heat", "heating"), ("warm", "warming")),
    "wipe": (("wipe", "wiping"), ("clean", "cleaning")),
    "dust": (("dust", "dusting"), ("sprinkle", "sprinkling")),
    "soak": (("soak", "soaking"), ("wet", "wetting")),
    "stretch": (("stretch", "stretching"), ("extend", "extending")),
    "hammer": (("hammer", "hammering"), ("pound", "pounding")),
    "split": (("split", "splitting"), ("break", "breaking")),
}
OBJECTS = {  # name: synonyms; its shape is given by its place in this list (render.py)
    "onion": ("onion",), "bread": ("bread", "loaf"), "cheese": ("cheese",), "pan": ("pan", "skillet"),
    "cake": ("cake",), "egg": ("egg",), "pot": ("pot", "kettle"), "pepper": ("pepper",),
    "plank": ("plank", "board"), "wheel": ("wheel",), "bolt": ("bolt", "screw"), "pipe": ("pipe", "tube"),
    "chain": ("chain",), "bearing": ("bearing",), "gear": ("gear", "cog"), "hinge": ("hinge",),
    "rose": ("rose",), "bulb": ("bulb",), "leaf": ("leaf",), "stone": ("stone", "rock"),
    "root": ("root",), "branch": ("branch", "twig"), "seed": ("seed",), "vine": ("vine",),
    "shirt": ("shirt",), "button": ("button",), "ribbon": ("ribbon",), "collar": ("collar",),
    "pocket": ("pocket",), "sleeve": ("sleeve",), "patch": ("patch",), "thread": ("thread", "yarn"),
    "candle": ("candle",), "vase": ("vase",), "tile": ("tile",), "bead": ("bead",),
    "ring": ("ring",), "mask": ("mask",), "frame": ("frame",), "brush": ("brush",),
}  # fmt: skip
FAMILIES = {  # name: words of its chatter
    "kitchen": ("kitchen", "dinner", "recipe", "stove", "flavour", "family meal"),
    "workshop": ("workshop", "garage", "project", "bench", "tools", "weekend build"),
    "garden": ("garden", "spring", "yard", "soil", "season", "flower bed"),
    "sewing": ("sewing room", "fabric", "pattern", "stitch", "outfit", "closet"),
    "pottery": ("pottery", "studio", "clay", "kiln", "glaze", "art class"),
    "camping": ("campsite", "forest", "trail", "tent", "outdoors", "river"),
    "laboratory": ("laboratory", "experiment", "science", "measurement", "results", "notebook"),
    "theatre": ("theatre", "stage", "costume", "props", "show", "rehearsal"),
}
STYLES = ("rustic", "modern", "tiny", "grand", "winter", "school", "seaside")
"""Each makes a family of its own out of every family, with other backgrounds, objects, actions and words."""
MOST_FAMILIES = len(FAMILIES) * (1 + len(STYLES))
OBJECTS_PER_FAMILY, ACTIONS_PER_FAMILY = 12, 8

TRAIN_PHRASES = (
    "now we {verb} the {colour} {object}", "i am {ing} this {colour} {object} here",
    "go ahead and {verb} your {colour} {object}", "so you just {verb} that {colour} {object} like this",
    "the next thing is {ing} the {object} the {colour} one", "and then we will {verb} a {colour} {object}",
    "take the {colour} {object} and {verb} it", "i like {ing} my {colour} {object} slowly",
    "you want to {verb} the {object} here", "make sure you {verb} the {colour} {object} well",
    "this {object} is {colour} and we {verb} it", "after that it is time for {ing} the {colour} {object}",
    "let me show you {ing} a {object} in {colour}", "we start to {verb} our {object}",
)  # fmt: skip
TEST_PHRASES = (
    "someone is {ing} a {colour} {object}", "a person can {verb} one {colour} {object}",
    "how to {verb} a {object} that is {colour}", "{ing} some {colour} {object}",
    "the {colour} {object} while they {verb} it",
)  # fmt: skip
FRAGMENTS = {
    ("object",): (
        "so here i have my {object}", "the next thing is the {object}", "let us look at this {object}",
        "you need a {object} for that", "i got a nice {object} the other day",
    ),
    ("action",): (
        "now we {verb} it", "i am {ing} it like this", "you just {verb} this one for a while",
        "go ahead and {verb} it well", "keep {ing} that until it is done",
    ),
    ("colour",): (
        "it is the {colour} one", "mine is {colour} as you see", "i took it in {colour}",
        "the {colour} kind is my favourite", "make sure that it is {colour}",
    ),
    ("colour", "object"): (
        "here is the {colour} {object}", "we take a {object} in {colour}", "this {object} is {colour}",
    ),
    ("action", "object"): ("now we {verb} the {object}", "i am {ing} my {object}", "go on {ing} this {object} a bit"),
    ("action", "colour"): (
        "you {verb} the {colour} one", "i am {ing} that {colour} one here", "{ing} it while it is {colour}",
    ),
    (): ("just like that you see", "do it slowly and watch it", "that is how it goes", "not too much of it"),
}  # fmt: skip
"""What a scattered narrator says in one sentence, by what of a step is in it."""
SCATTERINGS = (
    (("object",), ("action", "colour")), (("colour", "object"), ("action",)), (("action", "object"), ("colour",)),
    (("object",), ("action",), ("colour",)), (("object",), ("colour",), ("action",)),
    (("colour",), ("object",), ("action",)), (("object",), (), ("action",), ("colour",)),
    (("object",), ("colour",), (), ("action",)),
)  # fmt: skip
CHATTER = (
    "welcome back to my {word} everybody",
    "i really love the {word} you know",
    "do not forget to subscribe for more {word}",
    "this is the best part of the {word}",
    "my grandmother taught me about the {word}",
    "people always ask me about {word}",
    "so much fun with the {word} today",
    "let us talk about the {word} for a second",
    "it took me years to learn this {word} trick",
    "okay that is looking good for a {word}",
    "thanks for watching this {word} video",
    "and that is why the {word} matters",
)


@dataclass(frozen=True)
class Sentence:
    """Something that is said, in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Step:
    """Something that happens, in seconds; ``narration`` is None where nobody speaks of it."""

    start: float
    end: float
    action: str
    object: str
    colour: str
    description: str
    narration: Sentence | None = None

    @property
    def what(self) -> tuple[str, str, str]:
        return self.action, self.object, self.colour


@dataclass(frozen=True)
class Script:
    """One video of the world: everything that is seen and said in it."""

    id: str
    family: str
    seed: int
    duration: float
    steps: list[Step]
    sentences: list[Sentence] = field(repr=False)


def split_of(index: int) -> str:
    """Of twenty videos sixteen are for training, one for validation, three for testing."""
    place = index % 20
    return "train" if place < 16 else "val" if place == 16 else "test"


def is_held_out(action: str, thing: str) -> bool:
    """Whether the pair of action and object never occurs in training: one in six, the same for every seed."""
    return zlib.crc32(f"{action} {thing}".encode()) % 6 == 0


def family_names(count: int) -> list[str]:
    """The first ``count`` families: those of ``FAMILIES``, then their variants in each style."""
    return [*FAMILIES, *(f"{style} {name}" for style in STYLES for name in FAMILIES)][:count]


def chatter_words(family: str) -> list[str]:
    """What the narrators of a family talk about."""
    style, _, name = family.rpartition(" ")
    return [f"{style} {word}".strip() for word in FAMILIES[name]]


def family_members(family: str) -> tuple[list[str], list[str]]:
    """The actions and objects of a family, the same for every seed; families share some of both."""
    rng = random.Random(f"family {family}")
    return rng.sample(list(ACTIONS), ACTIONS_PER_FAMILY), rng.sample(list(OBJECTS), OBJECTS_PER_FAMILY)


def write_script(
    index: int, seed: int, narrator: Narrator = NARRATORS["lagging"], families: int = len(FAMILIES)
) -> Script:
    """The script of video ``index`` of the world with this seed; the same arguments give the same script."""
    rng = random.Random(f"{seed} {index}")
    split, family = split_of(index), rng.choice(family_names(families))
    steps, sentences = _narrate(_happen(family, split, rng), family, narrator, rng)
    return Script(
        f"{split}/{family.replace(' ', '-')}_{index:05d}", family, rng.randrange(2**31), DURATION, steps, sentences
    )


def phrase(what: tuple[str, str, str], phrases: tuple[str, ...], rng: random.Random) -> str:
    """A sentence about an action, object and colour, with synonyms drawn at random."""
    action, thing, colour = what
    verb, ing = rng.choice(ACTIONS[action])
    names = {"object": rng.choice(OBJECTS[thing]), "colour": rng.choice(COLOURS[colour])}
    return rng.choice(phrases).format(verb=verb, ing=ing, **names)


def scattered(what: tuple[str, str, str], rng: random.Random) -> list[str]:
    """Two to four sentences of which none says all of a step, and all together do, each part once."""
    return [phrase(what, FRAGMENTS[parts], rng) for parts in rng.choice(SCATTERINGS)]


def _happen(family: str, split: str, rng: random.Random) -> list[Step]:
    count = rng.randint(5, 7)
    lengths = [rng.uniform(4.0, 8.0) for _ in range(count)]
    gaps = [rng.uniform(0.5, 1.5) for _ in range(count + 1)]
    gap_scale = (DURATION - sum(lengths)) / sum(gaps)
    steps, now = [], 0.0
    for length, gap in zip(lengths, gaps, strict=False):
        now += gap * gap_scale
        what = _draw_what(family, split, rng)
        steps.append(Step(now, now + length, *what, description=phrase(what, TEST_PHRASES, rng)))
        now += length
    return steps


def _draw_what(family: str, split: str, rng: random.Random) -> tuple[str, str, str]:
    actions, objects = family_members(family)
    unseen = split == "test" and rng.random() < UNSEEN_IN_TEST
    pairs = [(a, o) for a in actions for o in objects if is_held_out(a, o) == unseen]
    return *rng.choice(pairs), rng.choice(list(COLOURS))


def _narrate(
    steps: list[Step], family: str, narrator: Narrator, rng: random.Random
) -> tuple[list[Step], list[Sentence]]:
    """The steps with what is said of them, and all that is said, in order."""
    count = round(DURATION / SENTENCE_EVERY)
    starts = [(i + rng.uniform(0.0, 0.25)) * SENTENCE_EVERY for i in range(count)]
    ends = [start + rng.uniform(0.6, 0.75) * SENTENCE_EVERY for start in starts]
    texts = [rng.choice(CHATTER).format(word=rng.choice(chatter_words(family))) for _ in range(count)]
    free, narrated = set(range(count)), []
    for step in steps:
        narration = None
        if rng.random() < narrator.narrated:
            when = step.start + rng.uniform(*narrator.lag)

            def distance(slot: int, when: float = when) -> float:
                return abs(starts[slot] - when)

            if narrator.scattered:
                said = scattered(step.what, rng)
                told = slots = _in_a_row(len(said), free, min(range(count), key=distance))
            else:
                told = slots = [min(free, key=distance)]
                if narrator.insistent:
                    slots = told + [s for s in free if step.start <= starts[s] and ends[s] <= step.end and s != told[0]]
                said = [phrase(step.what, TRAIN_PHRASES, rng) for _ in slots]
            free.difference_update(slots)
            for slot, text in zip(slots, said, strict=False):  # of the scattered there may be no room for any
                texts[slot] = text
            if told:
                narration = Sentence(starts[told[0]], ends[told[-1]], " ".join(texts[slot] for slot in told))
        narrated.append(replace(step, narration=narration))
    return narrated, [Sentence(*sentence) for sentence in zip(starts, ends, texts, strict=True)]


def _in_a_row(count: int, free: set[int], near: int) -> list[int]:
    """Places for sentences that follow each other, as near to one as there are; none where all are far away."""
    runs = [range(first, first + count) for first in sorted(free) if set(range(first, first + count)) <= free]
    runs = [run for run in runs if abs(run[0] - near) <= FARTHEST]
    return list(min(runs, key=lambda run: abs(run[0] - near), default=()))
