import hashlib
import json
import shutil
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from videoclip.benchmarks.truth import shown_when_said
from videoclip.errors import VideoclipError
from videoclip.media.captions import read_captions
from videoclip.media.sound import RATE, sound_of
from videoclip.media.video import probe, seconds_of
from videoclip.world.render import describe_world, frames, render_world, rolling_srt
from videoclip.world.script import (
    ACTIONS,
    COLOURS,
    FAMILIES,
    MOST_FAMILIES,
    NARRATORS,
    OBJECTS,
    TEST_PHRASES,
    TRAIN_PHRASES,
    is_held_out,
    split_of,
    write_script,
)

SCRIPTS = [write_script(i, 5) for i in range(400)]


def test_the_same_seed_gives_the_same_files_and_another_one_others(tmp_path):
    digests = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        render_world(tmp_path / name, 2, seed)
        files = sorted(p for p in (tmp_path / name).rglob("*") if p.suffix in (".mp4", ".srt"))
        digests.append([hashlib.sha256(p.read_bytes()).hexdigest() for p in files])
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_files_say_what_truth_says(tmp_path):
    truth = json.loads(render_world(tmp_path / "w", 3, 1).read_text())
    assert len(truth["videos"]) == 3
    for name, video in truth["videos"].items():
        assert probe(tmp_path / "w" / f"{name}.mp4").duration == pytest.approx(video["duration"])
        said = " ".join(c.text for c in read_captions(tmp_path / "w" / f"{name}.srt"))
        for step in video["steps"]:
            assert 0 <= step["start"] < step["end"] <= video["duration"]
            if step["narration"]:
                assert step["narration"]["text"] in said
                assert step["narration"]["lag"] == pytest.approx(step["narration"]["start"] - step["start"])


def test_rolling_captions_come_back_as_the_sentences_that_were_spoken(tmp_path):
    render_world(tmp_path / "w", 1, 1)
    script = write_script(0, 1)
    captions = read_captions(tmp_path / "w" / f"{script.id}.srt")
    assert " ".join(c.text for c in captions) == " ".join(s.text for s in script.sentences)


def test_an_interrupted_rendering_is_taken_up_and_another_world_is_not_mixed_in(tmp_path):
    render_world(tmp_path / "w", 2, 1)
    first = next((tmp_path / "w").rglob("*.srt"))
    first.unlink()
    render_world(tmp_path / "w", 3, 1)
    assert first.exists()
    with pytest.raises(VideoclipError, match="choose another folder"):
        render_world(tmp_path / "w", 3, 2)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "file").touch()
    with pytest.raises(VideoclipError, match="holds no world"):
        render_world(tmp_path / "x", 3, 2)


def test_speech_is_dense_lags_and_is_mostly_chatter():
    sentences = [len(s.sentences) / s.duration for s in SCRIPTS]
    assert 2.5 <= 1 / np.mean(sentences) <= 3.5
    steps = [step for s in SCRIPTS for step in s.steps]
    lags = [s.narration.start - s.start for s in steps if s.narration]
    assert 0.65 < len(lags) / len(steps) < 0.75
    assert min(lags) < -6
    assert max(lags) > 3
    assert len(lags) / sum(len(s.sentences) for s in SCRIPTS) < 0.3


def test_held_out_pairs_and_phrasings_never_occur_in_training():
    for script in SCRIPTS:
        pairs = [is_held_out(step.action, step.object) for step in script.steps]
        if not script.id.startswith("test/"):
            assert not any(pairs)
    assert not set(TRAIN_PHRASES) & set(TEST_PHRASES)
    test = [step for s in SCRIPTS if s.id.startswith("test/") for step in s.steps]
    assert 0.2 < np.mean([is_held_out(s.action, s.object) for s in test]) < 0.4


def test_splits_are_sixteen_one_three_of_twenty():
    assert Counter(map(split_of, range(100))) == {"train": 80, "val": 5, "test": 15}


def test_repeats_of_a_pair_in_its_family_are_few():
    train = [s for s in SCRIPTS if s.id.startswith("train/")]
    pairs = Counter((s.family, step.action, step.object) for s in train for step in s.steps)
    assert np.mean(list(pairs.values())) / (len(train) / 8) < 0.2


def test_steps_move_and_background_does_not():
    script = write_script(1, 0)
    pictures = np.stack(list(frames(script))).astype(float)
    step = script.steps[1]
    shown = pictures[int(step.start * 8) + 1 : int(step.end * 8) - 1]
    gap = pictures[: int(script.steps[0].start * 8) - 1]
    assert shown.std(0).max() > 5 * max(gap.std(0).max(), 1)


def test_the_faithful_narrator_speaks_of_every_step_while_it_lasts():
    script = write_script(0, 0, NARRATORS["faithful"])
    assert all(step.narration and abs(step.narration.start - step.start) < 3 for step in script.steps)


def test_the_scattered_narrator_says_all_of_a_step_in_several_sentences_and_in_none_alone():
    scripts = [write_script(i, 5, NARRATORS["scattered"]) for i in range(200)]
    assert scripts == [write_script(i, 5, NARRATORS["scattered"]) for i in range(200)]
    steps = [step for script in scripts for step in script.steps]
    told = [step for step in steps if step.narration]
    assert len(told) / len(steps) > 0.55
    parts = Counter()
    for script in scripts:
        for step in script.steps:
            if not step.narration:
                continue
            own = [x for x in script.sentences if step.narration.start <= x.start and x.end <= step.narration.end]
            assert step.narration.text == " ".join(x.text for x in own)
            assert all(len(_said(x.text, step)) < 3 for x in own)
            assert _said(step.narration.text, step) == {"action", "object", "colour"}
            parts[len(own)] += 1
    assert set(parts) == {2, 3, 4}
    spoken = np.array([(x.start, x.end) for x in scripts[0].sentences])
    world = describe_world(scripts[:1], 5)["videos"][scripts[0].id]
    steps = [entry | {"narration": entry.get("narration")} for entry in world["steps"]]
    shown = shown_when_said(spoken, steps)
    assert sum(span is not None for span in shown) == sum(
        len([x for x in scripts[0].sentences if s.narration.start <= x.start and x.end <= s.narration.end])
        for s in scripts[0].steps
        if s.narration
    )


def test_the_scattered_narrator_speaks_of_the_same_steps_at_about_the_same_distance():
    scripts = [write_script(i, 5, NARRATORS["scattered"]) for i in range(280, 300)]  # in one of them there is no room
    lagging = [write_script(i, 5) for i in range(280, 300)]
    for scattered, usual in zip(scripts, lagging, strict=True):
        assert [(s.start, s.end, s.what) for s in scattered.steps] == [(s.start, s.end, s.what) for s in usual.steps]
    lags = [step.narration.start - step.start for s in scripts for step in s.steps if step.narration]
    assert -20 < min(lags) <= max(lags) < 16


def test_what_the_first_narrators_say_and_show_stays_as_it_was():
    """Worlds, and figures that were measured on them, can be made anew."""
    made = hashlib.sha256()
    for narrator in ("lagging", "faithful"):
        scripts = [write_script(i, 5, NARRATORS[narrator], MOST_FAMILIES) for i in range(20)]
        made.update(json.dumps(describe_world(scripts, 5)).encode())
        for script in scripts:
            made.update(f"{script.seed} {rolling_srt(script.sentences)}".encode())
    assert made.hexdigest()[:16] == "568e07dfd0a1d991"


def _said(text: str, step) -> set[str]:
    """Which parts of a step a text names, by any of their names."""
    words = set(text.split())
    names = {
        "action": {word for names in ACTIONS[step.action] for word in names},
        "object": set(OBJECTS[step.object]),
        "colour": set(COLOURS[step.colour]),
    }
    return {part for part, known in names.items() if known & words}


def test_pixels_are_read_as_they_were_drawn(tmp_path):
    render_world(tmp_path / "w", 1, 1)
    script = write_script(0, 1)
    drawn = np.stack(list(frames(script))[:8])[:, :, 16:112]
    read = next(iter(seconds_of(tmp_path / "w" / f"{script.id}.mp4", 8, 96)))
    assert np.abs(drawn.astype(int) - read).mean() < 6


def test_a_world_of_many_families_looks_and_sounds_different_in_each():
    scripts = [write_script(i, 1, families=MOST_FAMILIES) for i in range(200)]
    families = {script.family for script in scripts}
    assert len(families) > 50
    styled = next(script for script in scripts if " " in script.family)
    style, name = styled.family.split(" ")
    said = " ".join(sentence.text for sentence in styled.sentences)
    assert any(f"{style} {word}" in said for word in FAMILIES[name])
    assert " " not in styled.id
    seen = {script.family: next(iter(frames(script))).mean((0, 1)).astype(int) for script in scripts[:60]}
    assert len({tuple(colour) for colour in seen.values()}) > 0.8 * len(seen)
    assert write_script(3, 1) == write_script(3, 1, families=len(FAMILIES))
    with pytest.raises(VideoclipError, match="a world of 65 families; there are from 1 to 64"):
        render_world(Path("unused"), 1, 1, families=65)


@pytest.mark.parametrize("wrong", [{"videos": 0}, {"videos": 2.5}, {"seed": -1}, {"seed": 2**32}])
def test_a_world_of_no_videos_or_no_seed_is_refused_before_there_is_a_folder(tmp_path, wrong):
    with pytest.raises(VideoclipError, match=f"{next(iter(wrong))}=.*: choose a whole number from"):
        render_world(tmp_path / "world", **{"videos": 1, "seed": 1} | wrong)
    assert not (tmp_path / "world").exists()


def test_a_spoken_world_says_its_sentences_at_their_times_and_has_no_captions(tmp_path):
    if not shutil.which("espeak-ng"):
        pytest.skip("espeak-ng is not installed; it speaks the narration")
    truth = render_world(tmp_path / "w", 1, seed=5, speak=True)
    ((name, video),) = json.loads(truth.read_text())["videos"].items()
    path = tmp_path / "w" / f"{name}.mp4"
    assert not list((tmp_path / "w").rglob("*.srt"))
    assert video["sentences"] == [asdict(sentence) for sentence in write_script(0, 5).sentences]
    sound = np.abs(np.concatenate(list(sound_of(path))))
    assert abs(len(sound) / RATE - 60) < 0.2
    for sentence in video["sentences"]:
        begin = round(sentence["start"] * RATE)
        assert sound[begin : begin + RATE].max() > 0.05
        assert sound[begin - RATE // 50 : begin - RATE // 200].max(initial=0) < 0.05
    assert len(list(seconds_of(path, 2, 32))) == 60


def test_speaking_without_the_program_that_speaks_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VideoclipError, match="apt install espeak-ng"):
        render_world(tmp_path / "w", 1, seed=5, speak=True)
    assert not (tmp_path / "w").exists()
