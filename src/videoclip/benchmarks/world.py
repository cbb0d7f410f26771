"""NarratedWorld as a benchmark: steps of unseen videos, described in phrasings that were never narrated.

Zero-shot: the model was trained on narration alone; ``truth.json`` only says which answers are right.
"""

import json
import math
import random
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..corpus.store import Corpus, NarratedVideo
from ..errors import CorpusError, VideoclipError
from ..model.joint import JointModel
from ..tasks.alignment import align, alignment_metrics
from ..tasks.localization import locate_steps, seconds_of_steps, step_recall
from ..tasks.metrics import BACKGROUND, segmentation_metrics
from ..tasks.multiple_choice import answer
from ..tasks.paragraph import cut_spans, paragraph_retrieval, with_background
from ..tasks.retrieval import Retrieval, retrieve
from ..tasks.segmentation import background_text, label_seconds_as_published, segment
from ..world.script import COLOURS, TEST_PHRASES, family_members, phrase
from .benchmark import DEFAULT, Options

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


def evaluate_folder(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """``evaluate_world`` on the ``truth.json`` of a folder."""
    truth = read_truth(data)
    return evaluate_world(model, corpus, truth, options) | {"seed": truth["seed"]}


def evaluate_world(model: JointModel, corpus: Corpus, truth: dict, options: Options = DEFAULT) -> dict:
    """Every task on the videos of a split; ``items`` and ``videos`` hold each prediction.

    Raises:
        VideoclipError: the corpus is of another encoder than the model, or lacks the videos.
    """
    model.check_features(corpus.kind, corpus.path)
    wanted = [m for m in moments(truth, options.split) if m.video in corpus]
    if not wanted:
        raise CorpusError(f"{corpus.path}: holds none of the world's {options.split} videos; extract them first")
    videos = {v.id: v for v in corpus.read([corpus.row(m) for m in dict.fromkeys(m.video for m in wanted)])}
    clips = [videos[m.video].features[m.seconds] for m in wanted]
    relevant = np.array([[a.what == b.what for b in wanted] for a in wanted])
    found = retrieve(model, [m.description for m in wanted], clips, relevant, options.normalization)
    unseen = np.array([m.unseen for m in wanted])
    top = found.ranks() <= 1
    asked = {kind: questions(wanted, kind) for kind in ("sharing", "one part")}
    answers = {kind: answer(model, clips, choices) for kind, (choices, _) in asked.items()}
    accuracy = {kind: float((answers[kind] == right).mean()) for kind, (_, right) in asked.items()}
    return {
        "retrieval": found.metrics()
        | {"unseen_pairs": {"queries": int(unseen.sum()), "R@1": float(top[unseen].mean()) if unseen.any() else 0.0}}
        | {"R@1_by_part": _by_part(found, wanted)},
        "multiple_choice": {
            "accuracy": accuracy["sharing"],
            "accuracy_one_part_apart": accuracy["one part"],
            "chance": 1 / CHOICES,
            "questions": len(wanted),
        },
        **understanding(model, videos, truth, options.rule),
        "paragraphs": paragraphs(model, videos, truth),
        "items": _items(found, wanted, asked["sharing"][0], answers["sharing"], asked["sharing"][1]),
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


def understanding(model: JointModel, videos: dict[str, NarratedVideo], truth: dict, rule: str = "spread") -> dict:
    """Segmentation and step localisation of videos whose steps are given, and alignment of their narration.

    A step that is done twice in a video is one label. For localisation the steps' order is given too.
    """
    entries, heard, background = [], [], background_text(model, rule)
    for name, video in videos.items():
        steps = truth["videos"][name]["steps"]
        described = {_what(step): step["description"] for step in reversed(steps)}
        label_of = {what: i for i, what in enumerate(described)}
        tokens = model.video_tokens(video.features).numpy()
        texts = model.encode_text([step["description"] for step in steps]).numpy()
        labels = model.encode_text(list(described.values())).numpy()
        spans = [(step["start"], step["end"], label_of[_what(step)]) for step in steps]
        annotated = [(i + 1, start, end) for i, (start, end, _) in enumerate(spans)]
        located = locate_steps(tokens @ texts.T).tolist()
        hits, of = step_recall(located, seconds_of_steps(annotated, len(steps), len(tokens)))
        entries.append({
            "video": name,
            "labels": list(described.values()),
            "classes": [what[0] for what in described],
            "truth": shown_at_the_middle(spans, len(tokens)).tolist(),
            "prediction": segment(tokens, labels, rule, background, present=True).tolist(),
            "by_the_papers_rule": label_seconds_as_published(tokens @ labels.T, labels).tolist(),
            "located": located, "steps_found": hits, "steps": of,
        })  # fmt: skip
        if video.captions:
            spoken = np.array([(caption.start, caption.end) for caption in video.captions])
            found = align(tokens, model.encode_text([caption.text for caption in video.captions]).numpy(), spoken)
            heard.append((found.times, found.confidence, spoken, _shown_when_said(spoken, steps)))
            entries[-1] |= {"aligned": found.times.tolist(), "confidence": found.confidence.round(4).tolist()}
    actual = [np.array(entry["truth"]) for entry in entries]
    result = {
        "segmentation": {"rule": rule} | segmentation_metrics([np.array(e["prediction"]) for e in entries], actual),
        "segmentation_by_the_papers_rule": segmentation_metrics(
            [np.array(e["by_the_papers_rule"]) for e in entries], actual
        ),
        "localization": {
            "recall": sum(e["steps_found"] for e in entries) / max(sum(e["steps"] for e in entries), 1),
            "videos": len(videos),
        },
        "videos": entries,
    }
    if heard:
        times, confidence, spoken, shown = ([x for part in column for x in part] for column in zip(*heard, strict=True))
        result["alignment"] = asdict(alignment_metrics(np.array(times), np.array(confidence), np.array(spoken), shown))
    return result


def paragraphs(model: JointModel, videos: dict[str, NarratedVideo], truth: dict) -> dict:
    """Video-paragraph retrieval: each video by the descriptions of all its steps, in their order.

    With the background removed a video is its steps' clips; kept, the stretches between them are clips too.
    """
    sentences, removed, kept = [], [], []
    for name, video in videos.items():
        steps = truth["videos"][name]["steps"]
        sentences.append(model.encode_text([step["description"] for step in steps]).numpy())
        spans = [(step["start"], step["end"]) for step in steps]
        removed.append(model.encode_video(cut_spans(video.features, spans)).numpy())
        kept.append(model.encode_video(cut_spans(video.features, with_background(spans, video.seconds))).numpy())
    return paragraph_retrieval(sentences, removed, kept)


def _shown_when_said(spoken: np.ndarray, steps: list[dict]) -> list[tuple[float, float] | None]:
    """For each sentence, the span of the step that it narrates; None for chatter."""
    shown: list[tuple[float, float] | None] = [None] * len(spoken)
    for step in steps:
        if step["narration"]:
            nearest = int(np.abs(spoken[:, 0] - step["narration"]["start"]).argmin())
            shown[nearest] = (step["start"], step["end"])
    return shown


def _what(step: dict) -> tuple[str, str, str]:
    return step["action"], step["object"], step["colour"]


def shown_at_the_middle(spans: list[tuple[float, float, int]], seconds: int) -> np.ndarray:
    """The label that is shown in the middle of each second; -1 where none is."""
    middles = np.arange(seconds) + 0.5
    shown = np.full(seconds, BACKGROUND)
    for start, end, label in spans:
        shown[(start <= middles) & (middles < end)] = label
    return shown


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
