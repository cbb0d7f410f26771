"""How fast does a library come of videos with a ready-made model of SigLIP 2 base's size, and what does it take?

    python bench/ready_index.py [SECONDS [FILES]]

Weights are random, of the size of google/siglip2-base-patch32-256, the default model on a CPU. The network alone gets
full batches of frames that lie in memory; the baseline is its own library, frame by frame of a second, as its card
says, in fp32. Every row is a process of its own. A query's text is timed beside them: with a search among a million
moments (``python bench/library.py scale``) it is what someone waits for. A first FILE begins the library.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from media import moving_noise
from result import gib_in_use, report

from videoclip import load_model
from videoclip.encoders.encoder import Encoder
from videoclip.library.index import index
from videoclip.model.joint import JointModel, encoder_for

ROUNDS, TEXTS = 4, 20
TOWER = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
PIECES = 256_000
"""Of SigLIP 2's vocabulary: more than half of its parameters."""


def make(folder: Path) -> None:
    """A model of that size in a folder, in the form of transformers, with a vocabulary of made-up pieces."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipImageProcessor, SiglipModel

    torch.manual_seed(0)
    texts = TOWER | {"vocab_size": PIECES, "max_position_embeddings": 64, "projection_size": 768}
    frames = TOWER | {"image_size": 256, "patch_size": 32}
    SiglipModel(SiglipConfig(text_config=texts, vision_config=frames)).save_pretrained(folder)
    own = Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 1, "<unk>": 2}, unk_token="<unk>"))
    own.pre_tokenizer = pre_tokenizers.Whitespace()
    own.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    marks = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=own, model_max_length=64, **marks).save_pretrained(folder)
    SiglipImageProcessor(size={"height": 256, "width": 256}).save_pretrained(folder)


def best(run, rounds: int = ROUNDS) -> float:
    """Seconds of the quickest of some rounds."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    return min(taken)


@torch.inference_mode()
def plain(folder: Path) -> dict:
    """Frames per second of its own library, one at a time."""
    from transformers import AutoImageProcessor, AutoModel

    model, prepare = AutoModel.from_pretrained(folder).eval(), AutoImageProcessor.from_pretrained(folder)
    frame = frames(1)[0, 0]
    took = best(lambda: model.get_image_features(**prepare(images=frame, return_tensors="pt")), 4 * ROUNDS)
    return {"frames/s": 1 / took, "GiB": peak()}


@torch.inference_mode()
def alone(folder: Path) -> dict:
    """Frames per second of our encoder's network, in full batches."""
    encoder = _encoder(load_model(folder))
    pixels = torch.from_numpy(frames(encoder.batch_seconds))
    return {"frames/s": len(pixels) / best(lambda: encoder.network(pixels)), "GiB": peak()}


def indexed(folder: Path, *files: str) -> dict:
    """Frames per second of adding all files but one to a library of that one; ``once`` are the seconds of beginning it.

    ``own``: GiB without files that are mapped, as the weights are.
    """
    model = load_model(folder)
    encoder = _encoder(model)
    encoder.encode(frames(encoder.batch_seconds))
    assert model.fingerprint
    first, *others = map(Path, files)
    with tempfile.TemporaryDirectory() as library, watched() as own:
        began = time.perf_counter()
        index([first], Path(library) / "l", model, encoder)
        begun = time.perf_counter()
        done = index([first, *others], Path(library) / "l", model, encoder)
        took = time.perf_counter() - begun
    assert done.added == len(others), done
    once = begun - began - took / len(others)
    return {"frames/s": done.seconds / took, "GiB": peak(), "own": max(own), "once": once}


@contextmanager
def watched() -> Iterator[list[float]]:
    """What this process holds while the block runs, in GiB, without files that are mapped."""
    held, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            held.append(gib_in_use())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield held
    finally:
        done.set()
        watcher.join()


def text(folder: Path) -> dict:
    """Milliseconds of a query's text, each other than those before."""
    model = load_model(folder)
    taken = [1000 * best(lambda n=n: model.encode_text(f"a red car {n}"), 1) for n in range(TEXTS)]
    return {"ms": float(np.median(taken)), "GiB": peak()}


def _encoder(model: JointModel) -> Encoder:
    encoder = encoder_for(model)
    assert isinstance(encoder, Encoder)
    return encoder


def frames(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 1, 256, 256, 3), np.uint8)


def peak() -> float:
    """GiB that this process held at most, with files that are mapped, as the weights are."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


PARTS = {"plain": plain, "alone": alone, "indexed": indexed, "text": text}


def in_a_process(*arguments: str) -> dict:
    done = subprocess.run([sys.executable, __file__, "part", *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(seconds: int, count: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        model, files = Path(place) / "model", []
        make(model)
        for n in range(count):
            length = seconds + n  # the same contents would be known again
            files.append(str(moving_noise(Path(place) / f"{n}.mp4", length, 640, 360)))
        rounds = [
            {part: in_a_process(part, str(model), *(files if part == "indexed" else ())) for part in PARTS}
            for _ in range(2)
        ]
    rows = []
    for part in ("plain", "alone", "indexed"):
        rows.append({"what": part, **max((made[part] for made in rounds), key=lambda row: row["frames/s"])})
    ours, network = rows[2]["frames/s"], rows[1]["frames/s"]
    for row in rows:
        row["of the network alone"] = row["frames/s"] / network
    query = min((made["text"] for made in rounds), key=lambda row: row["ms"])
    once, own = rows[2].pop("once"), rows[2].pop("own")
    empty = dict.fromkeys(list(rows[0])[1:], "")
    rows.append({"what": f"a query's text: {query['ms']:.0f} ms"} | empty | {"GiB": query["GiB"]})
    rows.append({"what": f"once for a library: {once:.1f} s, texts of everyday things"} | empty)
    rows.append({"what": "indexing, without files that are mapped"} | empty | {"GiB": own})
    limit = "the network alone; at least 80 % of it, at most 3 GiB; a query's text with the search at most 150 ms"
    report("ready-index", ours, rows[0]["frames/s"], "frames, and so seconds of video, per s", rows, limit)


if __name__ == "__main__":
    if sys.argv[1:2] == ["part"]:
        print(json.dumps(PARTS[sys.argv[2]](Path(sys.argv[3]), *sys.argv[4:])))
    else:
        numbers = [int(number) for number in sys.argv[1:]]
        main(*numbers, *(60, 13)[len(numbers) :])
