"""Training a small video encoder on narrated videos by MIL-NCE (Miech et al., CVPR 2020), as S3D was.

A second of video is pulled towards the sentences spoken around it, without knowing which of them it shows: their
scores are summed before the softmax, so that the best of the bag carries the gradient. Only pictures and captions are
used. The text side is a bag of words, is needed for training only, and is thrown away.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import dump_config
from ..encoders.config import EncoderConfig
from ..encoders.s3d import S3D
from ..errors import ConfigError, VideoclipError
from ..media.captions import Caption, read_captions
from ..media.video import seconds_of
from ..model.loss import mil_nce
from ..model.tokenizer import bert_tokenizer
from ..progress import track
from ..provenance import provenance
from ..storage.places import write_whole
from ..storage.whole import share


class BagOfWords(nn.Module):
    """A sentence as the maximum over its words: (N, L) token ids, 0 = padding -> (N, F)."""

    def __init__(self, vocabulary: int, feature_size: int, size: int = 64):
        super().__init__()
        self.words = nn.Embedding(vocabulary, size)
        self.inner = nn.Linear(size, 2 * size)
        self.out = nn.Linear(2 * size, feature_size)

    def forward(self, ids: Tensor) -> Tensor:
        words = F.relu(self.inner(self.words(ids)))
        return self.out(words.masked_fill(ids[..., None] == 0, 0.0).amax(1))


def train_encoder(videos: Sequence[tuple[Path, Path]], config: EncoderConfig, out: Path) -> None:
    """Train on pairs of (video, captions) files; write ``config.json`` and ``model.safetensors`` into ``out``.

    Raises:
        VideoclipError: fewer videos than a batch needs, or ``out`` holds something else.
    """
    from safetensors.torch import save_file

    if out.exists() and any(out.iterdir()):
        raise ConfigError(f"{out}: is not empty; choose another folder for the encoder")
    began = time.monotonic()
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    rng = np.random.default_rng(config.seed)
    net = S3D(config.feature_size, config.width, config.blocks).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    words = BagOfWords(len(bert_tokenizer()), config.feature_size)
    parameters = [*net.parameters(), *words.parameters()]
    optimizer = torch.optim.Adam(parameters, config.lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.lr, total_steps=config.updates, pct_start=0.1)
    losses = []
    with TemporaryDirectory(prefix="videoclip-") as scratch, Seconds(videos, config, Path(scratch)) as seconds:
        if len(seconds) < config.batch:
            raise VideoclipError(f"{len(seconds)} seconds with captions are fewer than a batch of {config.batch}")
        with track("train", config.updates, "updates") as advance:
            for _ in range(config.updates):
                pixels, bags = seconds.draw(rng)
                video = F.normalize(net(to_network(pixels)), dim=-1)
                text = F.normalize(words(bags.flatten(0, 1)), dim=-1).view(*bags.shape[:2], -1)
                loss = mil_nce(video, text, temperature=config.temperature)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                losses.append(float(loss.detach()))
                advance(1, f"loss {np.mean(losses[-20:]):.3f}")
    out.mkdir(parents=True, exist_ok=True)
    save_file({name: t.contiguous() for name, t in net.state_dict().items()}, out / "model.safetensors")
    share(out / "model.safetensors")
    made = provenance(config.seed, dump_config(config))
    made |= {"videos": len(videos), "seconds": time.monotonic() - began, "loss": float(np.mean(losses[-50:]))}
    write_whole(out / "config.json", json.dumps(made, indent=1))


class Seconds:
    """Decoded seconds of all videos in a scratch file, and the sentences spoken around each."""

    def __init__(self, videos: Sequence[tuple[Path, Path]], config: EncoderConfig, scratch: Path):
        self.config = config
        shape = (config.fps, config.frame_size, config.frame_size, 3)
        self._bags: list[list[list[int]]] = []
        count, path = 0, scratch / "seconds"
        with path.open("wb") as file, track("decode", len(videos), "videos") as advance:
            for video, captions in videos:
                said = read_captions(captions)
                for second, pixels in enumerate(seconds_of(video, config.fps, config.frame_size)):
                    bag = self._bag(said, second)
                    if bag:
                        self._bags.append(bert_tokenizer().encode(bag, 24))
                        file.write(pixels.tobytes())
                        count += 1
                advance()
        self._pixels = np.memmap(path, np.uint8, "r", shape=(count, *shape)) if count else np.zeros((0, *shape))

    def __enter__(self) -> "Seconds":
        return self

    def __exit__(self, *_: object) -> None:
        del self._pixels  # before the scratch folder goes

    def __len__(self) -> int:
        return len(self._bags)

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, Tensor]:
        """A batch: pixels (B, fps, H, W, 3) uint8 and bags (B, K, L) of token ids."""
        rows = np.sort(rng.choice(len(self), self.config.batch, replace=False))
        texts = [self._bags[row][i] for row in rows for i in self._choice(len(self._bags[row]), rng)]
        ids = torch.zeros(len(texts), max(map(len, texts)), dtype=torch.long)
        for i, text in enumerate(texts):
            ids[i, : len(text)] = torch.tensor(text)
        return self._pixels[rows], ids.view(len(rows), self.config.bag, -1)

    def _choice(self, size: int, rng: np.random.Generator) -> np.ndarray:
        return rng.permutation(np.arange(max(size, self.config.bag)) % size)[: self.config.bag]

    def _bag(self, said: list[Caption], second: int) -> list[str]:
        begin, end = second - self.config.around, second + 1 + self.config.around
        return [c.text for c in said if c.start < end and c.end > begin]


def to_network(pixels: np.ndarray) -> Tensor:
    """(B, T, H, W, 3) uint8 -> (B, 3, T, H, W) in [0, 1], channels last in memory."""
    return torch.from_numpy(pixels).permute(0, 4, 1, 2, 3).float().div_(255)
