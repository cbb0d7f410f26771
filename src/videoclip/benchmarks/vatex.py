"""VATEX: clips of ten seconds by each of their ten English captions (Wang et al., ICCV 2019).

The files are lists of ``{"videoID": "YOUTUBE_000010_000020", "enCap": […], …}``. The features may be of the cut clip,
under that id, or of the whole video, under YouTube's, of which these seconds are taken. Most publications on retrieval
test on 1,500 of the validation clips (the split of HGR, Chen et al., CVPR 2020): with their ids, one a line, in
``test_list.txt`` beside the annotations, the split ``test`` is those; without it, the public test set.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ..corpus.store import Corpus
from ..model.joint import JointModel
from ..tasks.retrieval import NORMALIZATIONS
from .annotations import Name, Text, check, check_once, read_json, read_list, wrong
from .benchmark import DEFAULT, Benchmark, Options, annotation_file, features_of
from .clips import named_clip, retrieve_described

FILES = {
    "test": "vatex_public_test_english_v1.1.json",
    "val": "vatex_validation_v1.0.json",
    "train": "vatex_training_v1.0.json",
}
LIST = "test_list.txt"
WHERE = "https://eric-xw.github.io/vatex-website/download.html"


@dataclass(frozen=True)
class Described:
    """An entry of the annotations."""

    videoID: Name
    enCap: Annotated[list[Text], Field(min_length=1)]


def evaluate_vatex(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Text→video retrieval by each caption, and video→text, where the best of a clip's captions counts.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    captions, source = read_captions(data, options.split)
    clips = [named_clip(corpus, video, text) for video, texts in captions.items() for text in texts]
    features = features_of(corpus, [clip.video for clip in clips])
    found, left_out, items = retrieve_described(model, features, clips, normalization=options.normalization)
    return {"retrieval": found.metrics(), "left_out": left_out, "annotations": source, "items": items}


def read_captions(data: Path, split: str) -> tuple[dict[str, list[str]], str]:
    """The captions of each clip of a split, and the name of the file that says which clips.

    Raises:
        VideoclipError: files are missing, or an entry is of another form; names it.
    """
    if split != "test":
        path = annotation_file(data, [FILES[split]], WHERE)
        return _read(path), path.name
    path = annotation_file(data, [LIST, FILES["test"]], WHERE)
    if path.name != LIST:
        return _read(path), path.name
    listed, known = read_list(path), {}
    beside = [path.with_name(name) for name in FILES.values() if path.with_name(name).is_file()]
    for file in beside or [annotation_file(data, [FILES["val"]], WHERE)]:
        known |= _read(file)
    for place, video in listed:
        if video not in known:
            wrong(path, place, f"names {video}, of which the annotations beside it say nothing")
    return {video: known[video] for _, video in listed}, path.name


def _read(path: Path) -> dict[str, list[str]]:
    places = [(f"entry {i}", entry) for i, entry in enumerate(read_json(path, list))]
    entries = [(place, check(Described, entry, path, place)) for place, entry in places]
    if not entries:
        wrong(path, "the whole", "holds no captions")
    check_once(path, ((place, entry.videoID) for place, entry in entries), "video")
    return {entry.videoID: entry.enCap for _, entry in entries}


BENCHMARK = Benchmark(evaluate_vatex, splits=tuple(FILES), normalizations=NORMALIZATIONS)
