"""How fast, how right and how large is a library of a million moments? And does it find what is there?

    python bench/library.py scale [MOMENTS]     made vectors with realistic clusters, 768-d
    python bench/library.py world DEMO_FOLDER   the demo's test videos by the demo's model, and the page of that library
    python bench/library.py adding DEMO_FOLDER  what indexing adds to the time that S3D alone takes, full-size model

``scale``: moments of thousands of videos lie around 20,000 scenes; what is looked for lies near a moment,
as far off as a text is from its video. The baseline is exact search by NumPy over all vectors in memory, in the same
run.
"""

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from itertools import islice
from pathlib import Path

import numpy as np
from result import report

from videoclip.encoders.encoder import FeatureKind
from videoclip.library.calibration import Calibration
from videoclip.library.search import Library, Query
from videoclip.library.store.about import About, locked
from videoclip.library.store.rows import Entry, Video
from videoclip.library.store.writing import Writer
from videoclip.media.captions import Caption
from videoclip.tasks.grounding import windows

SIZE, SCENES, VIDEO_SECONDS = 768, 20_000, 120
QUERIES, WARM = 200, 20
RNG = np.random.default_rng(0)
WORDS = [f"{a}{b}{c}" for a in ("ka", "lo", "mi", "ne", "po", "ru", "sa", "te") for b in ("ba", "de", "gi", "no", "ru")
         for c in ("l", "m", "n", "r", "s", "ted", "ring", "lo", "ka", "mi")]  # fmt: skip


class Made:
    """A model that gives the vectors it is told, and words for texts."""

    def __init__(self, vectors: dict[str, np.ndarray]):
        self.vectors = vectors

    def encode_text(self, texts):
        import torch

        return torch.from_numpy(np.stack([self.vectors[text] for text in texts]))


def scenes() -> np.ndarray:
    """Unit vectors with a spectrum that falls off, as embeddings have: (SCENES, SIZE)."""
    made = RNG.normal(size=(SCENES, SIZE)).astype(np.float32) * (1 + np.arange(SIZE)) ** -0.35
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def moments_of(scene_vectors: np.ndarray, spans: list[tuple[int, int]], popularity: np.ndarray) -> np.ndarray:
    """Vectors of a video's windows: a scene lasts some 15 seconds; windows that share seconds are alike."""
    shown = RNG.choice(SCENES, VIDEO_SECONDS // 15, p=popularity)
    own = scene_vectors[shown] + 0.6 * _noise(len(shown))
    middles = np.array([(start + end) / 2 for start, end in spans])
    made = own[np.minimum(middles // 15, len(own) - 1).astype(int)] + 0.35 * _noise(len(spans))
    return 5 * made / np.linalg.norm(made, axis=1, keepdims=True)


def _noise(count: int) -> np.ndarray:
    return (RNG.normal(size=(count, SIZE)) / SIZE**0.5).astype(np.float32)


def fill(folder: Path, moments: int) -> tuple[Writer, np.ndarray]:
    """A library of so many moments, and all of their vectors."""
    kind = FeatureKind("made", 8)
    writer = Writer.create(folder, About(kind, "made", "made", SIZE))
    scene_vectors, spans = scenes(), windows(VIDEO_SECONDS)
    popularity = 1 / (1 + np.arange(SCENES)) ** 0.5
    popularity /= popularity.sum()
    count, everything, entries = -(-moments // len(spans)), [], []
    for number in range(count):
        vectors = moments_of(scene_vectors, spans, popularity)
        everything.append(vectors.astype(np.float16))
        said = [Caption(t, t + 3, " ".join(np.minimum(RNG.zipf(1.3, 8), len(WORDS)) .astype(int).astype(str)))
                for t in range(0, VIDEO_SECONDS, 4)]  # fmt: skip
        said = [Caption(c.start, c.end, " ".join(WORDS[int(w) - 1] for w in c.text.split())) for c in said]
        tokens = np.repeat(vectors[:: len(spans) // 8][:8], VIDEO_SECONDS // 8, axis=0)
        video = Video(number + 1, f"/v/{number}.mp4", 1, 1, str(number), VIDEO_SECONDS, 0.0, 640, 360)
        features = np.zeros((VIDEO_SECONDS, 8), np.float16)
        entries.append(Entry(video, features, np.array(spans), vectors, tokens, said, []))
        if len(entries) == 250 or number + 1 == count:
            writer.add(entries)
            entries = []
    return writer, np.concatenate(everything)


def queries(vectors: np.ndarray) -> np.ndarray:
    """What is looked for: near a moment, but as far off as texts are, (QUERIES, SIZE)."""
    near = vectors[RNG.choice(len(vectors), QUERIES, replace=False)].astype(np.float32) / 5
    made = near + 0.7 * _noise(QUERIES)
    return 5 * made / np.linalg.norm(made, axis=1, keepdims=True)


def timed(run, items) -> np.ndarray:
    """Milliseconds of each call, the first few left out."""
    taken = []
    for item in items:
        began = time.perf_counter()
        run(item)
        taken.append(1000 * (time.perf_counter() - began))
    return np.array(taken[WARM:])


def size_of(*paths: Path) -> int:
    return sum(f.stat().st_size for path in paths for f in path.rglob("*") if f.is_file())


def scale(moments: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="library-"))
    try:
        began = time.perf_counter()
        writer, vectors = fill(folder / "library", moments)
        written, before = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        held = vectors.nbytes / 2**20
        began = time.perf_counter()
        with locked(folder / "library"):
            writer.optimize(timedelta(0))
        built = time.perf_counter() - began
        memory = max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, before) / 2**10 - held
        texts = queries(vectors)
        truth, plain = exact(vectors, texts)
        least = np.array([scores[9] for scores in truth])
        rows = [writer.store.nearest(text, 10) for text in texts]
        right = np.array([sum(row[3] >= bound - 0.02 for row in r) for r, bound in zip(rows, least, strict=True)])
        del vectors
        names = [f"{WORDS[i % len(WORDS)]} {WORDS[(7 * i) % len(WORDS)]}" for i in range(len(texts))]
        bank = 5 * scenes()[:150]
        np.savez(folder / "library" / "calibration_1.npz", bank=bank, threshold=Calibration(bank, -1e9).threshold)
        library = Library(folder / "library", Made(dict(zip(names, texts, strict=True))))  # type: ignore[arg-type]
        figures = {}
        for mode in ("sight", "speech", "all"):
            figures[mode] = timed(lambda name, m=mode: library.search(Query(name, m, everything=True)), names)
        near = timed(lambda text: writer.store.nearest(text, 10), texts)
        tables = folder / "library" / "tables"
        parts = {name.stem.split("_")[0]: size_of(name) / moments for name in tables.iterdir()}
        rows = [
            {
                "what": "nearest moments alone",
                "p50 ms": float(np.median(near)),
                "p95 ms": float(np.quantile(near, 0.95)),
            }
        ]
        rows += [
            {"what": f"search by {mode}", "p50 ms": float(np.median(t)), "p95 ms": float(np.quantile(t, 0.95))}
            for mode, t in figures.items()
        ]
        rows.append(
            {
                "what": "exact, NumPy in memory",
                "p50 ms": float(np.median(plain)),
                "p95 ms": float(np.quantile(plain, 0.95)),
            }
        )
        others = {
            "recall@10 against exact": float(right.mean() / 10), "moments": moments, "written in s": written,
            "index built in s": built, "memory MB, without the vectors that the bench holds": memory,
            "bytes per moment": sum(parts.values()), **{f"bytes per moment, {n}": size for n, size in parts.items()},
        }  # fmt: skip
        rows += [{"what": what, "p50 ms": value, "p95 ms": ""} for what, value in others.items()]
        limit = (
            "search by sight p50 30, p95 80; both p50 60; recall 0.95; built in 1200 s, 6 GB; 3,000 bytes per moment"
        )
        report(
            "library",
            rows[1]["p50 ms"],
            float(np.median(plain)),
            f"ms of a search among {moments:,} moments",
            rows,
            limit,
            "less",
        )
    finally:
        shutil.rmtree(folder)


def exact(vectors: np.ndarray, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best ten scores of each text by comparing with all, and the milliseconds of one at a time."""
    whole = vectors.astype(np.float32)
    best = np.stack([-np.sort(-np.partition(whole @ text, -10)[-10:]) for text in texts])
    taken = timed(lambda text: np.partition(whole @ text, -10)[-10:], texts[: WARM + 40])
    return best, taken


def world(demo: Path) -> None:
    """Is the moment that is described found, and are its boundaries right? By speech, by sight, and by both."""
    from videoclip.benchmarks.truth import read_truth
    from videoclip.encoders.load import load_encoder
    from videoclip.library.index import index
    from videoclip.model.joint import load_model

    truth, folder = read_truth(demo), Path(tempfile.mkdtemp(prefix="library-"))
    model = load_model(str(demo / "model"))
    began = time.perf_counter()
    index([demo / "videos" / "test"], folder / "library", model, load_encoder("demo"))
    took = time.perf_counter() - began
    library = Library(folder / "library", model)
    numbers = {Path(video.path).stem: video.id for video in library.videos}
    steps = [
        (numbers[name.split("/")[1]], step)
        for name, video in truth["videos"].items()
        if video["split"] == "test"
        for step in video["steps"]
    ]
    same: dict[tuple, list] = {}
    for number, step in steps:
        same.setdefault(_what(step), []).append((number, step["start"], step["end"]))
    rows, ours = [], 0.0
    for mode in ("speech", "sight", "all"):
        first = top = bounded = 0
        for _, step in steps:
            hits = library.search(Query(step["description"], mode, 5)).hits
            places = [(rank, hit, _shared(hit, same[_what(step)])) for rank, hit in enumerate(hits, 1)]
            right = [(rank, iou) for rank, hit, (iou, inside) in places if inside]
            first += bool(right) and right[0][0] == 1
            top += bool(right)
            bounded += bool(right) and right[0][1] >= 0.5
        figures = {"in the first place": first, "in the first five": top, "IoU >= 0.5": bounded}
        rows.append({"by": mode, **{name: value / len(steps) for name, value in figures.items()}})
        ours = top / len(steps)
    more = {
        "queries of another world that are answered with hits": _passed(library),
        "ms until the page is there": _page(folder / "library"),
        "indexed in s": took,
    }
    rows += [
        {"by": what, "in the first place": value, "in the first five": "", "IoU >= 0.5": ""}
        for what, value in more.items()
    ]
    unit = f"of {len(steps)} descriptions have their moment among the first five hits, in {len(numbers)} videos"
    report("library-world", ours, rows[0]["in the first five"], unit, rows, "0.8, and IoU >= 0.5 for 0.6; page 300 ms")
    shutil.rmtree(folder)


ABSENT = [
    "a dog runs on the beach",
    "the bride and groom kiss",
    "an airplane takes off",
    "a goalkeeper saves a penalty",
    "a surfer rides a wave",
    "a judge speaks in court",
    "a man plays the guitar on stage",
    "an elephant drinks at a river",
    "a helicopter lands on a roof",
    "two boxers fight",
    "a skateboarder does tricks",
    "a crowded bazaar in india",
    "the northern lights",
    "a polar bear on the ice",
    "a traffic jam",
    "an opera singer",
    "a basketball dunk",
    "a boy reads a book in bed",
    "a violin teacher with a pupil",
    "a fashion show in paris",
    "people wait at an airport",
    "a lighthouse in the fog",
    "a penguin jumps into the sea",
    "a barber shop",
    "a submarine surfaces",
    "a bee on a blossom",
    "a rodeo",
    "a sauna in finland",
    "a beekeeper with a veil",
    "a sword fight in armour",
    "a cable car",
    "a chess grandmaster",
]
"""Of which the world shows nothing, and which are not among the texts that the cut-off is set by."""


def _passed(library: Library) -> float:
    return sum(bool(library.search(Query(text, "sight")).hits) for text in ABSENT) / len(ABSENT)


def _what(step: dict) -> tuple:
    return step["action"], step["object"], step["colour"]


def _shared(hit, places) -> tuple[float, bool]:
    """Largest overlap (IoU) of a hit with the places where a thing is shown, and whether its middle lies in one."""
    best, inside = 0.0, False
    for video, start, end in places:
        if video == hit.video:
            common = max(min(end, hit.end) - max(start, hit.start), 0.0)
            best = max(best, common / ((end - start) + (hit.end - hit.start) - common))
            inside |= start <= (hit.start + hit.end) / 2 <= end
    return best, inside


def _page(library: Path) -> float:
    """Milliseconds until the first page of a server that runs is there, in Chromium; not a number without one."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        return float("nan")
    from playwright.sync_api import sync_playwright

    command = [sys.executable, "-m", "videoclip", "serve", "--library", str(library), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:
        assert server.stdout
        address = server.stdout.readline().split(" at ")[1].split()[0]
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        taken = []
        time.sleep(10)  # the server has loaded its model
        for _ in range(7):
            context = browser.new_context()
            page = context.new_page()
            page.goto(address)
            page.wait_for_selector("#state h2")
            taken.append(page.evaluate("performance.getEntriesByName('shown')[0].startTime"))
            context.close()
        browser.close()
        server.terminate()
    return float(np.median(taken))


def _large(seconds: int):
    """Pictures of 1280×720 with much in them, 25 a second."""
    picture = np.kron(RNG.integers(0, 255, (45, 80, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    for i in range(25 * seconds):
        yield np.roll(picture, 4 * i, axis=1)


def adding(demo: Path) -> None:
    """Add two minutes of video to a library with S3D and a model of full size, both with random weights."""
    import torch

    from videoclip.encoders.encoder import Encoder
    from videoclip.encoders.s3d import S3D, fast_network
    from videoclip.library.index import IndexOptions, index
    from videoclip.model.config import ModelConfig
    from videoclip.model.videoclip import VideoCLIP
    from videoclip.world.render import write_video

    torch.manual_seed(0)
    seer = Encoder("s3d-random", 512, 30, 224, fast_network(S3D(), torch.device("cpu")), batch_seconds=4)
    model = VideoCLIP(ModelConfig()).eval()
    folder = Path(tempfile.mkdtemp(prefix="library-"))
    (folder / "videos").mkdir()
    shutil.copy(min((demo / "videos" / "test").glob("*.mp4")), folder / "videos")
    write_video(folder / "videos" / "large.mp4", _large(60), 25)
    (folder / "first").mkdir()
    write_video(folder / "first" / "short.mp4", islice(_large(1), 25), 25)
    began = time.perf_counter()
    index([folder / "first"], folder / "library", model, seer, IndexOptions(workers=1))
    once = time.perf_counter() - began
    began = time.perf_counter()
    seer.encode_file(folder / "first" / "short.mp4")
    once -= time.perf_counter() - began
    began = time.perf_counter()
    index([folder / "videos"], folder / "library", model, seer, IndexOptions(workers=1))
    ours = time.perf_counter() - began
    began = time.perf_counter()
    for path in sorted((folder / "videos").iterdir()):
        seer.encode_file(path)
    alone = time.perf_counter() - began
    rows = [
        {"what": "encoding alone", "s": alone},
        {"what": "indexing", "s": ours},
        {"what": "added, as a share", "s": ours / alone - 1},
        {"what": "once for a library, beside its first second of video", "s": once},
    ]
    report(
        "library-adding",
        ours,
        alone,
        "s for a small video and one of 1280×720, a minute each",
        rows,
        "at most 10 % more",
        "less",
    )
    shutil.rmtree(folder)


if __name__ == "__main__":
    if sys.argv[1:2] == ["scale"]:
        scale(int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
    elif sys.argv[1:2] == ["world"] and len(sys.argv) == 3:
        world(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["adding"] and len(sys.argv) == 3:
        adding(Path(sys.argv[2]))
    else:
        raise SystemExit(__doc__)
