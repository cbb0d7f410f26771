"""What does reading the screen cost beside looking, and are rendered lines found?

    python bench/screen_text.py [SECONDS]

Reading is compared with what sight takes at one look a second, by a model of SigLIP 2 base's size (random weights), the
default on a CPU; the baseline is a plain script that reads a picture of every second by RapidOCR. Kinds of video: the
demo's, slides that change every ten and every forty seconds, and moving noise, in which nothing can be read. Then lines
of whole words, 24 to 48 pixels high, in several fonts, on plain and on busy grounds, go through index and search: each
must be found by one of its words.
"""

import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from media import moving_noise
from PIL import Image, ImageDraw, ImageFont
from result import report

from videoclip import Library, load_model
from videoclip.library.index import IndexOptions, index
from videoclip.media.container import looks
from videoclip.media.rapid_ocr import RapidReader
from videoclip.media.screen_text import APART, WIDEST, text_shown
from videoclip.model.joint import encoder_for

SIZES, SIDE, RATE = (24, 28, 36, 48), (1280, 720), 10
FONTS = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono-Bold.ttf")
SLIDES, LINES = 18, 5
RNG = np.random.default_rng(0)


class Counted:
    """A reader that counts the pictures it reads."""

    name = "counted"

    def __init__(self):
        self.reader, self.count = RapidReader(), 0

    def read(self, picture: np.ndarray) -> list[str]:
        self.count += 1
        return self.reader.read(picture)


def words() -> list[str]:
    """Whole English words, in random order."""
    import videoclip

    every = (Path(videoclip.__file__).parent / "data" / "bert-base-uncased-vocab.txt").read_text().splitlines()
    chosen = [word for word in every if word.isascii() and word.isalpha() and 6 <= len(word) <= 10]
    return list(RNG.permutation(chosen))


def ground(kind: int) -> np.ndarray:
    """What lies behind text: dark, light, a gradient, or blurred shapes."""
    wide, high = SIDE
    if kind == 3:
        small = RNG.integers(0, 110, (9, 16, 3), np.uint8)
        return np.array(Image.fromarray(small).resize(SIDE, Image.Resampling.BICUBIC))
    across = np.linspace(10, 90, wide)[None, :, None] if kind == 2 else np.full((1, wide, 1), (25, 225)[kind % 2])
    return np.broadcast_to(across, (high, wide, 3)).astype(np.uint8).copy()


def slide(number: int, lines: list[str], size: int) -> np.ndarray:
    from matplotlib import get_data_path

    kind = number % 4
    picture = Image.fromarray(ground(kind))
    font = ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / FONTS[number % len(FONTS)]), size)
    ink = (20, 20, 60) if kind == 1 else (245, 240, 220)
    for i, line in enumerate(lines):
        ImageDraw.Draw(picture).text((80, 60 + i * 120), line, font=font, fill=ink)
    return np.array(picture)


def film(path: Path, pictures: list[np.ndarray], seconds: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = *SIDE, "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            for _ in range(seconds * RATE):
                frame.pts = None
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def cost(folder: Path, seconds: int) -> list[dict]:
    """Seconds that sight, our reading and the plain one take of each kind of video."""
    from ready_index import make

    from videoclip.world.render import render_world

    make(folder / "model")
    encoder = encoder_for(load_model(folder / "model"))
    render_world(folder / "world", 20, 1, "lagging", 8)
    some = words()
    deck = [slide(n, [" ".join(some[5 * n + i :: 600][:3]) for i in range(4)], 36) for n in range(6)]
    kinds = {
        "the demo's videos": sorted((folder / "world").rglob("*.mp4"))[:6],
        "slides, a new one every 10 s, 720p": [film(folder / "quick.mp4", deck, 10)],
        "slides, a new one every 40 s, 720p": [film(folder / "slow.mp4", deck, 40)],
        "moving noise, 360p": [moving_noise(folder / "noise.mp4", seconds, 640, 360)],
    }
    rows, plain = [], RapidReader()
    plain.read(deck[0])
    for kind, files in kinds.items():
        encoder.encode_file(files[0])
        looked, (began, reader) = time.monotonic(), (0.0, Counted())
        length = sum(len(encoder.encode_file(file)) for file in files)
        looked = time.monotonic() - looked
        began = time.monotonic()
        for file in files:
            text_shown(file, reader)
        ours, began = time.monotonic() - began, time.monotonic()
        for file in files:
            for _, picture in looks(file, APART, WIDEST):
                plain.read(picture)
        rows.append(
            {
                "what": kind, "s of video": length, "sight s": looked, "reading s": ours,
                "of sight": ours / looked, "pictures read": reader.count, "plain s": time.monotonic() - began,
            }
        )  # fmt: skip
    return rows


def found(folder: Path) -> tuple[int, int]:
    """Of rendered lines, how many there are and how many are found by a word of theirs."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    from painted import Painted, encoder

    some, lines, pictures = words(), [], []
    for number in range(SLIDES):
        own = [" ".join(some[3 * (LINES * number + i) :][:3]) for i in range(LINES)]
        lines += own
        pictures.append(slide(number, own, SIZES[number % len(SIZES)]))
    (folder / "decks").mkdir()
    film(folder / "decks" / "a.mp4", pictures, 3)
    index([folder / "decks"], folder / "library", Painted(), encoder(), IndexOptions(reader=RapidReader))
    library = Library(folder / "library", Painted())
    right = 0
    for number, line in enumerate(lines):
        start = 3 * (number // LINES)
        hits = library.search(line.split()[1], mode="written").hits
        right += any(hit.start < start + 3 and hit.end > start for hit in hits)
    return len(lines), right


def main(seconds: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        rows = cost(Path(place), seconds)
        count, right = found(Path(place))
    rows.append(
        {"what": f"of {count} lines found by a word: {right / count:.1%}"} | dict.fromkeys(list(rows[0])[1:], "")
    )
    ours, plain = (sum(row[key] for row in rows[:-1]) for key in ("reading s", "plain s"))
    limit = "detection in a picture of 640 to 960 pixels; at most 15 % of sight; 95 % of lines"
    report("screen-text", ours, plain, "s of reading", rows, limit, "less")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
