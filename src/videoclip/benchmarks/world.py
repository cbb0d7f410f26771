"""NarratedWorld as a benchmark: steps of unseen videos, described in phrasings that were never narrated.

Zero-shot: the model was trained on narration alone; ``truth.json`` only says which answers are right.
"""

from collections import defaultdict
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from ..corpus.rows import NarratedVideo
from ..corpus.store import Corpus
from ..errors import CorpusError
from ..model.joint import JointModel
from ..tasks.alignment import align, alignment_metrics
from ..tasks.finetune import Described, Example, Labelled, one_label
from ..tasks.localization import locate_steps, seconds_of_steps, step_recall
from ..tasks.metrics import segmentation_metrics
from ..tasks.multiple_choice import answer
from ..tasks.paragraph import cut_spans, paragraph_retrieval, with_background
from ..tasks.retrieval import NORMALIZATIONS, Retrieval, retrieve
from ..tasks.segmentation import RULES, background_text, label_seconds_as_published, segment
from ..ties import first_of_largest, ranked_first
from .benchmark import DEFAULT, Benchmark, Examples, Options, features_of, steps_of_seconds
from .truth import CHOICES, Moment, moments, questions, read_truth, shown_at_the_middle, shown_when_said

SHOWN = 5
"""Found clips that are kept of each query."""


def evaluate_folder(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """``evaluate_world`` on the ``truth.json`` of a folder."""
    truth = read_truth(data)
    return evaluate_world(model, corpus, truth, options) | {"seed": truth["seed"]}


def evaluate_world(model: JointModel, corpus: Corpus, truth: dict, options: Options = DEFAULT) -> dict:
    """Every task on the videos of a split; ``items`` and ``videos`` hold each prediction.

    Raises:
        CorpusError: the corpus lacks the videos.
    """
    wanted = [m for m in moments(truth, options.split) if m.video in corpus]
    if not wanted:
        raise CorpusError(f"{corpus.path}: holds none of the world's {options.split} videos; extract them first")
    videos = {v.id: v for v in corpus.read([corpus.row(m) for m in dict.fromkeys(m.video for m in wanted)])}
    clips = [videos[m.video].features[m.seconds] for m in wanted]
    if cut := next((m for m, clip in zip(wanted, clips, strict=True) if not len(clip)), None):
        there = f"{corpus.path}: video '{cut.video}' has {videos[cut.video].seconds} s of features"
        raise CorpusError(f"{there}, and a step that begins at {cut.start:g} s; extract the world's videos anew")
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
            heard.append((found.times, found.confidence, spoken, shown_when_said(spoken, steps)))
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


def _what(step: dict) -> tuple[str, str, str]:
    return step["action"], step["object"], step["colour"]


def _by_part(found: Retrieval, wanted: list[Moment]) -> dict[str, float]:
    """How often the first hit has the right action, object and colour, each alone."""
    first = first_of_largest(found.scores)
    return {
        part: float(np.mean([wanted[j].what[i] == m.what[i] for m, j in zip(wanted, first, strict=True)]))
        for i, part in enumerate(("action", "object", "colour"))
    }


def _items(found: Retrieval, wanted: list[Moment], choices, answers: np.ndarray, right: np.ndarray) -> list[dict]:
    best = [ranked_first(row, SHOWN) for row in found.scores]
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


def steps_to_train_on(task: str, corpus: Corpus, data: Path) -> Examples:
    """The steps of the training videos, and those of the validation videos, as examples for a task.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    truth = read_truth(data)
    return _examples(task, corpus, truth, "train"), _examples(task, corpus, truth, "val")


def _examples(task: str, corpus: Corpus, truth: dict, split: str) -> list[Example]:
    wanted = [m for m in moments(truth, split) if m.video in corpus]
    features = features_of(corpus, [m.video for m in wanted])
    if task in ("retrieval", "multiple-choice"):
        return [Described(features[m.video][m.seconds], [m.description]) for m in wanted]
    steps = defaultdict(list)
    for m in wanted:
        steps[m.video].append(m)
    examples: list[Example] = []
    for video, some in steps.items():
        texts = list(dict.fromkeys(m.description for m in some))
        spans = [(m.start, m.end, texts.index(m.description)) for m in some]
        count = len(features[video])
        if task == "segmentation":
            holds = one_label(shown_at_the_middle(spans, count), len(texts))
        else:
            holds = steps_of_seconds(spans, count, len(texts))
        examples.append(Labelled(features[video], texts, holds))
    return examples


BENCHMARK = Benchmark(
    evaluate_folder,
    splits=("test", "val", "train"),
    rules=RULES,
    normalizations=NORMALIZATIONS,
    trains={
        task: partial(steps_to_train_on, task)
        for task in ("retrieval", "multiple-choice", "segmentation", "localization")
    },
)
