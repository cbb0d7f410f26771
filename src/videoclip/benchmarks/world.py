"""NarratedWorld as a benchmark: steps of unseen videos, described in phrasings that were never narrated.

Zero-shot: the model was trained on narration alone; ``truth.json`` only says which answers are right.
"""

import json
import math
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..corpus.store import Corpus
from ..errors import CorpusError, VideoclipError
from ..model.joint import JointModel
from ..tasks.localization import locate_steps, seconds_of_steps, step_recall
from ..tasks.metrics import BACKGROUND, segmentation_metrics
from ..tasks.multiple_choice import answer
from ..tasks.retrieval import Retrieval, retrieve
from ..tasks.segmentation import label_seconds, label_seconds_as_published
from ..world.script import COLOURS, TEST_PHRASES, family_members, phrase

CHOICES = 5
SHOWN = 5
"""Found clips that are kept of each query."""


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
        return slice(math.floor(self.start), math.ceil(self.end))


def read_truth(folder: Path) -> dict:
    """``truth.json`` of a world, or of a demo's ``videos`` folder.

    Raises:
        VideoclipError: there is none, or it is not of a world.
    """
    for path in (folder / "truth.json", folder / "videos" / "truth.json"):
        if path.is_file():
            truth = json.loads(path.read_text())
            if "world" not in truth or "videos" not in truth:
                raise VideoclipError(f"{path}: not the truth.json of a rendered world")
            return truth
    raise VideoclipError(f"{folder}: holds no truth.json; 'videoclip world {folder}' renders a world")


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


def evaluate_folder(model: JointModel, corpus: Corpus, data: Path, split: str = "test") -> dict:
    """``evaluate_world`` on the ``truth.json`` of a folder."""
    truth = read_truth(data)
    return evaluate_world(model, corpus, truth, split) | {"seed": truth["seed"]}


def evaluate_world(model: JointModel, corpus: Corpus, truth: dict, split: str = "test") -> dict:
    """Retrieval and multiple choice on the steps of a split; ``items`` holds each prediction.

    Raises:
        VideoclipError: the corpus is of another encoder than the model, or lacks the videos.
    """
    model.check_features(corpus.kind.encoder, corpus.kind.normalized, corpus.path)
    wanted = [m for m in moments(truth, split) if m.video in corpus]
    if not wanted:
        raise CorpusError(f"{corpus.path}: holds none of the world's {split} videos; extract them first")
    features = {v.id: v.features for v in corpus.read([corpus.row(m) for m in dict.fromkeys(m.video for m in wanted)])}
    clips = [features[m.video][m.seconds] for m in wanted]
    relevant = np.array([[a.what == b.what for b in wanted] for a in wanted])
    found = retrieve(model, [m.description for m in wanted], clips, relevant)
    unseen = np.array([m.unseen for m in wanted])
    top = found.ranks() <= 1
    choices, right = questions(wanted)
    answers = answer(model, clips, choices)
    return {
        "retrieval": found.metrics()
        | {"unseen_pairs": {"queries": int(unseen.sum()), "R@1": float(top[unseen].mean()) if unseen.any() else 0.0}}
        | {"R@1_by_part": _by_part(found, wanted)},
        "multiple_choice": {
            "accuracy": float((answers == right).mean()),
            "chance": 1 / CHOICES,
            "questions": len(right),
        },
        **understanding(model, features, truth),
        "items": _items(found, wanted, choices, answers, right),
        "timelines": timelines(model, features, truth, split),
        "similarity": found.scores[:60, :60].round(2).tolist(),
    }


def recall_probe(corpus: Corpus, truth: dict, split: str = "val"):
    """What the demo measures during training: text→video R@1 and R@10 on the steps of the validation videos."""
    wanted = [m for m in moments(truth, split) if m.video in corpus]
    features = {m.video: corpus[m.video].features for m in {m.video: m for m in wanted}.values()}
    clips = [features[m.video][m.seconds] for m in wanted]
    relevant = np.array([[a.what == b.what for b in wanted] for a in wanted])

    def probe(model: JointModel) -> dict[str, float]:
        figures = retrieve(model, [m.description for m in wanted], clips, relevant).metrics()["text_to_video"]
        return {"zero_shot_R@1": figures["R@1"], "zero_shot_R@10": figures["R@10"]}

    return probe


def questions(wanted: list[Moment]) -> tuple[list[list[str]], np.ndarray]:
    """Five descriptions for each moment, of which four differ from it in the action, the object or the colour.

    Returns:
        (choices, index of the right one), the same for the same moments.
    """
    rng = random.Random("questions")
    choices, right = [], []
    for moment in wanted:
        actions, objects = family_members(moment.family)
        action, thing, colour = moment.what
        others = [(a, thing, colour) for a in rng.sample([a for a in actions if a != action], 2)]
        others += [(action, o, colour) for o in rng.sample([o for o in objects if o != thing], 1)]
        others += [(action, thing, c) for c in rng.sample([c for c in COLOURS if c != colour], 1)]
        place = rng.randrange(CHOICES)
        texts = [phrase(what, TEST_PHRASES, rng) for what in others]
        choices.append([*texts[:place], moment.description, *texts[place:]])
        right.append(place)
    return choices, np.array(right)


def understanding(model: JointModel, features: dict[str, np.ndarray], truth: dict) -> dict:
    """Segmentation and step localisation of videos whose steps are given; for the latter, in their order.

    A step that is done twice in a video is one label.
    """
    ours, published, actual, right, shown = [], [], [], 0, 0
    for video, seconds in features.items():
        steps = truth["videos"][video]["steps"]
        described = {_what(step): step["description"] for step in reversed(steps)}
        label_of = {what: i for i, what in enumerate(described)}
        tokens = model.video_tokens(seconds).numpy()
        texts = model.encode_text([step["description"] for step in steps]).numpy()
        labels = model.encode_text(list(described.values())).numpy()
        spans = [(step["start"], step["end"], label_of[_what(step)]) for step in steps]
        actual.append(_shown_at_the_middle(spans, len(tokens)))
        ours.append(label_seconds(tokens, labels, present=True))
        published.append(label_seconds_as_published(tokens @ labels.T, labels))
        annotated = [(i + 1, start, end) for i, (start, end, _) in enumerate(spans)]
        located = locate_steps(tokens @ texts.T).tolist()
        hits, of = step_recall(located, seconds_of_steps(annotated, len(steps), len(tokens)))
        right, shown = right + hits, shown + of
    return {
        "segmentation": segmentation_metrics(ours, actual),
        "segmentation_by_the_papers_rule": segmentation_metrics(published, actual),
        "localization": {"recall": right / max(shown, 1), "videos": len(features)},
    }


def _what(step: dict) -> tuple[str, str, str]:
    return step["action"], step["object"], step["colour"]


def _shown_at_the_middle(spans: list[tuple[float, float, int]], seconds: int) -> np.ndarray:
    """The label that is shown in the middle of each second; -1 where none is."""
    middles = np.arange(seconds) + 0.5
    shown = np.full(seconds, BACKGROUND)
    for start, end, label in spans:
        shown[(start <= middles) & (middles < end)] = label
    return shown


def timelines(
    model: JointModel, features: dict[str, np.ndarray], truth: dict, split: str, videos: int = 6
) -> list[dict]:
    """For some videos, what each second shows: the truth, and the model's choice among the video's own steps."""
    lines = []
    for video in list(features)[:videos]:
        steps = truth["videos"][video]["steps"]
        seconds = len(features[video])
        actual = [
            next((i for i, s in enumerate(steps) if s["start"] <= t + 0.5 < s["end"]), -1) for t in range(seconds)
        ]
        labels = [step["description"] for step in steps]
        tokens = model.video_tokens(features[video]).numpy()
        predicted = label_seconds(tokens, model.encode_text(labels).numpy(), present=True).tolist()
        lines.append({"video": video, "labels": labels, "truth": actual, "prediction": predicted})
    return lines


def _by_part(found: Retrieval, wanted: list[Moment]) -> dict[str, float]:
    """How often the first hit has the right action, object and colour, each alone."""
    first = found.scores.argmax(1)
    return {
        part: float(np.mean([wanted[j].what[i] == m.what[i] for m, j in zip(wanted, first, strict=True)]))
        for i, part in enumerate(("action", "object", "colour"))
    }


def _items(found: Retrieval, wanted: list[Moment], choices, answers: np.ndarray, right: np.ndarray) -> list[dict]:
    best = np.argsort(-found.scores, axis=1)[:, :SHOWN]
    return [
        {
            "query": moment.description,
            "what": list(moment.what),
            "video": moment.video,
            "start": moment.start,
            "end": moment.end,
            "unseen_pair": moment.unseen,
            "rank": float(rank),
            "found": [
                {"video": wanted[j].video, "start": wanted[j].start, "end": wanted[j].end, "what": list(wanted[j].what),
                 "score": round(float(found.scores[i, j]), 3), "right": bool(found.relevant[i, j])}
                for j in best[i]
            ],
            "choices": choices[i],
            "answer": int(answers[i]),
            "right_answer": int(right[i]),
        }
        for i, (moment, rank) in enumerate(zip(wanted, found.ranks(), strict=True))
    ]  # fmt: skip
