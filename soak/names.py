"""Do names as odd as a file system allows cost a video, reach a network, or write outside a folder?

    python soak names [NAMES]

Small videos get names of made-up kinds: addresses, patterns, markup, bytes that are no UTF-8, letters that join or run
the other way, names as long as can be. All of a folder are extracted, indexed, found again, opened and exported. Each
that is lost, each byte that leaves for the network, and each file that appears elsewhere counts as broken.
"""

import os
import random
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from result import soaked

LONGEST, FOLDER = 255, 50
"""Bytes of a name that file systems take, and videos of a folder."""
SPOILT = set("/\0")
LETTERS = "aZ09 éßİıſ漢字かなกำ한글אבגعربيदेव👩🏽‍🍳\u0301\u200d\u200f\u202e\ufeff\u00a0"
MARKS = "'\"`<>&;|$*?[]{}()!#%^~=+,@:\\\n\r\t\x01\x1b"
PORT = "PORT"


def letters(rng: random.Random) -> str:
    return "".join(rng.choice(LETTERS) for _ in range(rng.randrange(1, 30)))


def marks(rng: random.Random) -> str:
    return "".join(rng.choice(MARKS + "ab1") for _ in range(rng.randrange(1, 20)))


def address(rng: random.Random) -> str:
    scheme = rng.choice(["http:", "tcp:", "udp:", "rtmp:", "ftp:", "HTTP:", "hls+http:", "async:http:", "cache:http:"])
    return f"{scheme}127.0.0.1:{PORT}{rng.choice(['', ' ', '?x', '#x'])}{rng.randrange(1000)}"


def protocol(rng: random.Random) -> str:
    kinds = ["pipe:0", "file:", "concat:a|b", "subfile:,,:", "data:,", "crypto:", "fd:1", "md5:", "tee:", "lavfi"]
    return f"{rng.choice([*kinds, 'movie=', 'image2:', '%05d'])}{rng.randrange(1000)}"


def option(rng: random.Random) -> str:
    return f"{rng.choice(['-', '--', '-i ', '--help', '@', '~', '$HOME', '%s', '{0}', '*'])}{rng.randrange(1000)}"


def raw(rng: random.Random) -> str:
    """Bytes as they lie on an old disk."""
    made = bytes(rng.randrange(1, 256) for _ in range(rng.randrange(1, 20)))
    return os.fsdecode(made.replace(b"/", b"_"))


def long(rng: random.Random) -> str:
    return f"{rng.randrange(10**6)}{rng.choice(['x', 'é', '漢', '🎬']) * LONGEST}"


def dotted(rng: random.Random) -> str:
    return rng.choice(["a.en", "a.", "a..", "a.mp4", "a.1", "a.srt", "a .", " a", "a.en.sdh", "CON", "a.b.c"]) + str(
        rng.randrange(1000)
    )


KINDS: list[Callable[[random.Random], str]] = [letters, marks, address, protocol, option, raw, long, dotted]


def named(kind: Callable[[random.Random], str], rng: random.Random, port: int, suffix: str) -> str:
    """A name of a kind that a file can have, and that is not hidden."""
    name = "".join(c for c in kind(rng).replace(PORT, str(port)) if c not in SPOILT).lstrip(".") or "x"
    while len(os.fsencode(name + suffix)) > LONGEST - 10:
        name = name[:-1]
    return name + suffix


def video(path: Path) -> bytes:
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * i, np.uint8), "rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 5)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path.read_bytes()


def model_and_encoder() -> tuple[Any, Any]:
    """The smallest model, with an encoder of its features."""
    from videoclip.encoders.encoder import Encoder
    from videoclip.model.config import ModelConfig
    from videoclip.model.videoclip import VideoCLIP

    torch.manual_seed(0)
    config = ModelConfig(
        feature_size=4, hidden_size=32, heads=2, intermediate_size=32, video_layers=1, text_layers=1, normalized=False
    )
    model = VideoCLIP(config)
    look = lambda pixels: pixels.float().flatten(1, 3).mean(1).repeat(1, 2)[:, :4] / 255  # noqa: E731
    return model.eval(), Encoder("soaked", 4, 2, 16, look, normalized=False)


def tried(folder: Path, scratch: Path) -> list[str]:
    """What went wrong with the videos of a folder."""
    from videoclip.corpus.extract import ExtractOptions, extract
    from videoclip.corpus.store import Corpus
    from videoclip.library.exports import FORMS, in_form
    from videoclip.library.index import IndexOptions, index
    from videoclip.library.search import Library, Query
    from videoclip.media.files import find_videos
    from videoclip.storage.places import place

    model, encoder = model_and_encoder()
    there = {os.fsencode(path.name) for path in folder.iterdir()}
    extract(find_videos(folder), encoder, place(scratch / "c.lance"), ExtractOptions(silent=True, workers=1))
    corpus = Corpus(scratch / "c.lance")
    wrong = [f"{len(there)} videos, {len(corpus)} in the corpus"] * (len(corpus) != len(there))
    done = index([folder], place(scratch / "library"), model, encoder, IndexOptions(workers=1))
    wrong += [f"{name}: {why}" for name, why in done.set_aside.items()]
    library = Library(place(scratch / "library"), model)
    found = {os.fsencode(Path(video.path).name) for video in library.videos if Path(video.path).is_file()}
    wrong += [f"{name!r} is not in the library" for name in there - found]
    hits = library.search(Query("anything", limit=100, everything=True)).hits
    for form in FORMS:
        in_form(form, hits, "anything").encode(errors="surrogateescape")
    for hit in hits[:5]:
        library.picture(hit.video, hit.start, hit.end)
    return wrong


def main(names: int) -> None:
    rng, kinds, wrong = random.Random(0), Counter(), []
    with tempfile.TemporaryDirectory() as made, socket.create_server(("127.0.0.1", 0)) as listening:
        scratch, port = Path(made), listening.getsockname()[1]
        listening.settimeout(0.0)
        content = video(scratch / "one.mp4")
        for start in range(0, names, FOLDER):
            folder, around = scratch / f"videos {start}", scratch / f"made {start}"
            folder.mkdir()
            around.mkdir()
            for number in range(start, min(start + FOLDER, names)):
                kind = KINDS[number % len(KINDS)]
                path = folder / named(kind, rng, port, rng.choice([".mp4", ".MP4"]))
                while path.exists():
                    path = folder / named(kind, rng, port, rng.choice([".mp4", ".MP4"]))
                kinds[kind.__name__] += 1
                path.write_bytes(content + number.to_bytes(4, "big"))
            before = set(scratch.iterdir())
            try:
                said = tried(folder, around)
            except Exception as error:  # whatever escapes is what is looked for
                said = [f"{type(error).__name__}: {error}"[:300]]
            said += [f"{path} was written" for path in set(scratch.iterdir()) - before]
            with suppress(BlockingIOError):
                said.append(f"a request from {listening.accept()[1]}")
            for line in said:
                print(line.encode("unicode_escape").decode(), flush=True)
            wrong += said
    figures = {"names": sum(kinds.values()), "broken": len(wrong)}
    soaked("names", f"names {names}", figures, [{"kind": kind, "names": count} for kind, count in kinds.items()])
    if wrong:
        raise SystemExit(f"{len(wrong)} promises broken")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 500)
