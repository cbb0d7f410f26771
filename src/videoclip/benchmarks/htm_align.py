"""HTM-Align: which spoken sentences describe what is seen, and when (80 videos of HowTo100M; Han et al., CVPR 2022)."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..corpus.rows import NarratedVideo
from ..corpus.store import Corpus
from ..model.joint import JointModel
from ..tasks.alignment import align, alignment_metrics
from .annotations import Name, Second, Text, check, read_json, shown, wrong
from .benchmark import DEFAULT, Benchmark, Options, annotation_file, videos_of

FILES, WHERE = ["htm_align.json"], "https://www.robots.ox.ac.uk/~vgg/research/tan"

Entry = tuple[bool, float, float, str]
"""Whether a sentence is alignable, the start and end of what shows it in seconds, and the sentence."""


def evaluate_htm_align(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """R@1 of alignable sentences and ROC-AUC of alignability.

    ``alignment`` looks anywhere in the video, as in the publications. ``alignment_near_speech`` looks around the time
    of speech, for videos whose captions are in the corpus and hold the sentences; those times are its baseline.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, FILES, WHERE)
    annotated = read_sentences(path)
    videos = videos_of(corpus, annotated)
    anywhere, near = [], []
    items = []
    for name, video in videos.items():
        entries = annotated[name]
        tokens = model.video_tokens(video.features).numpy()
        sentences = model.encode_text([text for *_, text in entries]).numpy()
        truth = [(start, end) if alignable else None for alignable, start, end, _ in entries]
        spoken = spoken_times(video, entries)
        unknown = np.full((len(entries), 2), np.nan)
        found = align(tokens, sentences)
        anywhere.append((found.times, found.confidence, unknown if spoken is None else spoken, truth))
        if spoken is not None:
            close = align(tokens, sentences, spoken)
            near.append((close.times, close.confidence, spoken, truth))
        said = {"sentences": [text for *_, text in entries], "shown": truth}
        items.append({"video": name, "aligned": found.times.tolist(), "confidence": found.confidence.tolist()} | said)
    result = {"alignment": _figures(anywhere, baseline=len(near) == len(anywhere))}
    if near:
        result["alignment_near_speech"] = _figures(near, baseline=True) | {"videos": len(near)}
    left_out = {"without_features": len(annotated) - len(videos)}
    return result | {"left_out": left_out, "annotations": path.name, "items": items}


def _figures(parts: list[tuple], baseline: bool) -> dict:
    times, confidence, spoken, truth = zip(*parts, strict=True)
    flat = [entry for some in truth for entry in some]
    figures = asdict(alignment_metrics(np.concatenate(times), np.concatenate(confidence), np.concatenate(spoken), flat))
    return figures if baseline else {k: v for k, v in figures.items() if k != "spoken_recall"}


def spoken_times(video: NarratedVideo, entries: list[Entry]) -> np.ndarray | None:
    """When the sentences are spoken, (N, 2) seconds, from the video's captions; None where they lack one of them."""
    known: dict[str, list[tuple[float, float]]] = {}
    for caption in video.captions:
        known.setdefault(_plain(caption.text), []).append((caption.start, caption.end))
    times = []
    for *_, text in entries:
        found = known.get(_plain(text))
        if not found:
            return None
        times.append(found.pop(0) if len(found) > 1 else found[0])
    return np.array(times)


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def read_sentences(path: Path) -> dict[str, list[Entry]]:
    """The annotated sentences of each video.

    Raises:
        VideoclipError: the file is not of that form; says where.
    """
    read: dict[str, list[Entry]] = {}
    for name, rows in read_json(path, dict).items():
        place = f"video {shown(name)}"
        check(Name, name, path, place)
        entries = enumerate(check(list, rows, path, place))
        read[name] = [_entry(row, path, f"{place}: sentence {i}") for i, row in entries]
    if not any(read.values()):
        wrong(path, "the whole", "holds no sentences")
    return {name: rows for name, rows in read.items() if rows}


def _entry(row: Any, path: Path, place: str) -> Entry:
    """A row of [alignable, start, end, sentence]; the times of what is not alignable mean nothing."""
    alignable, start, end, text = check(tuple[bool, Any, Any, Text], row, path, place)
    if not alignable:
        return False, 0.0, 0.0, text
    start, end = check(tuple[Second, Second], (start, end), path, f"{place}: times")
    if end < start:
        wrong(path, place, f"ends at {end:g} s, before its start at {start:g} s")
    return True, start, end, text


BENCHMARK = Benchmark(evaluate_htm_align)
