"""One process of several: an update of four batches by plain gradient descent, in every way to divide it."""

import random
import sys
from dataclasses import replace
from pathlib import Path

import torch

from videoclip.corpus.store import Corpus
from videoclip.model.config import ModelConfig
from videoclip.model.loss import LossConfig
from videoclip.model.videoclip import VideoCLIP
from videoclip.pretrain.clips import Batch, ClipConfig, draw_batch
from videoclip.pretrain.config import OptimizerConfig, PretrainConfig
from videoclip.pretrain.distributed import joined
from videoclip.pretrain.neighbours import BatchConfig
from videoclip.pretrain.step import Training, autocast, train_step
from videoclip.pretrain.trainer import embed_videos

VIDEOS = [[0, 1, 2], [3, 4, 5], [2, 6, 7], [8, 9, 0]]
"""Of four batches; some videos are in two of them."""
CHATTER = ["hello there", "thank you for watching my friends"]
TINY = ModelConfig(
    feature_size=16, hidden_size=32, heads=2, intermediate_size=64, video_layers=1, text_layers=1, positions=64
)
CASES = {
    f"{negatives}, {name}, dropout {dropout}": (negatives, loss, dropout)
    for negatives in ("update", "batch")
    for name, loss in {
        "infonce": LossConfig(),
        "overlaps": LossConfig(mask_overlaps=True),
        "masked": LossConfig(mask_overlaps=True, soft_targets=0.2, mask_alike=0.9),
    }.items()
    for dropout in (0.0, 0.1)
}


def config_of(case: str) -> PretrainConfig:
    negatives, loss, dropout = CASES[case]
    lengths = {"max_seconds": 8, "min_text_tokens": 4, "max_text_tokens": 12}
    return PretrainConfig(
        model=replace(TINY, dropout=dropout),
        clips=ClipConfig(rule="overlapped", pairs_per_video=4, chatter=2 if loss.mask_overlaps else 0, **lengths),
        batches=BatchConfig(rule="random", videos=3, per_update=4, negatives=negatives, clips_per_vector=4),
        loss=loss,
        optimizer=OptimizerConfig(max_gradient_norm=1e9),
        precision="fp32",
    )


def batches_of(corpus: Corpus, config: PretrainConfig) -> list[Batch]:
    """Of videos of which some have chatter, and some none."""
    read = [[replace(v, chatter=CHATTER[: int(v.id[1:]) % 3]) for v in corpus.read(rows)] for rows in VIDEOS]
    return [draw_batch(videos, config.clips, 64, random.Random(i)) for i, videos in enumerate(read)]


def threads() -> list[str]:
    """The names of this process's threads; none where the system does not tell."""
    return [(thread / "comm").read_text().strip() for thread in Path("/proc/self/task").glob("*")]


def main(corpus_path: str, out: str) -> None:
    with joined() as ranks:
        corpus, made = Corpus(corpus_path), {}
        cast = autocast("fp32", torch.device("cpu"))
        for case in CASES:
            config = config_of(case)
            torch.manual_seed(ranks.rank if case.startswith("batch") else 5)  # processes take the first one's weights
            if ranks.is_first:
                torch.manual_seed(5)
            model = VideoCLIP(config.model)
            own = ranks.per_process(4)
            mine = slice(ranks.rank * own, (ranks.rank + 1) * own)
            trained = ranks.averaging(model)
            before = {name: weights.detach().clone() for name, weights in model.named_parameters()}
            measured, _ = train_step(
                Training(trained, torch.optim.SGD(model.parameters(), 1.0, fused=True), config, cast, ranks),
                batches_of(corpus, config)[mine], VIDEOS[mine], mine.start, 1.0,
            )  # fmt: skip
            loss = float(ranks.sum(measured[0].double())) / ranks.size
            gradients = {name: before[name] - weights.detach() for name, weights in model.named_parameters()}
            made[case] = {"loss": loss, "gradients": gradients}
        config = config_of(next(iter(CASES)))
        torch.manual_seed(5)
        vectors = embed_videos(VideoCLIP(config.model), corpus, list(range(11)), config, cast, ranks)
        made |= {"vectors": torch.from_numpy(vectors), "threads": threads()}
    made["threads afterwards"] = threads()
    if ranks.is_first:
        torch.save(made, Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
