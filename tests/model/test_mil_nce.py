import json
import re

import numpy as np
import pytest
import torch
from golden_cases import s3d_weight, shapes

from videoclip.cli.main import app
from videoclip.corpus.rows import NarratedVideo
from videoclip.corpus.store import Corpus
from videoclip.encoders.encoder import FeatureKind
from videoclip.encoders.load import load_encoder
from videoclip.encoders.s3d import published_text, read_state
from videoclip.errors import VideoclipError, WeightsError
from videoclip.model.joint import load_model
from videoclip.world.render import describe_world
from videoclip.world.script import write_script

WORDS = 66249


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The two published files, with random numbers in all of their tensors, in the form of PyTorch before 1.6."""
    folder = tmp_path_factory.mktemp("published")
    rng, state = torch.Generator().manual_seed(0), {}
    for name, shape, *_ in shapes("s3d_howto100m"):
        made = s3d_weight(name, shape, 1)
        state[name] = torch.randn(shape, generator=rng) * 0.05 if made is None else torch.from_numpy(made)
    torch.save(state, folder / "s3d_howto100m.pth", _use_new_zipfile_serialization=False)
    words = ["slice", "the", "onion", "don't", *(f"word{i}" for i in range(WORDS - 4))]
    np.save(folder / "s3d_dict.npy", np.array(words))
    return folder


def by_hand(folder, text: str) -> np.ndarray:
    """The sentence's vector, from the formula: max over 16 words, padded with word 0, of ReLU(W1 e + b1); then W2."""
    state = {k.removeprefix("text_module."): v.numpy() for k, v in read_state(folder / "s3d_howto100m.pth").items()}
    words = np.load(folder / "s3d_dict.npy").tolist()
    ids = [words.index(w) + 1 for w in re.findall(r"[\w']+", text.lower()) if w in words][:16]
    embedded = state["word_embd.weight"][ids + [0] * (16 - len(ids))]
    hidden = np.maximum(embedded @ state["fc1.weight"].T + state["fc1.bias"], 0).max(0)
    return hidden @ state["fc2.weight"].T + state["fc2.bias"]


def test_sentences_are_embedded_as_the_formula_says(folder):
    model = load_model(f"mil-nce:{folder}")
    texts = ["slice the onion", "SLICE the Onion!", "nothing of it is known", "", "don't " * 20, "word7 word8 slice"]
    got = model.encode_text(texts).numpy()
    wanted = np.stack([by_hand(folder, text) for text in texts])
    assert np.abs(got - wanted).max() < 1e-5
    assert np.array_equal(got[0], got[1])
    assert model.encode_text([]).shape == (0, 512)


def test_both_sides_of_the_published_file_load_and_no_tensor_is_left(folder):
    encoder = load_encoder("s3d", folder / "s3d_howto100m.pth")
    assert encoder.kind == FeatureKind("s3d", 512, True)
    text = published_text(folder / "s3d_howto100m.pth", folder / "s3d_dict.npy")
    names = {name for name, *_ in shapes("s3d_howto100m")}
    assert {f"text_module.{name}" for name in text.state_dict()} == {n for n in names if n.startswith("text_module.")}


def test_a_vocabulary_of_another_size_is_refused(folder, tmp_path):
    np.save(tmp_path / "s3d_dict.npy", np.array(["a", "b"]))
    with pytest.raises(WeightsError, match=r"has 2 words, but .* has vectors of 66249"):
        published_text(folder / "s3d_howto100m.pth", tmp_path / "s3d_dict.npy")


def test_files_that_were_not_downloaded_are_named_with_the_command(tmp_path):
    with pytest.raises(WeightsError, match="'videoclip download mil-nce' gets it"):
        load_model(f"mil-nce:{tmp_path}")


def test_clips_are_the_mean_of_their_seconds_and_other_features_are_refused(folder):
    model = load_model(f"mil-nce:{folder}")
    video = np.random.default_rng(0).standard_normal((7, 512)).astype(np.float32)
    assert np.allclose(model.encode_video([video])[0], video.mean(0), atol=1e-6)
    assert np.array_equal(model.video_tokens(video), video)
    model.check_features(FeatureKind("s3d", 512), "c.lance")
    model.check_features(FeatureKind("s3d", 512, False), "c.lance")
    with pytest.raises(VideoclipError, match="understands those of 's3d' only"):
        model.check_features(FeatureKind("demo", 512), "c.lance")
    with pytest.raises(VideoclipError, match=r"expected \(seconds, 512\)"):
        model.encode_video([video[:, :8]])


def test_it_is_evaluated_beside_videoclip(folder, tmp_path):
    from typer.testing import CliRunner

    scripts = [write_script(i, 2) for i in range(60)]
    (tmp_path / "truth.json").write_text(json.dumps(describe_world(scripts, 2)))
    rng = np.random.default_rng(0)
    corpus = Corpus.create(tmp_path / "corpus.lance", FeatureKind("s3d", 512))
    corpus.append([NarratedVideo(s.id, rng.standard_normal((60, 512)).astype(np.float16), []) for s in scripts])
    arguments = ["evaluate", "world", "--model", f"mil-nce:{folder}", "--data", str(tmp_path)]
    done = CliRunner().invoke(app, [*arguments, "--json", str(tmp_path / "e.json")])
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "e.json").read_text())
    assert result["config"]["model"].startswith("mil-nce")
    assert result["retrieval"]["text_to_video"]["R@1"] < 0.1
