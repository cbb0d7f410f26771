"""Small files of every benchmark's form, with training videos, and random features of the videos."""

import json
from pathlib import Path

import numpy as np
import torch

from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.media.captions import Caption
from videoclip.world.render import describe_world
from videoclip.world.script import write_script

TRAINING = [f"video{i}" for i in range(20)]
TESTED = [f"video{i}" for i in range(20, 26)]
VIDEOS = [*TRAINING, *TESTED]
SECONDS = 40
WORDS = ("cut", "stir", "fold", "serve", "heat", "pour", "slice", "mix")


def corpus_of(path: Path, videos: dict[str, int], said: dict[str, list[Caption]] | None = None) -> Corpus:
    """Random features of videos of these lengths."""
    rng = np.random.default_rng(0)
    corpus = Corpus.create(path, FeatureKind("made", 8))
    corpus.append(
        NarratedVideo(v, rng.standard_normal((n, 8)).astype(np.float16), (said or {}).get(v, []))
        for v, n in videos.items()
    )
    return corpus


def make(name: str, folder: Path) -> Corpus:
    """Annotations of the benchmark in ``folder``, and ``corpus.lance`` there with all videos but one."""
    folder.mkdir(exist_ok=True)
    if name == "world":
        scripts = [write_script(i, 2) for i in range(20)]
        (folder / "truth.json").write_text(json.dumps(describe_world(scripts, 2)))
        return corpus_of(folder / "corpus.lance", {script.id: 60 for script in scripts})
    MAKERS[name](folder)
    said = {video: [Caption(s, s + 3, sentence(video, s)) for s in (2, 12)] for video in TESTED}
    return corpus_of(folder / "corpus.lance", dict.fromkeys(VIDEOS[:-1], SECONDS), said)


def sentence(video: str, second: int) -> str:
    number = VIDEOS.index(video) + second
    return " ".join(WORDS[(number * k + k) % len(WORDS)] for k in (1, 3, 5)) + f" {number}"


def knowing(vectors: dict[str, np.ndarray]):
    """A model that puts each text where its answer is."""

    class Knowing:
        name = "knowing"

        def encode_text(self, texts):
            return torch.tensor(np.array([vectors[text] for text in texts]), dtype=torch.float32)

        def encode_video(self, features):
            return torch.tensor(np.array([f.astype(np.float32).mean(0) for f in features]))

        def video_tokens(self, features):
            return torch.tensor(features.astype(np.float32))

        def check_features(self, *_):
            pass

    return Knowing()


def _youcook2(folder: Path) -> None:
    database = {
        video: {
            "subset": "training" if video in TRAINING else "validation",
            "annotations": [{"segment": [s, s + 6], "sentence": sentence(video, s)} for s in (2, 12)],
        }
        for video in VIDEOS
    }
    (folder / "youcookii_annotations_trainval.json").write_text(json.dumps({"database": database}))


def _msrvtt(folder: Path) -> None:
    pairs = "".join(f"{v},{v},{v},{sentence(v, 2)}\n" for v in TESTED)
    (folder / "MSRVTT_JSFUSION_test.csv").write_text("key,vid_key,video_id,sentence\n" + pairs)
    asked = ["vid_key\ta1\ta2\ta3\ta4\ta5\tanswer"]
    for video in TESTED:
        answers = "\t".join(sentence(video, second) for second in range(5))
        asked.append(f"{video.replace('video', 'msr')}\t{answers}\t{len(asked) % 5}")
    (folder / "MSR_MC_test.csv").write_text("\n".join(asked))
    said = [{"video_id": v, "caption": sentence(v, s), "sen_id": 0} for v in VIDEOS for s in (2, 12)]
    (folder / "MSRVTT_data.json").write_text(json.dumps({"sentences": said}))
    (folder / "MSRVTT_train.9k.csv").write_text("\n".join(["video_id", *TRAINING]))


def _didemo(folder: Path) -> None:
    for split, videos in (("train", TRAINING), ("val", TRAINING[:3]), ("test", TESTED)):
        asked = [
            {"video": v, "description": sentence(v, s), "times": [[s // 5, s // 5]] * 4}
            for v in videos
            for s in (2, 12)
        ]
        (folder / f"{split}_data.json").write_text(json.dumps(asked))


def _coin(folder: Path) -> None:
    database = {
        video: {
            "subset": "training" if video in TRAINING else "testing",
            "annotation": [{"label": WORDS[(i + k) % len(WORDS)], "segment": [9 * k, 9 * k + 5]} for k in range(4)],
        }
        for i, video in enumerate(VIDEOS)
    }
    (folder / "COIN.json").write_text(json.dumps({"database": database}))


def _crosstask(folder: Path) -> None:
    (folder / "annotations").mkdir()
    (folder / "tasks_primary.txt").write_text("1\nMake Tea\nhttp://y\n2\nheat,pour\n\n")
    more = [f"seen{i}" for i in range(20)]  # of which there are no features
    (folder / "videos.csv").write_text("".join(f"1,{video},u\n" for video in [*VIDEOS, *more]))
    (folder / "videos_val.csv").write_text("".join(f"1,{video},u\n" for video in TESTED))
    for i, video in enumerate([*VIDEOS, *more]):
        (folder / "annotations" / f"1_{video}.csv").write_text(f"1,{i % 9}.0,{i % 9 + 4}.0\n2,{i % 9 + 12}.0,30.0\n")


def _htm_align(folder: Path) -> None:
    rows = {video: [[s == 2, s + 1, s + 6, sentence(video, s)] for s in (2, 12)] for video in TESTED}
    (folder / "htm_align.json").write_text(json.dumps(rows))


def _own(folder: Path) -> None:
    """The three tables of data of one's own."""
    spans = [(video, start, start + 8) for video in TESTED for start in (2, 12)]
    told = [",".join([video, str(s), str(e), sentence(video, s)]) for video, s, e in spans]
    (folder / "pairs.csv").write_text("\n".join(["video,start,end,text", *told]))
    (folder / "choices.csv").write_text(
        "\n".join(["video,start,end,right,wrong1", *(f"{t},another {t[-2:]}" for t in told)])
    )
    labelled = [f"{video},{s},{e},step {s}" for video, s, e in spans]
    (folder / "segments.csv").write_text("\n".join(["video,start,end,label", *labelled]))


def _charades(folder: Path) -> None:
    for split, videos in (("train", TRAINING), ("test", TESTED)):
        lines = [f"{v} {s}.0 {s + 9}.5##{sentence(v, s)}." for v in videos for s in (2, 12)]
        (folder / f"charades_sta_{split}.txt").write_text("\n".join(lines) + "\n")
    lengths = "".join(f"{v},kitchen,{SECONDS - 0.5}\n" for v in TESTED)
    (folder / "Charades_v1_test.csv").write_text("id,scene,length\n" + lengths)


def _activitynet(folder: Path) -> None:
    for name, videos in (("train", TRAINING), ("val_1", TESTED), ("val_2", TESTED[:3])):
        entry = {"duration": SECONDS - 0.5, "timestamps": [[2, 9.5], [12, 41]]}
        made = {v: entry | {"sentences": [sentence(v, 2), sentence(v, 12)]} for v in videos}
        (folder / f"{name}.json").write_text(json.dumps(made))


def _vatex(folder: Path) -> None:
    for name, videos in (("training_v1.0", TRAINING), ("validation_v1.0", TRAINING[:3]),
                         ("public_test_english_v1.1", TESTED)):  # fmt: skip
        made = [{"videoID": v, "enCap": [sentence(v, s) for s in range(10)], "chCap": []} for v in videos]
        (folder / f"vatex_{name}.json").write_text(json.dumps(made))


def _msvd(folder: Path) -> None:
    lines = [f"{v} {sentence(v, s)}" for v in VIDEOS for s in (2, 12, 13)]
    (folder / "AllVideoDescriptions.txt").write_text("\n".join(["# captions", "", *lines]) + "\n")
    for split, videos in (("train", TRAINING[3:]), ("val", TRAINING[:3]), ("test", TESTED)):
        (folder / f"{split}_list.txt").write_text("".join(f"{v}\n" for v in videos))


def _lsmdc(folder: Path) -> None:
    for name, videos in (("annos_val", TRAINING[:3]), ("challenge_1000_publictect", TESTED)):
        rows = [f"{v}\t00.00.51.926\t00.00.54.129\t00.00.51.426\t00.00.54.629\t{sentence(v, 2)}\n" for v in videos]
        (folder / f"LSMDC16_{name}.csv").write_text("".join(rows))


def _qvhighlights(folder: Path) -> None:
    for split, videos in (("train", TRAINING), ("val", TESTED)):
        lines = []
        for i, video in enumerate(videos):
            query = {"qid": i, "query": sentence(video, 2), "duration": SECONDS, "vid": video}
            query |= {"relevant_windows": [[2, 6], [12, 14]], "relevant_clip_ids": [1, 2, 6]}
            lines.append(json.dumps(query | {"saliency_scores": [[4, 3, 0], [2, 2, 2], [4, 4, i % 5]]}))
        (folder / f"highlight_{split}_release.jsonl").write_text("\n".join(lines) + "\n")


def _htstep(folder: Path) -> None:
    steps = [f"{k},Make Tea,{k},{'AB'[k // 3]},{k},{word} it,\n" for k, word in enumerate(WORDS[:6])]
    steps += [f"{k},Make Jello,{k - 6},none,{k},{word} it,more\n" for k, word in enumerate(WORDS[6:], 6)]
    heading = "global_step_index,activity,step_index,variation,variation_index,headline,paragraph\n"
    (folder / "taxonomy.csv").write_text(heading + "".join(steps))
    made = {}
    for i, video in enumerate(VIDEOS):
        first, activity = ((0, "Make Tea"), (3, "Make Tea"), (6, "Make Jello"))[i % 3]
        segments = [{"id": first + k, "segment": [9 * k + 1, 9 * k + 6.5]} for k in range(2)]
        made[video] = {"subset": "train" if video in TRAINING else "val_seen", "activity": activity}
        made[video] |= {"annotations": segments}
    (folder / "annotations.json").write_text(json.dumps(made))


MAKERS = {
    "pairs": _own, "choices": _own, "segments": _own,
    "youcook2": _youcook2, "msrvtt": _msrvtt, "msrvtt-mc": _msrvtt, "didemo": _didemo, "coin": _coin,
    "crosstask": _crosstask, "htm-align": _htm_align,
    "charades-sta": _charades, "activitynet": _activitynet, "vatex": _vatex, "msvd": _msvd, "lsmdc": _lsmdc,
    "qvhighlights": _qvhighlights, "ht-step": _htstep,
}  # fmt: skip
