import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from made import write, write_with_track

from videoclip.corpus.extract import ExtractOptions, extract
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import Encoder
from videoclip.encoders.load import load_encoder
from videoclip.errors import CorpusError, VideoclipError
from videoclip.media import narration
from videoclip.media.belonging import VIDEO_SUFFIXES
from videoclip.media.files import find_videos

SRT = "1\n00:00:00,100 --> 00:00:01,000\nhello there\n"


def mean_colour(pixels: torch.Tensor) -> torch.Tensor:
    """A stand-in for a network: the mean colour of each second and a constant."""
    mean = pixels.float().mean((1, 2, 3)) / 255
    return torch.cat([mean, torch.ones(len(mean), 1)], 1)


ENCODER = Encoder("mean", 4, 10, 16, mean_colour, batch_seconds=2)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "videos" / "deep").mkdir(parents=True)
    for i in range(4):
        name = f"deep/v{i}" if i == 3 else f"v{i}"
        write(tmp_path / "videos" / f"{name}.mp4", [60 * i + 20] * 15 * (i + 1), fps=10)
        (tmp_path / "videos" / f"{name}.srt").write_text(SRT)
    return tmp_path


def test_every_video_becomes_its_features_and_captions(folder):
    summary = extract(find_videos(folder / "videos"), ENCODER, folder / "c.lance")
    corpus = Corpus(folder / "c.lance")
    assert sorted(corpus.ids) == ["deep/v3", "v0", "v1", "v2"]
    assert (summary.added, summary.seconds) == (4, sum(-(-15 * (i + 1) // 10) for i in range(4)))
    for name in corpus.ids:
        video = corpus[name]
        assert np.array_equal(video.features, ENCODER.encode_file(video.path))
        assert np.allclose(np.linalg.norm(video.features.astype(float), axis=1), 1, atol=1e-3)
        assert [c.text for c in video.captions] == ["hello there"]


@pytest.mark.parametrize("workers", [1, 3])
def test_broken_files_are_set_aside_and_the_rest_goes_on(folder, workers):
    (folder / "videos" / "v1.mp4").write_bytes(b"broken")
    (folder / "videos" / "v2.srt").write_bytes(b"\x00")
    summary = extract(find_videos(folder / "videos"), ENCODER, folder / "c.lance", ExtractOptions(workers=workers))
    assert sorted(Corpus(folder / "c.lance").ids) == ["deep/v3", "v0"]
    assert {path.split("/")[-1] for path in summary.set_aside} == {"v1.mp4", "v2.mp4"}
    listed = json.loads((folder / "c.lance.set-aside.json").read_text())
    assert listed == summary.set_aside


def test_a_second_call_takes_only_what_is_new(folder):
    first = find_videos(folder / "videos")
    extract(first[:2], ENCODER, folder / "c.lance")
    summary = extract(first, ENCODER, folder / "c.lance")
    assert (summary.added, summary.present) == (2, 2)
    assert len(set(Corpus(folder / "c.lance").ids)) == 4


def test_what_was_encoded_before_an_interruption_is_kept(folder):
    calls = 0

    def stops(pixels):
        nonlocal calls
        calls += 1
        if calls == 9:
            raise KeyboardInterrupt
        return mean_colour(pixels)

    sources = find_videos(folder / "videos")
    with pytest.raises(KeyboardInterrupt):
        extract(
            sources, Encoder("mean", 4, 10, 16, stops, batch_seconds=1), folder / "c.lance", ExtractOptions(workers=1)
        )
    kept = Corpus(folder / "c.lance").ids
    assert 0 < len(kept) < 4
    extract(sources, ENCODER, folder / "c.lance")
    assert sorted(Corpus(folder / "c.lance").ids) == ["deep/v3", "v0", "v1", "v2"]


def extraction_that_ends(at: int, by: str, videos: Path, out: Path) -> subprocess.CompletedProcess:
    """The command in a process of its own, which gets a signal as soon as so many videos are written."""
    code = (
        "import os, signal, sys, videoclip.corpus.extract as e; from videoclip.corpus.store import Corpus\n"
        "from videoclip.cli.main import main\n"
        "def append(corpus, videos, original=Corpus.append):\n"
        "    original(corpus, videos)\n"
        f"    if len(corpus) == {at}:\n"
        f"        os.kill(os.getpid(), signal.{by})\n"
        "Corpus.append, e.APPEND_EVERY, sys.argv[:1] = append, 0.0, ['videoclip']\n"
        "main()"
    )
    command = [sys.executable, "-c", code, "extract", str(videos), "--encoder", "demo", "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_killed_extraction_goes_on_without_repeating_or_losing_a_video(folder, videoclip):
    out = folder / "c.lance"
    assert extraction_that_ends(2, "SIGKILL", folder / "videos", out).returncode == -signal.SIGKILL
    assert len(Corpus(out)) == 2
    _, said, _ = videoclip("extract", folder / "videos", "--encoder", "demo", "--out", out)
    assert "2 videos added" in said
    assert "2 were there" in said
    assert sorted(Corpus(out).ids) == ["deep/v3", "v0", "v1", "v2"]


def test_captions_are_found_by_name_in_another_folder_and_with_a_language(folder):
    subtitles = folder / "subs"
    subtitles.mkdir()
    (subtitles / "v0.en.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nhi\n")
    (subtitles / "v3.srt").write_text(SRT)
    found = {s.id: s.captions and s.captions.name for s in find_videos(folder / "videos", subtitles)}
    assert found == {"v0": "v0.en.vtt", "v1": None, "v2": None, "deep/v3": "v3.srt"}


def test_captions_of_another_video_of_the_same_name_are_not_taken(tmp_path):
    for name in ("a/1.mp4", "a/1.srt", "b/1.mp4", "b/2.mp4", "c/2.en.vtt", "c/2.vtt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nhi\n")
    found = {s.id: s.captions and s.captions.relative_to(tmp_path).as_posix() for s in find_videos(tmp_path)}
    assert found == {"a/1": "a/1.srt", "b/1": None, "b/2": "c/2.en.vtt"}


def test_extract_sees_the_files_and_the_subtitle_tracks_that_index_sees(tmp_path):
    """One set of rules for both: every suffix, and captions inside a file where none lie beside it."""
    (tmp_path / "videos").mkdir()
    for suffix in VIDEO_SUFFIXES:
        (tmp_path / "videos" / f"a{suffix}").touch()
    assert {video.path.suffix for video in find_videos(tmp_path / "videos")} == set(VIDEO_SUFFIXES)
    (tmp_path / "own").mkdir()
    write_with_track(tmp_path / "own" / "v.mkv", [90] * 30, SRT)
    summary = extract(find_videos(tmp_path / "own"), ENCODER, tmp_path / "c.lance")
    assert (summary.added, summary.silent) == (1, 0)
    assert [c.text for c in Corpus(tmp_path / "c.lance")["v"].captions] == ["hello there"]


def test_a_video_whose_features_are_not_numbers_is_set_aside(folder):
    def nan_where_dark(pixels):
        return mean_colour(pixels).masked_fill(pixels.float().flatten(1).mean(1, keepdim=True) < 30, torch.nan)

    encoder = Encoder("mean", 4, 10, 16, nan_where_dark, batch_seconds=2)
    summary = extract(find_videos(folder / "videos"), encoder, folder / "c.lance")
    assert summary.added == 3
    assert [path.split("/")[-1] for path in summary.set_aside] == ["v0.mp4"]


def test_videos_without_captions_are_taken_only_on_request(folder):
    for path in (folder / "videos").rglob("*.srt"):
        path.unlink()
    sources = find_videos(folder / "videos")
    with pytest.raises(CorpusError, match="pass --allow-silent"):
        extract(sources, ENCODER, folder / "c.lance")
    assert not (folder / "c.lance").exists()
    assert extract(sources, ENCODER, folder / "c.lance", ExtractOptions(silent=True)).silent == 4


def test_a_folder_that_is_not_there_is_one_error_and_an_empty_one_holds_nothing(tmp_path):
    assert find_videos(tmp_path) == []
    with pytest.raises(VideoclipError, match="no such file or folder"):
        find_videos(tmp_path / "none")


def test_a_corpus_of_another_encoder_is_left_alone(folder):
    sources = find_videos(folder / "videos")
    extract(sources, ENCODER, folder / "c.lance")
    with pytest.raises(CorpusError, match="holds features of encoder 'mean'"):
        extract(sources, Encoder("other", 4, 10, 16, mean_colour), folder / "c.lance")


def test_a_programming_error_in_a_thread_is_not_taken_for_a_bad_file(folder, monkeypatch):
    monkeypatch.setattr(narration, "read_captions", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        extract(find_videos(folder / "videos"), ENCODER, folder / "c.lance")


def test_captions_come_from_one_large_json_file_too(folder):
    for path in (folder / "videos").rglob("*.srt"):
        path.unlink()
    said = {"start": [0.5], "end": [1.5], "text": ["stir it"]}
    (folder / "raw_caption.json").write_text(json.dumps({"v0": said, "elsewhere": said, "v3": said}))
    summary = extract(find_videos(folder / "videos", folder / "raw_caption.json"), ENCODER, folder / "c.lance")
    corpus = Corpus(folder / "c.lance")
    assert sorted(corpus.ids) == ["deep/v3", "v0"]  # v3 by its bare name
    assert corpus["v0"].captions[0].text == "stir it"
    assert len(summary.set_aside) == 2


def test_a_second_extraction_into_the_same_corpus_is_refused(folder, videoclip):
    out = folder / "c.lance"
    with Corpus.create(out, load_encoder("demo").kind).writing():
        second = extraction_that_ends(0, "SIGKILL", folder / "videos", out)
    assert second.returncode == 2
    assert "another process is adding to it" in second.stderr
    assert videoclip("extract", folder / "videos", "--encoder", "demo", "--out", out)[0] == 0
    assert len(Corpus(out)) == 4


def test_a_polite_kill_keeps_what_is_encoded_and_exits_with_143(folder, videoclip):
    out = folder / "c.lance"
    ended = extraction_that_ends(2, "SIGTERM", folder / "videos", out)
    assert ended.returncode == 143, ended.stderr
    assert "the same command goes on from here" in ended.stderr
    kept = len(Corpus(out))
    assert 2 <= kept < 4
    _, said, _ = videoclip("extract", folder / "videos", "--encoder", "demo", "--out", out)
    assert f"{4 - kept} videos added" in said


def test_captions_that_come_after_a_silent_extraction_are_taken(folder):
    def run():
        return extract(find_videos(folder / "videos"), ENCODER, folder / "c.lance", ExtractOptions(silent=True))

    (folder / "videos" / "v1.srt").unlink()
    run()
    corpus = Corpus(folder / "c.lance")
    silent = next(video for video in corpus.ids if not corpus[video].captions)
    features = np.array(corpus[silent].features)
    (folder / "videos" / f"{silent}.srt").write_text(SRT)
    assert (run().captioned, run().captioned) == (1, 0)
    after = Corpus(folder / "c.lance")
    assert [c.text for c in after[silent].captions] == ["hello there"]
    assert np.array_equal(np.array(after[silent].features), features)
    assert sorted(after.ids) == sorted(corpus.ids)


def test_captions_that_change_are_taken_and_those_that_go_stay_and_are_named(folder):
    def run(language: str = "en"):
        options = ExtractOptions(silent=True, language=language)
        summary = extract(find_videos(folder / "videos", None, language), ENCODER, folder / "c.lance", options)
        corpus = Corpus(folder / "c.lance")
        return summary, [caption.text for caption in corpus["v0"].captions], np.array(corpus["v0"].features)

    _, _, features = run()
    (folder / "videos" / "v0.srt").write_text(SRT.replace("hello there", "an edited line"))
    summary, said, same = run()
    assert (summary.captioned, said) == (1, ["an edited line"])
    assert np.array_equal(features, same)
    (folder / "videos" / "v0.de.srt").write_text(SRT.replace("hello there", "auf Deutsch"))
    assert run("de")[1] == ["auf Deutsch"]
    assert (run("de")[0].captioned, run()[1]) == (0, ["an edited line"])
    (folder / "videos" / "v0.srt").write_text("<html>404</html>")
    (folder / "videos" / "v0.de.srt").unlink()
    summary, said, _ = run()
    assert said == ["an edited line"]
    assert "v0.srt" in summary.warnings[0]
    (folder / "videos" / "v0.srt").unlink()
    summary, said, _ = run()
    assert (summary.captioned, said) == (0, ["an edited line"])
    assert "keep captions whose files are not here any more" in summary.warnings[0]


@pytest.mark.parametrize("order", [("mp4", "avi"), ("avi", "mp4")])
def test_a_file_of_the_same_name_that_comes_later_is_another_video(tmp_path, order):
    (tmp_path / "v").mkdir()
    for i, suffix in enumerate(order):
        write(tmp_path / "v" / f"take.{suffix}", [90 * i + 40] * 30)
        extract(find_videos(tmp_path / "v"), ENCODER, tmp_path / "c.lance", ExtractOptions(silent=True))
    corpus = Corpus(tmp_path / "c.lance")
    assert {Path(path).suffix for path in corpus.paths} == {".mp4", ".avi"}
    assert corpus.ids == ["take", f"take.{order[1]}"]


def test_a_name_that_is_no_text_costs_no_other_video(tmp_path):
    (tmp_path / "v").mkdir()
    odd = tmp_path / "v" / os.fsdecode(b"Entf\xfchrung.mp4")
    write(odd, [40] * 30)
    write(tmp_path / "v" / "good.mp4", [90] * 30)
    summary = extract(find_videos(tmp_path / "v"), ENCODER, tmp_path / "c.lance", ExtractOptions(silent=True))
    assert (summary.added, summary.set_aside) == (2, {})
    assert summary.inventory.videos == 2
    assert set(Corpus(tmp_path / "c.lance").paths) == {str(odd), str(tmp_path / "v" / "good.mp4")}
    again = extract(find_videos(tmp_path / "v"), ENCODER, tmp_path / "c.lance", ExtractOptions(silent=True))
    assert (again.added, again.present) == (0, 2)
