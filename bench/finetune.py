"""What does fine-tuning bring? Every task of the world, trained from a demo's model on its training videos.

python bench/finetune.py DEMO_FOLDER
"""

import sys
import tempfile
import time
from pathlib import Path

from result import report

from videoclip.benchmarks.supervised import train_and_test
from videoclip.benchmarks.table import benchmark
from videoclip.corpus.store import Corpus
from videoclip.pretrain.config import OptimizerConfig
from videoclip.tasks.finetune import FinetuneConfig

OPTIMIZER = OptimizerConfig(lr=3e-4, warmup_updates=20, decay_updates=0)
"""The demo's model is small; the paper's rate is for one a hundred times its size."""


def main(demo: Path) -> None:
    corpus, rows = Corpus(demo / "corpus.lance"), []
    for task in benchmark("world").trains:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            config = FinetuneConfig(task=task, optimizer=OPTIMIZER)
            made = train_and_test("world", str(demo / "model"), corpus, demo, config, Path(folder) / "run")
        rows.append({
            "task": task, "figure": " ".join(made["figure"]), "zero-shot": made["zero_shot"],
            "fine-tuned": made["fine_tuned"], "best epoch": made["best_epoch"], "seconds": time.monotonic() - began,
        })  # fmt: skip
    ours, baseline = (sum(row[key] for row in rows) / len(rows) for key in ("fine-tuned", "zero-shot"))
    report("finetune", ours, baseline, "mean over the tasks of the world, against zero-shot", rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
