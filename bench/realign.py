"""How fast is narration placed? Videos per second through a model of the published size, and onto their captions.

    python bench/realign.py [VIDEOS]

Videos are of HowTo100M's lengths: 390 s of features, 110 captions. The baseline does the same plainly, one sentence
and one window of a video at a time; the alignment itself is the same.
"""

import sys
import time

import numpy as np
import torch
from result import accelerator, report

from videoclip.model.alignment import align
from videoclip.model.config import ModelConfig
from videoclip.model.videoclip import VideoCLIP
from videoclip.pretrain.estimate import made_up
from videoclip.pretrain.realign import AT_ONCE, alignments

PLAIN_VIDEOS = 1


def plain(model: VideoCLIP, video) -> np.ndarray:
    """A video's places, by one sentence and one window at a time."""
    size, seconds = model.config.max_seconds, video.seconds
    sentences = torch.cat([model.encode_text([caption.text]) for caption in video.captions])
    total, times = torch.zeros(seconds, model.size), torch.zeros(seconds, 1)
    for start in range(0, seconds - size // 2, size // 2):
        total[start : start + size] += model.video_tokens(video.features[start : start + size])
        times[start : start + size] += 1
    spoken = np.array([(c.start, c.end) for c in video.captions])
    return align((total / times).numpy(), sentences.numpy(), spoken).spans


def main(count: int) -> None:
    device = torch.device("cuda" if accelerator() else "cpu")
    model = VideoCLIP(ModelConfig()).to(device).eval()
    videos = [made_up(i, model.config.feature_size) for i in range(count)]
    for _ in alignments(model, videos[:AT_ONCE], 15.0):  # the first ones allocate and compile
        pass
    began = time.perf_counter()
    parts = [alignments(model, videos[i : i + AT_ONCE], 15.0) for i in range(0, count, AT_ONCE)]
    places = [placed.spans for part in parts for placed in part]
    ours = count / (time.perf_counter() - began)
    began = time.perf_counter()
    plainly = [plain(model, video) for video in videos[:PLAIN_VIDEOS]]
    baseline = PLAIN_VIDEOS / (time.perf_counter() - began)
    same = np.mean([np.abs(a - b).max(1) <= 1 for a, b in zip(places, plainly, strict=False)])
    table = [
        {"how": "packed", "videos/s": round(ours, 2), "hours of video/s": round(ours * 390 / 3600, 3)},
        {"how": "one at a time", "videos/s": round(baseline, 2), "hours of video/s": round(baseline * 390 / 3600, 3)},
    ]
    report("realign", ours, baseline, "videos/s", table, f"{same:.0%} of places agree within a second")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else (2000 if accelerator() else 8))
