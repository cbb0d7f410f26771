"""Do annotation files with mistakes in them give tracebacks, or metrics that are silently wrong?

    python soak annotations [MUTATIONS]

Small files of every benchmark are changed at random and evaluated, and what can be trained on them is read. A result of
fractions or one ``VideoclipError`` is fine. What cannot be meant (a time before 0, an end before its start, an answer
that there is not) has to be refused, and what means the same (a byte order mark, other line ends) has to give the same.
"""

import json
import math
import pickle
import random
import shutil
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from made_benchmarks import MAKERS, TESTED, make, sentence

from videoclip.benchmarks.table import benchmark
from videoclip.benchmarks.youcook2 import ANNOTATIONS, PAIRS, ZERO_SHOT
from videoclip.corpus.store import Corpus
from videoclip.errors import VideoclipError

BENCHMARKS = [*MAKERS, "world", "youcook2 by pairs", "youcook2 by zero-shot clips"]
"""The last two are the same videos, as other files name them."""
JUNK = [
    None, True, -1, 0, 99, 1e308, 10**400, 0.5, float("nan"), float("inf"), "", "  ", "x", "12", "1e999", "\ud800",
    "\x00", "a" * 100_000, [], [[]], {}, [None], [1, 2, 3], [20, 15], {"a": None},
]  # fmt: skip
CELLS = ["", " ", "-1", "0", "99", "nan", "inf", "1e400", "9" * 5000, "x", '"', '"x', "1,2", "\x00", "é", "a" * 200_000]
BYTES = [
    b'"',
    b"\n",
    b",",
    b"\t",
    b"[",
    b"}",
    b"\x00",
    b"\xff\xfe",
    b"\xc3",
    b"NaN",
    b"\\ud800",
    b"9" * 5000,
    b"[" * 9000,
]
TEXTS = {"sentence", "description", "label", "caption"}
Mutation = Callable[[str, bytes, random.Random], bytes | None]
"""(name of the file, content, generator) -> other content; None where it says nothing about such a file."""


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a JSON value with each of its keys or indices."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


def values(name: str, content: bytes, rng: random.Random) -> bytes | None:
    """Other values, keys that are missing, doubled or renamed: in a JSON file."""
    if not name.endswith(".json"):
        return None
    whole = json.loads(content)
    for _ in range(rng.choice([1, 1, 4])):
        container: Any
        container, key = rng.choice(list(places(whole)) or [([whole], 0)])
        kind = rng.randrange(5)
        if kind < 3:
            container[key] = rng.choice(JUNK)
        elif kind == 3:
            del container[key]
        elif isinstance(container, dict):
            container[f"{key}x"] = container.pop(key)  # pyright: ignore[reportCallIssue, reportArgumentType]
        elif isinstance(container, list):
            container.append(container[key])
    return json.dumps(whole).encode("utf-8", "surrogatepass")


def cells(name: str, content: bytes, rng: random.Random) -> bytes | None:
    """Other cells, cells too few or too many, rows that are doubled or gone: in a table."""
    if name.endswith((".json", ".pkl")):
        return None
    sign = "\t" if b"\t" in content else ","
    rows = [line.split(sign) for line in content.decode().splitlines()]
    for _ in range(rng.choice([1, 1, 4])):
        row = rng.choice(rows)
        column, kind = rng.randrange(len(row) + 1), rng.randrange(6)
        if kind < 3:
            row[column - 1 : column or None] = [rng.choice(CELLS)]
        elif kind == 3:
            row[column:column] = [rng.choice(CELLS)]
        elif kind == 4:
            del row[column:]
        else:
            rows.append(list(row))
    return "\n".join(sign.join(row) for row in rows).encode()


def bytes_(name: str, content: bytes, rng: random.Random) -> bytes:
    """Bits flipped, bytes inserted or cut out, files cut off."""
    made = bytearray(content)
    for _ in range(rng.choice([1, 1, 3, 10])):
        at, kind = rng.randrange(len(made) + 1), rng.randrange(4)
        if kind == 0 and made:
            made[at % len(made)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            made[at:at] = rng.choice(BYTES)
        elif kind == 2:
            del made[at : at + rng.randrange(1, 40)]
        elif rng.random() < 0.3:
            made = made[:at]
    return bytes(made)


def same(name: str, content: bytes, rng: random.Random) -> bytes | None:
    """What means the same: byte order marks, line ends, empty rows, spaces."""
    if name.endswith(".pkl"):
        return None
    text = content.decode()
    return rng.choice([
        text.encode("utf-8-sig"), text.encode("utf-16"), text.encode("utf-32"),
        text.replace("\n", "\r\n").encode(), (text + "\n \n").encode(), ("\r\n" + text).encode("utf-8-sig"),
    ])  # fmt: skip


def meant(name: str, content: bytes, rng: random.Random) -> bytes | None:
    """What cannot be meant, in one entry: has to be refused."""
    if not name.endswith(".json"):
        return _meant_in_table(name, content, rng)
    whole = json.loads(content)
    for container, key in rng.sample(found := list(places(whole)), len(found)):
        value = container[key]
        if key == "segment":
            wrong = [value[::-1], [-5, 8], [math.nan, 9], value[:1], [1e9, 2e9]]
            container[key] = rng.choice(wrong if name == "annotations.json" else [*wrong, [value[0]] * 2])
        elif key == "timestamps":
            container[key] = rng.choice(
                [[], [[1], [2]], [[math.nan, 9], [1, 2]], [[-1, 2], [1, 2]], [[1, "x"], [1, 2]]]
            )
        elif key == "enCap":
            container[key] = rng.choice([[], [""], "x", [3], None])
        elif key == "times":
            container[key] = rng.choice([[], [[1]], [[3, 2]], [[0, 6]], [[-1, 2]], [[0.5, 2]]])
        elif key in TEXTS:
            container[key] = rng.choice(["", " \n", None, 3, "\ud800"])
        elif key in ("start", "end") and "action" in container:
            container[key] = rng.choice([math.nan, -1, math.inf, "soon", True])
        elif isinstance(value, list) and len(value) == 4 and value[0] is True:  # of HTM-Align
            container[key] = rng.choice(
                [[1, value[2], value[1], value[3]], [1, -3, 4, "x"], value[:3], [*value[:3], ""]]
            )
        elif key == "database":
            return content.replace(b"{", b'{"database": {}, ', 1)
        else:
            continue
        return json.dumps(whole).encode("utf-8", "surrogatepass")
    return None


def _meant_in_table(name: str, content: bytes, rng: random.Random) -> bytes | None:
    if name == PAIRS:
        pairs = pickle.loads(content)
        pairs[0] |= rng.choice([{"caption": " "}, {"caption": 3}, {"id": None}])
        return pickle.dumps(pairs)
    head, *rows = content.decode().splitlines()
    row = rng.randrange(len(rows)) if rows else 0
    if name.startswith("1_"):  # an annotation of CrossTask
        return (
            rng.choice([b"0,2,9\n", b"3,2,9\n", b"1,9,2\n", b"1,-4,2\n", b"1,2,nan\n", b"1.5,2,3\n", b"1,2\n"])
            + content
        )
    if name == "MSR_MC_test.csv":
        rows[row] = rows[row][:-1] + rng.choice(["5", "-1", "", "1.5", "a3"])
    elif name == "MSRVTT_JSFUSION_test.csv":
        rows[row] = rng.choice([f"{rows[row]}\n{rows[row]}", rows[row] + ",more", "a,b,c, ", "a,b,,d", '"' + rows[row]])
    elif name == ZERO_SHOT:
        rows[row] = rng.choice(
            ["2,8,1,stir,a", "8,2,1,,a", "8,-2,1,stir,a", "nan,2,1,stir,a", f"{rows[row]}\n{rows[row]}"]
        )
    elif name == "tasks_primary.txt":
        return rng.choice([content.replace(b"\n2\n", b"\n3\n", 1), content + b"9\nMore\n", content + content])
    elif name in ("pairs.csv", "choices.csv", "segments.csv"):  # video, start, end, and what is told of it
        _, start, _, *told = rows[row].split(",")
        times = rng.choice(["9,2", "-1,2", f"{start}:99,200", "soon,20", "inf,20"])
        entry = rng.choice(
            [f",2,8,{told[0]}", f"video20,{times},{told[0]}", f"video20,{times},{told[0]}", "video20,2,8, "]
        )
        rows[row] = ",".join([entry, *told[1:]])
    elif name == "AllVideoDescriptions.txt":
        rows[row] = rng.choice(["video20", "video20  ", "a" * 300 + " stir"])
    elif name == "test_list.txt":
        rows[row] = rng.choice([head, "no-such-video"])
    elif name == "LSMDC16_challenge_1000_publictect.csv":
        rows[row] = rng.choice([head, "a\tstir", "a\t1\t2\t1\t2\t ", "\t1\t2\t1\t2\tstir"])
    elif name == "highlight_val_release.jsonl":
        query, parts = json.loads(rows[row]), ("relevant_windows", "relevant_clip_ids", "saliency_scores")
        query[rng.choice(parts)] = rng.choice([[], [[]], [[6, 2]], None, [[-1, 2]], [1e9], "x"])
        rows[row] = rng.choice([json.dumps(query), head, rows[row][:-1], "[]"])
    elif name == "taxonomy.csv":
        rows[row] = rng.choice([rows[0] + "\n" + rows[0], "x,Make Tea,0,A,1,stir,", "1,Make Tea,0,A,1,,", "1,2"])
    elif name == "charades_sta_test.txt":
        rows[row] = rng.choice(
            ["video20 2.0##stir", "video20 -2.0 4.0##stir", "video20 2.0 nan##x", "video20 2.0 4.0##"]
        )
    else:
        return None
    return "\n".join([head, *rows]).encode()


MUTATIONS: list[Mutation] = [values, cells, bytes_, same, meant]


class Words:
    """A model that is as quick as one can be: a text's vector is drawn from its letters."""

    name, size, fingerprint = "words", 8, "words"

    def encode_text(self, texts):
        seeds = (zlib.crc32(text.encode()) for text in texts)
        return torch.tensor(np.array([np.random.default_rng(seed).standard_normal(8) for seed in seeds]))

    def encode_video(self, features):
        return torch.tensor(np.array([f.astype(np.float64).mean(0) for f in features]))

    def video_tokens(self, features):
        return torch.tensor(features.astype(np.float64))

    def check_features(self, kind, what):
        pass


def write_pairs(folder: Path) -> None:
    """The paper's own list of YouCook2's pairs, beside the annotations."""
    pairs = [{"id": f"{video}_{i}", "caption": sentence(video, i)} for video in TESTED for i in (0, 1)]
    (folder / PAIRS).write_bytes(pickle.dumps(pairs))


def write_zero_shot(folder: Path) -> None:
    """The list of clips that stands in place of YouCook2's annotations."""
    (folder / ANNOTATIONS).unlink()
    rows = [f"{s + 6},{s},1,{sentence(video, s)},{video}" for video in TESTED for s in (2, 12)]
    (folder / ZERO_SHOT).write_text("\n".join(["end,start,task,text,video_id", *rows]))


@dataclass(frozen=True)
class Made:
    """A benchmark's files as they should be, what they give, and the features of their videos."""

    name: str
    folder: Path
    corpus: Corpus
    files: list[Path]
    result: str


def made(name: str, folder: Path) -> Made:
    name, _, named_by = name.partition(" by ")
    corpus = make(name, folder)
    if named_by:
        {"pairs": write_pairs, "zero-shot clips": write_zero_shot}[named_by](folder)
    result = outcome(name, folder, corpus)
    files = [path for path in sorted(folder.glob("*")) + sorted(folder.glob("*/1_*")) if path.is_file()]
    return Made(name, folder, corpus, [path for path in files if matters(path, name, folder, corpus, result)], result)


def matters(path: Path, name: str, folder: Path, corpus: Corpus, result: str) -> bool:
    """Whether the benchmark gives something else without the file."""
    aside = path.rename(path.with_name("aside"))
    try:
        return outcome(name, folder, corpus) != result
    except VideoclipError:
        return True
    finally:
        aside.rename(path)


def outcome(name: str, folder: Path, corpus: Corpus) -> str:
    """What the files of a folder give: metrics, and what can be trained on, as JSON."""
    chosen = benchmark(name)
    result = chosen.run(Words(), corpus, folder, chosen.options(name))  # type: ignore[arg-type]
    trains = {} if (folder / ZERO_SHOT).is_file() else chosen.trains  # those clips are for the test alone
    trained = {task: [len(part) for part in examples(corpus, folder)] for task, examples in trains.items()}
    return json.dumps([result, trained], allow_nan=False)


def broken(benchmarks: list[Made], number: int, scratch: Path, rng: random.Random) -> tuple[str, str, str]:
    """The mutation of this number: which kind it is, what comes of it, and how it breaks a promise (empty: not)."""
    chosen = benchmarks[number % len(benchmarks)]
    mutate = MUTATIONS[(number // len(benchmarks)) % len(MUTATIONS)]
    folder = scratch / "mutated"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(chosen.folder, folder, ignore=shutil.ignore_patterns("corpus.lance"))
    content = None
    while content is None:
        path = rng.choice(chosen.files)
        content = mutate(path.name, path.read_bytes(), rng)
        mutate = bytes_ if content is None and mutate is not meant and rng.random() < 0.2 else mutate
    (folder / path.relative_to(chosen.folder)).write_bytes(content)
    try:
        result = outcome(chosen.name, folder, chosen.corpus)
    except VideoclipError as error:
        text = str(error)
        reason = "" if len(text.splitlines()) == 1 and mutate is not same else f"refused so: {text[:300]!r}"
        return mutate.__name__, "refused", reason and f"{path.name}: {reason}"
    except Exception as error:
        return mutate.__name__, "escaped", f"{path.name}: {type(error).__name__}: {str(error)[:200]}"
    reason = "was read, and cannot be meant" if mutate is meant else ""
    if mutate is same and result != chosen.result:
        reason = "means the same, and gave another result"
    return mutate.__name__, "metrics", reason and f"{path.name}: {reason}: {content[:150]!r}"


def main(mutations: int) -> None:
    from result import soaked

    rng, faults = random.Random(0), []
    table: dict[str, Counter] = {mutate.__name__: Counter() for mutate in MUTATIONS}
    with tempfile.TemporaryDirectory() as scratch:
        benchmarks = [made(name, Path(scratch) / name) for name in BENCHMARKS]
        for number in range(mutations):
            kind, came, reason = broken(benchmarks, number, Path(scratch), rng)
            table[kind]["broken" if reason else came] += 1
            if reason:
                faults.append(f"{number} {benchmarks[number % len(benchmarks)].name}: {reason}")
                print(faults[-1], flush=True)
        files = sum(len(of.files) for of in benchmarks)
    totals = sum(table.values(), Counter())
    figures = {"mutations": mutations, "files": files, "metrics": totals["metrics"], "refused": totals["refused"]}
    rows = [{"mutation": k.strip("_")} | {o: v[o] for o in ("metrics", "refused", "broken")} for k, v in table.items()]
    soaked("annotations", f"annotations {mutations}", figures | {"broken": len(faults)}, rows)
    if faults:
        raise SystemExit(f"{len(faults)} of {mutations} broke a promise")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 2000)
