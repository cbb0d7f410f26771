"""The harness mteb with models of ours, and its retrieval tasks here, on a tiny task in memory."""

import importlib.util
import json
import sys
from itertools import permutations

import numpy as np
import pytest
import torch

from videoclip import evaluate
from videoclip.benchmarks.benchmark import Options
from videoclip.benchmarks.mteb_model import as_mteb
from videoclip.benchmarks.mteb_tasks import benchmark_from, evaluate_task
from videoclip.benchmarks.table import benchmark
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import Encoder, FeatureKind
from videoclip.encoders.load import load_encoder
from videoclip.errors import VideoclipError
from videoclip.model.config import ModelConfig
from videoclip.model.videoclip import VideoCLIP
from videoclip.world.render import write_video

needs_mteb = pytest.mark.skipif(importlib.util.find_spec("mteb") is None, reason="mteb is not installed")
COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200), "grey": (90, 90, 90)}
QUIET = {"cache": None, "co2_tracker": False, "show_progress_bar": False}


class Counting:
    """An encoder of the mean colour of a second, which counts the files that it is given."""

    def __init__(self):
        self.files = 0
        self._encoder = Encoder("colour", 3, 2, 16, lambda pixels: pixels.float().mean((1, 2, 3)))

    name, feature_size = "colour", 3

    @property
    def kind(self) -> FeatureKind:
        return self._encoder.kind

    def encode_file(self, path, *rest):
        self.files += 1
        return self._encoder.encode_file(path, *rest)


class KnowsColours:
    """A model whose texts are the colours that they name: it knows the truth of the task below."""

    name, size, fingerprint = "runs/knows/model", 3, "colours"
    features = FeatureKind("colour", 3)

    def encode_text(self, texts):
        named = [np.mean([COLOURS[word] for word in text.split() if word in COLOURS], axis=0) for text in texts]
        return torch.nn.functional.normalize(torch.tensor(np.array(named), dtype=torch.float32), dim=-1)

    def encode_video(self, features):
        return torch.stack([self.video_tokens(video).mean(0) for video in features])

    def video_tokens(self, features):
        return torch.from_numpy(np.asarray(features, np.float32))

    def check_features(self, kind, what):
        if kind != self.features:
            raise VideoclipError(f"{what}: no colours")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    """A video of a second of each colour, as MP4."""
    folder, made = tmp_path_factory.mktemp("colours"), {}
    for name, rgb in COLOURS.items():
        write_video(folder / f"{name}.mp4", [np.full((48, 64, 3), rgb, np.uint8)] * 8)
        made[name] = (folder / f"{name}.mp4").read_bytes()
    return made


def task_of(videos: dict[str, bytes], said: dict[str, str], category: str, subsets: tuple[str, ...] = ("default",)):
    """A retrieval task of the harness: texts, each of one video, and the videos, some of which may have none.

    Args:
        videos: content by id.
        said: id of its video by text.
        category: t2v or v2t.
    """
    from datasets import Dataset, Video
    from mteb.abstasks.retrieval import AbsTaskRetrieval
    from mteb.abstasks.task_metadata import TaskMetadata

    texts = {f"t{i}": text for i, text in enumerate(said)}
    names = dict(zip(texts, said.values(), strict=True))
    rows = Dataset.from_dict({"id": list(texts), "text": list(texts.values())})
    shown = {name: content for name, content in videos.items() if category == "t2v" or name in names.values()}
    clips = Dataset.from_dict({"id": list(shown), "video": list(shown.values())}).cast_column("video", Video())
    if category == "t2v":
        part = {"queries": rows, "corpus": clips, "relevant_docs": {text: {name: 1} for text, name in names.items()}}
    else:
        right = {video: {text: 1 for text, name in names.items() if name == video} for video in shown}
        part = {"queries": clips, "corpus": rows, "relevant_docs": right}
    about = TaskMetadata(
        name=f"Colours{category.upper()}",
        description="Videos of one colour each, and sentences that name it.",
        dataset={"path": "made/colours", "revision": "1"},
        type="Any2AnyRetrieval",
        category=category,
        modalities=["text", "video"],
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        main_score="ndcg_at_10",
    )

    class Colours(AbsTaskRetrieval):
        metadata = about

        def load_data(self, **_):
            self.dataset = {subset: {"test": part | {"top_ranked": None}} for subset in subsets}
            self.data_loaded = True

    return Colours()


def scores_of(model, task) -> dict:
    import mteb

    return mteb.evaluate(model, task, **QUIET).task_results[0].scores["test"][0]


SAID = {f"something {name} is shown": name for name in COLOURS}


@needs_mteb
@pytest.mark.parametrize("category", ["t2v", "v2t"])
def test_a_model_that_knows_the_truth_has_the_best_score_and_one_that_does_not_is_at_none(files, category):
    model = as_mteb(KnowsColours(), Counting())
    assert scores_of(model, task_of(files, SAID, category))["recall_at_1"] == 1
    shifted = dict(zip(SAID, [*list(COLOURS)[1:], "red"], strict=True))
    assert scores_of(model, task_of(files, shifted, category))["recall_at_1"] == 0


@needs_mteb
def test_the_harness_has_the_models_own_vectors_and_dot_products(files, tmp_path):
    """Of a VideoCLIP model that is named by its folder; results do not say where that lies."""
    from mteb.models.models_protocols import EncoderProtocol
    from torch.utils.data import DataLoader

    torch.manual_seed(0)
    ours, encoder = VideoCLIP(ModelConfig(3, 32, 2, 64, 1, 1, encoder="colour")).eval(), Counting()
    ours.save_pretrained(tmp_path / "run" / "model")
    model = as_mteb(str(tmp_path / "run" / "model"), encoder)
    assert isinstance(model, EncoderProtocol)
    assert model.mteb_model_meta.name == "videoclip/run-model"
    assert ours.fingerprint.startswith(model.mteb_model_meta.revision)
    task = task_of(files, SAID, "t2v")
    task.load_data()
    part = task.dataset["default"]["test"]
    texts = model.encode(DataLoader(part["queries"]), task_metadata=task.metadata)
    videos = model.encode(DataLoader(part["corpus"]), task_metadata=task.metadata)
    assert np.allclose(texts, ours.encode_text(list(SAID)).numpy(), atol=1e-6)
    (tmp_path / "a.mp4").write_bytes(files["grey"])
    assert np.allclose(videos[3], ours.encode_video([encoder.encode_file(tmp_path / "a.mp4")]).numpy()[0], atol=1e-6)
    assert np.allclose(model.similarity(texts, videos).numpy(), texts @ videos.T, atol=1e-5)
    assert np.allclose(model.similarity_pairwise(texts, videos), np.diag(texts @ videos.T), atol=1e-5)


@needs_mteb
def test_features_that_are_kept_are_made_once_for_all_models_tasks_and_directions(files, tmp_path):
    encoder = Counting()
    twice = files | {"red again": files["red"]}
    first = scores_of(as_mteb(KnowsColours(), encoder, tmp_path / "kept.lance"), task_of(twice, SAID, "t2v"))
    assert encoder.files == len(Corpus(tmp_path / "kept.lance")) == 4
    again = as_mteb(KnowsColours(), encoder, tmp_path / "kept.lance")
    assert scores_of(again, task_of(twice, SAID, "t2v")) == first
    assert scores_of(again, task_of(files, SAID, "v2t"))["recall_at_1"] == 1
    assert encoder.files == 4


@needs_mteb
def test_a_video_that_cannot_be_decoded_costs_itself_alone(files, tmp_path):
    damaged = files | {"blue": b"no video"}
    with pytest.warns(UserWarning, match=r"row 2: .*its vector is zero"):
        scores = scores_of(as_mteb(KnowsColours(), Counting()), task_of(damaged, SAID, "t2v"))
    assert scores["recall_at_1"] == 0.75
    task, corpus = task_of(damaged, SAID, "t2v"), Corpus.create(tmp_path / "c.lance", KnowsColours.features)
    result = evaluate_with(Counting(), task, corpus)
    assert result["left_out"] == {"not_decoded": 1, "without_a_video": 1}
    assert result["retrieval"]["gallery"] == 3


def evaluate_with(encoder, task, corpus, normalization: str = "") -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("videoclip.benchmarks.mteb_tasks.encoder_for", lambda _: encoder)
        return evaluate_task(task, KnowsColours(), corpus, corpus.path, Options(normalization=normalization))


@needs_mteb
@pytest.mark.parametrize("category", ["t2v", "v2t"])
def test_recall_is_the_harness_own_with_several_texts_of_a_video_and_videos_without(files, tmp_path, category):
    """Some are found, some are not."""
    corpus = Corpus.create(tmp_path / "c.lance", KnowsColours.features)
    for order in list(permutations(COLOURS, 2))[:4]:
        said = {"red": order[0], "red red green": order[0], "blue": order[1]}
        task = task_of(files, said, category)
        result = evaluate_with(Counting(), task, corpus)
        of_harness = scores_of(as_mteb(KnowsColours(), Counting(), corpus.path), task)
        direction = {"t2v": "text_to_video", "v2t": "video_to_text"}[category]
        assert result["retrieval"][direction]["R@1"] == pytest.approx(of_harness["hit_rate_at_1"], abs=1e-4)
        assert [item["query"] for item in result["items"]] == list(said)
    assert result["retrieval"]["gallery"] == (4 if category == "t2v" else 2)


@needs_mteb
def test_a_task_is_a_benchmark_by_its_name_and_keeps_its_features(files, tmp_path, monkeypatch):
    torch.manual_seed(0)
    kind = load_encoder("demo").kind
    config = ModelConfig(kind.feature_size, 32, 2, 64, 1, 1, encoder=kind.encoder, normalized=kind.normalized)
    VideoCLIP(config).save_pretrained(tmp_path / "model")
    monkeypatch.setattr("mteb.get_task", lambda name: task_of(files, SAID, name[-3:].lower()))
    made = evaluate("mteb:ColoursT2V", tmp_path / "model", None, tmp_path / "kept")
    assert len(Corpus(tmp_path / "kept" / "corpus.lance")) == 4
    monkeypatch.setattr(Encoder, "encode_file", lambda *_: pytest.fail("a video is decoded again"))
    again = evaluate("mteb:ColoursT2V", tmp_path / "model", None, tmp_path / "kept")
    assert made["items"] == again["items"] == json.loads(json.dumps(made["items"]))
    assert made["retrieval"]["chance_R@1"] == 0.25
    assert made["config"]["benchmark"] == "mteb:ColoursT2V"
    assert "retrieval R@1" in made["intervals"]
    reverse = evaluate("mteb:ColoursV2T", tmp_path / "model", tmp_path / "kept" / "corpus.lance", tmp_path)
    assert reverse["retrieval"] == made["retrieval"]
    normal = evaluate(
        "mteb:ColoursT2V", tmp_path / "model", None, tmp_path / "kept", normalization="dual-softmax", templates="a {}"
    )
    assert normal["retrieval"]["normalization"] == "dual-softmax"


@needs_mteb
def test_what_is_no_retrieval_between_texts_and_videos_is_refused_in_a_line(files):
    with pytest.raises(VideoclipError, match="mteb has no task 'YouCook3'"):
        benchmark("mteb:YouCook3")
    with pytest.raises(VideoclipError, match=r"mteb:STS12 is STS of category t2t; .* as_mteb\(model\)"):
        benchmark("mteb:STS12")
    with pytest.raises(VideoclipError, match="takes no rule"):
        benchmark_from(task_of(files, SAID, "t2v")).options("mteb:Colours", rule="paper")
    several = benchmark_from(task_of(files, SAID, "t2v", ("one", "two")))
    with pytest.raises(VideoclipError, match="subsets one, two; expected one"):
        several.run(KnowsColours(), None, None, Options())


@needs_mteb
def test_inputs_that_the_model_does_not_know_are_named():
    from datasets import Dataset
    from torch.utils.data import DataLoader

    model = as_mteb(KnowsColours(), Counting())
    with pytest.raises(VideoclipError, match="has inputs id, image; the model knows text and video"):
        model.encode(DataLoader(Dataset.from_dict({"id": ["a"], "image": ["b"]})))
    with pytest.raises(VideoclipError, match=r"column video holds .*expected video files"):
        model.encode(DataLoader(Dataset.from_dict({"video": ["a.mp4"]})))
    with pytest.raises(VideoclipError, match="no colours"):
        as_mteb(KnowsColours(), load_encoder("demo"))


def test_without_mteb_both_ways_say_how_to_get_it(monkeypatch):
    for name in ("mteb", "mteb.models", "mteb.models.model_meta"):
        monkeypatch.setitem(sys.modules, name, None)
    for use in (lambda: as_mteb(KnowsColours(), Counting()), lambda: benchmark("mteb:MSRVTTT2V")):
        with pytest.raises(VideoclipError, match=r"mteb is not installed .*pip install .*\[mteb\]"):
            use()
