"""Strangers' captions, features and annotations, mutated at random: what can be used, or one error; nothing else."""

import json
import pickle
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from videoclip.corpus.features import open_features
from videoclip.corpus.rows import is_finite
from videoclip.errors import MediaError, VideoclipError
from videoclip.media.caption_sets import read_caption_set
from videoclip.media.captions import read_captions

TIMES = 400
"""Of each; 6,000 were tried before."""

SRT = "1\n00:00:00,100 --> 00:00:01,000\nhello <b>there</b>\n\n2\n00:00:01,000 --> 00:00:02,500\nstir & fold\n"
VTT = "WEBVTT\n\n00:00.100 --> 00:01.000 align:start\n<c.colour>hello</c>\n\n00:01.000 --> 00:02.500\nstir\n"
ASS = (
    "[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, Text\n"
    "Dialogue: 0,0:00:00.10,0:00:01.00,Default,{\\b1}hello\\Nthere\n"
)
JSON = json.dumps({"start": [0.1, 1.0], "end": [1.0, 2.5], "text": ["hello", "stir"]})
CAPTIONS = {"a.srt": SRT, "a.vtt": VTT, "a.ass": ASS, "a.json": JSON}
WORDS = [
    b"-->",
    b"00:00",
    b"9" * 400,
    b"-1",
    b"\x00",
    b"\xff\xfe",
    b"{",
    b"}",
    b"<",
    b"&#x110000;",
    b"NaN",
    b"1e999",
    b"\r",
]


def mutated(content: bytes, rng: random.Random) -> bytes:
    made = bytearray(content)
    for _ in range(rng.choice([1, 1, 3, 10])):
        at = rng.randrange(len(made) + 1)
        kind = rng.randrange(5)
        if kind == 0 and made:
            made[at % len(made)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            made[at:at] = rng.choice(WORDS)
        elif kind == 2:
            del made[at : at + rng.randrange(1, 40)]
        elif kind == 3:
            start = rng.randrange(len(made) + 1)
            made[at:at] = made[start : start + rng.randrange(1, 60)]
        else:
            made = made[:at] if rng.random() < 0.3 else made
    return bytes(made)


@pytest.mark.parametrize("name", CAPTIONS)
def test_captions(tmp_path, name):
    rng, usable, path = random.Random(name), 0, tmp_path / name
    for _ in range(TIMES):
        path.write_bytes(mutated(CAPTIONS[name].encode(), rng))
        try:
            captions = read_captions(path)
        except MediaError:
            continue
        usable += bool(captions)
        assert all(0 <= c.start <= c.end < float("inf") and c.text.isprintable() for c in captions)
        assert captions == sorted(captions, key=lambda c: (c.start, c.end))
    assert 0 < usable < TIMES


def test_raw_captions_of_howto100m(tmp_path):
    rng, usable, path = random.Random(0), 0, tmp_path / "raw_caption.json"
    whole = json.dumps({f"v{i}": {"start": [0.5, 2], "end": [1, 3], "text": ["a", f"b{i}"]} for i in range(5)})
    for _ in range(TIMES):
        path.write_bytes(mutated(whole.encode(), rng))
        try:
            for _, found in read_caption_set(path, bool):
                usable += isinstance(found, list) and bool(found)
        except MediaError:
            continue
    assert usable > TIMES


def made_features(folder: Path, form: str) -> list[Path]:
    """Features in one of the forms; the files that are going to be mutated."""
    folder.mkdir()
    features = np.random.default_rng(0).standard_normal((6, 8)).astype(np.float16)
    if form == "npy":
        np.save(folder / "a.npy", features)
        return [folder / "a.npy"]
    if form == "pth.tar":
        torch.save(torch.from_numpy(features), folder / "a.pth.tar")
        return [folder / "a.pth.tar"]
    if form == "safetensors":
        save_file({"a": features, "b": features[:3]}, folder / "x.safetensors")
        return [folder / "x.safetensors"]
    np.save(folder / "train_0_data.npy", features)
    np.save(folder / "train_0_starts.npy", np.array([0, 4, 6]))
    (folder / "train_meta.pkl").write_bytes(pickle.dumps({"train_0": ["a", "b"]}))
    return sorted(folder.iterdir())


@pytest.mark.parametrize("form", ["npy", "safetensors", "shards", "pth.tar"])
def test_features(tmp_path, form):
    rng, folder = random.Random(form), tmp_path / form
    for _ in range(TIMES):
        shutil.rmtree(folder, ignore_errors=True)
        path = rng.choice(made_features(folder, form))
        path.write_bytes(mutated(path.read_bytes(), rng))
        try:
            store = open_features(folder)
            for key in list(store):
                try:
                    features, _ = store.read(key)
                except VideoclipError:
                    continue
                assert features.ndim == 2
                is_finite(features)
        except VideoclipError:
            continue
