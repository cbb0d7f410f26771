"""Is anything lost when jobs are killed at random moments: extraction, import, pre-training, indexing?

    python soak kill [TIMES]

Each job is killed TIMES times on its way; its result has to be the one of a job that nobody disturbed.
"""

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path


def extraction(videos: Path, out: Path) -> None:
    """The demo encoder's features of all videos; as the other jobs, with so little work between two writes that
    whatever is killed has written something."""
    from videoclip.corpus.extract import ExtractOptions, extract
    from videoclip.encoders.load import load_encoder
    from videoclip.media.files import find_videos

    extract(find_videos(videos), load_encoder("demo"), out, ExtractOptions(append_every=0.0))


def importing(features: Path, captions: Path, out: Path) -> None:
    from videoclip.corpus.importers import ImportConfig, import_features

    import_features(features, out, captions, config=ImportConfig(commit_bytes=1 << 12))


def indexing(videos: Path, model: Path, library: Path) -> None:
    from videoclip.encoders.load import load_encoder
    from videoclip.library.index import IndexOptions, index
    from videoclip.model.joint import load_model

    index([videos], library, load_model(model), load_encoder("demo"), IndexOptions(commit_every=0.0))


JOBS: dict[str, Callable[..., None]] = {"extraction": extraction, "importing": importing, "indexing": indexing}
JOB = "--job"


def job(name: str, *paths: Path) -> list[str]:
    """One of the jobs in a process of its own: this file again."""
    return [sys.executable, __file__, JOB, name, *map(str, paths)]


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "videoclip", *map(str, arguments)]


def survive(name: str, job: list[str], out: Path, same: Callable[[], bool], times: int, rng: random.Random) -> dict:
    """Run a job to its end, killed ``times`` times at random moments on the way; is its result the one without?"""
    began = time.monotonic()
    subprocess.run(job, check=True, capture_output=True)
    whole = time.monotonic() - began
    assert same(), f"{name}: two runs differ that nobody disturbed"
    remove(out)
    kills, ends = 0, 0
    while kills < times:
        process = subprocess.Popen(job, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=rng.uniform(0.3, 1.0) * whole)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
            continue
        assert process.returncode == 0, f"{name}: ended with {process.returncode} after {kills} kills"
        assert same(), f"{name}: differs after {kills} kills"
        remove(out)
        ends += 1
    done = subprocess.run(job, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert same(), f"{name}: differs after {kills} kills"
    print(f"{name}: {kills} kills, {ends + 1} ends, all the same", flush=True)
    return {"work": name, "killed": kills, "brought to its end": ends + 1, "as without": True, "s alone": whole}


def remove(out: Path) -> None:
    for path in out.parent.glob(f"{out.name}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def contents(path: Path) -> dict:
    """What a corpus holds, by id; twice the same id is no dictionary."""
    from videoclip.corpus.store import Corpus

    corpus = Corpus(path)
    assert len(set(corpus.ids)) == len(corpus.ids)
    return {v.id: (v.features.tobytes(), tuple(v.captions)) for v in corpus.read(range(len(corpus)))}


def shelved(path: Path) -> dict:
    """What a library holds, by file; rows that no video names are an error."""
    from videoclip.library.store.reading import Store
    from videoclip.library.store.writing import Writer

    store = Store(path)
    assert Writer(store).tidy() == 0
    counts, videos = store.counts(), store.videos()
    tables = {name: counts[name] for name in ("videos", "moments", "passages")}
    return tables | {v.path: (v.digest, store.features(n).tobytes(), len(store.tokens(n))) for n, v in videos.items()}


def main(times: int = 30) -> None:
    from result import soaked  # not in a job, which finds no benches beside it

    rng, table = random.Random(0), []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        subprocess.run(command("world", folder / "w", "--videos", "30"), check=True, capture_output=True)
        subprocess.run(job("extraction", folder / "w", folder / "reference.lance"), check=True, capture_output=True)
        reference = contents(folder / "reference.lance")
        out = folder / "c.lance"
        extract = job("extraction", folder / "w", out)
        table.append(survive("extraction", extract, out, lambda: contents(out) == reference, times, rng))

        subprocess.run(command("export", out, folder / "npy"), check=True, capture_output=True)
        imported = folder / "i.lance"
        bring = job("importing", folder / "npy", folder / "w", imported)
        subprocess.run(bring, check=True, capture_output=True)
        wanted = contents(imported)
        remove(imported)
        table.append(survive("import", bring, imported, lambda: contents(imported) == wanted, times, rng))

        settings = ["pretrain", "--config", "demo", f"corpus={folder / 'reference.lance'}", "batches.videos=4"]
        settings += ["batches.candidates=8", "init=", "epochs=6", "checkpoint_minutes=0", "model.video_layers=1"]
        settings += ["model.text_layers=1"]
        subprocess.run(command(*settings, f"out={folder / 'whole'}"), check=True, capture_output=True)
        weights = json.loads((folder / "whole" / "result.json").read_text())["weights"]
        run = folder / "run"
        table.append(
            survive(
                "pre-training", command(*settings, f"out={run}"), run,
                lambda: json.loads((run / "result.json").read_text())["weights"] == weights, times, rng,
            )
        )  # fmt: skip

        model, library = folder / "whole" / "model", folder / "library"
        subprocess.run(job("indexing", folder / "w", model, folder / "l0"), check=True, capture_output=True)
        held, index = shelved(folder / "l0"), job("indexing", folder / "w", model, library)
        table.append(survive("indexing", index, library, lambda: shelved(library) == held, times, rng))
    soaked("kill", f"kill {times}", {"killed": sum(row["killed"] for row in table)}, table)


if __name__ == "__main__":
    if sys.argv[1:2] == [JOB]:
        JOBS[sys.argv[2]](*map(Path, sys.argv[3:]))
    else:
        main(*map(int, sys.argv[1:]))
