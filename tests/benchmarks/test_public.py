"""The public benchmarks, on small files of their forms and, where they are there, on the real annotations."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from made_benchmarks import corpus_of, knowing, make
from malicious import dangerous

from videoclip import evaluate
from videoclip.benchmarks.benchmark import annotation_file
from videoclip.benchmarks.clips import Clip
from videoclip.benchmarks.crosstask import read_videos
from videoclip.benchmarks.supervised import task_of
from videoclip.benchmarks.table import BENCHMARKS, benchmark
from videoclip.benchmarks.youcook2 import read_clips
from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.errors import ConfigError, CorpusError, UnsafeFileError, VideoclipError
from videoclip.media.captions import Caption
from videoclip.model.config import ModelConfig
from videoclip.model.videoclip import VideoCLIP

REAL = Path(os.environ.get("VIDEOCLIP_ANNOTATIONS") or Path(__file__).parents[3] / "shared" / "annotations")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return VideoCLIP(ModelConfig(8, 32, 2, 64, 1, 1, positions=80))


@pytest.fixture
def real():
    if not REAL.is_dir():
        pytest.skip(f"the real annotations are not here ({REAL}); VIDEOCLIP_ANNOTATIONS names their folder")
    return REAL


def youcook2_entry(subset: str, *segments) -> dict:
    annotations = [{"id": i, "segment": s, "sentence": text} for i, (s, text) in enumerate(segments)]
    return {"subset": subset, "duration": 80, "annotations": annotations}


def test_youcook2_cuts_the_segments_and_ranks_them(tmp_path):
    annotations = {
        "a": youcook2_entry("validation", ([3, 9], "cut the onion"), ([20, 70], "stir")),
        "b": youcook2_entry("validation", ([2, 5], "fold")),
        "c": youcook2_entry("training", ([2, 5], "serve")),
        "gone": youcook2_entry("validation", ([0, 5], "x")),
        "short": youcook2_entry("validation", ([50, 55], "y")),
    }
    (tmp_path / "youcookii_annotations_trainval.json").write_text(json.dumps({"database": annotations}))
    corpus = corpus_of(tmp_path / "c.lance", {"a": 80, "b": 9, "c": 9, "short": 20})
    spans = {"cut the onion": ("a", 3, 9), "stir": ("a", 20, 52), "fold": ("b", 2, 5)}  # cut at 32 s
    vectors = {text: corpus[v].features[s:e].astype(np.float32).mean(0) for text, (v, s, e) in spans.items()}
    unit = {text: 99 * v / np.linalg.norm(v) for text, v in vectors.items()}
    result = evaluate("youcook2", knowing(unit), corpus, tmp_path)
    assert result["retrieval"]["gallery"] == 3
    assert result["left_out"] == {"without_features": 1, "past_the_end": 1}
    assert {item["query"]: (item["video"], item["start"], item["end"]) for item in result["items"]} == {
        "cut the onion": ("a", 3.0, 9.0), "stir": ("a", 20.0, 70.0), "fold": ("b", 2.0, 5.0),
    }  # fmt: skip
    scores = np.array([[unit[t] @ vectors[u] for u in spans] for t in spans])
    assert result["retrieval"]["text_to_video"]["R@1"] == (scores.argmax(1) == np.arange(3)).mean()
    json.dumps(result)


def test_the_papers_own_pairs_are_read_without_running_them(tmp_path):
    entry = {
        "subset": "validation",
        "annotations": [{"id": i, "segment": [i, i + 3], "sentence": "s"} for i in range(3)],
    }
    (tmp_path / "youcookii_annotations_trainval.json").write_text(json.dumps({"database": {"a_b": entry}}))
    (tmp_path / "youcook_val.pkl").write_bytes(pickle.dumps([{"id": "a_b_2", "caption": "stir it"}]))
    assert read_clips(tmp_path) == ([Clip("a_b", "stir it", 2.0, 5.0)], "youcook_val.pkl")
    for name, content in dangerous(tmp_path / "ran").items():
        (tmp_path / "youcook_val.pkl").write_bytes(content)
        with pytest.raises(UnsafeFileError):
            read_clips(tmp_path)
        assert not (tmp_path / "ran").exists(), name


def test_msrvtt_questions_have_five_answers(tmp_path):
    rows = ["vid_key\ta1\ta2\ta3\ta4\ta5\tanswer"]
    rows += [f"msr{i}\t" + "\t".join(f"answer {i} {j}" for j in range(5)) + f"\t{(2 * i) % 5}" for i in range(8)]
    (tmp_path / "MSR_MC_test.csv").write_text("\n".join(rows))
    corpus = corpus_of(tmp_path / "c.lance", {f"video{i}": 12 for i in range(7)})
    vectors = {f"answer {i} {j}": np.zeros(8) for i in range(8) for j in range(5)}
    for i in range(7):
        vectors[f"answer {i} {(2 * i) % 5}"] = corpus[f"video{i}"].features.astype(np.float32).mean(0)
    result = evaluate("msrvtt-mc", knowing(vectors), corpus, tmp_path)
    assert result["multiple_choice"] == {"accuracy": 1.0, "chance": 0.2, "questions": 7}
    assert result["left_out"]["without_features"] == 1


def test_didemo_ranks_moments_and_videos(tmp_path):
    made = [
        {"video": f"v{i}.mp4", "description": f"d{i} {j}", "times": [[j, j]] * 4} for i in range(3) for j in range(2)
    ]
    (tmp_path / "test_data.json").write_text(json.dumps(made))
    corpus = corpus_of(tmp_path / "c.lance", {"v0": 30, "v1": 12, "v2.mp4": 35})
    rng = np.random.default_rng(0)
    vectors = {d["description"]: rng.standard_normal(8) for d in made}
    vectors |= {f"d{i} 0 d{i} 1": rng.standard_normal(8) for i in range(3)}
    result = evaluate("didemo", knowing(vectors), corpus, tmp_path)
    assert result["moments"]["descriptions"] == 6
    assert result["retrieval"]["gallery"] == 3  # a video's descriptions are one query
    assert {item["video"] for item in result["items"]} == {"v0.mp4", "v1.mp4", "v2.mp4"}
    for item in result["items"]:
        means = [
            corpus[item["video"].removesuffix(".mp4") if item["video"] != "v2.mp4" else "v2.mp4"]
            .features[5 * a : min(5 * b + 5, 30)]
            .astype(np.float32)
            .mean(0)
            @ vectors[item["query"]]
            for a, b in item["ranked"]
        ]
        assert means == sorted(means, reverse=True)


def test_coin_stands_beside_the_papers_rule_which_can_say_nothing(tmp_path):
    vectors = {f"step {i}": 20 * np.eye(8)[i] for i in range(3)} | {"other": 20 * np.eye(8)[0] + np.eye(8)[4]}
    segments = [(4, 9, "step 0"), (12, 18, "step 1"), (22, 26, "step 2")]
    annotation = [{"id": "1", "label": label, "segment": [s, e]} for s, e, label in segments]
    made = {"v": {"subset": "testing", "duration": 30, "annotation": annotation}}
    made["w"] = {"subset": "training", "duration": 9, "annotation": [{"id": "4", "label": "other", "segment": [1, 3]}]}
    made["gone"] = made["v"]
    (tmp_path / "COIN.json").write_text(json.dumps({"database": made}))
    features = np.full((30, 8), 0.01, np.float16)
    for start, end, label in segments:
        features[start:end] += (vectors[label] / 20).astype(np.float16)
    corpus = Corpus.create(tmp_path / "c.lance", FeatureKind("made", 8))
    corpus.append([NarratedVideo("v", features, [])])
    result = evaluate("coin", knowing(vectors), corpus, tmp_path)
    paper, ours = result["segmentation_by_the_papers_rule"], result["segmentation"]
    assert paper["one_label"]
    assert paper["frame_accuracy"] == paper["background_accuracy"] == 0.5
    assert paper["labelled_accuracy"] == 0
    assert ours["labelled_accuracy"] > 0.6 > 0.5 < ours["frame_accuracy"]
    assert result["classes"] == ["other", "step 0", "step 1", "step 2"]
    assert result["left_out"] == {"without_features": 1, "segments_past_the_end": 0}


def crosstask(folder) -> None:
    (folder / "annotations").mkdir()
    tasks = (
        "23521\nMake Jello\nhttp://x\n3\npour water,stir it,serve\n\n94276\nMake Tea\nhttp://y\n2\nheat,pour water\n\n"
    )
    (folder / "tasks_primary.txt").write_text(tasks)
    (folder / "videos_val.csv").write_text(
        "23521,a,http://a\n94276,b,http://b\n94276,gone,http://c\n7,other,http://d\n"
    )
    (folder / "annotations" / "23521_a.csv").write_text("1,2.0,4.5\n2,8.1,9.0\n3,11.0,12.0\n")
    (folder / "annotations" / "94276_b.csv").write_text("1,1.0,3.0\n")
    (folder / "annotations" / "94276_gone.csv").write_text("2,1.0,3.0\n")


def test_crosstask_finds_the_steps_in_their_order(tmp_path):
    crosstask(tmp_path)
    names = ["pour water", "stir it", "serve", "heat"]
    vectors = {name: 9 * np.eye(8)[i] for i, name in enumerate(names)}
    features = np.zeros((2, 14, 8), np.float16)
    for second, name in ((3, "pour water"), (8, "stir it"), (11, "serve")):
        features[0, second] = vectors[name]
    features[1, 6] = vectors["heat"]  # where the annotation does not have it
    corpus = Corpus.create(tmp_path / "c.lance", FeatureKind("made", 8))
    corpus.append([NarratedVideo(video, x, []) for video, x in zip("ab", features, strict=True)])
    result = evaluate("crosstask", knowing(vectors), corpus, tmp_path)
    assert result["localization"]["by_task"] == {"Make Jello": 1.0, "Make Tea": 0.0}
    assert result["localization"]["recall"] == 0.5
    assert result["left_out"] == {"without_features": 1, "not_annotated": 0, "steps_past_the_end": 0}
    assert result["items"][0]["located"] == [3, 8, 11]


def test_crosstask_files_that_do_not_fit_are_named(tmp_path, model):
    crosstask(tmp_path)
    corpus = corpus_of(tmp_path / "c.lance", {"a": 14})
    (tmp_path / "annotations" / "23521_a.csv").write_text("one,2,3\n")
    with pytest.raises(VideoclipError, match=r"23521_a\.csv: line 1: step: should be a valid integer.*'one'"):
        evaluate("crosstask", model, corpus, tmp_path)
    (tmp_path / "tasks_primary.txt").write_text("1\nTea\nhttp://y\n3\nheat,pour\n")
    with pytest.raises(VideoclipError, match="announces '3' steps and names 2"):
        evaluate("crosstask", model, corpus, tmp_path)


def test_missing_files_say_where_they_are_published(tmp_path, model):
    corpus = corpus_of(tmp_path / "c.lance", {"a": 3})
    own = {"pairs", "choices", "segments"}
    for name in BENCHMARKS.keys() - {"world"}:
        with pytest.raises(VideoclipError, match=f"{name}.csv in it" if name in own else "it is published at http"):
            evaluate(name, model, corpus, tmp_path)


def test_features_of_none_of_the_videos_are_an_error(tmp_path, model):
    (tmp_path / "MSRVTT_JSFUSION_test.csv").write_text("key,vid_key,video_id,sentence\nret0,msr1,video1,a man\n")
    with pytest.raises(CorpusError, match="features of none of the 1 videos, such as 'video1'"):
        evaluate("msrvtt", model, corpus_of(tmp_path / "c.lance", {"a": 3}), tmp_path)


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", '{"database": {"a": {"subset": "validation", "annotations": [3]}}}']
)
def test_damaged_annotations_are_named(tmp_path, content):
    (tmp_path / "youcookii_annotations_trainval.json").write_text(content)
    with pytest.raises(VideoclipError, match=r"youcookii_annotations_trainval\.json"):
        read_clips(tmp_path)


def test_real_youcook2_gives_chance_with_random_features(tmp_path, real, model):
    clips, _ = read_clips(real)
    assert len({clip.video for clip in clips}) > 400
    lengths = {clip.video: 0 for clip in clips}
    for clip in clips:
        lengths[clip.video] = max(lengths[clip.video], int(clip.end) + 1)
    result = evaluate("youcook2", model, corpus_of(tmp_path / "c.lance", lengths), real)
    retrieval = result["retrieval"]
    assert retrieval["gallery"] == len(clips)
    assert retrieval["text_to_video"]["R@10"] < 0.01
    assert abs(retrieval["text_to_video"]["median_rank"] / len(clips) - 0.5) < 0.05


def test_real_msrvtt_gives_chance_with_random_features(tmp_path, real, model):
    path = annotation_file(real, ["MSRVTT_JSFUSION_test.csv"], "")
    videos = {line.split(",")[2]: 15 for line in path.read_text().splitlines()[1:]}
    result = evaluate("msrvtt", model, corpus_of(tmp_path / "c.lance", videos), real)
    assert result["retrieval"]["gallery"] == 1000
    assert result["retrieval"]["text_to_video"]["R@10"] < 0.03


def test_real_didemo_gives_chance_with_random_features(tmp_path, real, model):
    asked = json.loads((real / "didemo_test_data.json").read_text())
    result = evaluate("didemo", model, corpus_of(tmp_path / "c.lance", {d["video"]: 30 for d in asked}), real)
    assert result["moments"]["descriptions"] == len(asked) == 4021
    assert result["retrieval"]["gallery"] == len({d["video"] for d in asked}) == 1037
    assert result["moments"]["rank_at_1"] < 0.15
    assert result["retrieval"]["text_to_video"]["R@10"] < 0.03


def htm_align(folder, videos: dict) -> Path:
    path = folder / "htm_align.json"
    path.write_text(json.dumps(videos))
    return path


def test_htm_align_tells_what_is_shown_and_where(tmp_path):
    sentences = [f"sentence {i}" for i in range(6)]
    vectors = {text: 5 * np.eye(8)[i] for i, text in enumerate(sentences)}
    features = np.zeros((60, 8), np.float16)
    rows = []
    for i, text in enumerate(sentences):
        if i % 2:
            rows.append([0, 10 * i, 10 * i + 3, text])
        else:
            features[10 * i + 5 : 10 * i + 9] = vectors[text]
            rows.append([1, 10 * i + 5, 10 * i + 9, text])
    htm_align(tmp_path, {"v": rows, "silent": rows, "gone": rows})
    corpus = Corpus.create(tmp_path / "c.lance", FeatureKind("made", 8))
    said = [Caption(10 * i, 10 * i + 3, text.upper()) for i, text in enumerate(sentences)]
    corpus.append([NarratedVideo("v", features, said), NarratedVideo("silent", features, [])])
    result = evaluate("htm-align", knowing(vectors), corpus, tmp_path)
    assert result["alignment"]["recall"] == result["alignment"]["auc"] == 1.0
    assert result["alignment"]["sentences"] == 12
    assert "spoken_recall" not in result["alignment"]  # not known of all videos
    assert result["alignment_near_speech"]["recall"] == 1.0
    assert result["alignment_near_speech"]["spoken_recall"] == 0.0
    assert result["alignment_near_speech"]["videos"] == 1
    assert result["left_out"] == {"without_features": 1}
    json.dumps(result)


@pytest.mark.parametrize("content", ['{"v": [[1, 2]]}', '{"v": 3}', "[]", "no", '{"v": [["x", 1, 2, "a"]]}', "{}"])
def test_htm_align_files_that_do_not_fit_are_named(tmp_path, model, content):
    (tmp_path / "htm_align.json").write_text(content)
    with pytest.raises(VideoclipError, match=r"htm_align\.json"):
        evaluate("htm-align", model, corpus_of(tmp_path / "c.lance", {"v": 9}), tmp_path)


def test_normalised_retrieval_says_so(tmp_path, model):
    (tmp_path / "MSRVTT_JSFUSION_test.csv").write_text("key,vid_key,video_id,sentence\nk,m,v,a\nk,m,w,b\n")
    corpus = corpus_of(tmp_path / "c.lance", {"v": 9, "w": 9})
    plain = evaluate("msrvtt", model, corpus, tmp_path)
    named = evaluate("msrvtt", model, corpus, tmp_path, normalization="dual-softmax")
    assert "normalization" not in plain["retrieval"]
    assert named["retrieval"]["normalization"] == "dual-softmax"


def test_crosstask_is_divided_for_training_by_task_and_always_the_same_way(tmp_path):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "tasks_primary.txt").write_text("1\nMake Tea\nhttp://y\n2\nheat,pour\n\n2\nMake Jello\nu\n1\nstir\n\n")
    videos = [("1", f"a{i}") for i in range(40)] + [("2", f"b{i}") for i in range(10)]
    (tmp_path / "videos.csv").write_text("".join(f"{task},{video},u\n" for task, video in videos))
    for task, video in videos:
        (tmp_path / "annotations" / f"{task}_{video}.csv").write_text("1,1.0,3.0\n")
    _, train, listed = read_videos(tmp_path, "supervised-train")
    _, test, _ = read_videos(tmp_path, "supervised-test")
    assert listed == 50
    assert sum(task == "1" for task, _ in train) == 30
    assert sorted([*train, *test]) == sorted(videos)
    assert train.keys() == read_videos(tmp_path, "supervised-train")[1].keys()


TRAINED = {"youcook2": "retrieval", "msrvtt": "retrieval", "msrvtt-mc": "multiple-choice", "didemo": "moments",
           "coin": "segmentation", "crosstask": "localization"}  # fmt: skip


@pytest.mark.parametrize("name", TRAINED)
def test_every_tenth_training_video_is_held_out(tmp_path, name):
    corpus = make(name, tmp_path)
    assert task_of(name) == TRAINED[name]
    train, held_out = benchmark(name).trains[TRAINED[name]](corpus, tmp_path)
    per_video = {"youcook2": 2, "didemo": 2}.get(name, 1)
    if name != "crosstask":  # where it is drawn which videos are trained on
        assert (len(train), len(held_out)) == (18 * per_video, 2 * per_video)
    with pytest.raises(ConfigError, match=f"{name} has no task 'sleep'"):
        task_of(name, "sleep")
