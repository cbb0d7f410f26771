"""How long does an evaluation take with the full-size model? MSR-VTT's 1,000 videos, retrieval and questions.

Every video and every text is encoded once, in batches. The baseline is what the published code does with a question:
the video once for each of its five answers; and one text at a time. It is timed on a part and scaled.

python bench/evaluate.py [VIDEOS]
"""

import csv
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from result import report

from videoclip.benchmarks.msrvtt import evaluate_msrvtt, evaluate_msrvtt_questions
from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.model.config import ModelConfig
from videoclip.model.videoclip import VideoCLIP

SECONDS, QUESTIONS, PART = 10, 300, 20
WORDS = ("a", "man", "is", "cutting", "the", "red", "onion", "while", "someone", "plays", "guitar", "on", "stage")


def main(videos: int) -> None:
    torch.manual_seed(0)
    model = VideoCLIP(ModelConfig(encoder="s3d")).eval().to("cuda" if torch.cuda.is_available() else "cpu")
    questions = max(QUESTIONS * videos // 1000, 1)
    with tempfile.TemporaryDirectory() as folder:
        corpus, data = _made(Path(folder), videos, questions)
        began = time.monotonic()
        evaluate_msrvtt(model, corpus, data)
        retrieval = time.monotonic() - began
        began = time.monotonic()
        evaluate_msrvtt_questions(model, corpus, data)
        asked = time.monotonic() - began
        features = [video.features for video in corpus.read(range(PART))]
    rng = np.random.default_rng(1)
    began = time.monotonic()
    for video in features:
        for _ in range(5):
            model.encode_video([video])
            model.encode_text([_sentence(rng)])
    per_question = (time.monotonic() - began) / PART
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    table = [
        {"what": f"retrieval, {videos} videos of {SECONDS} s and as many sentences", "seconds": retrieval},
        {"what": f"{questions} questions with five answers", "seconds": asked},
        {"what": f"the same one by one (of {PART}, scaled)", "seconds": per_question * questions},
        {"what": "peak memory, GB", "seconds": peak},
    ]
    report(
        "evaluate", asked / questions, per_question, "seconds per question", table,
        limit="MSR-VTT 1k in at most 180 s on 2 cores", better="less",
    )  # fmt: skip


def _made(folder: Path, videos: int, questions: int) -> tuple[Corpus, Path]:
    """Files of MSR-VTT's form, with random features and sentences of its lengths."""
    rng = np.random.default_rng(0)
    corpus = Corpus.create(folder / "corpus.lance", FeatureKind("s3d", 512))
    features = rng.standard_normal((videos, SECONDS, 512))
    features /= np.linalg.norm(features, axis=2, keepdims=True)
    corpus.append(NarratedVideo(f"video{i}", x.astype(np.float16), []) for i, x in enumerate(features))
    with open(folder / "MSRVTT_JSFUSION_test.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["key", "vid_key", "video_id", "sentence"])
        rows.writerows([f"ret{i}", f"msr{i}", f"video{i}", _sentence(rng)] for i in range(videos))
    with open(folder / "MSR_MC_test.csv", "w", newline="") as file:
        rows = csv.writer(file, delimiter="\t")
        rows.writerow(["vid_key", "a1", "a2", "a3", "a4", "a5", "answer"])
        rows.writerows([f"msr{i % videos}", *(_sentence(rng) for _ in range(5)), i % 5] for i in range(questions))
    return corpus, folder


def _sentence(rng: np.random.Generator) -> str:
    return " ".join(rng.choice(WORDS, rng.integers(5, 16)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
