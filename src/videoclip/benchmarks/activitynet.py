"""ActivityNet Captions: whole videos by their paragraphs, and the moments of single sentences (Krishna et al., 2017).

``val_1.json`` is ``{"v_QOlSCBRmfWY": {"duration": 82.73, "timestamps": [[0.83, 19.86], …], "sentences": ["A …", …]}}``;
``val_2.json`` has other people's sentences for nearly the same videos. The split ``val_1`` (4,917 videos) is the
customary one for retrieval. Videos are looked for with and without the ``v_`` before YouTube's id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from ..corpus.store import Corpus
from ..model.joint import JointModel
from ..tasks.retrieval import NORMALIZATIONS, retrieve
from .annotations import Name, Second, Text, check, read_json, shown, wrong
from .benchmark import DEFAULT, Benchmark, Options, annotation_file, features_of, id_in
from .sought import Found, Sought, find, metrics_of, within

FILES = {"val_1": "val_1.json", "val_2": "val_2.json", "train": "train.json"}
WHERE = "https://cs.stanford.edu/people/ranjaykrishna/densevid"


def _positive(duration: float) -> float:
    if not duration:
        raise ValueError("is no length of a video")
    return duration


@dataclass(frozen=True)
class Video:
    """An entry of the annotations: sentences, and from when to when each is shown, in seconds."""

    duration: Annotated[Second, AfterValidator(_positive)]
    timestamps: list[tuple[Second, Second]]
    sentences: list[Text]


def evaluate_activitynet(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Retrieval of whole videos by all of their sentences, and of each sentence's moment inside the right video.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, [FILES[options.split]], WHERE)
    annotated = read_videos(path)
    ids = {name: id_in(corpus, name) or id_in(corpus, name.removeprefix("v_")) or name for name in annotated}
    features = features_of(corpus, ids.values())
    there = [name for name in annotated if ids[name] in features]
    paragraphs = [" ".join(annotated[name].sentences) for name in there]
    videos = [features[ids[name]] for name in there]
    retrieved = retrieve(model, paragraphs, videos, normalization=options.normalization)
    sought = [item for name in there for item in sentences_of(annotated[name], ids[name])]
    found, left_out = find(model, features, sought)
    names = [{"video": name, "query": text} for name, text in zip(there, paragraphs, strict=True)]
    return {
        "retrieval": retrieved.metrics(),
        "moment_retrieval": metrics_of(found),
        "left_out": {
            "without_features": len(annotated) - len(there),
            "moments_past_the_end": left_out["past_the_end"],
            "moments_without_length": sum(len(annotated[name].sentences) for name in there) - len(sought),
        },
        "annotations": path.name,
        "items": [
            item | {"moments": of_video}
            for item, of_video in zip(retrieved.items(names), _by_video(found, [ids[n] for n in there]), strict=True)
        ],
    }


def sentences_of(video: Video, name: str) -> list[Sought]:
    """The sentences of a video whose moments have a length; some of the published ones end before they begin."""
    spans = [within(span, video.duration) for span in video.timestamps]
    rows = zip(video.sentences, spans, strict=True)
    return [Sought(name, text, (span,), video.duration) for text, span in rows if span]


def _by_video(found: Sequence[Found], videos: Sequence[str]) -> list[list[dict]]:
    moments: dict[str, list[dict]] = {video: [] for video in videos}
    for one in found:
        moments[one.sought.video].append(one.name)
    return list(moments.values())


def read_videos(path: Path) -> dict[str, Video]:
    """The videos that have sentences.

    Raises:
        VideoclipError: there are none, or an entry is of another form; names it.
    """
    videos = {}
    for name, entry in read_json(path, dict).items():
        place = f"video {shown(name)}"
        video = check(Video, entry, path, place)
        if len(video.timestamps) != len(video.sentences):
            wrong(path, place, f"has {len(video.sentences)} sentences and {len(video.timestamps)} timestamps")
        if video.sentences:
            videos[check(Name, name, path, place)] = video
    if not videos:
        wrong(path, "the whole", "holds no sentences")
    return videos


BENCHMARK = Benchmark(evaluate_activitynet, splits=tuple(FILES), normalizations=NORMALIZATIONS)
