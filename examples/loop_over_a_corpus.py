"""Loop over a corpus with PyTorch's DataLoader, whose workers read and prepare batches.

python examples/loop_over_a_corpus.py
python examples/loop_over_a_corpus.py --corpus my.lance --workers 4
"""

from argparse import ArgumentParser

import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from videoclip import CorpusDataset, NarratedVideo


def batch_of(videos: list[NarratedVideo]) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
    """Padded features (B, T, F), their lengths (B,), and what is said in each video."""
    features = [torch.tensor(video.features, dtype=torch.float32) for video in videos]
    said = [" ".join(video.texts) for video in videos]
    return pad_sequence(features, batch_first=True), torch.tensor([len(f) for f in features]), said


def main() -> None:
    parser = ArgumentParser(description="Loop over a corpus.")
    parser.add_argument("--corpus", help="made by videoclip extract or import (default: of rendered videos)")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if not arguments.corpus:
        import rendered

        arguments.corpus = rendered.corpus().path
    data = CorpusDataset(arguments.corpus)
    print(data.corpus)
    seconds = words = 0
    for features, lengths, said in DataLoader(
        data, 8, shuffle=True, num_workers=arguments.workers, collate_fn=batch_of
    ):
        print("batch:", tuple(features.shape), "features,", int(lengths.sum()), "seconds")
        seconds += int(lengths.sum())
        words += sum(len(text.split()) for text in said)
    print(f"{len(data)} videos, {seconds} seconds, {words} words")


if __name__ == "__main__":  # workers that are spawned import this file
    main()
