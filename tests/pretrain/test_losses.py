"""The whole path from corpus to loss, held fast: a change of these numbers is a change of the method.

``python tests/pretrain/test_losses.py`` writes ``tests/golden/losses.json`` anew; the change that does so says why.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from golden_cases import OWN
from made_corpus import SETTINGS, made_corpus

from videoclip.config import load_config
from videoclip.pretrain.config import PretrainConfig
from videoclip.pretrain.run import read_history
from videoclip.pretrain.trainer import pretrain

ON_RECORD = OWN / "losses.json"
UPDATES = 20
ALL = ("epochs=4", "batches.per_update=2", "seed=3", "validate_epochs=0", "model.dropout=0")
"""No dropout, whose random numbers depend on how the work is divided."""
RUNS = {
    "paper": ("clips.rule=official", "batches.vector_from=clips", "batches.negatives=batch"),
    "clusters": ("batches.rule=clusters", "batches.cluster_size=2", "batches.vector_from=clips"),
    "masked and softened": (
        "loss.mask_overlaps=true",
        "loss.soft_targets=0.3",
        "model.similarity=cosine",
        "batches.rule=random",
    ),
    "mil-nce": ("loss.kind=mil-nce", "clips.rule=mil-nce", "clips.bag=3", "clips.max_seconds=4"),
}
"""What each run changes of the settings that all have (``made_corpus``)."""


def losses(corpus: str, out: Path, changes: tuple[str, ...]) -> list[float]:
    """Of the first updates of a run, in fp32."""
    pretrain(load_config(PretrainConfig, "", [*SETTINGS, f"corpus={corpus}", f"out={out}", *ALL, *changes]))
    return [line["loss"] for line in read_history(out / "history.jsonl") if "loss" in line][:UPDATES]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> str:
    return made_corpus(tmp_path_factory.mktemp("losses") / "c.lance")


@pytest.mark.parametrize("run", RUNS)
def test_golden_losses_of_the_first_updates(run, corpus, tmp_path):
    made, recorded = losses(corpus, tmp_path / "run", RUNS[run]), json.loads(ON_RECORD.read_text())[run]
    assert len(made) == UPDATES
    assert made == pytest.approx(recorded, rel=1e-3)


def record() -> None:
    with TemporaryDirectory() as folder:
        corpus = made_corpus(Path(folder) / "c.lance")
        made = {name: losses(corpus, Path(folder) / name, changes) for name, changes in RUNS.items()}
    ON_RECORD.write_text(json.dumps({name: [round(x, 6) for x in run] for name, run in made.items()}, indent=1) + "\n")


if __name__ == "__main__":
    record()
