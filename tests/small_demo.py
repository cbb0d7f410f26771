"""What `make demo` leaves, in small: for the examples and commands of the pages, which begin from it."""

import json
import shutil
from pathlib import Path

from videoclip import VideoCLIP, load_encoder
from videoclip.config import load_config
from videoclip.corpus.extract import extract
from videoclip.library.index import index
from videoclip.media.files import find_videos
from videoclip.pretrain.config import PretrainConfig
from videoclip.pretrain.trainer import pretrain

VIDEO = "test/kitchen_00019"


def make_small_demo(world: Path, folder: Path) -> None:
    """``runs/demo`` of a folder: videos, a corpus, a model that has hardly learned anything, and a library.

    Beside it stand the files that guides tell to write: ``steps.txt``, ``labels.txt`` and ``pairs.csv`` of a video.
    """
    demo = folder / "runs" / "demo"
    demo.mkdir(parents=True)
    shutil.copytree(world, demo / "videos")
    for path in sorted((world / "train").glob("*.mp4"))[:10]:  # more than the one that so small a world validates on
        for file in (path, path.with_suffix(".srt")):
            shutil.copy(file, demo / "videos" / "val")
    encoder = load_encoder("demo")
    extract(find_videos(world), encoder, demo / "corpus.lance")
    small = ["batches.videos=16", "epochs=20", "rounds=[]", "model.hidden_size=32", "model.heads=2"]
    pretrain(load_config(PretrainConfig, "demo", [f"corpus={demo / 'corpus.lance'}", f"out={demo / 'run'}", *small]))
    (demo / "run" / "model").rename(demo / "model")
    model = VideoCLIP.from_pretrained(demo / "model")
    index([demo / "videos" / "test"], demo / "library", model, encoder)

    steps = json.loads((world / "truth.json").read_text())["videos"][VIDEO]["steps"]
    (folder / "steps.txt").write_text("\n".join(step["description"] for step in steps))
    (folder / "labels.txt").write_text("\n".join(step["description"] for step in steps))
    rows = [f"{VIDEO},{step['start']},{step['end']},{step['description']}" for step in steps]
    (folder / "pairs.csv").write_text("\n".join(["video,start,end,text", *rows]))
