"""The truth about a rendered world's videos (``truth.json``): which steps are when, and questions about them."""

import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator

from ..errors import VideoclipError
from ..tasks.metrics import BACKGROUND
from ..ties import MOMENT, first_of_largest, touched
from ..world.script import ACTIONS, COLOURS, FAMILIES, OBJECTS, TEST_PHRASES, family_members, phrase
from .annotations import Number, Second, Text, check, check_in, read_json, shown, wrong

CHOICES = 5
"""Descriptions of a question."""


def _family(name: str) -> str:
    if name.rpartition(" ")[2] not in FAMILIES:
        raise ValueError("is no family of a rendered world")
    return name


@dataclass(frozen=True)
class Narrated:
    """When a step is told, in seconds, and how."""

    start: Second
    end: Second
    text: str


@dataclass(frozen=True)
class Happens:
    """A step as ``truth.json`` has it."""

    start: Second
    end: Second
    action: Literal[*ACTIONS]  # type: ignore[valid-type]
    object: Literal[*OBJECTS]  # type: ignore[valid-type]
    colour: Literal[*COLOURS]  # type: ignore[valid-type]
    description: Text
    unseen_pair: bool
    narration: Narrated | None = None


@dataclass(frozen=True)
class Video:
    """A video as ``truth.json`` has it."""

    split: Literal["train", "val", "test"]
    family: Annotated[str, AfterValidator(_family)]
    steps: list[Happens]
    duration: Second | None = None


@dataclass(frozen=True)
class Moment:
    """One step of a video: what is done, from when to when (seconds), and how it is described."""

    video: str
    family: str
    start: float
    end: float
    what: tuple[str, str, str]
    description: str
    unseen: bool

    @property
    def seconds(self) -> slice:
        """The whole seconds that the step touches."""
        return slice(*touched(self.start, self.end))


def read_truth(folder: Path) -> dict:
    """``truth.json`` of a world, or of a demo's ``videos`` folder: its ``seed``, and its ``videos`` by id.

    Raises:
        VideoclipError: there is none, or it is not of a world; names the entry that is not.
    """
    for path in (folder / "truth.json", folder / "videos" / "truth.json"):
        if path.is_file():
            truth = read_json(path, dict)
            if "world" not in truth or "videos" not in truth:
                raise VideoclipError(f"{path}: not the truth.json of a rendered world")
            videos = check(dict[str, dict], truth["videos"], path, "videos")
            seed = check(Number, truth.get("seed"), path, "seed")
            return {"seed": seed, "videos": {name: _video(path, name, entry) for name, entry in videos.items()}}
    raise VideoclipError(f"{folder}: holds no truth.json; 'videoclip world {folder}' renders a world")


def _video(path: Path, name: str, entry: dict) -> dict:
    """The checked entry of a video."""
    place = f"video {shown(name)}"
    video: Video = check(Video, entry, path, place)
    for i, step in enumerate(video.steps):
        if step.end <= step.start:
            wrong(path, f"{place}: steps.{i}", f"ends at {step.end:g} s, not after its start at {step.start:g} s")
        check_in(path, f"{place}: steps.{i}", (step.start, step.end), video.duration)
    return asdict(video)


def moments(truth: dict, split: str) -> list[Moment]:
    """Every step of the videos of a split, in order."""
    return [
        Moment(
            video,
            entry["family"],
            step["start"],
            step["end"],
            (step["action"], step["object"], step["colour"]),
            step["description"],
            step["unseen_pair"],
        )
        for video, entry in truth["videos"].items()
        if entry["split"] == split
        for step in entry["steps"]
    ]


def questions(wanted: list[Moment], kind: str = "sharing") -> tuple[list[list[str]], np.ndarray]:
    """Five descriptions for each moment, in the words of its family, of which one is right.

    Args:
        kind: ``sharing``: two of the wrong ones share the object with the right one and two the action; the rest of
            them is drawn as it is in videos. ``one part``: each differs from the right one in one part alone: two in
            the action, one in the object, one in the colour.

    Returns:
        (choices, index of the right one), the same for the same moments.
    """
    rng = random.Random("questions")
    choices, right = [], []
    for moment in wanted:
        actions, objects = family_members(moment.family)
        action, thing, colour = moment.what
        other_actions = rng.sample([a for a in actions if a != action], 2)
        other_objects = rng.sample([o for o in objects if o != thing], 2)
        if kind == "sharing":
            others = [(a, thing, rng.choice(list(COLOURS))) for a in other_actions]
            others += [(action, o, rng.choice(list(COLOURS))) for o in other_objects]
        else:
            others = [(a, thing, colour) for a in other_actions] + [(action, other_objects[0], colour)]
            others += [(action, thing, rng.choice([c for c in COLOURS if c != colour]))]
        place = rng.randrange(CHOICES)
        texts = [phrase(what, TEST_PHRASES, rng) for what in others]
        choices.append([*texts[:place], moment.description, *texts[place:]])
        right.append(place)
    return choices, np.array(right)


def shown_at_the_middle(spans: list[tuple[float, float, int]], seconds: int) -> np.ndarray:
    """The label that is shown in the middle of each second; -1 where none is."""
    middles = np.arange(seconds) + 0.5
    shown = np.full(seconds, BACKGROUND)
    for start, end, label in spans:
        shown[(start <= middles) & (middles < end)] = label
    return shown


def shown_when_said(spoken: np.ndarray, steps: list[dict]) -> list[tuple[float, float] | None]:
    """For each sentence, the span of the step that it narrates, perhaps with others; None for chatter."""
    shown: list[tuple[float, float] | None] = [None] * len(spoken)
    for step in steps:
        if step["narration"]:
            nearest = int(first_of_largest(-np.abs(spoken[:, 0] - step["narration"]["start"]), MOMENT))
            first, last = step["narration"]["start"], step["narration"]["end"]
            within = (spoken[:, 0] > first - MOMENT) & (spoken[:, 1] < last + MOMENT)
            for sentence in {nearest, *np.flatnonzero(within).tolist()}:
                shown[sentence] = (step["start"], step["end"])
    return shown
