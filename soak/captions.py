"""Do damaged captions crash or hang what reads them?

    python soak captions [MUTATIONS] [FOLDER]

Captions in every form that is read, and those of FOLDER, are damaged at random. Captions in order or one
``MediaError`` are fine; anything else is a broken promise, and counts as failed.
"""

import json
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

from result import soaked

from videoclip.errors import MediaError
from videoclip.media.captions import SUFFIXES, read_captions

SLOW = 5.0
"""Seconds that reading one file may take."""
SRT = "1\n00:00:00,100 --> 00:00:01,000\nhello <b>there</b>\n\n2\n00:00:01,000 --> 00:00:02,500\ncrème & {\\an8}fold\n"
FORMS = {
    "a.srt": SRT.encode(),
    "wide.srt": SRT.encode("utf-16"),
    "unmarked.srt": SRT.encode("utf-16-be"),
    "old.srt": SRT.encode("cp1252"),
    "chinese.srt": SRT.replace("hello", "先把洋葱切成丝").replace("è", "e").encode("gbk"),
    "a.vtt": b"WEBVTT\n\nNOTE x\n\nid\n00:00.100 --> 00:01.000 align:start\n<v Bob>a<00:00.500><c> b</c>\n\n"
    b"00:01.000-->00:02.500\nstir &amp; &lrm;fold\n",
    "a.ass": b"[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, Text\n"
    b"Dialogue: 0,0:00:00.10,0:00:01.00,Default,{\\k20}hel{\\k3}lo{\\p1}m 0 0{\\p0}\\Nthere {note}\n",
    "columns.json": json.dumps({"start": [0.1, 1.0], "end": [1.0, 2.5], "text": ["hello", "stir"]}).encode(),
    "whisper.json": json.dumps({"segments": [{"start": 0.1, "end": 1, "text": "hello", "words": []}]}).encode(),
    "words.json": json.dumps(
        [{"word": "hello", "start": 0.1, "end": 1}, {"word": "you", "start": 1, "end": 2}]
    ).encode(),
    "json3.json": json.dumps({"events": [{"tStartMs": 1, "dDurationMs": 9, "segs": [{"utf8": "hi"}]}]}).encode(),
}
PIECES = [b"-->", b"00:00", b"9" * 400, b"-1", b"\0", b"\xff\xfe", b"{", b"}", b"<", b"&#x110000;", b"NaN", b"1e999"]
PIECES += [b"\r", b"{\\p1}", b"[", b"null", b"WEBVTT", b"[Events]\n", b"\n\n", b'"', b"\xd0", b"<v ", b"NOTE", b"  "]


def mutated(content: bytes, rng: random.Random) -> bytes:
    made = bytearray(content)
    for _ in range(rng.choice([1, 1, 3, 10, 40])):
        at, kind = rng.randrange(len(made) + 1), rng.randrange(5)
        if kind == 0 and made:
            made[at % len(made)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            made[at:at] = rng.choice(PIECES)
        elif kind == 2:
            del made[at : at + rng.randrange(1, 40)]
        elif kind == 3:
            made[at:at] = made[(start := rng.randrange(len(made) + 1)) : start + rng.randrange(1, 60)]
        elif rng.random() < 0.3:
            del made[at:]
    return bytes(made)


def outcome_of(path: Path) -> str:
    """``read``, ``refused``, or what went wrong."""
    began = time.process_time()
    try:
        captions = read_captions(path)
    except MediaError:
        return "refused" if time.process_time() - began < SLOW else "slow"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    if captions != sorted(captions, key=lambda c: (c.start, c.end)):
        return "out of order"
    if not all(0 <= c.start <= c.end < float("inf") and c.text.isprintable() for c in captions):
        return "not plain"
    return "read" if time.process_time() - began < SLOW else "slow"


def main(mutations: int, folder: Path | None) -> None:
    warnings.simplefilter("ignore")
    contents = dict(FORMS)
    if folder:
        found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
        contents |= {f"{i}-{path.name}": path.read_bytes() for i, path in enumerate(found)}
    rng, names = random.Random(0), list(contents)
    by_form: dict[str, Counter] = {suffix: Counter() for suffix in SUFFIXES}
    broken, slowest = 0, 0.0
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(mutations):
            name = names[number % len(names)]
            path = Path(scratch) / f"mutated{Path(name).suffix.lower()}"
            path.write_bytes(mutated(contents[name], rng))
            began = time.perf_counter()
            outcome = outcome_of(path)
            slowest = max(slowest, time.perf_counter() - began)
            if outcome not in ("read", "refused"):
                broken += 1
                print(number, name, outcome, flush=True)
                outcome = "broken"
            by_form[path.suffix][outcome] += 1
    rows = [{"form": f} | {o: c[o] for o in ("read", "refused", "broken")} for f, c in by_form.items() if c]
    figures = {"mutations": mutations, "files": len(contents), "slowest s": round(slowest, 2), "broken": broken}
    soaked("captions", f"captions {mutations}{' FOLDER' if folder else ''}", figures, rows)
    if broken:
        raise SystemExit(f"{broken} of {mutations} broke a promise")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 48_000, Path(given[1]) if given[1:] else None)
