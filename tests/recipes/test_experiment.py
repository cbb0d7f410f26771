import json
import shutil

import pytest

from videoclip.config import load_config
from videoclip.errors import ConfigError
from videoclip.pretrain.config import PretrainConfig
from videoclip.recipes.experiment import FIGURES, run_experiment
from videoclip.recipes.experiments import EXPERIMENTS, SMALL, Experiment, Variant
from videoclip.report.comparison import in_lines, write_comparison
from videoclip.storage.folders import claim
from videoclip.world.script import FAMILIES

TINY = (
    *SMALL, "epochs=1", "batches.videos=8", "batches.candidates=16", "model.hidden_size=32", "model.heads=2",
    "model.intermediate_size=64", "model.video_layers=1", "model.text_layers=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def result(tmp_path_factory, world):
    """Two variants of the smallest size, really trained and evaluated; the world is the one of all tests."""
    variants = {"paper": Variant("paper"), "masked": Variant("paper", ("loss.mask_overlaps=true",))}
    EXPERIMENTS["tiny"] = Experiment("Tiny", len(FAMILIES), variants, TINY)
    out = tmp_path_factory.mktemp("experiment") / "out"
    claim(out, "experiment", {"videos": 20})
    shutil.copytree(world, out / "worlds" / f"{len(FAMILIES)}-families-1" / "videos")
    try:
        with pytest.MonkeyPatch.context() as without:
            without.setenv("VIDEOCLIP_BF16", "0")
            made = run_experiment("tiny", out, [1], videos=20, workers=1)
        yield out, made
    finally:
        del EXPERIMENTS["tiny"]


def test_variants_are_compared_with_the_first_on_every_figure(result):
    out, made = result
    assert json.loads((out / "tiny.json").read_text()) == made
    first, second = made["variants"]
    assert set(FIGURES) <= set(first)
    assert all(first[name]["difference"] == 0 for name in FIGURES)
    assert second["R@1"]["difference"] == pytest.approx(second["R@1"]["values"][0] - first["R@1"]["values"][0])
    assert made["versions"]["torch"]
    assert made["runs_made"] == 2
    assert {"hard_negatives", "overlapping_negatives", "speech_lag"} <= first["diagnostics"].keys()


def test_what_is_done_is_not_done_again(result):
    out, made = result
    again = run_experiment("tiny", out, [1], ["paper"], videos=20, workers=1)
    assert again["runs_made"] == 0
    assert again["command"] == made["command"] + " --only 'paper'"
    with pytest.raises(ConfigError, match="holds a experiment with other videos"):
        run_experiment("tiny", out, [1], videos=40, workers=1)


def test_an_experiment_is_a_table_and_a_page(result, tmp_path):
    _, made = result
    lines = list(in_lines(made))
    assert lines[0].startswith("| variant | R@1 | R@10 |")
    assert len(lines) == 4
    write_comparison(tmp_path / "page.html", made)
    page = (tmp_path / "page.html").read_text()
    assert page.count("<svg") == 1
    assert "masked" in page
    assert "videoclip experiment tiny" in page


def test_variants_and_experiments_that_do_not_exist_are_named(tmp_path):
    with pytest.raises(ConfigError, match="there are ablation"):
        run_experiment("x", tmp_path, [1])
    with pytest.raises(ConfigError, match="ablation has no variant 'x'; it has paper"):
        run_experiment("ablation", tmp_path, [1], ["x"])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_variant_is_a_configuration_and_none_is_another(name):
    chosen = EXPERIMENTS[name]
    configs = [load_config(PretrainConfig, v.preset, [*chosen.base, *v.changes]) for v in chosen.variants.values()]
    runs = list(zip(configs, [v.after for v in chosen.variants.values()], strict=True))
    assert all(runs.count(run) == 1 for run in runs)
    assert len({(c.batches.videos, c.clips.pairs_per_video, c.model.hidden_size) for c in configs}) == 1


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_variant_has_as_many_updates_as_the_others_or_is_another_number_of_rounds(name):
    chosen = EXPERIMENTS[name]
    totals = {variant: epochs_in_all(chosen, variant) for variant in chosen.variants}
    if not any(run.after for run in chosen.variants.values()):
        assert len(set(totals.values())) == 1
    else:
        first = totals["random batches"]
        assert set(totals.values()) <= {first, 2 * first, 3 * first}
        assert totals["random batches, twice as long"] == totals["two rounds"] == 2 * first


def epochs_in_all(chosen, variant: str) -> int:
    run = chosen.variants[variant]
    config = load_config(PretrainConfig, run.preset, [*chosen.base, *run.changes])
    return sum(c.epochs for c in config.of_rounds()) + (epochs_in_all(chosen, run.after) if run.after else 0)
