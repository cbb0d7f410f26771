"""A corpus of videos alone: what is said in them is heard."""

import json
import shutil

import numpy as np
import pytest
from made import write
from painted import encoder
from spoken import break_sound, dub, silence, speech

from videoclip.corpus.extract import ExtractOptions, extract
from videoclip.corpus.store import Corpus
from videoclip.errors import CorpusError, WeightsError
from videoclip.media.files import find_videos
from videoclip.media.speech import hearing
from videoclip.media.speech.transcriber import Utterance
from videoclip.media.speech.weights import Ears

pytest.importorskip("faster_whisper", reason="speech recognition is not installed; pip install -e .[speech]")
SRT = "1\n00:00:00,100 --> 00:00:01,000\nhello there\n"


class Fake:
    name = "fake"

    def __init__(self, text="heard words"):
        self.text, self.calls = text, 0

    def hear(self, sound, pauses, language):
        self.calls += 1
        yield Utterance(0.0, len(sound) / 16_000, self.text, 0.8, language="en")


@pytest.fixture
def folder(tmp_path):
    """Videos of ten seconds: one with captions, one that speaks, one that is silent, one whose sound is broken."""
    videos = tmp_path / "videos"
    videos.mkdir()
    plain = write(tmp_path / "plain.mp4", [80] * 100, fps=10)
    sound = np.concatenate([silence(3.0), speech()])
    dub(plain, videos / "captioned.mp4", sound)
    (videos / "captioned.srt").write_text(SRT)
    dub(plain, videos / "spoken.mp4", sound)
    shutil.copy(plain, videos / "silent.mp4")
    break_sound(dub(plain, videos / "broken.mp4", sound))
    return videos


def run(folder, **options):
    return extract(find_videos(folder), encoder(), folder.parent / "c.lance", ExtractOptions(**options))


def test_videos_without_captions_are_heard_and_the_others_are_not(folder):
    fake = Fake()
    summary = run(folder, ears=Ears(lambda: fake))
    corpus = Corpus(folder.parent / "c.lance")
    assert sorted(corpus.ids) == ["captioned", "spoken"]
    assert [c.text for c in corpus["captioned"].captions] == ["hello there"]
    (caption,) = corpus["spoken"].captions
    assert caption.text == "heard words"
    assert abs(caption.start - 3.0) < 0.5
    reasons = {path.rpartition("/")[2]: reason for path, reason in summary.set_aside.items()}
    assert "no captions" in reasons["silent.mp4"]
    assert "sound cannot be decoded" in reasons["broken.mp4"]
    assert (fake.calls, summary.inventory.beside, summary.inventory.heard) == (1, 1, 1)
    record = json.loads((folder.parent / "c.lance.heard.json").read_text())
    assert record == {"spoken": {"model": "fake", "confidence": 0.8, "language": "en"}}
    assert list((folder.parent / "c.lance.hearing").glob("*spoken*")) == []


def test_broken_sound_sets_the_hearing_aside_and_not_a_video_that_may_be_silent(folder):
    summary = run(folder, silent=True, ears=Ears(Fake))
    assert len(Corpus(folder.parent / "c.lance")) == 4
    assert any("sound cannot be decoded" in warning for warning in summary.warnings)


def test_videos_that_were_taken_silently_are_heard_later_and_a_persons_captions_win(folder):
    run(folder, silent=True)
    assert run(folder, silent=True, ears=Ears(Fake)).captioned == 1
    assert run(folder, silent=True, ears=Ears(Fake)).captioned == 0
    corpus = folder.parent / "c.lance"
    assert [c.text for c in Corpus(corpus)["spoken"].captions] == ["heard words"]
    (folder / "spoken.srt").write_text(SRT)
    summary = run(folder, silent=True, ears=Ears(Fake))
    assert (summary.captioned, summary.inventory.beside, summary.inventory.heard) == (1, 2, 0)
    assert [c.text for c in Corpus(corpus)["spoken"].captions] == ["hello there"]


def test_where_nobody_can_hear_that_is_a_warning_or_an_error_as_was_asked(folder):
    def missing():
        raise WeightsError("speech is not heard: no weights")

    summary = run(folder, ears=Ears(missing))
    assert Corpus(folder.parent / "c.lance").ids == ["captioned"]
    assert [w for w in summary.warnings if "no weights" in w]
    with pytest.raises(WeightsError):
        run(folder, ears=Ears(missing, required=True))
    (folder / "captioned.srt").unlink()
    with pytest.raises(CorpusError, match="no weights"):
        extract(find_videos(folder), encoder(), folder.parent / "d.lance", ExtractOptions(ears=Ears(missing)))


def test_an_interrupted_hearing_goes_on_in_the_middle_of_a_video(tmp_path, monkeypatch):
    monkeypatch.setattr(hearing, "PIECE", 10)
    videos = tmp_path / "videos"
    videos.mkdir()
    sound = np.concatenate([part for _ in range(6) for part in (speech(), silence(4.0))])
    dub(write(tmp_path / "plain.mp4", [80] * 530, fps=10), videos / "long.mp4", sound)

    class Interrupted(Fake):
        def hear(self, sound, pauses, language):
            if self.calls == 3:
                raise KeyboardInterrupt
            yield from super().hear(sound, pauses, language)

    with pytest.raises(KeyboardInterrupt):
        run(videos, ears=Ears(Interrupted))
    (note,) = (tmp_path / "c.lance.hearing").iterdir()
    until = json.loads(note.read_text())["until"]
    assert until >= 20
    fake = Fake("other words")
    run(videos, ears=Ears(lambda: fake))
    said = Corpus(tmp_path / "c.lance")["long"].captions
    assert [c.text for c in said if c.start < until - 1] == ["heard words"] * 3
    assert {c.text for c in said if c.start >= until - 1} == {"other words"}
    assert not note.exists()
