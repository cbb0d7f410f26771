import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videoclip.benchmarks.analysis import confusion, intervals
from videoclip.report.evaluation import write_evaluation
from videoclip.tasks.metrics import bootstrap

VIDEOS = [
    {"video": "a", "truth": [-1, 0, 0, 1], "prediction": [-1, 0, 1, 1], "classes": ["stir", "cut"]},
    {"video": "b", "truth": [0, 0, -1, -1], "prediction": [0, -1, -1, 0], "classes": ["cut"]},
]


def test_an_interval_holds_the_figure_and_narrows_with_more_items():
    rng = np.random.default_rng(0)
    few, many = rng.random(50) < 0.7, rng.random(5000) < 0.7
    for hits in (few, many):
        low, high = bootstrap(hits)
        assert low < hits.mean() < high
    low, high = bootstrap(many)
    assert high - low == pytest.approx(2 * 1.96 * (0.21 / 5000) ** 0.5, rel=0.15)  # of a binomial share
    assert bootstrap(few) == bootstrap(few)


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=9))
def test_a_share_of_seconds_is_bounded_by_its_videos(seconds):
    low, high = bootstrap(seconds, seconds)
    assert low == high == 1.0


def test_seconds_are_counted_by_true_and_given_class():
    table = confusion({"videos": VIDEOS})
    assert table is not None
    assert table.classes == ["cut", "stir", "background"]
    assert table.seconds.tolist() == [[2, 0, 1], [1, 1, 0], [1, 0, 2]]
    by_class = {figures.name: figures for figures in table.by_class()}
    assert by_class["stir"].recall == 0.5
    assert by_class["stir"].precision == 1.0
    assert by_class["stir"].mistaken_for == "cut"
    assert by_class["cut"].precision == 0.5
    assert [figures.name for figures in table.by_class()][-1] == "background"
    assert table.largest(1).classes == ["cut", "background"]
    assert confusion({"items": [{"rank": 1}]}) is None


def test_labels_of_a_whole_data_set_are_classes():
    table = confusion({"classes": ["x", "y"], "items": [{"truth": [0, 1, -1], "prediction": [1, 1, -1]}]})
    assert table is not None
    assert table.seconds.tolist() == [[0, 1, 0], [0, 1, 0], [0, 0, 1]]


def test_the_page_shows_every_figure_and_escapes_what_strangers_wrote(tmp_path):
    items = [
        {"query": "<script>alert(1)</script>", "rank": 3.0, "answer": 0, "right_answer": 1,
         "found": [{"video": "a", "start": 3.0, "score": 0.5, "right": False, "query": "stir"}]},
        {"query": "stir", "rank": 1.0, "answer": 1, "right_answer": 1, "found": []},
    ]  # fmt: skip
    result = {
        "retrieval": {"gallery": 2, "text_to_video": {"R@1": 0.5}},
        "segmentation": {"frame_accuracy": 0.625, "one_label": True},
        "items": items, "videos": VIDEOS, "left_out": {"without_features": 7}, "annotations": "made.json",
        "config": {"benchmark": "made", "model": "m", "split": "test", "encoder": ""},
        "seed": 0, "commit": "", "date": "today", "versions": {"python": "3"},
    }  # fmt: skip
    found = intervals(result)
    assert set(found) == {
        "retrieval R@1", "retrieval R@5", "retrieval R@10", "multiple choice accuracy",
        "segmentation frame accuracy", "segmentation labelled accuracy",
    }  # fmt: skip
    write_evaluation(tmp_path / "page.html", result | {"intervals": found})
    page = (tmp_path / "page.html").read_text()
    for text in (
        "text to video · R@1",
        "0.625",
        "7 left out: without features",
        "this says nothing",
        "cut",
        "&lt;script",
    ):
        assert text in page
    assert "<script" not in page
    assert page.count("<svg") == 2
