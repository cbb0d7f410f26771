"""Embed videos on a device of your choice, and train a linear head on what comes out.

    python examples/train_a_head.py --device cuda

The head tells from the feature of a second which action is shown. With videos of your own, ``load_encoder`` takes
``image:openai/clip-vit-base-patch32`` and the like, and the labels are yours.
"""

import json
from argparse import ArgumentParser

import numpy as np
import rendered
import torch

from videoclip import load_encoder

parser = ArgumentParser(description="Embed videos and train a linear head.")
parser.add_argument("--device", default="cpu", help="such as cpu, cuda or mps")
device = parser.parse_args().device

folder, encoder = rendered.videos(), load_encoder("demo", device=device)
truth = json.loads((folder / "truth.json").read_text())["videos"]
actions = sorted({step["action"] for video in truth.values() for step in video["steps"]})

features, labels, is_new = [], [], []
for name, video in truth.items():
    seconds = encoder.encode_file(folder / f"{name}.mp4")  # (seconds, F) float16
    for step in video["steps"]:
        shown = slice(int(step["start"]) + 1, int(step["end"]))  # whole seconds in which nothing else is shown
        features.append(seconds[shown])
        labels += [actions.index(step["action"])] * len(features[-1])
        is_new += [video["split"] != "train"] * len(features[-1])

x = torch.from_numpy(np.concatenate(features).astype(np.float32)).to(device)
y, new = torch.tensor(labels, device=device), torch.tensor(is_new, device=device)

torch.manual_seed(0)
head = torch.nn.Linear(x.shape[1], len(actions), device=device)
adam = torch.optim.AdamW(head.parameters(), lr=0.02, weight_decay=0.05)
for _ in range(300):
    adam.zero_grad()
    torch.nn.functional.cross_entropy(head(x[~new]), y[~new]).backward()
    adam.step()

right = (head(x).argmax(1) == y).float()
commonest = (y[new] == y[~new].mode().values).float().mean()
print(f"{len(y)} seconds of {len(truth)} videos on {device}, {len(actions)} actions")
print(f"right in the videos that it learned from: {right[~new].mean():.0%}")
print(f"right in new videos: {right[new].mean():.0%} (always the commonest action: {commonest:.0%})")
