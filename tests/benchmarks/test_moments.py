"""Benchmarks that ask for moments of a video: what is measured, and that a model which knows nothing is at chance."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from made_benchmarks import corpus_of, knowing

from videoclip import evaluate
from videoclip.corpus.store import Corpus, NarratedVideo
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
