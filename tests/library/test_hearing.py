"""Videos without captions are heard, and found by what is said in them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from painted import Painted, paint
from pocket import PocketSphinx
from spoken import SAID, break_sound, dub, silence, speech, write_sound

from videoclip.library.search import Library
from videoclip.library.store.writing import Writer
from videoclip.media.speech.transcriber import Utterance
from videoclip.media.speech.weights import Ears

pytest.importorskip("faster_whisper", reason="speech recognition is not installed; pip install -e .[speech]")


class Fake:
    """Hears one utterance, as long as the voice, that says the words and how often it was asked."""

    def __init__(self, text="some words", name="fake", **about):
        self.text, self.name, self.about, self.calls = text, name, about, 0

    def hear(self, sound, pauses, language):
        self.calls += 1
        yield Utterance(0.0, len(sound) / 16_000, f"{self.text} {self.calls}", language="en", **self.about)


@pytest.fixture
def spoken(videos, tmp_path) -> Path:
    """The painted videos; in b.mp4 somebody speaks from second 10 on."""
    sound = np.concatenate([silence(10.0), speech(), silence(5.0)])
    dub(videos / "b.mp4", tmp_path / "dubbed.mp4", sound)
    shutil.move(tmp_path / "dubbed.mp4", videos / "b.mp4")
    return videos


def by_name(library: Library):
    return {Path(video.path).name: video for video in library.videos}


def test_words_that_are_spoken_in_a_video_are_found_at_their_second(spoken, indexed, tmp_path):
    pytest.importorskip("pocketsphinx", reason="PocketSphinx is not installed; pip install -e .[dev]")
    result = indexed(ears=Ears(PocketSphinx))
    assert (result.added, result.heard, result.unheard) == (3, 1, {})
    library = Library(tmp_path / "library", Painted())
    for word in SAID:
        hit = library.search(word, mode="speech").hits[0]
        assert Path(hit.path).name == "b.mp4"
        assert 9.5 < hit.start < 15.5
    video = by_name(library)["b.mp4"]
    assert (video.source, video.recogniser, video.language) == ("heard", "pocketsphinx", "en")
    assert (result.inventory.beside, result.inventory.heard, result.inventory.none) == (1, 1, 1)


def test_what_is_heard_stays_and_is_not_heard_again(spoken, indexed):
    indexed(ears=Ears(Fake))
    again = Fake()
    result = indexed(ears=Ears(lambda: again))
    assert (result.present, result.heard, again.calls) == (3, 0, 0)


def test_a_persons_captions_are_never_replaced_and_take_the_place_of_heard_ones(spoken, indexed, tmp_path):
    ears = Fake("machine words")
    indexed(ears=Ears(lambda: ears, replace=True))
    assert ears.calls == 1  # not a.mp4, which has captions beside it
    (spoken / "b.srt").write_text("1\n00:00:10,000 --> 00:00:12,000\nhuman words\n")
    better = Fake("better machine", "better")
    result = indexed(ears=Ears(lambda: better, replace=True))
    assert (result.reworded, better.calls) == (1, 0)
    library = Library(tmp_path / "library", Painted())
    assert [c.text for c in library.transcript(by_name(library)["b.mp4"].id)] == ["human words"]
    (spoken / "b.srt").unlink()
    assert indexed(ears=Ears(lambda: better)).heard == 1


def test_only_replacing_hears_anew_and_only_by_another_recogniser(spoken, indexed, tmp_path):
    indexed(ears=Ears(Fake))
    better = Fake("better words", "better")
    assert indexed(ears=Ears(lambda: better)).heard == 0
    assert indexed(ears=Ears(lambda: better, replace=True)).heard == 1
    assert indexed(ears=Ears(lambda: better, replace=True)).heard == 0
    assert Library(tmp_path / "library", Painted()).search("better", mode="speech").hits


@pytest.mark.parametrize("before", [True, False])
def test_killed_while_it_writes_what_it_heard_it_writes_that_again(spoken, indexed, tmp_path, monkeypatch, before):
    if before:
        indexed(ears=Ears(Fake))

    def killed(self, video, captions):
        replaced(self, video, captions)
        raise KeyboardInterrupt

    replaced = Writer.replace_speech
    better = Fake("better words", "better")
    with monkeypatch.context() as patched:
        patched.setattr(Writer, "replace_speech", killed)
        with pytest.raises(KeyboardInterrupt):
            indexed(ears=Ears(lambda: better, replace=True))
    assert indexed(ears=Ears(lambda: better)).heard == 1
    assert better.calls == 1
    library = Library(tmp_path / "library", Painted())
    video = by_name(library)["b.mp4"]
    assert (video.recogniser, [c.text for c in library.transcript(video.id)]) == ("better", ["better words 1"])


def test_invented_words_on_silence_are_not_heard(videos, indexed, tmp_path):
    for name in ("b.mp4",):
        dub(videos / name, tmp_path / "dubbed.mp4", silence(30.0))
        shutil.move(tmp_path / "dubbed.mp4", videos / name)
    inventive = Fake("thank you for watching")
    result = indexed(ears=Ears(lambda: inventive))
    assert (result.heard, result.inventory.heard, inventive.calls) == (1, 0, 0)


def test_sound_that_cannot_be_decoded_leaves_the_video_found_by_sight(spoken, indexed, tmp_path):
    break_sound(spoken / "b.mp4")
    result = indexed(ears=Ears(Fake))
    assert (result.added, list(result.unheard)) == (3, [str((spoken / "b.mp4").resolve())])
    assert Library(tmp_path / "library", Painted()).search("green").hits


def test_a_recording_that_is_sound_alone_is_heard(tmp_path, indexed):
    folder = tmp_path / "recordings"
    folder.mkdir()
    write_sound(folder / "memo.mp4", speech())
    assert list(indexed(folder).set_aside)  # nobody hears it
    assert indexed(folder, ears=Ears(Fake)).heard == 1
    assert Library(tmp_path / "library", Painted()).search("some words", mode="speech").hits


def test_the_newest_video_is_heard_first(tmp_path, indexed):
    folder = tmp_path / "dated"
    folder.mkdir()
    order = []
    for day in (2, 5, 3):
        path = paint(tmp_path / "plain.mp4", ("red", 6))
        dub(path, folder / f"VID_2024010{day}_120000.mp4", speech())
    indexed(folder, ears=Ears(Fake), told=order.append)
    named = list(dict.fromkeys(state["current"] for state in order if state["stage"] == "hearing"))
    assert named == ["VID_20240105_120000.mp4", "VID_20240103_120000.mp4", "VID_20240102_120000.mp4"]


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from painted import Painted, encoder
from videoclip.library.index import IndexOptions, index
from videoclip.media.speech import hearing
from videoclip.library.store.writing import Writer
from videoclip.media.speech.transcriber import Utterance
from videoclip.media.speech.weights import Ears
hearing.PIECE, hearing.NOTE_EVERY = 20, 0.0
class Slow:
    name = "fake"
    def hear(self, sound, pauses, language):
        yield Utterance(0.0, len(sound) / 16000, "some words", language="en")
        print("heard", flush=True)
        time.sleep(0.3)
index([Path({videos!r})], Path({library!r}), Painted(), encoder(), IndexOptions(ears=Ears(Slow)))
"""


def test_a_killed_hearing_goes_on_where_it_was(tmp_path, indexed):
    folder = tmp_path / "long"
    folder.mkdir()
    sound = np.concatenate([part for _ in range(12) for part in (speech(), silence(5.2))])  # two minutes
    dub(paint(tmp_path / "plain.mp4", ("red", 120), fps=1), folder / "long.mp4", sound)
    library = tmp_path / "library"
    code = KILLED.format(tests=str(Path(__file__).parent.parent), videos=str(folder), library=str(library))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    for _ in range(3):
        assert child.stdout
        assert child.stdout.readline().strip() == "heard"
    time.sleep(0.1)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    (note,) = (library / "hearing").glob("*.json")
    until = json.loads(note.read_text())["until"]
    assert until >= 40
    fresh = Fake("other words")
    result = indexed(folder, ears=Ears(lambda: fresh))
    assert (result.heard, list((library / "hearing").glob("*.json"))) == (1, [])
    opened = Library(library, Painted())
    said = opened.transcript(opened.videos[0].id)
    assert all(c.text == "some words" for c in said if c.end <= until)
    assert all(c.text.startswith("other words") for c in said if c.start >= until)
    assert any(c.end > 100 for c in said)
