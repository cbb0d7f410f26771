"""Text on the screen: which pictures are read, and what becomes of the lines."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from videoclip.errors import ConfigError, MediaError
from videoclip.media import rapid_ocr
from videoclip.media.captions import Caption
from videoclip.media.rapid_ocr import RapidReader, reader_for
from videoclip.media.screen_text import Look, is_alike, text_shown

SIZE = (640, 360)


def slide(*lines: str, size: int = 28, ground=(24, 60, 40), shade: int = 240) -> np.ndarray:
    """A picture with lines of text, (H, W, 3) uint8."""
    picture = Image.new("RGB", SIZE, ground)
    for number, line in enumerate(lines):
        place = (40, 40 + number * (size + 30))
        ImageDraw.Draw(picture).text(place, line, font=ImageFont.load_default(size), fill=(shade,) * 3)
    return np.array(picture)


def film(path: Path, *parts: tuple[np.ndarray, int], fps: int = 5, gop: int = 250) -> Path:
    """A video that shows these pictures for so many seconds each."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "veryfast", "g": str(gop)})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for picture, seconds in parts:
            for _ in range(seconds * fps):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
    return path


class Told:
    """A reader that knows what pictures say by their brightest row, and counts its readings."""

    name = "told"

    def __init__(self, *readings: list[str]):
        self.readings, self.count = list(readings), 0

    def read(self, picture: np.ndarray) -> list[str]:
        self.count += 1
        return self.readings[min(self.count, len(self.readings)) - 1]


@pytest.mark.parametrize("gop", [5, 250])
def test_a_picture_is_read_when_its_text_has_changed(tmp_path, gop):
    first, second = slide("four onions"), slide("four onions", "one litre of water")
    path = film(tmp_path / "a.mp4", (first, 10), (second, 10), (slide(), 10), gop=gop)
    reader = Told(["four onions"], ["four 0nions", "one litre of water"])
    lines = text_shown(path, reader)
    assert reader.count == 2  # and none of the picture that is empty
    assert [line.text for line in lines] == ["four onions", "one litre of water"]
    assert [(line.start, line.end) for line in lines] == [(0, 20), (10, 20)]


def test_readings_that_bring_nothing_new_become_rare(tmp_path):
    rng = np.random.default_rng(0)
    noise = [np.kron(rng.integers(0, 256, (45, 80, 3), np.uint8), np.ones((8, 8, 1), np.uint8)) for _ in range(40)]
    reader = Told([])
    assert text_shown(film(tmp_path / "a.mp4", *((picture, 1) for picture in noise)), reader) == []
    assert reader.count < 10


def test_a_word_that_changes_is_noticed_and_noise_is_not():
    seen, rng = slide("Goals 2 : 1"), np.random.default_rng(0)
    noisy = np.clip(seen + rng.normal(0, 4, seen.shape), 0, 255).astype(np.uint8)
    assert not Look.of(noisy).differs(Look.of(seen))
    assert Look.of(slide("Goals 2 : 2")).differs(Look.of(seen))
    assert Look.of(slide()).differs(Look.of(seen))
    tall = np.ascontiguousarray(np.rot90(seen))
    assert not Look.of(tall).differs(Look.of(tall))


def test_the_same_line_is_known_by_most_of_its_letters():
    assert is_alike("ONION SOUP", "Onion S0up")
    assert not is_alike("Step 1: peel", "Step 2: chop")


def test_a_file_without_pictures_is_one_error(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"nothing" * 100)
    with pytest.raises(MediaError, match=r"a\.mp4"):
        text_shown(tmp_path / "a.mp4", Told([]))


def test_who_reads(monkeypatch):
    assert reader_for("never") is None
    with pytest.raises(ConfigError, match="choose from auto, always, never"):
        reader_for("sometimes")
    monkeypatch.setattr(rapid_ocr, "find_spec", lambda _: None)
    assert reader_for("auto") is None
    with pytest.raises(Exception, match=r"pip install .*\[text\]"):
        reader_for("always")


@pytest.mark.parametrize("size", [24, 40])
def test_rendered_lines_are_read_by_their_real_weights(size):
    pytest.importorskip("rapidocr", reason="rapidocr is not installed")
    assert RapidReader().read(slide("Onion soup for four", "Peel 2 onions", size=size)) == [
        "Onion soup for four",
        "Peel 2 onions",
    ]
    assert RapidReader().read(slide()) == []


def test_lines_have_the_times_of_the_container(tmp_path):
    path = film(tmp_path / "a.mp4", (slide(), 6), (slide("THE END"), 6))
    (line,) = text_shown(path, Told(["THE END"]))
    assert line == Caption(6, 12, "THE END")
