"""What does the demo reach, and what does it cost? Time, memory, disk and scores of ``videoclip demo`` for some seeds.

python bench/demo.py [SEED ...]
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from result import report

from videoclip.benchmarks.truth import read_truth
from videoclip.benchmarks.world import evaluate_world
from videoclip.corpus.store import Corpus
from videoclip.model.joint import load_model

PAGE = 4096 / 2**30

SEGMENTATION = (
    "background_accuracy",
    "frame_accuracy",
    "labelled_accuracy",
    "class_accuracy",
    "edit",
    "F1@10",
    "F1@50",
)
RULES = ("frame_accuracy", "labelled_accuracy", "F1@50")


def main(seeds: list[int]) -> None:
    rows = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(_measure(Path(folder) / "demo", seed))
    table = [
        {"measure": name} | {f"seed {row['seed']}": row[name] for row in rows} for name in rows[0] if name != "seed"
    ]
    ours, once = (sum(row[name] for row in rows) / len(rows) for name in ("R@1", "R@1 of the first round"))
    report("demo", ours, once, "text→video R@1, against the model of the first round, which is the paper's", table)


def _measure(out: Path, seed: int) -> dict:
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "videoclip", "demo", "--out", str(out), "--seed", str(seed)])
    peak = [0.0]
    watch = threading.Thread(target=_watch, args=(process, peak))
    watch.start()
    if process.wait():
        sys.exit("the demo failed")
    watch.join()
    metrics = json.loads((out / "metrics.json").read_text())
    retrieval = metrics["retrieval"]
    minutes = (time.monotonic() - began) / 60
    return {
        "seed": seed,
        "minutes": minutes,
        "peak GB": peak[0],
        "disk GB": sum(f.stat().st_size for f in out.rglob("*") if f.is_file()) / 2**30,
        "gallery": retrieval["gallery"],
        "chance R@1": retrieval["chance_R@1"],
        "R@1": retrieval["text_to_video"]["R@1"],
        "R@1 of the first round": _first_round(out),
        "R@10": retrieval["text_to_video"]["R@10"],
        "unseen R@1": retrieval["unseen_pairs"]["R@1"],
        "multiple choice": metrics["multiple_choice"]["accuracy"],
        "multiple choice, one part apart": metrics["multiple_choice"]["accuracy_one_part_apart"],
        **{name.replace("_", " "): metrics["segmentation"][name] for name in SEGMENTATION},
        **{
            f"paper's rule: {name.replace('_', ' ')}": metrics["segmentation_by_the_papers_rule"][name]
            for name in RULES
        },
        "localisation recall": metrics["localization"]["recall"],
        "alignment R@1": metrics["alignment"]["recall"],
        "alignment R@1 of the times of speech": metrics["alignment"]["spoken_recall"],
        "alignability AUC": metrics["alignment"]["auc"],
        **{
            f"video by paragraph, {kept.replace('_', ' ')}: {measure}": metrics["paragraphs"][kept][measure]["R@1"]
            for kept in ("background_removed", "background_kept")
            for measure in ("mean", "dtw", "otam")
        },
        **{f"{stage} s": round(seconds) for stage, seconds in metrics["seconds"].items()},
    }


def _first_round(out: Path) -> float:
    """R@1 of the model that narration as it is spoken gave."""
    model = load_model(str(out / "run" / "round-1" / "model"))
    result = evaluate_world(model, Corpus(out / "corpus.lance"), read_truth(out))
    return result["retrieval"]["text_to_video"]["R@1"]


def _watch(process: subprocess.Popen, peak: list[float]) -> None:
    """Keep the largest resident memory of the process and its children together."""
    while process.poll() is None:
        peak[0] = max(peak[0], _resident(process.pid))
        time.sleep(0.5)


def _resident(pid: int) -> float:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        own = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0.0
    return own + sum(_resident(int(child)) for child in children)


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or [1])
