import copy
import os
import pickle
import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file, save_file

import videoclip
from videoclip import VideoCLIP, load_model
from videoclip.encoders.encoder import FeatureKind
from videoclip.errors import ConfigError, VideoclipError, WeightsError
from videoclip.model.card import PAPER, About
from videoclip.model.config import ModelConfig
from videoclip.model.fingerprint import fingerprint_of
from videoclip.model.joint import encoder_for
from videoclip.model.loss import info_nce
from videoclip.model.mil_nce import MilNce, MilNceConfig
from videoclip.model.official import bert_tensors
from videoclip.model.packing import pack_text
from videoclip.model.prompts import Prompted

SMALL = ModelConfig(
    feature_size=16, hidden_size=32, heads=2, intermediate_size=64, video_layers=2, text_layers=3, positions=80,
    max_seconds=8, max_text_tokens=10, encoder="made",
)  # fmt: skip


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return VideoCLIP(SMALL)


def features(*seconds: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    made = [rng.standard_normal((n, 16)) for n in seconds]
    return [(x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float16) for x in made]


def test_vectors_do_not_depend_on_what_else_is_in_the_batch(model):
    videos, texts = features(1, 8, 3, 5), ["slice the onion", "", "stir " * 50, "turn it"]
    together = model.encode_video(videos), model.encode_text(texts)
    for i in range(4):
        assert torch.allclose(model.encode_video(videos[i : i + 1])[0], together[0][i], atol=1e-5)
        assert torch.allclose(model.encode_text(texts[i : i + 1])[0], together[1][i], atol=1e-5)
    assert together[0].dtype == together[1].dtype == torch.float32
    assert not together[0].requires_grad


def test_a_long_video_is_the_weighted_mean_of_its_windows(model):
    video = features(20)[0]
    parts = model.encode_video([video[:8], video[8:16], video[16:]])
    assert torch.allclose(model.encode_video([video])[0], (8 * parts[0] + 8 * parts[1] + 4 * parts[2]) / 20, atol=1e-5)


@pytest.mark.parametrize("seconds", [1, 7, 8, 9, 12, 13, 31])
def test_every_second_of_a_video_of_any_length_has_a_token(model, seconds):
    video = features(seconds)[0]
    tokens = model.video_tokens(video)
    assert tokens.shape == (seconds, 32)
    assert torch.isfinite(tokens).all()
    total, times = torch.zeros(seconds, 32), torch.zeros(seconds, 1)
    for start in range(0, max(seconds - 4, 1), 4):  # brute force: windows of 8 that overlap by half
        window = video[start : start + 8]
        total[start : start + len(window)] += model.video_tokens(window)
        times[start : start + len(window)] += 1
    assert torch.allclose(tokens, total / times, atol=1e-5)


def test_use_leaves_training_mode_as_it_was_and_is_without_dropout(model):
    model.train()
    assert torch.equal(model.encode_text(["a"]), model.encode_text(["a"]))
    assert model.training
    model.eval()


def test_wrong_input_is_one_error_that_says_what_is_expected(model):
    for wrong in (7, None, ["slice", 7], [["slice"]], {"slice": 1}.values()):
        with pytest.raises(VideoclipError, match=r"takes a text or a list of texts, not (int|NoneType|list)"):
            model.encode_text(wrong)
    for wrong in ("a.mp4", Path("a.mp4"), ["a.mp4"]):
        with pytest.raises(VideoclipError, match=r"'a\.mp4' is no array of features; .*encode_file"):
            model.encode_video(wrong)
    for wrong in ({"a": 1}, 7, None):
        with pytest.raises(VideoclipError, match=r"(dict|int|NoneType) is no array of features"):
            model.encode_video(wrong)
    for wrong in (np.ones((5, 8)), np.ones((0, 16)), np.ones(16)):
        with pytest.raises(VideoclipError, match=r"video 1: .*expected \(seconds, 16\)"):
            model.encode_video([*features(3), wrong])


def test_a_single_text_or_video_has_a_single_vector(model):
    assert torch.equal(model.encode_text("slice it"), model.encode_text(["slice it"])[0])
    (video,) = features(5)
    assert torch.equal(model.encode_video(video), model.encode_video([video])[0])
    assert torch.equal(model.encode_video(torch.from_numpy(video)), model.encode_video(video))
    assert model.encode_video(np.stack([video, video])).shape == (2, 32)


def test_progress_is_shown_where_it_is_asked_for_and_batches_change_nothing(model, capsys):
    mil_nce = MilNce(MilNceConfig(("slice", "onion"), 8, 16, 16))
    for either in (model, mil_nce):
        texts, videos = ["slice", "an onion", "slice it"], features(3, 20, 4)
        said, seen = either.encode_text(texts), either.encode_video(videos)
        assert capsys.readouterr().err == ""
        assert torch.allclose(either.encode_text(texts, batch_size=2, show_progress_bar=True), said, atol=1e-5)
        assert "encoding: 3/3 items" in capsys.readouterr().err
        assert torch.allclose(either.encode_video(videos, batch_size=2, show_progress_bar=True), seen, atol=1e-5)
        assert "encoding: " in capsys.readouterr().err


def test_similarity_is_the_dot_product_of_each_with_each(model):
    texts, videos = model.encode_text(["a", "b", "c"]), model.encode_video(features(3, 4))
    assert torch.allclose(model.similarity(texts, videos), texts @ videos.T)
    assert model.similarity(texts[0], videos.numpy()).shape == (1, 2)


def test_heads_can_be_trained_on_what_a_model_gives(model):
    (video,) = features(5)
    for given in (model.encode_text(["a"]), model.encode_video([video]), model.video_tokens(video)):
        assert not given.is_inference()
        assert not given.requires_grad
        head = torch.nn.Linear(32, 2)
        head(given).sum().backward()
        assert head.weight.grad is not None


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_every_method_works_in_half_precision(model, precision):
    (video,) = features(20)

    def vectors(model):
        return [model.encode_text("a"), model.encode_video(video), model.video_tokens(video)]

    half = vectors(copy.deepcopy(model).to(precision))
    for whole, given in zip(vectors(model), half, strict=True):
        assert given.dtype == torch.float32
        assert torch.cosine_similarity(whole, given, dim=-1).min() > 0.999


def test_a_model_goes_to_another_process(model):
    again = pickle.loads(pickle.dumps(model))
    assert torch.equal(again.encode_text(["a"]), model.encode_text(["a"]))
    assert again.to("cpu") is again


def test_a_model_is_loaded_onto_the_device_that_is_named(model, tmp_path):
    model.save_pretrained(tmp_path)
    assert load_model(tmp_path, device="meta").device.type == "meta"
    with pytest.raises(ConfigError, match="device 'gpu7': is not here"):
        load_model(tmp_path, device="gpu7")


def test_what_is_saved_can_be_read_by_others_and_says_what_it_is(model, tmp_path):
    before = os.umask(0o022)
    try:
        model.save_pretrained(tmp_path)
    finally:
        os.umask(before)
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == dict.fromkeys(
        ("config.json", "model.safetensors", "README.md"), "0o644"
    )
    card = (tmp_path / "README.md").read_text()
    assert "How it was trained is not noted." in card
    assert PAPER in card
    about = About("By hand.", "On nothing.", {"R@1": 0.5}, "mit")
    model.save_pretrained(tmp_path, about)
    model.save_pretrained(tmp_path)  # which leaves the card as it is
    told = ModelCard.load(tmp_path / "README.md")
    assert (told.data.license, told.data.library_name) == ("mit", "videoclip")
    assert "By hand. On nothing." in told.text
    assert "| R@1 | 0.5 |" in told.text


def test_features_of_another_encoder_are_an_error_that_explains_itself(model):
    model.check_features(FeatureKind("made", 16), "c.lance")
    for encoder, normalized in (("s3d", True), ("made", False)):
        with pytest.raises(VideoclipError, match="but the model was trained on those"):
            model.check_features(FeatureKind(encoder, 16, normalized), "c.lance")


def test_features_that_were_not_scaled_are_warned_of(model):
    unit = np.full((3, 16), 0.25, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.encode_video([unit])
        with pytest.raises(UserWarning, match="scale yours, or scores will be poor"):
            model.encode_video([9 * unit])
        with pytest.raises(UserWarning, match="not of unit length"):
            model.video_tokens(9 * unit)


def test_a_model_survives_being_saved(model, tmp_path):
    model.save_pretrained(tmp_path / "m")
    assert sorted(p.suffix for p in (tmp_path / "m").iterdir() if p.suffix != ".md") == [".json", ".safetensors"]
    loaded = VideoCLIP.from_pretrained(str(tmp_path / "m"))
    assert loaded.config == model.config
    assert torch.equal(loaded.encode_video(features(4)), model.encode_video(features(4)))


def test_the_loss_of_a_perfect_match_is_small_and_of_chance_is_known():
    eye = 50 * torch.eye(6)
    assert float(sum(info_nce(eye, eye))) < 1e-3
    assert float(sum(info_nce(torch.zeros(6, 4), torch.zeros(6, 4)))) == pytest.approx(2 * np.log(6))


def test_both_towers_start_from_a_bert_folder(tmp_path):
    transformers = pytest.importorskip("transformers")
    from videoclip.model.tokenizer import bert_tokenizer

    torch.manual_seed(0)
    sizes = {
        "vocab_size": 30522,
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    bert = transformers.BertModel(transformers.BertConfig(**sizes, max_position_embeddings=80)).eval()
    bert.save_pretrained(tmp_path / "bert")
    model = VideoCLIP(ModelConfig(**{**vars(SMALL), "max_text_tokens": 20}))
    model.load_state_dict(bert_tensors(model.config, tmp_path / "bert"), strict=False)
    packed = pack_text(bert_tokenizer().encode(["slice the red onion", "stir"]))
    tokens, mask = packed.padded()
    with torch.inference_mode():
        wanted = bert(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
        got = model.eval().text_tower(packed).padded()[0]
    assert torch.allclose(got[mask], wanted[mask], atol=1e-5)
    with pytest.raises(WeightsError, match="hidden_size is 32, not 64"):
        bert_tensors(
            ModelConfig(feature_size=16, hidden_size=64, heads=2, video_layers=1, text_layers=1), tmp_path / "bert"
        )


def test_a_bert_that_is_not_there_is_one_error(tmp_path):
    with pytest.raises(WeightsError, match=r"HF_HUB_OFFLINE forbids.* init= takes a folder in BERT form"):
        bert_tensors(SMALL, "no-such/bert-anywhere")
    with pytest.raises(WeightsError, match=r"has no config.json and no model.safetensors"):
        bert_tensors(SMALL, tmp_path)


@pytest.mark.parametrize("note", [b"[]", b"null", b"7", b'"text"', b"\xff\xfe", b'{"hidden_size": "a"}', None])
def test_a_folder_whose_note_is_no_configuration_is_one_error(tmp_path, note):
    VideoCLIP(SMALL).save_pretrained(tmp_path)
    (tmp_path / "config.json").unlink()
    if note is not None:
        (tmp_path / "config.json").write_bytes(note)
    with pytest.raises(VideoclipError, match=tmp_path.name):
        load_model(tmp_path)


def test_weights_that_lack_a_tensor_are_refused_and_not_left_random(tmp_path):
    VideoCLIP(SMALL).save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    save_file({name: t for name, t in tensors.items() if "mlp_in.weight" not in name}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match="no model there that can be loaded"):
        load_model(tmp_path)


def test_sizes_that_cannot_be_built_are_refused():
    with pytest.raises(ValueError, match="divisor of hidden_size"):
        ModelConfig(hidden_size=50)
    with pytest.raises(ValueError, match="positions"):
        ModelConfig(positions=20)


def test_parameters_are_counted_once_whatever_the_model():
    sizes = {"hidden_size": 32, "heads": 2, "intermediate_size": 64, "video_layers": 1, "text_layers": 1}
    for options in ({}, {"shared": True}, {"similarity": "cosine"}):
        model = VideoCLIP(ModelConfig(feature_size=8, positions=80, **sizes, **options))
        assert sum(model.parameter_counts().values()) == sum(p.numel() for p in model.parameters())


def test_a_model_knows_its_name_features_size_and_fingerprint(model, tmp_path):
    model = VideoCLIP(model.config)
    assert model.name == ""
    model.save_pretrained(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.name == model.name == str((tmp_path / "model").resolve())
    assert load_model(loaded.name).fingerprint == model.fingerprint
    assert loaded.features == FeatureKind("made", 16)
    assert loaded.encode_text(["an onion"]).shape == (1, loaded.size)
    prompted = Prompted(loaded, ["a video of {}"])
    known = ("name", "features", "size", "fingerprint")
    assert [getattr(prompted, what) for what in known] == [getattr(loaded, what) for what in known]


def test_a_fingerprint_is_of_the_weights_alone(model):
    """Neither a key of the configuration, nor the precision of storage, nor what a processor makes of them is in it."""
    other = VideoCLIP(replace(model.config, dropout=0.5))
    other.load_state_dict(model.state_dict())
    assert other.fingerprint == model.fingerprint
    with torch.no_grad():
        other.video_tower.mlp_in.bias[0] += 1e-6
    assert other.fingerprint != model.fingerprint
    halved = {name: weights.half() for name, weights in model.state_dict().items()}
    assert fingerprint_of(halved) == fingerprint_of({name: weights.float() for name, weights in halved.items()})


def test_no_caller_asks_what_kind_of_model_it_has():
    """A new kind of model is one module and one line in ``load_model``."""
    source = Path(videoclip.__file__).parent
    asking = [path.name for path in source.rglob("*.py") if re.search(r"isinstance\([^)]*VideoCLIP", path.read_text())]
    assert asking == []


def test_a_model_that_names_no_encoder_asks_for_one(model):
    model = VideoCLIP(replace(model.config, encoder=""))
    with pytest.raises(VideoclipError, match="does not say which encoder"):
        encoder_for(model)
