"""Is a hit right as often as the share beside it says? And what is listed for what is not there?

    python bench/confidence.py WORLD...     folders with the ``videos`` of a rendered world and a ``model``: a demo's

The test videos of each world are indexed anew, and every step of them is looked for in phrasings that nobody narrated.
A hit is right if its middle lies in a step of that action, object and colour. The baseline is ``Hit.sight``, which was
shown as a percentage before. Queries for what is not there differ from a step that is in one part, so that no video of
the library shows it, or are of another world altogether.
"""

import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from library import ABSENT
from result import report

from videoclip.benchmarks.truth import moments, read_truth
from videoclip.encoders.load import load_encoder
from videoclip.library.index import index
from videoclip.library.search import Library, Query
from videoclip.model.joint import load_model
from videoclip.world.script import COLOURS, TEST_PHRASES, family_members, phrase

BINS = 10
PARTS = ("action", "object", "colour")


def measure(world: Path) -> tuple[list[dict], float, float]:
    """Rows of the table, and the calibration error of the shares that are shown and of those that were."""
    folder, model = Path(tempfile.mkdtemp(prefix="library-")), load_model(str(world / "model"))
    try:
        index([world / "videos" / "test"], folder / "library", model, load_encoder("demo"))
        library = Library(folder / "library", model)
        return _measured(world, library)
    finally:
        shutil.rmtree(folder)


def _measured(world: Path, library: Library) -> tuple[list[dict], float, float]:
    numbers = {Path(video.path).stem: video.id for video in library.videos}
    steps = moments(read_truth(world), "test")
    places: dict[tuple, list] = {}
    for step in steps:
        places.setdefault(step.what, []).append((numbers[step.video.split("/")[1]], step.start, step.end))
    rows = []

    def row(what: str, value: object, shown: object = "", hits: object = "") -> None:
        rows.append({"world": world.name, "what": what, "figure": value, "share that is shown": shown, "hits": hits})

    lists = {mode: [library.search(Query(s.description, mode)).hits for s in steps] for mode in ("sight", "all")}
    rights = {mode: [_right(h, places[s.what]) for h, s in zip(lists[mode], steps, strict=True)] for mode in lists}
    for mode, found in rights.items():
        row(f"moment among the first five, by {mode}", float(np.mean([any(of_list[:5]) for of_list in found])))
    for what, mode, most in (("", "all", 10), ("", "sight", 10), (" of the first hits", "sight", 1)):
        sure, sight, right = _judged(lists[mode], rights[mode], most)
        row(f"ECE by {mode}{what}, as was shown before", ece(sight, right), sight.mean(), len(right))
        row(f"ECE by {mode}{what}", ece(sure, right), sure.mean(), len(right))
    sure, sight, right = _judged(lists["sight"], rights["sight"])
    for where in _bins(sure):
        row("right by sight, by share", right[where].mean(), sure[where].mean(), int(where.sum()))
    for what, texts in _absent(steps, set(places)):
        found = [library.search(Query(text, "sight")).hits for text in texts]
        shown = [hit.sure for hits in found for hit in hits if hit.sure is not None]
        row(
            f"lists for {what}",
            float(np.mean([bool(hits) for hits in found])),
            np.mean(shown) if shown else "",
            len(shown),
        )
        likely = [any((hit.sure or 0) >= 0.5 for hit in hits) for hits in found]
        row("of which a hit is shown as half sure or more", float(np.mean(likely)))
    return rows, ece(sure, right), ece(sight, right)


def _judged(lists: list[list], rights: list[list[bool]], most: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N,) of the first hits that a share is shown for: the share, the one shown before, and whether each is right."""
    pairs = [pair for of_text in zip(lists, rights, strict=True) for pair in list(zip(*of_text, strict=True))[:most]]
    shown = [(hit.sure, hit.sight, is_right) for hit, is_right in pairs if hit.sure is not None]
    sure, sight, right = np.array(shown, float).reshape(-1, 3).T
    return sure, sight, right


def ece(shares: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error: how far the shares lie from what is right, on average over hits, in ten bins."""
    return float(sum(abs(shares[where].sum() - right[where].sum()) for where in _bins(shares)) / max(len(shares), 1))


def _bins(shares: np.ndarray) -> Iterator[np.ndarray]:
    number = np.minimum((BINS * shares).astype(int), BINS - 1)
    yield from (number == i for i in range(BINS) if (number == i).any())


def _right(hits: list, places: list[tuple[int, float, float]]) -> list[bool]:
    """Which hits have their middle where a thing is shown."""
    middles = [(hit.video, (hit.start + hit.end) / 2) for hit in hits]
    return [any(video == v and start <= middle <= end for v, start, end in places) for video, middle in middles]


def _absent(steps: list, there: set[tuple]) -> Iterator[tuple[str, list[str]]]:
    """Queries for what no video shows, by what is not there."""
    rng = random.Random("absent")
    for part in PARTS:
        texts = []
        for step in steps:
            own = dict(zip(PARTS, step.what, strict=True))
            choices = dict(zip(PARTS, (*family_members(step.family), list(COLOURS)), strict=True))[part]
            changed = [own | {part: other} for other in choices]
            others = [(c["action"], c["object"], c["colour"]) for c in changed]
            others = [what for what in others if what not in there]
            texts += [phrase(rng.choice(others), TEST_PHRASES, rng)] if others else []
        yield f"what differs in its {part} from all that is there", texts
    yield "things of another world", ABSENT


def main(worlds: list[Path]) -> None:
    table, ours, before = [], [], []
    for world in worlds:
        rows, after, baseline = measure(world)
        table, ours, before = table + rows, [*ours, after], [*before, baseline]
    limit = "0.05; lists for what is not there: 0.25 at 3 points of the first five, which is not reached"
    unit = f"calibration error (ECE) of the shares shown beside hits, the worst of {len(worlds)} worlds"
    report("confidence", max(ours), max(before), unit, table, limit, "less")


if __name__ == "__main__":
    main([Path(world) for world in sys.argv[1:]])
