import json
from pathlib import Path

import numpy as np
import pytest

from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.errors import ConfigError
from videoclip.media.captions import Caption
from videoclip.recipes import ready_made
from videoclip.recipes.experiment import FIGURES
from videoclip.recipes.ready_made import BASE, Comparison, compare_ready_made, in_lines
from videoclip.world.render import describe_world
from videoclip.world.script import NARRATORS, write_script

TINY = Comparison(
    sizes=(4, 8),
    seeds=(1,),
    videos=20,
    school=10,
    text_updates=2,
    base=(
        *BASE, "batches.videos=4", "clips.pairs_per_video=2", "model.hidden_size=32", "model.heads=2",
        "model.intermediate_size=64", "model.video_layers=1", "model.text_layers=1",
    ),
    pairs_of_updates=(1, 0),
)  # fmt: skip


def written(folder: Path, videos: int, seed: int, narrator: str, families: int) -> Path:
    """A world without pictures: its truth, and noise that is told of as its narrator does."""
    scripts = [write_script(i, seed, NARRATORS[narrator], families) for i in range(videos)]
    (folder / "videos").mkdir(parents=True, exist_ok=True)
    (folder / "videos" / "truth.json").write_text(json.dumps(describe_world(scripts, seed)))
    path, rng = folder / "corpus.lance", np.random.default_rng(seed)
    if not path.exists():
        corpus = Corpus.create(path, FeatureKind("made", 16, False))
        said = [[Caption(x.start, x.end, x.text) for x in script.sentences] for script in scripts]
        seen = rng.standard_normal((videos, 60, 16)).astype(np.float16)
        corpus.append([NarratedVideo(*of) for of in zip((s.id for s in scripts), seen, said, strict=True)])
    return path


def test_three_ways_are_compared_at_every_size_and_what_is_done_is_not_done_again(tmp_path, monkeypatch):
    monkeypatch.setattr(ready_made, "_extracted", written)
    result = compare_ready_made(tmp_path / "out", TINY)
    assert json.loads((tmp_path / "out" / "ready-made.json").read_text()) == result
    assert (tmp_path / "out" / "ready-made.svg").read_text().startswith("<svg")
    assert list(result["variants"]) == ["ready-made", "on top of it", "from scratch"]
    for figures in result["variants"].values():
        assert set(figures) == set(FIGURES)
        assert all(len(of_sizes) == 2 and len(of_sizes[0]) == 1 for of_sizes in figures.values())
    alone = result["variants"]["ready-made"]
    assert all(of_sizes[0] == of_sizes[1] for of_sizes in alone.values())  # it was trained on none of them
    assert len(in_lines(result)) == 2 + 3 * 2
    some = Corpus(tmp_path / "out" / "worlds" / "1" / "4.lance")
    assert len(some.matching("train/*")) == 4
    assert not some.matching("test/*")

    def never(*_):
        raise AssertionError("done already")

    monkeypatch.setattr(ready_made, "_run", never)
    assert compare_ready_made(tmp_path / "out", TINY)["variants"] == result["variants"]
    with pytest.raises(ConfigError, match="holds a comparison with other base, "):
        compare_ready_made(tmp_path / "out", Comparison(sizes=(4,)))
