"""Measure a model on pairs of your own: texts, and the moments of videos that they describe.

    python examples/evaluate_on_pairs.py
    python examples/evaluate_on_pairs.py --pairs pairs.csv --corpus my.lance --model runs/mine/model

A row of ``pairs.csv`` is ``video,start,end,text``, in seconds; docs/evaluate.md says more.
"""

import csv
import json
from argparse import ArgumentParser
from pathlib import Path

from videoclip import evaluate

parser = ArgumentParser(description="Measure a model on pairs of your own.")
parser.add_argument("--pairs", type=Path, help="a table (default: of what is shown in rendered videos)")
parser.add_argument("--corpus", help="with the features of these videos")
parser.add_argument("--model", help="a folder, or a model of the hub")
arguments = parser.parse_args()

if not arguments.pairs:
    import rendered

    arguments.pairs = rendered.OUT / "pairs.csv"
    arguments.corpus, arguments.model = rendered.corpus(), rendered.model()
    truth = json.loads((rendered.videos() / "truth.json").read_text())["videos"]
    rows = [
        (name, step["start"], step["end"], step["description"])
        for name, video in truth.items()
        if video["split"] != "train"
        for step in video["steps"]
    ]
    with open(arguments.pairs, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("video", "start", "end", "text"), *rows])

result = evaluate("pairs", arguments.model, arguments.corpus, arguments.pairs)
found = result["retrieval"]["text_to_video"]
print(f"{result['retrieval']['gallery']} moments; of the texts, so many found their moment")
for metric in ("R@1", "R@5", "R@10"):
    print(f"  {metric}: {found[metric]:.1%}")
print(f"  median rank: {found['median_rank']:.0f}")
print(f"by chance, R@1 is {result['retrieval']['chance_R@1']:.1%}")
