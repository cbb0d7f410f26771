"""Rendered videos and a small model of them, so that each example runs without a download and in under a minute.

What is made lies in ``runs/examples``, and is made once.
"""

from pathlib import Path

from videoclip import Corpus, VideoCLIP, load_encoder
from videoclip.config import load_config
from videoclip.corpus.extract import extract
from videoclip.media.files import find_videos
from videoclip.pretrain.config import PretrainConfig
from videoclip.pretrain.trainer import pretrain
from videoclip.world.render import render_world

OUT = Path("runs/examples")
VIDEOS, SEED, EPOCHS = 20, 1, 40


def videos() -> Path:
    """A folder of narrated videos, ``train`` (16), ``val`` and ``test``; ``truth.json`` says what is shown."""
    render_world(OUT / "videos", VIDEOS, SEED)
    return OUT / "videos"


def corpus() -> Corpus:
    """Their features, by the encoder that comes with the package, and their captions."""
    extract(find_videos(videos()), load_encoder("demo"), OUT / "corpus.lance")
    return Corpus(OUT / "corpus.lance")


def model() -> VideoCLIP:
    """A model that has learned from 16 of them: too few to be good, enough to be used."""
    where = [f"corpus={corpus().path}", f"out={OUT / 'run'}", "train_videos=train/*", "validation_videos=val/*"]
    small = [f"epochs={EPOCHS}", "rounds=[]", "batches.videos=16"]
    pretrain(load_config(PretrainConfig, "demo", where + small))
    return VideoCLIP.from_pretrained(OUT / "run" / "model")
