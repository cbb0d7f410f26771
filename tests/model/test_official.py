import argparse
import json
import math
import sys
import types
import zlib

import pytest
import torch
from golden_cases import shapes
from malicious import archive, dangerous

from videoclip import VideoCLIP
from videoclip.cli.main import app
from videoclip.errors import ConfigError, UnsafeFileError, WeightsError
from videoclip.model.convert import convert
from videoclip.model.official import load_official

SPARE = ("position_ids", "pooler.dense.weight", "pooler.dense.bias")


Config = type("Config", (dict,), {"__module__": "fairseq.made"})


def published(width: int | None = None, dtype=torch.float32, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random tensors under the published names; narrower and shallower ones where a width is given."""
    most = 30522 * (width or 768) + (1 << 20)
    numbers = torch.randn(most, generator=torch.Generator().manual_seed(seed)) * 0.02
    named = {}
    for name, shape, *_ in shapes("mmfusion_separate"):
        if width:
            if any(f"layer.{i}." in name for i in range(2, 12)):
                continue
            shape = [{768: width, 3072: 2 * width, 30522: 30522}.get(n, n) for n in shape]
        if name.endswith("position_ids"):
            named[name] = torch.arange(512)[None]
        else:
            count, begin = math.prod(shape), zlib.crc32(name.encode()) % (1 << 20)  # each tensor begins elsewhere
            made = numbers[begin : begin + count].view(*shape)
            named[name] = (made + name.endswith("LayerNorm.weight")).to(dtype)
    return named


def fairseq(state: dict[str, torch.Tensor], optimizer: bool = False) -> dict:
    """A checkpoint as the framework wraps it, with objects of packages that are not installed."""
    moments = {i: {"step": 1, "exp_avg": t.float(), "exp_avg_sq": t.float()} for i, t in enumerate(state.values())}
    return {
        "args": argparse.Namespace(arch="mmfusion", task=Config(name="mmtask")),
        "cfg": Config(lr=[5e-5]),
        "model": {f"mmmodel.{name}": tensor for name, tensor in state.items()},
        "extra_state": {"best": 1.5, "train_iterator": {"epoch": 25}},
        "last_optimizer_state": {"state": moments} if optimizer else None,
    }


def save(content, path, **options):
    """``torch.save`` where the made-up package is installed, which it is not when the file is read."""
    package, module = types.ModuleType("fairseq"), types.ModuleType("fairseq.made")
    module.Config = Config  # type: ignore[attr-defined]
    sys.modules |= {"fairseq": package, "fairseq.made": module}
    try:
        torch.save(content, path, **options)
    finally:
        del sys.modules["fairseq"], sys.modules["fairseq.made"]
    return path


def expected(model: VideoCLIP, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What each of the model's tensors must be, written out independently of the code under test."""
    wanted = {}
    for name in model.state_dict():
        tower, _, rest = name.partition("_tower.")
        bert = "video_encoder.bert." if tower == "video" else "text_encoder."
        rest = rest.removeprefix("transformer.")
        leaf = rest.rsplit(".", 1)[-1]
        if rest == "special_tokens":
            wanted[name] = state[f"{bert}embeddings.word_embeddings.weight"][[101, 102]]
        elif rest == "type_embedding":
            wanted[name] = state[f"{bert}embeddings.token_type_embeddings.weight"][0]
        elif rest.startswith("mlp_") and tower == "video":
            theirs = {"mlp_in": "linear1", "mlp_norm": "LayerNorm", "mlp_out": "linear2"}[rest.split(".")[0]]
            wanted[name] = state[f"video_encoder.videomlp.{theirs}.{leaf}"]
        elif rest.startswith("layers."):
            _, i, part, leaf = rest.split(".")
            layer = f"{bert}encoder.layer.{i}."
            if part == "query_key_value":
                parts = [state[f"{layer}attention.self.{p}.{leaf}"] for p in ("query", "key", "value")]
                wanted[name] = torch.cat(parts)
                continue
            theirs = {
                "attention_out": "attention.output.dense",
                "attention_norm": "attention.output.LayerNorm",
                "widen": "intermediate.dense",
                "narrow": "output.dense",
                "mlp_norm": "output.LayerNorm",
            }[part]
            wanted[name] = state[f"{layer}{theirs}.{leaf}"]
        else:
            theirs = {
                "word_embedding.weight": "word_embeddings.weight",
                "position_embedding.weight": "position_embeddings.weight",
                "norm.weight": "LayerNorm.weight",
                "norm.bias": "LayerNorm.bias",
            }[rest]
            wanted[name] = state[f"{bert}embeddings.{theirs}"]
    return {name: tensor.float() for name, tensor in wanted.items()}


def test_a_checkpoint_of_full_size_is_converted_tensor_by_tensor(tmp_path):
    state = published(dtype=torch.float16)
    path = save(fairseq(state), tmp_path / "checkpoint_best.pt")
    _, official = convert(path, tmp_path / "model")
    assert {name.split(".")[0] for name in official.inert} == {"argparse", "fairseq"}
    assert all(name.endswith(SPARE) for name in official.unused)
    model = VideoCLIP.from_pretrained(str(tmp_path / "model")).eval()
    wanted = expected(model, state)
    assert wanted.keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, wanted[name]), name
    direct = VideoCLIP(model.config).eval()
    direct.load_state_dict(wanted)
    texts = ["slice the red onion", "stir"]
    assert torch.equal(model.encode_text(texts), direct.encode_text(texts))
    video = torch.nn.functional.normalize(torch.randn(40, 512), dim=1).numpy()
    assert torch.equal(model.encode_video([video]), direct.encode_video([video]))
    assert torch.equal(model.video_tokens(video), direct.video_tokens(video))
    same_as_transformers(model, state)


def same_as_transformers(model: VideoCLIP, state: dict[str, torch.Tensor]) -> None:
    transformers = pytest.importorskip("transformers")
    from videoclip.model.packing import pack_text
    from videoclip.model.tokenizer import bert_tokenizer

    bert = transformers.BertModel(transformers.BertConfig()).eval()
    theirs = {n.removeprefix("text_encoder."): t.float() for n, t in state.items() if n.startswith("text_encoder.")}
    bert.load_state_dict({n: t for n, t in theirs.items() if not n.endswith("position_ids")})
    packed = pack_text(bert_tokenizer().encode(["slice the red onion", "stir it"]))
    tokens, mask = packed.padded()
    with torch.inference_mode():
        wanted = bert(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
        assert torch.allclose(model.text_tower(packed).values, wanted[mask], atol=1e-5)


WRAPPINGS = {
    "fairseq": fairseq,
    "fairseq with optimiser": lambda state: fairseq(state, optimizer=True),
    "a bare state dict": dict,
    "state_dict": lambda state: {"state_dict": state, "epoch": 3},
    "state_dict around model": lambda state: {"state_dict": {"model": state}},
    "with the prefix": lambda state: {f"mmmodel.{n}": t for n, t in state.items()},
    "from parallel training": lambda state: {"model": {f"module.mmmodel.{n}": t for n, t in state.items()}},
    "without what newer versions lack": lambda state: {n: t for n, t in state.items() if not n.endswith(SPARE)},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["fp32", "fp16"])
def test_every_wrapping_gives_the_same_model(tmp_path, wrapping, dtype):
    state = published(64, dtype)
    content = WRAPPINGS[wrapping](state)
    loaded = [VideoCLIP.from_official(save(content, tmp_path / "zip.pt"))]
    loaded.append(
        VideoCLIP.from_official(str(save(content, tmp_path / "old.pt", _use_new_zipfile_serialization=False)))
    )
    loaded.append(VideoCLIP.from_official(content))
    wanted = expected(loaded[0], state)
    for model in loaded:
        assert model.config.encoder == "s3d"
        assert model.config.normalized
        assert all(torch.equal(tensor, wanted[name]) for name, tensor in model.state_dict().items())


def test_a_model_does_not_share_memory_with_the_state_dict_it_came_from():
    state = published(64)
    model = VideoCLIP.from_official(state)
    before = model.encode_text(["a"])
    for tensor in state.values():
        tensor.zero_()
    assert torch.equal(model.encode_text(["a"]), before)
    assert all(p.requires_grad for p in model.parameters())


def test_tensors_that_do_not_fit_are_all_named_with_their_shapes(tmp_path):
    state = published(64)
    wrong = dict(state, extra=torch.zeros(3, 4))
    del wrong["text_encoder.encoder.layer.1.output.dense.weight"]
    wrong["video_encoder.videomlp.linear2.weight"] = torch.zeros(64, 65)
    with pytest.raises(WeightsError) as caught:
        VideoCLIP.from_official(wrong)
    for part in (
        "3 tensors do not fit",
        "missing text_encoder.encoder.layer.1.output.dense.weight",
        "unexpected extra (3, 4)",
        "video_encoder.videomlp.linear2.weight (64, 65)",
        "expected (64, 64)",
    ):
        assert part in str(caught.value)


def test_the_classifier_tuned_on_coin_is_left_out_and_named():
    state = published(64) | {"video_encoder.classifier.weight": torch.zeros(779, 64)}
    assert "video_encoder.classifier.weight" in load_official(state).unused


def test_other_files_are_told_apart(tmp_path):
    torch.save({"conv1.conv1.weight": torch.zeros(2)}, tmp_path / "s3d.pth")
    with pytest.raises(WeightsError, match="weights of S3D, the encoder"):
        load_official(tmp_path / "s3d.pth")
    torch.save([torch.zeros(2)], tmp_path / "list.pt")
    with pytest.raises(WeightsError, match="holds no state dict, but list"):
        load_official(tmp_path / "list.pt")
    (tmp_path / "a.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="not a file of safetensors"):
        load_official(tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match="no such file"):
        load_official(tmp_path / "none.pt")


def test_malicious_checkpoints_are_refused_by_convert(tmp_path):
    for name, content in dangerous(tmp_path / "ran").items():
        (tmp_path / "evil.pt").write_bytes(archive(content))
        with pytest.raises(UnsafeFileError):
            convert(tmp_path / "evil.pt", tmp_path / "model")
        assert not (tmp_path / "ran").exists(), name
    assert not (tmp_path / "model").exists()


def test_convert_says_what_it_did_and_does_not_overwrite(tmp_path):
    from typer.testing import CliRunner

    path = save(fairseq(published(64)), tmp_path / "checkpoint_best.pt")
    done = CliRunner().invoke(app, ["convert", str(path), str(tmp_path / "model")])
    assert done.exit_code == 0
    assert "parameters (video tower" in done.stdout
    assert "fairseq.made.Config" in done.stdout
    note = json.loads((tmp_path / "model" / "conversion.json").read_text())
    assert note["checkpoint"] == "checkpoint_best.pt"
    assert len(note["sha256"]) == 64
    convert(path, tmp_path / "model")  # the same again is no mistake
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("x")
    with pytest.raises(ConfigError, match="is not empty"):
        convert(path, tmp_path / "other")
