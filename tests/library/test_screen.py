"""What is written on the screen, through index and search."""

import numpy as np
import pytest

from videoclip.errors import MediaError
from videoclip.library import screen
from videoclip.library.search import Library
from videoclip.library.store.reading import Store
from videoclip.media.captions import Caption


class Nobody:
    """Stands for a reader; the tests say what is read."""

    name = "nobody"

    def read(self, picture: np.ndarray) -> list[str]:
        raise AssertionError("the tests read in its place")


@pytest.fixture
def written(monkeypatch):
    """What is read, by the names of files; a reading of others fails. The names that were read are in ``read``."""
    lines, read = {"a.mp4": [Caption(20, 28, "ONION SOUP for four")], "c.webm": []}, []

    def shown(path, reader, between):
        name = path.rpartition("/")[2]
        read.append(name)
        between(1.0)
        if name not in lines:
            raise MediaError(f"{path}: its pictures cannot be decoded")
        return lines[name]

    monkeypatch.setattr(screen, "text_shown", shown)
    lines["read"] = read
    return lines


def test_a_line_on_the_screen_is_found_and_shown(indexed, written, tmp_path):
    result = indexed(reader=Nobody)
    assert (result.read, [path.rpartition("/")[2] for path in result.unread]) == (2, ["b.mp4"])
    assert "2 read, 1 not read" in str(result)
    library = Library(tmp_path / "library", None)
    (hit,) = library.search("onion soup", mode="written").hits
    assert (hit.start, hit.end, hit.line, hit.speech, hit.sight) == (20, 28, "ONION SOUP for four", None, None)
    assert hit.is_certain
    assert not library.search("onion soup", mode="speech").hits
    assert library.search("a lathe", mode="written").note == "nothing of that is written on a screen in the library"


def test_what_was_read_is_not_read_again_and_goes_with_its_video(videos, indexed, written, tmp_path):
    indexed(reader=Nobody)
    indexed(reader=Nobody)
    assert sorted(written["read"]) == ["a.mp4", "b.mp4", "b.mp4", "c.webm"]  # what failed is tried again
    (videos / "a.mp4").unlink()
    indexed(prune=True)
    assert len(Store(tmp_path / "library").read()) == 1
    assert not Store(tmp_path / "library").written(["onion"], 5)


def test_a_killed_reading_goes_on(indexed, written, tmp_path, monkeypatch):
    indexed()
    shown, calls = screen.text_shown, []

    def killed(path, reader, between):
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return shown(path, reader, between)

    written["b.mp4"] = []
    with monkeypatch.context() as once:
        once.setattr(screen, "text_shown", killed)
        with pytest.raises(KeyboardInterrupt):
            indexed(reader=Nobody)
    written["read"].clear()
    assert indexed(reader=Nobody).read == 2
    assert len(written["read"]) == 2


def test_sight_and_a_line_make_one_moment(indexed, written, tmp_path):
    from painted import Painted

    indexed(reader=Nobody)
    library = Library(tmp_path / "library", Painted())
    hit = library.search("red onion soup").hits[0]
    assert hit.sight is not None
    assert hit.line == "ONION SOUP for four"
