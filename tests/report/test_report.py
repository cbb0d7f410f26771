import base64
import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import write

from videoclip.report.page import chosen, thumbnail
from videoclip.report.plots import heat_map, learning_curves, runs
from videoclip.report.screen import print_finetuned


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=60))
def test_runs_of_a_timeline_give_back_the_timeline(row):
    parts = runs(row)
    assert [value for start, end, value in parts for _ in range(end - start)] == row
    assert all(a[2] != b[2] for a, b in pairwise(parts))


@given(st.integers(1, 500))
def test_queries_that_are_shown_are_spread_over_all_without_a_look_at_the_outcome(count):
    shown = chosen([{"rank": i} for i in range(count)])
    places = [item["rank"] for item in shown]
    assert len(set(places)) == min(12, count)
    assert places[0] == 0
    assert places == sorted(places)


def test_a_thumbnail_is_the_picture_of_that_second(tmp_path):
    from PIL import Image

    path = write(tmp_path / "a.mp4", [30] * 30 + [220] * 30, fps=10)
    for second, grey in ((1.0, 30), (4.5, 220)):
        data = thumbnail(path, second).removeprefix("data:image/webp;base64,")
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
        assert picture.shape == (120, 160, 3)
        assert abs(picture.mean() - grey) < 8


def test_a_file_that_is_gone_leaves_no_thumbnail(tmp_path):
    assert thumbnail(tmp_path / "gone.mp4", 1.0) == ""


def test_plots_are_svg_also_where_little_was_logged():
    assert learning_curves([]).startswith("<svg")
    assert learning_curves([{"update": 1, "loss": 2.0}, {"update": 2, "validation_loss": 1.0}]).startswith("<svg")
    assert heat_map([[1.0, 0.0], [0.0, 1.0]]).startswith("<svg")


@pytest.mark.parametrize(("after", "is_worse"), [(0.54, True), (0.91, False)])
def test_training_that_made_a_model_worse_is_warned_of(capsys, after, is_worse):
    by_rule = {"spread": {"before": 0.892, "after": 0.3}, "background": {"before": 0.2, "after": after}}
    result = {"figure": ["segmentation", "frame_accuracy"], "by_rule": by_rule, "best_epoch": 1, "epochs": [{}, {}]}
    print_finetuned(result | {"is_worse": is_worse}, Path("out/model"))
    said = capsys.readouterr()
    assert "segmentation frame accuracy, rule spread: 89.2 % before, 30.0 % after" in said.out
    assert f"rule background: 20.0 % before, {100 * after:.1f} % after" in said.out
    assert ("is worse than the one before; keep" in said.err) == is_worse
