"""Soaks: what happens when files are hostile, processes are killed, and many ask at once.

    python bench/reliability.py media [MUTATIONS] [FOLDER]   damaged videos: ours, and those of FOLDER
    python bench/reliability.py kill [TIMES]                 SIGKILL at random moments of four kinds of work
    python bench/reliability.py server LIBRARY [MINUTES]     50 people search at once, some over slow lines

Each counts what it tried, and fails if something broke a promise. Results go to ``bench/results/reliability-*.json``.
"""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from result import soaked

HANG, MEMORY = 30.0, 1 << 30
"""Seconds and bytes that reading one file may take."""


# Hostile files ------------------------------------------------------------------------------------------------


def own_files(folder: Path) -> list[Path]:
    """Small videos of many codecs and containers."""
    import av
    from av.error import FFmpegError

    kinds = [
        ("mpeg4", "mp4"), ("mpeg4", "avi"), ("mpeg4", "mkv"), ("libx264", "mp4"), ("libx264", "mkv"),
        ("libx264", "mov"), ("libx264", "ts"), ("libx264", "flv"), ("libx265", "mp4"), ("libvpx", "webm"),
        ("libvpx-vp9", "webm"),
        ("mpeg2video", "mpg"), ("mpeg1video", "mpg"), ("mjpeg", "avi"), ("ffv1", "mkv"), ("rawvideo", "avi"),
        ("h263p", "avi"), ("wmv2", "wmv"), ("flv1", "flv"), ("gif", "gif"), ("huffyuv", "avi"), ("png", "mov"),
    ]  # fmt: skip
    made, rng = [], np.random.default_rng(0)
    for codec, suffix in kinds:
        path = folder / f"{codec}.{suffix}"
        try:
            with av.open(str(path), "w") as container:
                stream: Any = container.add_stream(codec, rate=25)
                stream.width, stream.height = 96, 64
                stream.pix_fmt = (stream.codec.video_formats or [av.VideoFormat("yuv420p")])[0].name
                for _ in range(40):
                    picture = np.kron(rng.integers(0, 255, (4, 6, 3)), np.ones((16, 16, 1))).astype(np.uint8)
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
                container.mux(stream.encode())
            made.append(path)
        except (FFmpegError, ValueError):  # this FFmpeg has no such encoder
            path.unlink(missing_ok=True)
    return made


def flipped(content: bytearray, rng: random.Random, others: list[bytes]) -> bytearray:
    for _ in range(rng.choice([1, 4, 40, 400])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return content


def truncated(content: bytearray, rng: random.Random, others: list[bytes]) -> bytearray:
    return content[: rng.randrange(1, len(content))]


def spliced(content: bytearray, rng: random.Random, others: list[bytes]) -> bytearray:
    other, at = rng.choice(others), rng.randrange(len(content))
    start = rng.randrange(len(other))
    return content[:at] + other[start : start + rng.randrange(1, 20_000)] + content[at:]


def lying(content: bytearray, rng: random.Random, others: list[bytes]) -> bytearray:
    """Large numbers where sizes, rates, times and dimensions are: in the first and last part of the file."""
    for _ in range(rng.choice([1, 2, 8])):
        near = rng.randrange(min(len(content), 2000))
        at = min(near if rng.random() < 0.6 else len(content) - 1 - near, len(content) - 4)
        value = rng.choice([0, 0x7FFFFFFF, 0xFFFFFFFF, 0x00010000, 0x0000FFFF, 0x7FFF7FFF, rng.getrandbits(32)])
        content[max(at, 0) : max(at, 0) + 4] = value.to_bytes(4, rng.choice(["big", "little"]))
    return content


MUTATIONS: list[Callable[[bytearray, random.Random, list[bytes]], bytearray]] = [flipped, truncated, spliced, lying]


def read_all(path: Path) -> str:
    """What the readers make of a file: ``frames`` or ``refused``; anything else raises."""
    from videoclip.errors import MediaError
    from videoclip.media.container import embedded_captions, pictures
    from videoclip.media.video import probe, seconds_of

    outcome = "refused"
    for read in (
        lambda: probe(path),
        lambda: embedded_captions(path),
        lambda: list(pictures(path, 5.0, 96)),
        lambda: sum(1 for _ in seconds_of(path, 10, 112, damage=lambda _: None)),
    ):
        try:
            if read():
                outcome = "frames"
        except MediaError:
            outcome = "refused"
    return outcome


def in_a_child(path: Path) -> tuple[str, float, int]:
    """Outcome, seconds and bytes at most of reading a file in a process of its own."""
    began, (readable, writable) = time.monotonic(), os.pipe()
    child = os.fork()
    if not child:
        os.close(readable)
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            said = read_all(path)
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"[:200]
        os.write(writable, said.encode())
        os._exit(0)
    os.close(writable)
    timer = threading.Timer(HANG + 5, os.kill, (child, signal.SIGKILL))
    timer.start()
    with os.fdopen(readable, "rb") as pipe:
        said = pipe.read().decode()
    _, status, used = os.wait4(child, 0)
    timer.cancel()
    took = time.monotonic() - began
    if os.WIFSIGNALED(status):
        said = "hang" if took > HANG else f"signal {os.WTERMSIG(status)}"
    return said, took, used.ru_maxrss * 1024


def media(mutations: int, folder: Path | None) -> None:
    import av  # noqa: F401, before children are forked

    import videoclip.media.container
    import videoclip.media.video  # noqa: F401

    with tempfile.TemporaryDirectory() as scratch:
        files = own_files(Path(scratch))
        if folder:
            suffixes = {".mp4", ".mkv", ".mov", ".avi", ".webm"}
            files += sorted(path for path in folder.iterdir() if path.suffix in suffixes)
        contents = [path.read_bytes() for path in files]
        rng, outcomes, slowest, largest, broken = random.Random(0), Counter(), 0.0, 0, []
        by_kind: dict[str, Counter] = {mutate.__name__: Counter() for mutate in MUTATIONS}
        for number in range(mutations):
            file, mutate = number % len(files), MUTATIONS[(number // len(files)) % len(MUTATIONS)]
            path = Path(scratch) / f"mutated{files[file].suffix}"
            path.write_bytes(mutate(bytearray(contents[file]), rng, contents))
            outcome, took, memory = in_a_child(path)
            slowest, largest = max(slowest, took), max(largest, memory)
            is_broken = outcome not in ("frames", "refused") or took > HANG or memory > MEMORY
            if is_broken:
                broken.append({"number": number, "file": files[file].name, "by": mutate.__name__, "outcome": outcome})
                print(broken[-1], f"{took:.1f} s", f"{memory / 2**20:.0f} MiB", flush=True)
            by_kind[mutate.__name__]["broken" if is_broken else outcome] += 1
            outcomes["broken" if is_broken else outcome] += 1
    figures = {
        "mutations": mutations,
        "files": len(files),
        "frames": outcomes["frames"],
        "refused": outcomes["refused"],
    }
    figures |= {"slowest s": round(slowest, 1), "largest MiB": largest >> 20}
    rows = [{"mutation": k} | {o: v[o] for o in ("frames", "refused", "broken")} for k, v in by_kind.items()]
    command = f"reliability.py media {mutations}{' FOLDER' if folder else ''}"
    soaked("reliability-media", command, figures | {"broken": len(broken)}, rows)
    if broken:
        raise SystemExit(f"{len(broken)} of {mutations} broke a promise")


# SIGKILL ------------------------------------------------------------------------------------------------------

PATCHED = """
import sys
import videoclip.corpus.extract as extract, videoclip.corpus.store as store, videoclip.library.index as index
extract.APPEND_EVERY, store.COMMIT_BYTES, store.BATCH_BYTES, index.COMMIT_EVERY = 0.0, 1 << 12, 1 << 12, 0.0
from videoclip.cli.main import main
sys.argv[:1] = ["videoclip"]
main()
"""
"""The command line, with so little work between two writes that whatever is killed has written something."""


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-c", PATCHED, *map(str, arguments)]


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
    import shutil

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
    from videoclip.library.store import Store

    store = Store(path)
    assert store.tidy() == 0
    counts, videos = store.counts(), store.videos()
    tables = {name: counts[name] for name in ("videos", "moments", "passages")}
    return tables | {v.path: (v.digest, store.features(n).tobytes(), len(store.tokens(n))) for n, v in videos.items()}


def kill(times: int) -> None:
    rng, table = random.Random(0), []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        subprocess.run(command("world", folder / "w", "--videos", "30"), check=True, capture_output=True)
        extract = ["extract", folder / "w", "--encoder", "demo", "--out"]
        subprocess.run(command(*extract, folder / "reference.lance"), check=True, capture_output=True)
        reference = contents(folder / "reference.lance")
        out = folder / "c.lance"
        job = command(*extract, out)
        table.append(survive("extraction", job, out, lambda: contents(out) == reference, times, rng))

        subprocess.run(command("export", out, folder / "npy"), check=True, capture_output=True)
        imported = folder / "i.lance"
        job = command("import", folder / "npy", "--captions", folder / "w", "--out", imported)
        subprocess.run(job, check=True, capture_output=True)
        wanted = contents(imported)
        remove(imported)
        table.append(survive("import", job, imported, lambda: contents(imported) == wanted, times, rng))

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

        index = ["index", folder / "w", "--model", folder / "whole" / "model", "--library"]
        subprocess.run(command(*index, folder / "l0"), check=True, capture_output=True)
        held, library = shelved(folder / "l0"), folder / "library"
        table.append(
            survive("indexing", command(*index, library), library, lambda: shelved(library) == held, times, rng)
        )
    soaked("reliability-kill", f"reliability.py kill {times}", {"killed": sum(row["killed"] for row in table)}, table)


# Many at once -------------------------------------------------------------------------------------------------

QUERIES = ["someone slices an onion", "a red box", "stirring", "what is said about bread", "the crimson one", "sanding"]


def server(library: str, minutes: float) -> None:
    """Fifty searchers for so many minutes, and beside them lines that send a byte a second or nothing at all."""
    import socket

    import httpx

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = [sys.executable, "-m", "videoclip", "serve", "--library", library, "--port", str(port)]
    process = subprocess.Popen(serve, stdout=subprocess.DEVNULL)
    url, taken, errors, memory = f"http://127.0.0.1:{port}", [], Counter(), []
    end = threading.Event()

    def search(number: int) -> None:
        rng = random.Random(number)
        with httpx.Client(base_url=url, timeout=60) as client:
            while not end.is_set():
                began = time.monotonic()
                try:
                    words = rng.choice(QUERIES) + rng.choice(["", " now", " again", " slowly"])
                    status = client.get("/api/search", params={"q": words}).status_code
                except httpx.HTTPError as error:
                    errors[type(error).__name__] += 1
                    continue
                taken.append(time.monotonic() - began)
                if status != 200:
                    errors[str(status)] += 1
                end.wait(rng.uniform(0.5, 1.5))

    def dawdle(number: int) -> None:
        while not end.is_set():
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
                    line.sendall(b"GET /api/search?q=onion HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
                    for _ in range(20):
                        if number % 2:
                            line.sendall(b"a")
                        if end.wait(1.0):
                            break
            except OSError:
                end.wait(0.5)

    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                httpx.get(f"{url}/api/search", params={"q": "onion"}, timeout=60).raise_for_status()
                break
            except httpx.HTTPError:
                assert time.monotonic() < deadline
                time.sleep(0.5)
        threads = [threading.Thread(target=search, args=(n,)) for n in range(50)]
        threads += [threading.Thread(target=dawdle, args=(n,)) for n in range(20)]
        for thread in threads:
            thread.start()
        stop = time.monotonic() + 60 * minutes
        while time.monotonic() < stop:
            time.sleep(5)
            status = Path(f"/proc/{process.pid}/status").read_text()
            memory.append(int(status.split("VmRSS:")[1].split()[0]) / 2**20)
        end.set()
        for thread in threads:
            thread.join()
    finally:
        process.terminate()
        process.wait(timeout=30)
    p50, p95, p99 = np.quantile(taken, [0.5, 0.95, 0.99]) * 1000
    early = memory[len(memory) // 5]
    figures = {
        "searches": len(taken), "p50 ms": round(p50), "p95 ms": round(p95), "p99 ms": round(p99),
        "errors": sum(errors.values()), "GiB after a fifth": round(early, 2), "GiB at the end": round(memory[-1], 2),
        "exit": process.returncode,
    }  # fmt: skip
    rows = [{"minutes": minutes, "searchers": 50, "slow lines": 20, **errors}]
    soaked("reliability-server", f"reliability.py server LIBRARY {minutes:g}", figures, rows)
    if errors:
        raise SystemExit(f"errors: {dict(errors)}")


if __name__ == "__main__":
    arguments = sys.argv[2:]
    if sys.argv[1:2] == ["media"]:
        media(int(arguments[0]) if arguments else 2000, Path(arguments[1]) if arguments[1:] else None)
    elif sys.argv[1:2] == ["kill"]:
        kill(int(arguments[0]) if arguments else 30)
    elif sys.argv[1:2] == ["server"] and arguments:
        server(arguments[0], float(arguments[1]) if arguments[1:] else 5.0)
    else:
        raise SystemExit(__doc__)
