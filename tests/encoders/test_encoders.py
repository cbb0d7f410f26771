import json
import pickle

import numpy as np
import pytest
import torch
from made import write
from malicious import archive, dangerous
from safetensors.torch import save_file

from videoclip import load_encoder
from videoclip.encoders.config import EncoderConfig
from videoclip.encoders.encoder import CombinedEncoder, Encoder, batches
from videoclip.encoders.s3d import S3D, blocks_of, fast_network, folded, max_pool_same, of_one_size
from videoclip.errors import ConfigError, VideoclipError, WeightsError
from videoclip.media.video import seconds_of
from videoclip.pretrain.encoder import train_encoder
from videoclip.world.render import render_world


def shaken(net: S3D) -> S3D:
    """Random statistics in place of the fresh ones, with which BatchNorm would do nothing."""
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif tensor.ndim == 1:
                tensor.uniform_(-0.5, 1.0)
    return net.eval()


def test_folding_batch_norm_changes_nothing():
    torch.manual_seed(0)
    net = shaken(S3D(16, width=0.125))
    video = torch.rand(2, 3, 8, 32, 32)
    with torch.inference_mode():
        wanted, got = net(video), folded(net)(video)
    assert torch.allclose(wanted, got, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))


def test_the_fast_network_gives_the_features_of_the_plain_one(native):
    torch.manual_seed(0)
    net = shaken(S3D(16, width=0.125))
    pixels = torch.randint(0, 256, (2, 6, 40, 36, 3), dtype=torch.uint8)
    with torch.inference_mode():
        wanted = net(pixels.permute(0, 4, 1, 2, 3).float() / 255)
        got = fast_network(net, torch.device("cpu"))(pixels).float()
    assert torch.nn.functional.cosine_similarity(wanted, got).min() > 0.9999


def test_a_network_of_one_size_gives_any_number_and_sees_one():
    seen: list[int] = []

    def network(inputs: torch.Tensor) -> torch.Tensor:
        seen.append(len(inputs))
        return inputs.flatten(1).sum(1, keepdim=True)

    for count in (1, 3, 4, 9):
        inputs = torch.randint(0, 9, (count, 2, 3))
        assert torch.equal(of_one_size(network, 4)(inputs), network(inputs))
        del seen[-1]
    assert set(seen) == {4}


def test_the_compiled_network_gives_the_features_of_the_plain_one():
    torch.manual_seed(0)
    net = folded(shaken(S3D(8, width=0.0625, blocks=1)))
    blocks = blocks_of(torch.randint(0, 256, (2, 6, 40, 36, 3), dtype=torch.uint8))
    # In one graph, and without the minutes that PyTorch's own kernels take: those are compared by bench/gpu.py.
    compiled = torch.compile(net.features_of_blocks, fullgraph=True, backend="aot_eager")
    with torch.inference_mode():
        assert torch.allclose(compiled(blocks), net.features_of_blocks(blocks), atol=1e-5)


@pytest.mark.parametrize("size", [(8, 14, 14), (7, 14, 15), (3, 5, 4), (1, 1, 2)])
@pytest.mark.parametrize(("kernel", "stride"), [((1, 3, 3), (1, 2, 2)), ((3, 3, 3), (2, 2, 2)), ((2, 2, 2), (2, 2, 2))])
def test_pooling_without_a_copy_is_pooling_with_zeros(size, kernel, stride):
    x = torch.rand(1, 3, *size)
    padding = []
    for k, s in zip(reversed(kernel), reversed(stride), strict=True):
        padding += [(k - s) // 2, (k - s) - (k - s) // 2]
    wanted = torch.nn.functional.max_pool3d(torch.nn.functional.pad(x, padding), kernel, stride, ceil_mode=True)
    assert torch.equal(max_pool_same(x, kernel, stride), wanted)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder")
    render_world(folder / "world", 3, 1, "faithful")
    pairs = [(p, p.with_suffix(".srt")) for p in sorted((folder / "world").rglob("*.mp4"))]
    config = EncoderConfig(updates=3, batch=16, width=0.125, feature_size=16, frame_size=32, fps=4)
    train_encoder(pairs, config, folder / "encoder")
    return folder, pairs, config


def test_a_trained_encoder_is_loaded_from_its_folder(trained):
    folder, pairs, config = trained
    encoder = load_encoder(str(folder / "encoder"))
    features = encoder.encode_file(pairs[0][0])
    assert features.shape == (60, 16)
    assert features.dtype == np.float16
    assert np.allclose(np.linalg.norm(features.astype(np.float32), axis=1), 1, atol=2e-3)
    assert encoder.name.startswith("s3d-narrow@")
    made = json.loads((folder / "encoder" / "config.json").read_text())
    assert made["config"]["updates"] == config.updates
    assert made["versions"]["torch"]


def test_encoding_a_file_is_encoding_its_seconds(trained):
    folder, pairs, _ = trained
    encoder = load_encoder(str(folder / "encoder"))
    seconds = np.stack(list(seconds_of(pairs[1][0], encoder.fps, encoder.frame_size)))
    assert np.abs(encoder.encode(seconds).astype(float) - encoder.encode_file(pairs[1][0])).max() < 2e-3


def test_an_encoder_is_not_trained_into_a_used_folder(trained):
    folder, pairs, config = trained
    with pytest.raises(ConfigError, match="is not empty"):
        train_encoder(pairs, config, folder / "encoder")


def test_the_shipped_encoder_sees_differences(native, tmp_path):
    encoder = load_encoder("demo")
    a = encoder.encode_file(write(tmp_path / "a.mp4", [30] * 40))
    b = encoder.encode_file(write(tmp_path / "b.mp4", [220] * 40))
    assert a.shape == (2, encoder.feature_size)
    assert float(a[0].astype(float) @ b[0].astype(float)) < 0.99


def test_published_weights_are_read_from_a_path_and_wrong_ones_named(tmp_path):
    with pytest.raises(WeightsError, match="'videoclip download s3d-howto100m' gets it"):
        load_encoder("s3d")
    with pytest.raises(WeightsError, match="no such file"):
        load_encoder("s3d", tmp_path / "none.pth")
    torch.save(S3D(512, 0.125).state_dict(), tmp_path / "narrow.pth")
    with pytest.raises(WeightsError, match="size mismatch"):
        load_encoder("s3d", tmp_path / "narrow.pth")
    torch.save(S3D().state_dict(), tmp_path / "right.pth")
    encoder = load_encoder("s3d", tmp_path / "right.pth")
    assert (encoder.name, encoder.fps, encoder.frame_size, encoder.feature_size, encoder.normalized) == (
        "s3d",
        30,
        224,
        512,
        True,
    )


def test_damaged_weights_are_one_error(trained, tmp_path):
    made = {"config": {"name": "x", "feature_size": 16, "width": 0.125, "blocks": 2, "fps": 4, "frame_size": 32}}
    (tmp_path / "config.json").write_text(json.dumps(made))
    save_file({"conv1": torch.ones(1)}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match="not the tensors of S3D"):
        load_encoder(str(tmp_path))


def test_no_such_encoder_is_an_error_that_lists_those_there_are():
    with pytest.raises(VideoclipError, match="choose s3d, demo, image:NAME"):
        load_encoder("resnet")


@pytest.mark.parametrize("kind", ["clip", "vit"])
def test_image_models_are_read_from_a_folder_and_averaged_over_frames(tmp_path, kind):
    transformers = pytest.importorskip("transformers")
    small = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 8,
    }
    torch.manual_seed(0)
    if kind == "clip":
        text = {
            "vocab_size": 99,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
        }
        config = transformers.CLIPConfig(text_config=text, vision_config=small, projection_dim=24)
        model, processor = (
            transformers.CLIPModel(config),
            transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
        )
    else:
        model, processor = (
            transformers.ViTModel(transformers.ViTConfig(**small)),
            transformers.ViTImageProcessor(size={"height": 32, "width": 32}),
        )
    model.save_pretrained(tmp_path / "m")
    processor.save_pretrained(tmp_path / "m")
    encoder = load_encoder(f"image:{tmp_path / 'm'}@3")
    assert (encoder.fps, encoder.frame_size, encoder.feature_size) == (3, 32, 24 if kind == "clip" else 32)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32, 3), dtype=np.uint8)
    inputs = processor(list(pixels[0]), return_tensors="pt", do_resize=False, do_center_crop=False)
    with torch.inference_mode():
        out = model.eval().get_image_features(**inputs) if kind == "clip" else model.eval()(**inputs)
        out = getattr(out, "pooler_output", out)
    wanted = torch.nn.functional.normalize(out.mean(0), dim=0).numpy()
    assert np.abs(encoder.encode(pixels)[0] - wanted).max() < 2e-3


def test_batches_stack_what_comes():
    assert [len(b) for b in batches([np.zeros(3)] * 7, 3)] == [3, 3, 1]


@pytest.mark.parametrize("name", dangerous(__file__))  # type: ignore[arg-type]
@pytest.mark.parametrize("wrap", [bytes, archive], ids=["bare", "archive"])
def test_malicious_weights_do_nothing_and_are_refused(tmp_path, name, wrap):
    (tmp_path / "s3d_howto100m.pth").write_bytes(wrap(dangerous(tmp_path / "ran")[name]))
    with pytest.raises(WeightsError, match="not a file of tensors alone, and was not run"):
        load_encoder("s3d", tmp_path / "s3d_howto100m.pth")
    assert not (tmp_path / "ran").exists()


def brightness(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float().mean((1, 2, 3))


def test_the_demos_encoder_is_meant_though_a_folder_has_its_name(tmp_path, monkeypatch):
    """``videoclip demo --out demo`` makes one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    assert load_encoder("demo").to("cpu").kind == load_encoder("demo").kind


def test_encoders_go_to_other_processes_and_devices_or_refuse_in_one_line():
    demo, own = load_encoder("demo", device="cpu"), Encoder("own", 3, 2, 8, brightness)
    pixels = np.random.default_rng(0).integers(0, 256, (3, demo.fps, demo.frame_size, demo.frame_size, 3), np.uint8)
    for again in (pickle.loads(pickle.dumps(demo)), demo.to("cpu"), pickle.loads(pickle.dumps(demo.to("cpu")))):
        assert again.kind == demo.kind
        assert np.array_equal(again.encode(pixels), demo.encode(pixels))
    assert pickle.loads(pickle.dumps(own)) == own
    both = CombinedEncoder((demo, own))
    assert pickle.loads(pickle.dumps(both)).kind == both.kind
    hidden = Encoder("own", 3, 2, 8, lambda pixels: pixels)
    for refused in (lambda: pickle.dumps(hidden), lambda: own.to("cpu"), lambda: both.to("cpu")):
        with pytest.raises(VideoclipError, match=r"^encoder 'own': ") as error:
            refused()
        assert "\n" not in str(error.value)
    with pytest.raises(ConfigError, match="device 'gpu7': is not here"):
        load_encoder("demo", device="gpu7")
