"""Ready-made models give the vectors of their own library through every door, without a hub."""

import json
import pickle
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from huggingface_hub.utils import get_session
from safetensors.torch import load_file

pytest.importorskip("transformers", reason="transformers is not installed")
from made_models import FRAMES, IMAGE, frames, made_open_clip, made_sentence_transformers, made_transformers
from painted import paint
from PIL import Image

from videoclip import Library, hardware, load_encoder, load_model
from videoclip.encoders.load import encoder_named
from videoclip.encoders.ready_made.load import load_ready_made
from videoclip.encoders.ready_made.of_transformers import PADDED
from videoclip.errors import ConfigError, VideoclipError, WeightsError
from videoclip.library.index import index
from videoclip.media.video import seconds_of
from videoclip.model.joint import encoder_for, load_videoclip, local_name
from videoclip.published import hub

IMAGES = ("clip", "siglip", "siglip2", "metaclip_2", "altclip", "chinese_clip")
VIDEOS = ("x_clip", "videoprism")
ELSEWHERE = ("open_clip clip", "open_clip siglip", "sentence-transformers clip", "sentence-transformers siglip")
PE = "pe_video"
TEXTS = ["a red car", "the dog is slowly black", "cat"]


class Own:
    """A model as its own library has it, and the folder that it lies in."""

    def __init__(self, name: str, folder: Path):
        self.library, _, self.family = name.rpartition(" ")
        self.folder = folder
        make = {"open_clip": made_open_clip, "sentence-transformers": made_sentence_transformers}
        self.model = make.get(self.library, made_transformers)(self.family, folder)

    @torch.inference_mode()
    def texts(self, texts: list[str]) -> torch.Tensor:
        """Unit vectors of texts, (N, D)."""
        if self.library == "open_clip":
            import open_clip

            return self.model.encode_text(open_clip.get_tokenizer(f"local-dir:{self.folder}")(texts), normalize=True)
        length = {"padding": "max_length", "max_length": 64} if self.family in PADDED else {"padding": True}
        if self.library:
            found = self.model.encode_query(texts, processing_kwargs={"text": length}, convert_to_tensor=True)
            return F.normalize(found, dim=-1)
        from transformers import AutoTokenizer

        tokens = AutoTokenizer.from_pretrained(self.folder)(texts, return_tensors="pt", truncation=True, **length)
        if self.family == PE:
            nothing = torch.zeros(1, 2, 3, IMAGE, IMAGE)
            return F.normalize(self.model(**tokens, pixel_values_videos=nothing).text_video_embeds, dim=-1)
        return F.normalize(self.model.get_text_features(**tokens).pooler_output, dim=-1)

    @torch.inference_mode()
    def sees(self, pixels: np.ndarray) -> torch.Tensor:
        """Unit vectors of images (N, H, W, 3), or of a video model of windows (N, frames, H, W, 3): (N, D)."""
        if self.library == "open_clip":
            from open_clip.transform import PreprocessCfg, image_transform_v2

            prepare = image_transform_v2(PreprocessCfg(**self.model.visual.preprocess_cfg), is_train=False)
            return self.model.encode_image(torch.stack([prepare(Image.fromarray(p)) for p in pixels]), normalize=True)
        if self.library:
            found = self.model.encode_document([Image.fromarray(p) for p in pixels], convert_to_tensor=True)
        elif self.family in IMAGES:
            from transformers import AutoImageProcessor

            inputs = AutoImageProcessor.from_pretrained(self.folder)(list(pixels), return_tensors="pt")
            found = self.model.get_image_features(**inputs).pooler_output
        else:
            found = self._videos(pixels)
        return F.normalize(found.flatten(1), dim=-1)

    def _videos(self, pixels: np.ndarray) -> torch.Tensor:
        plain = torch.from_numpy(pixels).permute(0, 1, 4, 2, 3) / 255
        if self.family == "x_clip":
            from transformers import AutoImageProcessor

            prepare, videos = AutoImageProcessor.from_pretrained(self.folder), [list(video) for video in pixels]
            inputs = prepare(videos, return_tensors="pt")
            return self.model.get_video_features(**inputs).pooler_output
        if self.family == "videoprism":
            return self.model.get_video_features(pixel_values_videos=plain).pooler_output
        from transformers import AutoTokenizer

        tokens = AutoTokenizer.from_pretrained(self.folder)(["a"] * len(plain), return_tensors="pt")
        return self.model(**tokens, pixel_values_videos=(plain - 0.5) / 0.5).video_embeds

    @property
    def scale(self) -> float:
        """Its inverse temperature."""
        if self.family == PE:
            return 2.3  # no logarithm
        return 100.0 if self.family == "videoprism" else float(np.exp(2.3))


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A model of random weights by name, made once; skips where its library is not installed."""
    known: dict[str, Own] = {}

    def of(name: str) -> Own:
        if "open_clip" in name or name == PE:
            pytest.importorskip("open_clip", reason="open_clip is not installed", exc_type=ImportError)
        if "sentence" in name:
            pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
        if name not in known:
            known[name] = Own(name, tmp_path_factory.mktemp("models") / name.replace(" ", "-"))
        return known[name]

    return of


@torch.inference_mode()
def seen(encoder, pixels: np.ndarray) -> torch.Tensor:
    """Unit vectors of the encoder's network, before they are rounded to be stored."""
    return F.normalize(encoder.network(torch.from_numpy(pixels)).float(), dim=-1)


@pytest.mark.parametrize("name", [*IMAGES, *VIDEOS, *ELSEWHERE, PE])
def test_texts_have_the_vectors_of_the_library_times_the_inverse_temperature(own, name):
    model, wanted = load_model(own(name).folder), own(name).texts(TEXTS)
    assert torch.allclose(model.encode_text(TEXTS) / own(name).scale, wanted, atol=1e-5)
    assert torch.allclose(model.encode_text(TEXTS[2:]) / own(name).scale, wanted[2:], atol=1e-5)  # unpadded or padded
    assert (wanted @ wanted.T).triu(1).max() < 0.9999


@pytest.mark.parametrize("name", IMAGES + ELSEWHERE)
def test_frames_have_the_vectors_of_the_library(own, name):
    encoder, pixels = encoder_for(load_model(own(name).folder)), frames(3)
    wanted = own(name).sees(pixels)
    assert encoder.frame_size == IMAGE
    assert torch.allclose(seen(encoder, pixels[:, None]), wanted, atol=1e-5)
    assert (wanted @ wanted.T).triu(1).max() < 0.9999


@pytest.mark.parametrize("name", [*VIDEOS, PE])
def test_windows_have_the_vectors_of_the_library(own, name):
    encoder = encoder_for(load_model(own(name).folder))
    pixels = frames(2 * encoder.window).reshape(2, encoder.window, IMAGE, IMAGE, 3)
    wanted = own(name).sees(pixels)
    assert encoder.window == (16 if name == PE else FRAMES)
    assert torch.allclose(seen(encoder, pixels), wanted, atol=1e-5)
    assert (wanted @ wanted.T).triu(1).max() < 0.9999


def test_a_second_is_the_unit_vector_of_the_mean_of_its_frames_and_a_moment_the_mean_of_its_seconds(own):
    model = load_model(f"{own('clip').folder}@3")
    encoder, pixels = encoder_for(model), frames(6)
    wanted = F.normalize(own("clip").sees(pixels).view(2, 3, -1).mean(1), dim=-1)
    features = encoder.encode(pixels.reshape(2, 3, IMAGE, IMAGE, 3))
    assert encoder.fps == 3
    assert np.allclose(features, wanted, atol=1e-3)  # stored in half precision
    assert torch.allclose(model.encode_video([wanted])[0], wanted.mean(0), atol=1e-6)
    assert torch.allclose(model.video_tokens(wanted), wanted)
    assert load_model(model.name).features == model.features
    assert load_model(own("clip").folder).features != model.features


@pytest.mark.parametrize("seconds", [1, 3, 4, 5, 6, 9])
def test_a_second_of_a_video_model_is_the_mean_of_the_windows_that_hold_it(own, seconds):
    encoder, pixels = encoder_for(load_model(own("x_clip").folder)), frames(seconds)
    starts = sorted({*range(0, max(seconds - FRAMES, 0) + 1, FRAMES // 2), max(seconds - FRAMES, 0)})
    total, times = np.zeros((seconds, encoder.feature_size)), np.zeros((seconds, 1))
    for start in starts:
        chosen = pixels[start : start + FRAMES]
        chosen = chosen[np.linspace(0, len(chosen) - 1, FRAMES).round().astype(int)]
        total[start : start + FRAMES] += own("x_clip").sees(chosen[None]).numpy()
        times[start : start + FRAMES] += 1
    wanted = F.normalize(torch.from_numpy(total / times), dim=-1)
    assert np.allclose(encoder.encode(pixels[:, None]), wanted, atol=2e-3)


@pytest.mark.parametrize("name", ["clip", "siglip2", "x_clip", "open_clip clip", "sentence-transformers clip"])
def test_a_library_ranks_videos_as_the_models_own_library_does(own, name, tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    colours = ("red", "green", "blue", "yellow")
    paths = [paint(folder / f"{colour}.mp4", (colour, FRAMES), size=(64, 64)) for colour in colours]
    model = load_model(own(name).folder)
    index([folder], tmp_path / "library", model, encoder_for(model))
    pixels = np.stack([np.concatenate(list(seconds_of(path, 1, IMAGE))) for path in paths])
    if name == "x_clip":
        vectors = own(name).sees(pixels)
    else:
        vectors = own(name).sees(pixels.reshape(-1, IMAGE, IMAGE, 3)).view(len(paths), FRAMES, -1).mean(1)
    library = Library(tmp_path / "library")
    for text in TEXTS:
        wanted = (vectors @ own(name).texts([text])[0]).argsort(descending=True)
        hits = library.search(text, mode="sight", everything=True).hits
        assert [Path(hit.path).stem for hit in hits] == [colours[i] for i in wanted]
    assert np.allclose(library.vector_of(paths[0]), vectors[0], atol=2e-3)


@pytest.mark.parametrize("name", ["clip", "siglip", "open_clip siglip", "videoprism"])
def test_frames_that_are_not_square_are_fitted_as_the_library_does(own, name, tmp_path):
    encoder = encoder_for(load_model(own(name).folder))
    with av.open(str(tmp_path / "wide.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=1, width=2 * IMAGE, height=IMAGE, pix_fmt="bgr0")
        picture = np.concatenate([frames(1)[0], frames(1, 1)[0]], 1)
        for _ in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
    middle = picture[:, IMAGE // 2 : -IMAGE // 2]
    whole = np.asarray(Image.fromarray(picture).resize((IMAGE, IMAGE), Image.Resampling.BICUBIC))
    pixels = np.stack([np.stack([fitted] * encoder.window) for fitted in (middle, whole)])
    vectors = own(name).sees(pixels if encoder.window > 1 else pixels[:, 0])
    like_middle, like_whole = vectors @ torch.from_numpy(encoder.encode_file(tmp_path / "wide.mkv")[0]).float()
    assert encoder.squeezed == (name != "clip")
    assert (like_whole > max(like_middle, 0.99)) if encoder.squeezed else (like_middle > max(like_whole, 0.999))


# What would go wrong unnoticed ----------------------------------------------------------------------------------


def test_texts_of_siglip_have_other_vectors_unpadded(own):
    from transformers import AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(own("siglip").folder)(TEXTS[:1], return_tensors="pt")
    with torch.inference_mode():
        unpadded = F.normalize(own("siglip").model.get_text_features(**tokens).pooler_output, dim=-1)
    ours = F.normalize(load_model(own("siglip").folder).encode_text(TEXTS[:1]), dim=-1)
    assert (unpadded @ ours.T).item() < 0.99


def test_a_text_of_x_clip_does_not_depend_on_a_video_as_in_its_forward(own):
    from transformers import AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(own("x_clip").folder)(TEXTS, padding=True, return_tensors="pt")
    pixels = torch.randn(1, FRAMES, 3, IMAGE, IMAGE)
    with torch.inference_mode():
        conditioned = own("x_clip").model(**tokens, pixel_values=pixels).text_embeds[0]
    ours = F.normalize(load_model(own("x_clip").folder).encode_text(TEXTS), dim=-1)
    assert not torch.allclose(conditioned, ours, atol=1e-3)


def test_a_query_that_looks_like_an_address_or_a_path_is_read_as_text(own, tmp_path, monkeypatch):
    own("sentence-transformers clip")
    monkeypatch.chdir(tmp_path)
    Image.fromarray(frames(1)[0]).save("cat.png")
    model = load_model(own("sentence-transformers clip").folder)
    vectors = model.encode_text(["https://example.org/dog.jpg", "cat.png", "a cat"])
    assert vectors.shape == (3, model.size)
    assert not torch.allclose(vectors[1] / vectors[1].norm(), own("sentence-transformers clip").sees(frames(1))[0])


def test_a_model_understands_only_the_features_of_its_own_frames_side(own):
    model, other = load_model(own("clip").folder), load_model(own("siglip").folder)
    features = encoder_for(model).encode(frames(2)[:, None])
    model.check_features(encoder_for(model).kind, "corpus")
    with pytest.raises(VideoclipError, match=r"corpus: features of encoder 'joint:clip-.*extract them again"):
        other.check_features(model.features, "corpus")
    with pytest.raises(VideoclipError, match="expected \\(seconds"):
        other.video_tokens(features)


def test_an_encoder_is_loaded_by_its_folder_and_by_its_name_while_its_model_is_in_memory(own):
    model = load_model(own("clip").folder)
    assert encoder_for(model) is encoder_named(model.features.encoder)
    assert load_encoder(f"joint:{own('clip').folder}").kind == model.features
    with pytest.raises(VideoclipError, match="name that encoder's folder"):
        encoder_named("joint:clip-00000000@1")


def test_a_ready_made_model_and_its_encoder_go_to_other_processes_and_devices(own):
    folder = str(own("clip").folder)
    model = load_model(folder, device="cpu")
    for again in (pickle.loads(pickle.dumps(model)), model.to("cpu")):
        assert (again.name, again.fingerprint, again.device.type) == (model.name, model.fingerprint, "cpu")
        assert torch.allclose(again.encode_text(TEXTS[0]), model.encode_text(TEXTS)[0], atol=1e-5)
    assert not model.encode_text(TEXTS).is_inference()
    encoder = encoder_for(model)
    assert pickle.loads(pickle.dumps(encoder)).kind == encoder.to("cpu").kind == encoder.kind


@pytest.mark.parametrize("name", ["clip", "open_clip clip"])
def test_a_model_that_was_moved_together_with_its_library_is_found(own, name, tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    shutil.copytree(own(name).folder, before / "model")
    (before / "videos").mkdir()
    paint(before / "videos" / "red.mp4", ("red", 2), size=(64, 64))
    model = load_model(f"{before / 'model'}@2")
    index([before / "videos"], before / "library", model, encoder_for(model))
    shutil.move(before, after)
    library = Library(after / "library")
    assert library.model.name == f"{after / 'model'}@2"
    assert library.index(after / "videos").present == 1
    assert library.search("a red car", everything=True).hits


@pytest.mark.parametrize("name", ["clip", "open_clip siglip", "sentence-transformers clip"])
def test_a_model_of_the_hubs_cache_is_loaded_by_its_name_and_so_is_its_encoder(own, name, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    cached = tmp_path / "models--someone--tiny"
    shutil.copytree(own(name).folder, cached / "snapshots" / "1")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("1")
    model = load_model("someone/tiny")
    assert (model.name, model.features.encoder) == ("someone/tiny", "joint:someone/tiny@1")
    assert torch.allclose(model.encode_text(TEXTS), load_model(own(name).folder).encode_text(TEXTS))
    assert load_encoder("joint:someone/tiny@2").kind.encoder == "joint:someone/tiny@2"
    del model
    assert encoder_named("joint:someone/tiny@1").frame_size == IMAGE


def test_a_fingerprint_is_of_the_weights(own, tmp_path):
    shutil.copytree(own("clip").folder, tmp_path / "moved")
    model, moved = load_model(own("clip").folder), load_model(tmp_path / "moved")
    assert model.fingerprint == moved.fingerprint != load_model(own("siglip").folder).fingerprint


# What cannot be used --------------------------------------------------------------------------------------------


def changed(folder: Path, to: Path, **keys) -> Path:
    """A copy of a model with other keys in its configuration."""
    shutil.copytree(folder, to)
    note = json.loads((to / "config.json").read_text())
    (to / "config.json").write_text(json.dumps(note | keys))
    return to


def line_of(name) -> str:
    """What is said of a model that cannot be loaded."""
    with pytest.raises(WeightsError) as caught:
        load_model(name)
    (line,) = str(caught.value).splitlines()
    return line


def test_a_name_of_no_model_is_one_line_and_offline_no_network_is_asked(monkeypatch):
    assert "HF_HUB_OFFLINE forbids to download it; bring all files of https://" in line_of("nobody/nothing")
    monkeypatch.setenv("VIDEOCLIP_OFFLINE", "1")
    assert "VIDEOCLIP_OFFLINE forbids to download it" in line_of("nobody/nothing@2")
    assert "not the name of a model on the hub" in line_of("no such name")


def test_a_model_that_needs_code_of_its_own_is_refused(own, tmp_path):
    code = {"model_type": "strange", "auto_map": {"AutoModel": "modeling.Strange"}}
    folder = changed(own("clip").folder, tmp_path / "code", **code)
    (folder / "modeling.py").write_text("raise AssertionError('it was run')")
    assert "needs code that comes with its weights, which is never run" in line_of(folder)
    assert "upgrade it" in line_of(changed(own("clip").folder, tmp_path / "unknown", model_type="strange"))


def test_a_module_of_another_maker_is_refused(own, tmp_path):
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    folder = changed(own("sentence-transformers clip").folder, tmp_path / "code")
    modules = [{"idx": 0, "name": "0", "path": "", "type": "custom_st.Strange"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    assert "needs code that comes with its weights (custom_st.Strange)" in line_of(folder)


@pytest.mark.parametrize("name", ["clip", "open_clip clip"])
def test_pickled_weights_are_never_loaded(own, name, tmp_path):
    folder = Path(shutil.copytree(own(name).folder, tmp_path / "pickled"))
    weights = next(folder.glob("*.safetensors"))
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    assert load_model(folder).size  # beside safetensors it is passed over
    weights.unlink()
    assert "pytorch_model.bin is pickled, which can run code, and was not loaded" in line_of(folder)
    (folder / "pytorch_model.bin").unlink()
    assert "holds no weights as safetensors" in line_of(folder)


def test_a_model_without_texts_names_what_it_is_good_for(tmp_path):
    from transformers import ViTConfig, ViTModel

    ViTModel(ViTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1)).save_pretrained(tmp_path / "vit")
    assert "has no text side; name one of texts and pictures, or use this one as an" in line_of(tmp_path / "vit")


def test_weights_that_lack_a_tensor_are_refused(own, tmp_path):
    from safetensors.torch import save_file

    folder = Path(shutil.copytree(own("clip").folder, tmp_path / "lacking"))
    tensors = load_file(folder / "model.safetensors")
    del tensors["text_projection.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    assert "lack 1 tensors, such as text_projection.weight" in line_of(folder)


def test_a_ready_made_model_is_not_trained_further(own):
    with pytest.raises(ConfigError, match="cannot be trained further"):
        load_videoclip(own("clip").folder)


def test_a_hub_that_does_not_answer_is_asked_once(monkeypatch):
    from huggingface_hub import constants

    for variable in ("HF_HUB_OFFLINE", "VIDEOCLIP_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    asked = []
    session = get_session()
    monkeypatch.setattr(type(session), "head", lambda *a, **_: asked.append(a) or (_ for _ in ()).throw(OSError("no")))
    hub._no_answer.cache_clear()
    assert "the hub cannot be reached (no)" in line_of("nobody/nothing")
    with pytest.raises(WeightsError):
        load_encoder("image:nobody/nothing")
    assert len(asked) == 1
    hub._no_answer.cache_clear()


def test_a_path_is_never_asked_of_the_hub_and_a_run_has_its_model_within(tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "why_not_asked", lambda: pytest.fail("the hub is asked"))
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "is a file" in line_of("file")
    for path in ("~/nothing", "./nothing", "/no/thing", "a/b/c"):
        assert "no such folder" in line_of(path)
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "model" / "config.json").write_text("{}")
    assert local_name("~/run") == str(tmp_path / "run" / "model")
    assert local_name("run/model") == "run/model"
    (tmp_path / "run").rename(tmp_path / "4")
    assert local_name("4@4") == "4/model@4"


def test_a_large_model_sees_in_bfloat16_where_that_is_native(own, monkeypatch):
    pixels = frames(4)
    wanted = own("siglip").sees(pixels)
    monkeypatch.setattr(hardware, "LEAST_PARAMETERS", 0)
    monkeypatch.setenv("VIDEOCLIP_BF16", "1")
    rounded = seen(load_ready_made(str(own("siglip").folder)).encoder, pixels[:, None])
    assert (rounded * wanted).sum(1).min() > 0.999
    assert not torch.allclose(rounded, wanted, atol=1e-5)
    monkeypatch.setenv("VIDEOCLIP_BF16", "0")
    assert torch.allclose(seen(load_ready_made(str(own("siglip").folder)).encoder, pixels[:, None]), wanted, atol=1e-5)
