"""What does meaning add to what words find? And what does it cost among a million passages?

    python bench/meaning.py world ENCODER WORLD...    folders with the ``videos`` of a rendered world and a ``model``
    python bench/meaning.py weights ENCODER WORLD...  the same for each weight of joining, by worlds for choosing it
    python bench/meaning.py scale ENCODER [PASSAGES]  made vectors with realistic clusters, 384-d

ENCODER is a sentence encoder's folder, such as that of the packaged MiniLM, or its name. ``world``: every step of the
test videos that is spoken of is looked for in a phrasing that nobody narrated; in other words means that it has a
telling word that the narrator does not say. A hit is right if it holds half of what is said of such a step, or if its
middle lies where one is shown. ``scale``: the baseline is exact search by NumPy over all vectors in memory; searches
with meaning and without it take turns.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import numpy as np
from library import ABSENT, SCENES, size_of, timed
from result import print_table, report

from videoclip.benchmarks.truth import read_truth
from videoclip.encoders.encoder import FeatureKind
from videoclip.encoders.load import load_encoder
from videoclip.library import meaning, ranking
from videoclip.library.index import IndexOptions, index
from videoclip.library.meaning import Sentences
from videoclip.library.ranking import content_words, has_share
from videoclip.library.search import MEANT, Library, Query
from videoclip.library.store.about import About, Meaning, locked
from videoclip.library.store.reading import Store
from videoclip.library.store.rows import Entry, Video
from videoclip.library.store.writing import Writer
from videoclip.media.captions import Caption
from videoclip.model.joint import load_model
from videoclip.model.sentences import load_sentence_encoder

SIZE, PER_VIDEO, SENTENCES = 384, 50, 30
"""Numbers of a vector; passages and sentences of a video."""
QUERIES, WARM, AGAIN = 120, 20, 20
LOOKED_AT = MEANT
"""Passages that a search of ten moments looks at."""
WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5)
"""Of meaning, that are tried."""


class Only(Library):
    """A library that is searched by some of its rankings alone."""

    kinds: tuple[str, ...] = ("speech", "meaning")

    def _by_passages(self, query, live, admitted):
        found = super()._by_passages(query, live, admitted)
        return {kind: hits for kind, hits in found.items() if kind in self.kinds}


@contextmanager
def library_of(world: Path, encoder: str) -> Iterator[Only]:
    """The test videos, indexed by the world's model and with the meaning of what is said."""
    folder, model = Path(tempfile.mkdtemp(prefix="library-")), load_model(str(world / "model"))
    try:
        options = IndexOptions(meaning=Sentences(encoder))
        index([world / "videos" / "test"], folder / "library", model, load_encoder("demo"), options)
        yield Only(folder / "library", model)
    finally:
        shutil.rmtree(folder)


def steps_of(world: Path, library: Library) -> list[dict]:
    """The steps of the test videos, with the numbers of their videos."""
    numbers = {Path(video.path).stem: video.id for video in library.videos}
    videos = read_truth(world)["videos"].items()
    return [
        step | {"video": numbers[name.split("/")[1]], "what": (step["action"], step["object"], step["colour"])}
        for name, video in videos
        if video["split"] == "test"
        for step in video["steps"]
    ]


def found(library: Only, mode: str, kinds: tuple[str, ...], steps: list[dict], everything: list[dict]) -> np.ndarray:
    """(N, 5) whether each of the first five hits for each step is right."""
    library.kinds = kinds
    made = np.zeros((len(steps), 5), bool)
    for row, step in enumerate(steps):
        same = [other for other in everything if other["what"] == step["what"]]
        hits = library.search(Query(step["description"], mode, 5)).hits
        made[row, : len(hits)] = [any(_is_right(hit, other) for other in same) for hit in hits]
    return made


def _is_right(hit, step: dict) -> bool:
    if hit.video != step["video"]:
        return False
    if step["start"] <= (hit.start + hit.end) / 2 <= step["end"]:
        return True
    told = step["narration"]
    return bool(told) and min(hit.end, told["end"]) - max(hit.start, told["start"]) >= (told["end"] - told["start"]) / 2


RANKINGS = (
    ("words alone", "speech", ("speech",)),
    ("meaning alone", "speech", ("meaning",)),
    ("words and meaning (--mode speech)", "speech", ("speech", "meaning")),
    ("sight alone", "sight", ()),
    ("sight and words", "all", ("speech",)),
    ("sight, words and meaning (--mode all)", "all", ("speech", "meaning")),
)


def world(encoder: str, folders: list[Path]) -> None:
    rows, ours, words = [], [], []
    for folder in folders:
        with library_of(folder, encoder) as library:
            steps = steps_of(folder, library)
            told = [step for step in steps if step["narration"]]
            otherwise = [s for s in told if not has_share(s["narration"]["text"], content_words(s["description"]), 1.0)]
            for queries, some in (("in other words", otherwise), ("told", told), ("all", steps)):
                for what, mode, kinds in RANKINGS:
                    right = found(library, mode, kinds, some, steps)
                    first, five = float(right[:, 0].mean()), float(right.any(1).mean())
                    rows.append(
                        {
                            "world": folder.name,
                            "steps": f"{len(some)} {queries}",
                            "by": what,
                            "first": first,
                            "first five": five,
                        }
                    )
            library.kinds = ("meaning",)
            absent = float(np.mean([bool(library.search(Query(text, "speech")).hits) for text in ABSENT]))
            rows.append(
                {
                    "world": folder.name,
                    "steps": "of another world",
                    "by": "lists by meaning",
                    "first": absent,
                    "first five": "",
                }
            )
        mine = {row["by"]: row["first five"] for row in rows[-19:-13]}
        ours.append(mine["meaning alone"])
        words.append(mine["words alone"])
    unit = f"of steps told in other words are among the first five by meaning, the worst of {len(folders)} worlds"
    report("meaning", min(ours), min(words), unit, rows, "0.8; the baseline is words alone")


def weights(encoder: str, folders: list[Path]) -> None:
    """The share of steps whose moment is first, and among the first five, for each weight of meaning."""
    sums: dict[tuple[str, float], list[np.ndarray]] = {}
    for folder in folders:
        with library_of(folder, encoder) as library:
            steps = steps_of(folder, library)
            told = [step for step in steps if step["narration"]]
            for weight in WEIGHTS:
                ranking.WEIGHTS["meaning"] = weight
                for mode, some in (("speech", told), ("all", steps)):
                    rights = found(library, mode, ("speech", "meaning"), some, steps)
                    sums.setdefault((mode, weight), []).append(rights)
    rows = []
    for (mode, weight), parts in sums.items():
        right = np.concatenate(parts)
        shares = {"first": float(right[:, 0].mean()), "first five": float(right.any(1).mean())}
        rows.append({"mode": mode, "weight of meaning": weight, "queries": len(right)} | shares)
    print_table("weights of meaning", rows)


class Made:
    """A sentence encoder that gives the vectors it is told."""

    name, fingerprint, size = "made", "made", SIZE

    def __init__(self, vectors: dict[str, np.ndarray]):
        self.vectors = vectors

    def encode_queries(self, texts):
        return np.stack([self.vectors[text] for text in texts])

    encode_passages = encode_queries


def clustered(rng: np.random.Generator, count: int) -> Iterator[np.ndarray]:
    """Unit vectors around ``SCENES`` topics with a spectrum that falls off, those of a video at a time."""
    topics = rng.normal(size=(SCENES, SIZE)).astype(np.float32) * (1 + np.arange(SIZE)) ** -0.35
    topics /= np.linalg.norm(topics, axis=1, keepdims=True)
    for _ in range(count):
        made = topics[rng.choice(SCENES, 5).repeat(PER_VIDEO // 5)]
        made = made + 0.6 * rng.normal(size=made.shape).astype(np.float32) / SIZE**0.5
        yield made / np.linalg.norm(made, axis=1, keepdims=True)


def fill(folder: Path, passages: int, rng: np.random.Generator) -> tuple[Writer, np.ndarray]:
    """A library in which so many passages are said, and all of their vectors."""
    from library import WORDS

    about = About(FeatureKind("made", 8), "made", "made", 8, meaning=Meaning("made", "made", SIZE, 1))
    writer, count, everything = Writer.create(folder, about), passages // PER_VIDEO, []
    nothing = {"spans": np.zeros((0, 2)), "moments": np.zeros((0, 8)), "tokens": np.zeros((0, 8)), "pictures": []}
    starts = np.linspace(0, 115, PER_VIDEO, dtype=np.float32)
    spans = np.stack([starts, starts + 4], axis=1)
    entries, parts = [], []
    for number, vectors in enumerate(clustered(rng, count), 1):
        said = [
            Caption(4.0 * i, 4.0 * i + 3, " ".join(WORDS[w] for w in np.minimum(rng.zipf(1.3, 8), len(WORDS)) - 1))
            for i in range(SENTENCES)
        ]
        video = Video(number, f"/v/{number}.mp4", 1, 1, str(number), 120.0, 0.0, 640, 360)
        entries.append(Entry(video, np.zeros((1, 8), np.float16), captions=said, **nothing))
        parts.append((number, spans, vectors.astype(np.float16)))
        everything.append(parts[-1][2])
        if len(entries) == 1000 or number == count:
            writer.add(entries)
            writer.write_passages(parts)
            entries, parts = [], []
    return writer, np.concatenate(everything)


class Silent(meaning.Understood):
    """Finds nothing, at no cost."""

    def nearest(self, *_):
        return []


def compared(store: Store, vectors: np.ndarray, texts: np.ndarray) -> tuple[np.ndarray, float]:
    """Milliseconds of an exact search by NumPy, and the share of its best ten that the index finds."""
    whole = vectors.astype(np.float32)
    least = [np.partition(whole @ text, -10)[-10] for text in texts]
    taken = timed(lambda text: np.partition(whole @ text, -10)[-10:], texts[: WARM + AGAIN])
    right = [
        sum(row[3] >= bound - 0.002 for row in store.meant(text, LOOKED_AT)[:10])
        for text, bound in zip(texts, least, strict=True)
    ]
    return taken, float(np.mean(right)) / 10


def scale(encoder: str, passages: int) -> None:
    from library import WORDS

    folder, rng = Path(tempfile.mkdtemp(prefix="library-")), np.random.default_rng(0)
    try:
        writer, vectors = fill(folder / "library", passages, rng)
        began = time.perf_counter()
        with locked(folder / "library"):
            writer.optimize(timedelta(0))
        built = time.perf_counter() - began
        near = vectors[rng.choice(len(vectors), QUERIES, replace=False)].astype(np.float32)
        near = near + 0.7 * rng.normal(size=near.shape).astype(np.float32) / SIZE**0.5
        near /= np.linalg.norm(near, axis=1, keepdims=True)
        exact, recall = compared(writer.store, vectors, near)
        del vectors
        names = [f"{WORDS[i % len(WORDS)]} {WORDS[(7 * i) % len(WORDS)]}" for i in range(len(near))]
        made = Made(dict(zip(names, near, strict=True)))
        library = Only(folder / "library")
        took = {"words": [], "words and meaning": []}
        for _ in range(2):
            for what, kinds in (("words", ("speech",)), ("words and meaning", ("speech", "meaning"))):
                library._understood = (meaning.Understood if "meaning" in kinds else Silent)(library.store)
                library.kinds = kinds
                with patch.object(meaning, "load_sentence_encoder", lambda _: made):
                    took[what].append(timed(lambda name: library.search(Query(name, "speech")), names))
        alone = timed(lambda text: writer.store.meant(text, LOOKED_AT), near)
        own = load_sentence_encoder(encoder)
        encoding = timed(lambda name: own.encode_queries([name]), [f"someone cuts {name}" for name in names])
        median = {what: min(float(np.median(t)) for t in times) for what, times in took.items()}
        bytes_each = size_of(folder / "library" / "tables" / "passages_1.lance") / passages
        table = [
            {
                "what": "nearest passages alone, ms",
                "p50": float(np.median(alone)),
                "p95": float(np.quantile(alone, 0.95)),
            },
            *(
                {
                    "what": f"search by {what}, ms",
                    "p50": median[what],
                    "p95": min(float(np.quantile(t, 0.95)) for t in t2),
                }
                for what, t2 in took.items()
            ),
            {
                "what": "exact, NumPy in memory, ms",
                "p50": float(np.median(exact)),
                "p95": float(np.quantile(exact, 0.95)),
            },
            {
                "what": "the text's own vector, ms (once for a text)",
                "p50": float(np.median(encoding)),
                "p95": float(np.quantile(encoding, 0.95)),
            },
            {"what": "recall@10 against exact", "p50": recall, "p95": ""},
            {"what": "bytes per passage, with its index", "p50": float(bytes_each), "p95": ""},
            {"what": "indexes built, of words and of meaning, s", "p50": built, "p95": ""},
        ]
        added = median["words and meaning"] - median["words"]
        unit = f"ms that meaning adds to a search among {passages:,} passages, without the text's own vector"
        limit = "10 ms, and 1,024 bytes per passage; the baseline is exact search"
        report("meaning-scale", added, float(np.median(exact)), unit, table, limit, "less")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    what, name, *rest = sys.argv[1:]
    if what == "scale":
        scale(name, int(rest[0]) if rest else 1_000_000)
    else:
        {"world": world, "weights": weights}[what](name, [Path(folder) for folder in rest])
