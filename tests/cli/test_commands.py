import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from made import write

from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.media.captions import Caption, read_captions

SRT = "1\n00:00:00,100 --> 00:00:01,000\nhello there\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "videos").mkdir()
    for name in ("a", "b"):
        write(tmp_path / "videos" / f"{name}.mp4", [90] * 30, fps=10)
        (tmp_path / "videos" / f"{name}.srt").write_text(SRT)
    corpus = Corpus.create(tmp_path / "made.lance", FeatureKind("made", 8))
    corpus.append([NarratedVideo(f"v{i}", np.ones((9, 8), np.float16), [Caption(0, 5, "hi")]) for i in range(5)])
    return tmp_path


def test_help_reads_like_a_table_of_contents(videoclip):
    code, out, _ = videoclip("--help")
    assert code == 0
    places = [out.index(command) for command in ("demo", "world", "extract", "pretrain", "evaluate")]
    assert places == sorted(places)


def test_extract_tells_what_it_did_and_what_it_set_aside(videoclip, folder):
    (folder / "videos" / "bad.mp4").write_bytes(b"nothing")
    (folder / "videos" / "bad.srt").write_text(SRT)
    code, out, err = videoclip("extract", folder / "videos", "--encoder", "demo", "--out", folder / "c.lance")
    assert code == 0
    assert "2 videos added" in out
    assert "1 set aside" in out
    assert "bad.mp4: not a video" in err
    assert len(Corpus(folder / "c.lance")) == 2


MISTAKES = {
    "a folder without videos": ("extract {tmp}/empty --encoder demo --out {tmp}/c.lance", "no videos in it"),
    "captions that match no video": (
        "extract {tmp}/videos --captions {tmp}/empty --encoder demo --out {tmp}/c.lance",
        "no caption file belongs to any of the 2 videos",
    ),
    "a key that does not exist": (
        "pretrain --config demo corpus={tmp}/made.lance epohcs=3",
        "did you mean 'epochs'",
    ),
    "a preset that does not exist": ("pretrain --config papers", "presets are"),
    "no corpus named": ("pretrain --config demo", "corpus="),
    "a corpus that is not there": ("pretrain --config demo corpus={tmp}/no.lance", "no such corpus"),
    "a corpus of another encoder": (
        "extract {tmp}/videos --encoder demo --out {tmp}/made.lance",
        "holds features of encoder 'made'",
    ),
    "an output folder with something else": (
        "pretrain --config demo corpus={tmp}/made.lance out={tmp}/videos batches.videos=2",
        "is not empty and holds no run",
    ),
    "a world in a folder with something else": ("world {tmp}/videos --videos 1", "holds no world"),
    "no such narrator": ("world {tmp}/new --videos 1 --narrator me", "no narrator 'me'"),
    "a demo in a folder with something else": ("demo --out {tmp}/videos", "holds no demo"),
    "a batch larger than the corpus": (
        "pretrain --config demo corpus={tmp}/made.lance out={tmp}/r",
        "set batches.videos=4",
    ),
    "no such encoder": ("extract {tmp}/videos --encoder x --out {tmp}/c.lance", "no encoder 'x'"),
    "no such benchmark": ("evaluate imagenet --model m --data {tmp}", "no benchmark 'imagenet'"),
    "no features": ("evaluate world --model m --data {tmp}", "no such corpus"),
    "no annotations": ("evaluate didemo --model m --data {tmp}/none", "is to hold the benchmark's annotations"),
    "no option": ("extract {tmp}/videos", "--out"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_line_and_exit_code_2(videoclip, folder, mistake):
    (folder / "empty").mkdir()
    arguments, message = MISTAKES[mistake]
    code, _, err = videoclip(*arguments.format(tmp=folder).split())
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    if mistake != "no option":
        assert len([line for line in err.splitlines() if line.strip()]) == 1


def test_no_captions_at_all_is_an_error_that_names_the_way_out(videoclip, folder):
    for path in (folder / "videos").glob("*.srt"):
        path.unlink()
    arguments = ("extract", folder / "videos", "--encoder", "demo", "--out", folder / "c.lance")
    code, _, err = videoclip(*arguments)
    assert (code, "pass --allow-silent" in err) == (2, True)
    assert videoclip(*arguments, "--allow-silent")[0] == 0


def test_an_interrupted_command_says_that_it_can_be_taken_up(videoclip, folder, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("videoclip.corpus.extract.extract", interrupted)
    code, _, err = videoclip("extract", folder / "videos", "--encoder", "demo", "--out", folder / "c.lance")
    assert code == 130
    assert "the same command goes on from here" in err


def test_pretrain_shows_its_configuration(videoclip):
    import yaml

    code, out, _ = videoclip("pretrain", "--config", "paper", "--show", "epochs=3")
    assert code == 0
    assert yaml.safe_load(out)["epochs"] == 3
    assert yaml.safe_load(out)["model"]["text_layers"] == 12


def test_the_package_is_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "videoclip", "world", "--help"], capture_output=True, text=True, check=True
    )
    assert "truth.json" in done.stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The real commands on a world of the smallest size, in bfloat16, whatever the processor.

    The experiment of ``recipes`` does the same in float32.
    """
    out = tmp_path_factory.mktemp("demo") / "demo"
    small = ["epochs=2", "model.hidden_size=32", "model.heads=2", "model.intermediate_size=64"]
    arguments = ["demo", "--out", str(out), "--videos", "20", *(part for key in small for part in ("--set", key))]
    command = [sys.executable, "-m", "videoclip", *arguments]
    bf16 = os.environ | {"VIDEOCLIP_BF16": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=bf16)
    assert done.returncode == 0, done.stderr
    return out, done


def test_demo_leaves_what_it_promises(demo):
    out, done = demo
    made = ("videos/truth.json", "corpus.lance", "model/model.safetensors", "library/library.json", "metrics.json")
    for name in (*made, "report.html"):
        assert (out / name).exists(), name
    assert "report.html" in done.stdout
    metrics = json.loads((out / "metrics.json").read_text())
    assert set(metrics["retrieval"]["text_to_video"]) == {"R@1", "R@5", "R@10", "median_rank", "mean_rank"}
    assert metrics["retrieval"]["gallery"] > 10
    assert 0 < metrics["retrieval"]["chance_R@1"] < 0.2
    assert set(metrics["seconds"]) == {"render", "extract", "pretrain", "evaluate", "library", "report"}
    assert metrics["versions"]["torch"]
    assert metrics["seed"] == 1


def test_the_report_stands_alone_and_shows_everything(demo):
    page = (demo[0] / "report.html").read_text()
    assert page.count("data:image/webp;base64,") >= 12 * 4
    assert page.count("<svg") == 4
    for text in ("What was asked, and what was found", "never seen together", "hidden_size", "Repeat it"):
        assert text in page
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert 'src="data:' in page
    assert "<script" not in page


def test_evaluate_repeats_the_demos_figures_from_its_model(demo, videoclip, tmp_path):
    out, _ = demo
    code, printed, _ = videoclip(
        "evaluate", "world", "--model", out / "model", "--data", out, "--json", tmp_path / "e.json"
    )
    assert code == 0
    assert "text → video" in printed
    again, metrics = json.loads((tmp_path / "e.json").read_text()), json.loads((out / "metrics.json").read_text())
    assert again["retrieval"] == metrics["retrieval"]
    assert again["multiple_choice"] == metrics["multiple_choice"]
    assert len(again["items"]) == metrics["retrieval"]["gallery"]


def test_a_demo_that_is_done_is_not_done_again_and_another_is_not_mixed_in(demo, videoclip):
    out, _ = demo
    code, _, err = videoclip("demo", "--out", out, "--videos", "40")
    assert code == 2
    assert "holds a demo with other set, videos" in err


def test_a_model_of_another_encoder_is_refused(demo, videoclip, folder):
    out, _ = demo
    code, _, err = videoclip(
        "evaluate", "world", "--model", out / "model", "--data", out, "--corpus", folder / "made.lance"
    )
    assert code == 2
    assert "but the model was trained on those of" in err


def test_narration_is_aligned_with_pictures_into_captions(demo, videoclip, tmp_path):
    out, _ = demo
    video = next((out / "videos" / "test").glob("*.mp4"))
    captions, target = video.with_suffix(".srt"), tmp_path / "shown.srt"
    code, printed, err = videoclip("align", video, "--captions", captions, "--model", out / "model", "--out", target)
    assert code == 0, err
    rows = json.loads(target.with_suffix(".json").read_text())
    said = read_captions(captions)
    assert [row["text"] for row in rows] == [caption.text for caption in said]
    assert all(0 <= row["confidence"] <= 1 and row["shown"][0] < row["shown"][1] <= 60 for row in rows)
    kept = [row for row in rows if row["kept"]]
    assert f"{len(kept)} of {len(rows)} sentences describe something that is seen" in printed
    times = [(caption.start, caption.end) for caption in subtitles(target)]
    assert times == sorted(times)
    assert len(times) == len(kept)


def subtitles(path):
    import pysubs2

    return [Caption(e.start / 1000, e.end / 1000, e.plaintext) for e in pysubs2.load(str(path))]


def test_finetune_says_what_it_brought_and_leaves_a_model(demo, videoclip, tmp_path):
    out, _ = demo
    arguments = ("--model", out / "model", "--data", out, "--out", tmp_path / "ft", "epochs=1", "batch=32")
    code, printed, err = videoclip("finetune", "world", *arguments, "--task", "segmentation")
    assert code == 0, err
    assert "segmentation frame accuracy, rule spread:" in printed
    assert "segmentation frame accuracy, rule background:" in printed
    result = json.loads((tmp_path / "ft" / "result.json").read_text())
    assert result["figure"] == ["segmentation", "frame_accuracy"]
    figures = result["by_rule"].values()
    worse = max(figure["after"] for figure in figures) < max(figure["before"] for figure in figures)
    assert ("is worse than the one before" in err) == result["is_worse"] == worse
    assert result["test"]["segmentation"]["rule"] == "background"
    assert (tmp_path / "ft" / "model" / "model.safetensors").is_file()
    code, _, err = videoclip("finetune", "world", *arguments, "--task", "moments")
    assert code == 2
    assert "world has no task 'moments' to train; choose from retrieval" in err


def test_an_evaluation_is_also_a_page_and_a_table_of_classes(demo, videoclip, tmp_path):
    out, _ = demo
    page = tmp_path / "e.html"
    arguments = ("--model", out / "model", "--data", out, "--report", page, "--per-class", "--template", "watch: {}")
    code, printed, err = videoclip("evaluate", "world", *arguments, "--rule", "paper", "--json", tmp_path / "e.json")
    assert code == 0, err
    assert "most often" in printed
    assert "95 % interval of retrieval R@1" in printed
    assert page.read_text().count("<svg") == 2
    config = json.loads((tmp_path / "e.json").read_text())["config"]
    assert (config["rule"], config["templates"]) == ("paper", ["watch: {}"])
    code, _, err = videoclip("evaluate", "world", *arguments, "--rule", "guess")
    assert code == 2
    assert "no rule 'guess' of segmentation" in err
