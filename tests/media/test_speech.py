"""Speech recognition: real back ends with random weights, a real voice detection, real sound."""

import json
import math

import numpy as np
import pytest
from painted import paint
from spoken import RATE, SAMPLE, music, noise, silence, speech, write_sound

from videoclip.errors import ConfigError, VideoclipError, WeightsError
from videoclip.media.captions import read_captions
from videoclip.media.files import find_videos
from videoclip.media.speech import filters, hearing, weights
from videoclip.media.speech.filters import sensible
from videoclip.media.speech.hearing import Transcript, hear, pieces, sentences
from videoclip.media.speech.transcriber import Utterance, Word, divided
from videoclip.media.speech.weights import ears_for, load_transcriber
from videoclip.media.speech.writing import transcribe_files

pytest.importorskip("faster_whisper", reason="speech recognition is not installed; pip install -e .[speech]")


@pytest.fixture(scope="module")
def whisper(tmp_path_factory):
    pytest.importorskip("transformers")
    from tiny_whisper import make_whisper

    return load_transcriber(str(make_whisper(tmp_path_factory.mktemp("whisper"), wordy=True)))


@pytest.fixture(scope="module")
def unsure(tmp_path_factory):
    pytest.importorskip("transformers")
    from tiny_whisper import make_whisper

    return load_transcriber(str(make_whisper(tmp_path_factory.mktemp("unsure"))))


@pytest.fixture
def trusting(monkeypatch):
    """Whatever a recogniser says passes, so that only the voice detection keeps it from inventing words."""
    monkeypatch.setattr(filters, "LEAST", 0.0)
    monkeypatch.setattr(filters, "REPETITIVE", math.inf)


class Echo:
    """Says once per stretch of voice where it is, in the joined sound."""

    name = "echo"

    def hear(self, sound, pauses, language):
        for number, (start, end) in enumerate(zip([0.0, *pauses], [*pauses, len(sound) / RATE], strict=True)):
            yield Utterance(start, end, f"stretch {number}", words=(Word(start, end, f" stretch {number}"),))


# Filters ------------------------------------------------------------------------------------------------------


def test_what_is_invented_uncertain_or_said_over_and_over_is_left_out():
    def said(text, confidence=0.9, no_speech=0.0):
        return Utterance(0, 1, text, confidence, no_speech=no_speech)

    heard = [
        said("thank you for watching", 0.4, no_speech=0.9),
        said("sharpen the chisel", 0.8, no_speech=0.9),
        said("mumbled", 0.1),
        *(said("Thank you.") for _ in range(5)),
        said("la " * 60),
        said("..."),
        said("slice the onion"),
    ]
    kept = [utterance.text for utterance in sensible(heard)]
    assert kept == ["sharpen the chisel", "Thank you.", "Thank you.", "slice the onion"]


def test_sound_is_divided_at_pauses_into_parts_that_are_not_too_long():
    pauses = [5.0, 12.0, 19.0, 30.0, 41.0]
    parts = divided(pauses, 50.0, 20.0)
    assert [start for start, _ in parts] == [0.0, *[end for _, end in parts[:-1]]]
    assert parts[-1][1] == 50.0
    assert all(end - start <= 20.0 for start, end in parts)
    assert {end for _, end in parts} <= {*pauses, 50.0}
    assert divided([], 0.0, 20.0) == []


def test_sentences_end_at_their_marks_and_at_pauses_and_keep_scripts_without_spaces():
    words = [Word(0, 1, " Slice"), Word(1, 2, " it."), Word(2, 3, " Then"), Word(5, 6, " stir.")]
    assert [s.text for s in sentences(Utterance(0, 6, "", words=tuple(words)))] == ["Slice it.", "Then", "stir."]
    chinese = Utterance(0, 2, "切洋葱", words=(Word(0, 1, "切"), Word(1, 2, "洋葱")))
    assert [s.text for s in sentences(chinese)] == ["切洋葱"]


# Hearing ------------------------------------------------------------------------------------------------------


def test_times_are_those_of_the_file_though_only_voices_are_recognised(tmp_path):
    places = (20.0, 50.0, 70.0)
    sound = silence(80.0)
    for place in places:
        sound[round(place * RATE) : round(place * RATE) + len(speech())] = speech()
    path = write_sound(tmp_path / "a.mkv", sound, start=7.0)
    transcript = hear(path, Echo())
    assert len(transcript.utterances) == 3
    for utterance, place in zip(transcript.utterances, places, strict=True):
        assert abs(utterance.start - place) < 0.5
        assert abs(utterance.end - place - len(speech()) / RATE) < 0.7


def test_pieces_hold_all_of_the_sound_and_end_where_nobody_speaks(tmp_path, monkeypatch):
    monkeypatch.setattr(hearing, "PIECE", 40)
    sound = np.concatenate([part for _ in range(15) for part in (speech(), silence(2.0))])
    path = write_sound(tmp_path / "a.mkv", sound)
    found = list(pieces(path, "", 0.0))
    assert len(found) > 2
    assert sum(len(piece) for _, piece in found) == len(sound)
    for start, _ in found[1:]:
        assert np.abs(sound[round((start - 0.05) * RATE) : round((start + 0.05) * RATE)]).max() < 0.01
    assert len(hear(path, Echo()).utterances) == 15


def test_a_note_that_is_damaged_or_of_another_recogniser_counts_for_nothing(tmp_path):
    note = tmp_path / "note.json"
    note.write_text("{")
    assert hear(SAMPLE, Echo(), note=note).utterances
    assert json.loads(note.read_text())["done"]
    other = Echo()
    other.name = "other"
    assert hear(SAMPLE, other, note=note).model == "other"


def test_a_file_without_sound_or_voices_says_nothing(tmp_path):
    assert hear(paint(tmp_path / "a.mp4", ("red", 2)), Echo()).utterances == []
    sound = np.concatenate([music(20.0), noise(20.0), silence(20.0)])
    transcript = hear(write_sound(tmp_path / "b.mkv", sound), Echo())
    assert (transcript.utterances, transcript.confidence, transcript.done) == ([], 0.0, True)


# Recognisers --------------------------------------------------------------------------------------------------


def test_nothing_is_heard_in_ten_minutes_of_music_noise_and_silence(tmp_path, whisper, trusting):
    sound = np.concatenate([music(200.0), noise(200.0), silence(200.0)])
    assert hear(write_sound(tmp_path / "a.mkv", sound), whisper).utterances == []


@pytest.mark.parametrize("batched", [False, True])
def test_whisper_hears_where_somebody_speaks_with_times_of_words(tmp_path, whisper, trusting, monkeypatch, batched):
    """In batches as on a GPU, and one stretch after the other."""
    from faster_whisper import BatchedInferencePipeline

    if batched:
        monkeypatch.setattr(whisper, "_batched", BatchedInferencePipeline(whisper._model))
    path = write_sound(tmp_path / "a.mkv", np.concatenate([silence(40.0), speech(), silence(40.0)]))
    transcript = hear(path, whisper)
    assert (transcript.model, transcript.language) == ("ct2", "en")
    assert transcript.utterances
    assert any(utterance.words for utterance in transcript.utterances)
    for utterance in transcript.utterances:
        assert 39.5 <= utterance.start <= utterance.end <= 46.0
        assert 0 <= utterance.confidence <= 1
        assert all(39.5 <= word.start <= word.end <= 46.0 for word in utterance.words)


def test_guesses_of_random_weights_are_no_captions(unsure):
    assert hear(SAMPLE, unsure).utterances == []


def test_onnx_asr_hears_through_the_same_interface(tmp_path, trusting):
    pytest.importorskip("onnx_asr", reason="onnx-asr is not installed; pip install -e .[speech]")
    pytest.importorskip("onnx", reason="onnx is not installed; pip install -e .[dev]")
    from tiny_onnx import make_recogniser

    recogniser = load_transcriber(str(make_recogniser(tmp_path / "tiny")))
    sound = np.concatenate([silence(10.0), *[part for _ in range(6) for part in (speech(), silence(2.0))]])
    transcript = hear(write_sound(tmp_path / "a.mkv", sound), recogniser)
    assert transcript.model == "tiny"
    assert len({round(u.start) // 7 for u in transcript.utterances}) >= 5
    for utterance in transcript.utterances:
        assert 9.5 <= utterance.start <= utterance.end <= len(sound) / RATE
        assert utterance.text == "".join(word.text for word in utterance.words).strip()


# Weights ------------------------------------------------------------------------------------------------------


def test_where_weights_are_missing_and_the_network_is_forbidden_one_line_says_what_to_do(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"486 MB, MIT.*HF_HUB_OFFLINE forbids.*--speech-model") as told:
        load_transcriber("small")
    assert "\n" not in str(told.value)


def test_a_folder_that_holds_no_recogniser_and_a_name_that_is_none_are_refused(tmp_path):
    with pytest.raises(WeightsError, match="holds no speech recogniser"):
        load_transcriber(str(tmp_path))
    with pytest.raises(WeightsError, match="choose tiny"):
        load_transcriber("enormous")
    (tmp_path / "model.bin").write_bytes(b"nothing")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_transcriber(str(tmp_path))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.onnx").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_transcriber(str(tmp_path / "broken"))


def test_without_the_extra_auto_hears_nothing_and_always_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(weights, "is_installed", lambda: False)
    assert ears_for("auto") is None
    with pytest.raises(VideoclipError, match=r"pip install .*\[speech\]'?$"):
        ears_for("always")


def test_choices_of_hearing_are_checked():
    assert ears_for("never") is None
    with pytest.raises(ConfigError, match="auto, always, never"):
        ears_for("sometimes")
    with pytest.raises(ConfigError, match="--transcribe always"):
        ears_for("auto", replace=True)
    ears = ears_for("always", replace=True)
    assert ears
    assert (ears.required, ears.replace) == (True, True)


# Files --------------------------------------------------------------------------------------------------------


def test_transcripts_are_written_in_every_form_and_read_again_as_captions(tmp_path):
    folder = tmp_path / "in" / "below"
    folder.mkdir(parents=True)
    write_sound(folder / "memo.mp4", np.concatenate([silence(5.0), speech()]))
    written = transcribe_files(find_videos([tmp_path / "in"]), Echo(), tmp_path / "out", ["srt", "vtt", "json"])
    assert (len(written.heard), written.present, written.unheard) == (1, 0, {})
    for form in ("srt", "vtt", "json"):
        (caption,) = read_captions(tmp_path / "out" / "below" / f"memo.{form}")
        assert caption.text == "stretch 0"
        assert abs(caption.start - 5.0) < 0.5
    content = json.loads((tmp_path / "out" / "below" / "memo.json").read_text())
    assert content["model"] == "echo"
    assert content["segments"][0]["words"][0]["word"] == " stretch 0"
    again = transcribe_files(find_videos([tmp_path / "in"]), Echo(), tmp_path / "out", ["srt"])
    assert (again.heard, again.present) == ({}, 1)
    assert sorted(p.name for p in (tmp_path / "out" / "below").iterdir()) == ["memo.json", "memo.srt", "memo.vtt"]


def test_the_command_writes_transcripts(videoclip, monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "load_transcriber", lambda *_: Echo())
    write_sound(tmp_path / "memo.mp4", speech())
    code, out, _ = videoclip("transcribe", tmp_path / "memo.mp4", "--out", tmp_path / "out", "--format", "vtt")
    assert (code, (tmp_path / "out" / "memo.vtt").is_file()) == (0, True)
    assert "1 sentences" in out
    code, _, err = videoclip("transcribe", tmp_path / "memo.mp4", "--out", tmp_path / "out", "--form", "doc")
    assert (code, "choose from srt, vtt, json" in err) == (2, True)


def test_an_empty_transcript_has_no_confidence():
    assert Transcript("any").confidence == 0.0
    assert Transcript("any").narration.source == "heard"
