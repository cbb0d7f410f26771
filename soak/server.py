"""Does the page stand many people at once, some of them over slow lines?

    python soak server LIBRARY [MINUTES]

Fifty people search about once a second; every error counts as failed.
"""

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
from result import soaked

QUERIES = ["someone slices an onion", "a red box", "stirring", "what is said about bread", "the crimson one", "sanding"]


def main(library: str, minutes: float = 5.0) -> None:
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
    soaked("server", f"server LIBRARY {minutes:g}", figures, rows)
    if errors:
        raise SystemExit(f"errors: {dict(errors)}")


if __name__ == "__main__":
    if not sys.argv[1:]:
        raise SystemExit(__doc__)
    main(sys.argv[1], *map(float, sys.argv[2:]))
