"""Benchmarks that ask for moments of a video: what is measured, and that a model which knows nothing is at chance."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from made_benchmarks import corpus_of, knowing

from videoclip import evaluate
from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.errors import CorpusError, VideoclipError
from videoclip.tasks.grounding import temporal_iou

sys.path[:0] = [str(Path(__file__).parents[2] / folder) for folder in ("soak", "bench")]

from annotations import Words  # noqa: E402


def shown_in(path: Path, seconds: int, videos: dict[str, list[tuple[int, int, np.ndarray]]]) -> Corpus:
    """Features of videos of so many seconds, which are zero but where something is shown."""
    made = []
    for video, parts in videos.items():
        features = np.zeros((seconds, 8), np.float16)
        for start, end, vector in parts:
            features[start:end] = vector
        made.append(NarratedVideo(video, features, []))
    corpus = Corpus.create(path, FeatureKind("made", 8))
    corpus.append(made)
    return corpus


def recall_elsewhere(items: list[dict], iou: float) -> float:
    """R@1 of what was found against what is asked of the item half the list away: chance, of the same predictions."""
    others = np.roll(np.arange(len(items)), len(items) // 2)
    pairs = [(items[i]["found"][:1], items[j]["times"]) for i, j in enumerate(others)]
    return float(np.mean([temporal_iou(np.array(a), np.array(b)).max() >= iou for a, b in pairs]))


def test_charades_finds_each_moment_in_its_video(tmp_path):
    x, y = np.eye(8)[0], np.eye(8)[1]
    corpus = shown_in(tmp_path / "c.lance", 30, {"AAAAA": [(3, 9, x), (15, 30, y)], "BBBBB": [(0, 10, y)]})
    lines = ["AAAAA 3.1 9.0##open a door.", "AAAAA 14.6 33.0##sit ## down", "BBBBB 20.0 28.0##sit ## down",
             "CCCCC 1.0 2.0##open a door.", "BBBBB 40.0 50.0##late", "BBBBB 4.0 4.0##nothing"]  # fmt: skip
    (tmp_path / "charades_sta_test.txt").write_text("\n".join(lines))
    (tmp_path / "Charades_v1_test.csv").write_text('id,script,length\nAAAAA,"x, y",29.6\n')
    texts = {"open a door.": x, "sit ## down": y, "late": y}
    result = evaluate("charades-sta", knowing(texts), corpus, tmp_path)
    assert result["moment_retrieval"]["queries"] == 3
    assert result["moment_retrieval"]["R1@0.7"] == pytest.approx(2 / 3)
    assert [item["times"] for item in result["items"]] == [[[3.1, 9.0]], [[14.6, 29.6]], [[20.0, 28.0]]]
    assert result["items"][1]["found"][0][1] == 29.6  # no span reaches beyond the video's end
    assert result["items"][2]["iou"] == 0
    assert result["left_out"] == {"without_features": 1, "past_the_end": 1, "without_length": 1}
    low, high = result["intervals"]["moments R1@0.7"]
    assert low <= 2 / 3 <= high
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("A 1 2 open", "line 2: is not of the form 'VIDEO START END##SENTENCE'"),
        ("A 1##open", "line 2: is not of the form"),
        ("A one 2##open", "line 2: start: should be a valid number.*'one'"),
        ("A -1 2##open", "line 2: start: .*greater than or equal to 0"),
        ("A 1 nan##open", "line 2: end: .*finite"),
        ("A 1 2## ", "line 2: sentence: is empty"),
    ],
)
def test_a_line_of_charades_that_is_none_is_named(tmp_path, line, problem):
    (tmp_path / "charades_sta_test.txt").write_text(f"A 1.0 2.0##x\n{line}\n")
    with pytest.raises(VideoclipError, match=rf"charades_sta_test\.txt: {problem}.*correct the file"):
        evaluate("charades-sta", Words(), corpus_of(tmp_path / "c.lance", {"A": 9}), tmp_path)


def test_moments_of_no_video_that_is_there_are_an_error(tmp_path):
    (tmp_path / "charades_sta_test.txt").write_text("A 20.0 22.0##x\n")
    with pytest.raises(CorpusError, match="none of the 1 moments lies within the features"):
        evaluate("charades-sta", Words(), corpus_of(tmp_path / "c.lance", {"A": 9}), tmp_path)


def test_charades_of_the_real_size_is_at_chance_with_random_vectors(tmp_path):
    """1,334 videos and 3,720 sentences of the test set."""
    rng = np.random.default_rng(0)
    lengths = {f"V{i:04d}": int(rng.integers(20, 40)) for i in range(1334)}
    lines = []
    for i in range(3720):
        video = f"V{i % 1334:04d}"
        start = rng.uniform(0, lengths[video] - 12)
        lines.append(f"{video} {start:.1f} {start + rng.uniform(3, 12):.1f}##sentence {i}")
    (tmp_path / "charades_sta_test.txt").write_text("\n".join(lines))
    result = evaluate("charades-sta", Words(), corpus_of(tmp_path / "c.lance", lengths), tmp_path)
    figures = result["moment_retrieval"]
    assert figures["queries"] == 3720
    for iou in (0.3, 0.5, 0.7):
        assert figures[f"R1@{iou}"] == pytest.approx(recall_elsewhere(result["items"], iou), abs=0.03)
        drawn = []
        for item in result["items"]:
            a, b = np.sort(rng.choice(lengths[item["video"]] + 1, 2, replace=False))
            drawn.append(temporal_iou(np.array([[a, b]]), np.array(item["times"])).max() >= iou)
        assert figures[f"chance_R1@{iou}"] == pytest.approx(np.mean(drawn), abs=0.03)


def activitynet(folder: Path, videos: dict) -> None:
    keys = ("duration", "timestamps", "sentences")
    (folder / "val_1.json").write_text(
        json.dumps({v: dict(zip(keys, entry, strict=True)) for v, entry in videos.items()})
    )


def test_activitynet_finds_videos_by_their_paragraphs_and_moments_by_their_sentences(tmp_path):
    x, y, z = np.eye(8)[:3]
    shown = {"abc": [(0, 10, x), (10, 30, y)], "v_def": [(5, 25, z)]}  # ids with and without v_
    corpus = shown_in(tmp_path / "c.lance", 30, shown)
    activitynet(tmp_path, {
        "v_abc": (29.5, [[0.0, 9.8], [10.1, 33.0]], ["One.", "Two."]),
        "v_def": (30, [[4, 26], [20, 20]], ["Three.", "Nothing."]),
        "v_gone": (30, [[4, 26]], ["Three."]),
    })  # fmt: skip
    texts = {"One.": x, "Two.": y, "Three.": z, "Nothing.": x, "One. Two.": x + y, "Three. Nothing.": z}
    result = evaluate("activitynet", knowing(texts), corpus, tmp_path)
    assert result["retrieval"]["gallery"] == 2
    assert result["retrieval"]["text_to_video"]["R@1"] == 1
    assert result["moment_retrieval"]["queries"] == 3
    assert result["moment_retrieval"]["R1@0.7"] == 1
    assert result["left_out"] == {"without_features": 1, "moments_past_the_end": 0, "moments_without_length": 1}
    assert [[m["times"] for m in item["moments"]] for item in result["items"]] == [
        [[[0, 9.8]], [[10.1, 29.5]]],
        [[[4, 26]]],
    ]
    assert set(result["intervals"]) == {
        *(f"retrieval R@{k}" for k in (1, 5, 10)),
        *(f"moments R1@{u}" for u in (0.3, 0.5, 0.7)),
    }


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ((30, [[0, 1]], ["a", "b"]), "has 2 sentences and 1 timestamps"),
        ((0, [[0, 1]], ["a"]), "duration: is no length of a video"),
        ((30, [[-1, 1]], ["a"]), r"timestamps\.0\.0: .*greater than or equal to 0"),
        ((30, [[0, 1]], [" "]), r"sentences\.0: is empty"),
        ((30, [[0]], ["a"]), r"timestamps\.0\.1: is missing"),
    ],
)
def test_an_entry_of_activitynet_that_is_none_is_named(tmp_path, entry, problem):
    activitynet(tmp_path, {"v_a": entry})
    with pytest.raises(VideoclipError, match=rf"val_1\.json: video 'v_a': {problem}.*correct the file"):
        evaluate("activitynet", Words(), corpus_of(tmp_path / "c.lance", {"v_a": 9}), tmp_path)


def test_activitynet_of_the_real_size_is_at_chance_with_random_vectors(tmp_path):
    """The 4,917 videos of val_1, which are shorter here, with one sentence of each."""
    rng = np.random.default_rng(0)
    lengths = {f"v_{i:011d}": int(rng.integers(15, 40)) for i in range(4917)}
    starts = rng.uniform(0, 8, 4917)
    entries = enumerate(lengths.items())
    activitynet(tmp_path, {v: (n, [[starts[i], starts[i] + n / 3]], [f"sentence {i}"]) for i, (v, n) in entries})
    result = evaluate("activitynet", Words(), corpus_of(tmp_path / "c.lance", lengths), tmp_path)
    found = result["retrieval"]["text_to_video"]
    assert result["retrieval"]["gallery"] == 4917
    assert found["R@10"] == pytest.approx(10 / 4917, abs=0.004)
    assert found["median_rank"] / 4917 == pytest.approx(0.5, abs=0.03)
    moments = [moment for item in result["items"] for moment in item["moments"]]
    assert result["moment_retrieval"]["R1@0.5"] == pytest.approx(recall_elsewhere(moments, 0.5), abs=0.03)


def qvhighlights(folder: Path, *queries: dict, split: str = "val") -> Path:
    path = folder / f"highlight_{split}_release.jsonl"
    path.write_text("".join(json.dumps(query) + "\n" for query in queries))
    return path


def query(
    qid: int, vid: str, clips: list[int], ratings: list[list[int]], windows: list[list[int]], text: str = "x"
) -> dict:
    found = {"relevant_windows": windows, "relevant_clip_ids": clips, "saliency_scores": ratings}
    return {"qid": qid, "query": text, "duration": 20, "vid": vid} | found


def test_qvhighlights_measures_moments_and_highlights_by_hand(tmp_path):
    x = np.eye(8)[0]
    part = [(4, 8, x), (14, 18, 2 * x)]
    whole = [(104, 108, x), (114, 118, 2 * x)]  # the same seconds of the whole video
    corpus = shown_in(tmp_path / "c.lance", 20, {"aaa_0.0_20.0": part})
    corpus.append([NarratedVideo("bbb", features_with(130, whole), [])])
    good, poor = [[4, 2, 1], [3, 2, 1]], [[3, 3, 2], [3, 3, 3]]
    qvhighlights(
        tmp_path,
        query(1, "aaa_0.0_20.0", [7, 2], good, [[4, 8], [14, 18]]),
        query(2, "bbb_100.0_120.0", [7, 2], poor, [[4, 8]]),
        query(3, "gone_0.0_20.0", [7, 2], good, [[4, 8]]),
    )
    result = evaluate("qvhighlights", knowing({"x": x}), corpus, tmp_path)
    moments = result["moment_retrieval"]
    assert [item["found"][0] for item in result["items"]] == [[14.0, 18.0]] * 2
    assert moments["R1@0.7"] == 0.5  # any of the true windows counts
    assert moments["R5@0.7"] == 1
    # the first finds both of its windows at once; the second its one at the second place
    assert moments["mAP@0.5"] == pytest.approx((1 + 1 / 2) / 2)
    assert moments["mAP"] <= moments["mAP@0.5"]
    # clips 7 and 8 score most; one rater of three finds one of them very good; nobody does in the second query
    assert result["highlights"]["mAP"] == pytest.approx((1 / 2) / 3 / 2)
    assert result["highlights"]["HIT@1"] == pytest.approx(0.5 / 2)  # two clips score the same
    assert result["left_out"] == {"without_features": 1, "past_the_end": 0}


def features_with(seconds: int, parts: list[tuple[int, int, np.ndarray]]) -> np.ndarray:
    features = np.zeros((seconds, 8), np.float16)
    for start, end, vector in parts:
        features[start:end] = vector
    return features


def test_the_test_queries_of_qvhighlights_have_no_labels(tmp_path):
    corpus = corpus_of(tmp_path / "c.lance", {"a": 9})
    unlabelled = {"qid": 1, "query": "x", "duration": 20, "vid": "a"}
    qvhighlights(tmp_path, unlabelled, split="test")
    with pytest.raises(
        VideoclipError, match=r"test_release\.jsonl has no labels.*put highlight_val_release\.jsonl there"
    ):
        evaluate("qvhighlights", Words(), corpus, tmp_path)
    qvhighlights(tmp_path, unlabelled)
    with pytest.raises(VideoclipError, match=r"val_release\.jsonl: line 1: relevant_windows: is missing"):
        evaluate("qvhighlights", Words(), corpus, tmp_path)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"relevant_windows": [[8, 4]]}, r"relevant_windows\.0: ends at 4 s, which is not after"),
        ({"relevant_windows": [[30, 34]]}, r"relevant_windows\.0: lasts from 30 to 34 s, but the video ends at 20 s"),
        ({"relevant_windows": []}, "relevant_windows: .*at least 1 item"),
        ({"relevant_clip_ids": [1]}, "has not as many saliency_scores as relevant_clip_ids"),
        ({"relevant_clip_ids": [1, 10]}, "relevant_clip_ids: the video ends at 20 s"),
        ({"saliency_scores": [[4, 1], [4, 1, 1]]}, r"saliency_scores\.0: .*at least 3 items"),
        ({"saliency_scores": [[4, 1, 5], [4, 1, 1]]}, r"saliency_scores\.0\.2: .*less than or equal to 4"),
        ({"qid": 1}, "query 1 is there twice, first in line 1"),
    ],
)
def test_a_line_of_qvhighlights_that_is_none_is_named(tmp_path, change, problem):
    one = query(1, "a", [1, 2], [[1, 1, 1]] * 2, [[2, 6]])
    qvhighlights(tmp_path, one, one | {"qid": 2} | change)
    with pytest.raises(VideoclipError, match=rf"val_release\.jsonl: line 2: {problem}.*correct the file"):
        evaluate("qvhighlights", Words(), corpus_of(tmp_path / "c.lance", {"a": 20}), tmp_path)


def test_qvhighlights_of_the_real_size_is_at_chance_with_random_vectors(tmp_path):
    """The 1,550 queries of the validation set, on 150 seconds each."""
    rng = np.random.default_rng(0)
    queries, prevalence, hit = [], [], []
    for i in range(1550):
        first, count = int(rng.integers(0, 60)), int(rng.integers(3, 15))
        ratings = rng.integers(0, 5, (count, 3))
        entry = query(
            i, f"v{i}", list(range(first, first + count)), ratings.tolist(), [[2 * first, 2 * (first + count)]]
        )
        queries.append(entry | {"duration": 150, "query": f"sentence {i}"})
        prevalence.append((ratings == 4).sum(0) / 75)
        hit.append((ratings == 4).any(1).sum() / 75)
    qvhighlights(tmp_path, *queries)
    corpus = corpus_of(tmp_path / "c.lance", {f"v{i}": 150 for i in range(1550)})
    result = evaluate("qvhighlights", Words(), corpus, tmp_path)
    figures = result["moment_retrieval"]
    assert figures["queries"] == 1550
    assert figures["R1@0.5"] == pytest.approx(recall_elsewhere(result["items"], 0.5), abs=0.03)
    assert figures["mAP"] <= figures["mAP@0.5"] < 0.1
    assert result["highlights"]["HIT@1"] == pytest.approx(np.mean(hit), abs=0.03)
    assert (
        np.mean(prevalence) < result["highlights"]["mAP"] < 3 * np.mean(prevalence)
    )  # interpolation lifts small shares


def htstep(folder: Path, videos: dict[str, list[tuple[int, float, float]]], subset: str = "val_seen") -> None:
    """Of two articles: tea by black (0, 1) or green leaves (2, 3), and jello (4, 5)."""
    rows = ["Make Tea,0,A,A1,boil", "Make Tea,1,A,A2,pour", "Make Tea,2,B,B1,rinse", "Make Tea,3,B,B2,steep",
            "Make Jello,0,none,1,stir", 'Make Jello,1,none,2,"chill, long"']  # fmt: skip
    heading = "global_step_index,activity,step_index,variation,variation_index,headline,paragraph"
    (folder / "taxonomy.csv").write_text("\n".join([heading, *(f"{i},{row},more" for i, row in enumerate(rows))]))
    made = {}
    for name, segments in videos.items():
        activity = "Make Jello" if segments and segments[0][0] > 3 else "Make Tea"
        annotations = [{"id": step, "segment": [start, end]} for step, start, end in segments]
        made[name] = {"subset": subset, "activity": activity, "annotations": annotations}
    (folder / "annotations.json").write_text(json.dumps(made))


def test_htstep_grounds_the_steps_of_each_article(tmp_path):
    boil, pour, rinse, steep, stir, chill = np.eye(8)[:6]
    shown = {"a": [(2, 8, boil), (20, 28, pour)], "b": [(5, 15, steep)], "c": [(4, 9, chill)]}
    corpus = shown_in(tmp_path / "c.lance", 40, shown)
    htstep(tmp_path, {
        "a": [(0, 2, 8), (1, 20, 28)], "b": [(2, 5, 15), (3, 30, 36)], "c": [(5, 4, 9), (5, 50, 52)],
        "gone": [(0, 1, 2)], "nothing": [],
    })  # fmt: skip
    names = ["boil", "pour", "rinse", "steep", "stir", "chill, long"]
    vectors = dict(zip(names, (boil, pour, rinse, steep, stir, chill), strict=True))
    result = evaluate("ht-step", knowing(vectors), corpus, tmp_path)
    figures = result["step_grounding"]
    assert [item["headlines"] for item in result["items"]] == [names[:2], names[2:4], names[4:]]
    assert (figures["steps"], figures["videos"]) == (5, 3)
    assert figures["R@1"] == pytest.approx(3 / 5)  # of b, rinse is seen nowhere and steep elsewhere
    # of tea, three spans stand out and each finds a true one, which of b shows another step; of four true ones
    assert figures["mAP@0.7"] == pytest.approx((3 / 4 + 1) / 2)
    assert figures["mAP_of_right_step"] < figures["mAP"]
    assert result["left_out"] == {"without_features": 1, "segments_past_the_end": 1}
    low, high = result["intervals"]["step R@1"]
    assert low <= 3 / 5 <= high


@pytest.mark.parametrize(
    ("segments", "problem"),
    [
        ([(0, 8, 2)], "video 'a': annotations.0: ends at 2 s, before its start at 8 s"),
        ([(9, 2, 8)], r"video 'a': annotations.0: step 9 is none of taxonomy\.csv"),
        ([(0, 2, 8), (2, 9, 12)], "video 'a': shows steps of more than one variation"),
        ([(0, -2, 8)], r"video 'a': annotations\.0\.segment\.0: .*greater than or equal to 0"),
        ([(0, 2, 2)], "subset val_seen: no segment is annotated"),
    ],
)
def test_an_entry_of_htstep_that_is_none_is_named(tmp_path, segments, problem):
    htstep(tmp_path, {"a": segments})
    with pytest.raises(VideoclipError, match=rf"annotations\.json: {problem}.*correct the file"):
        evaluate("ht-step", Words(), corpus_of(tmp_path / "c.lance", {"a": 20}), tmp_path)


def test_htstep_is_at_chance_with_random_vectors(tmp_path):
    rng = np.random.default_rng(0)
    videos, share = {}, []
    for i in range(600):
        starts = rng.integers(0, 45, 2)
        first = (0, 2, 4)[i % 3]
        videos[f"v{i}"] = [(first + k, int(start), int(start) + 12) for k, start in enumerate(starts)]
        share += [12 / 60] * 2
    htstep(tmp_path, videos)
    result = evaluate("ht-step", Words(), corpus_of(tmp_path / "c.lance", dict.fromkeys(videos, 60)), tmp_path)
    assert result["step_grounding"]["R@1"] == pytest.approx(np.mean(share), abs=0.05)
    assert result["step_grounding"]["mAP@0.7"] < 0.05
