"""LSMDC: clips of films by what an audio description says of them (Rohrbach et al., IJCV 2017).

The tables have tabs and no heading: name of the clip, start and end as aligned and as extracted, and the sentence.
Retrieval is tested on the 1,000 clips of ``LSMDC16_challenge_1000_publictect.csv``; its name is spelt so.
"""

from dataclasses import dataclass
from pathlib import Path

from ..corpus.store import Corpus
from ..model.joint import JointModel
from ..tasks.retrieval import NORMALIZATIONS
from .annotations import Name, Text, check, check_once, read_rows, wrong
from .benchmark import DEFAULT, Benchmark, Options, annotation_file, features_of
from .clips import Clip, retrieve_clips

FILES = {"test": "LSMDC16_challenge_1000_publictect.csv", "val": "LSMDC16_annos_val.csv"}
WHERE = "https://sites.google.com/site/describingmovies/download"
COLUMNS = 6


@dataclass(frozen=True)
class Row:
    """What counts of a row: the files of the clips are cut already, so that their times do not."""

    clip: Name
    sentence: Text


def evaluate_lsmdc(model: JointModel, corpus: Corpus, data: Path, options: Options = DEFAULT) -> dict:
    """Text→video and video→text retrieval among the clips.

    Raises:
        VideoclipError: the annotations or the features are missing.
    """
    path = annotation_file(data, [FILES[options.split]], WHERE)
    clips = read_clips(path)
    features = features_of(corpus, [clip.video for clip in clips])
    return retrieve_clips(model, features, clips, path.name, options.normalization)


def read_clips(path: Path) -> list[Clip]:
    """The clips with their sentences, in the order of the table.

    Raises:
        VideoclipError: there are none, one is there twice, or a row is of another form; names the line.
    """
    rows = []
    for place, row in read_rows(path, delimiters="\t"):
        if len(row) != COLUMNS:
            wrong(path, place, f"has {len(row)} columns between tabs instead of {COLUMNS}")
        rows.append((place, check(Row, {"clip": row[0], "sentence": row[-1]}, path, place)))
    if not rows:
        wrong(path, "the whole", "holds no clips")
    check_once(path, ((place, row.clip) for place, row in rows), "clip")
    return [Clip(row.clip, row.sentence) for _, row in rows]


BENCHMARK = Benchmark(evaluate_lsmdc, splits=tuple(FILES), normalizations=NORMALIZATIONS)
