"""Ready-made models give the vectors of their own library, without a hub."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("transformers", reason="transformers is not installed")
from made_models import FRAMES, IMAGE, frames, made_tokenizer, made_transformers

from videoclip import load_encoder, load_model
from videoclip.model.joint import encoder_for

IMAGE_FAMILIES = ("clip", "siglip", "siglip2", "metaclip_2", "altclip", "chinese_clip")
VIDEO_FAMILIES = ("x_clip", "videoprism")
TEXTS = ["a red car", "the dog is slowly black", "cat"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A family's own model, and the folder that it is saved in."""
    known = {}

    def of(family):
        if family not in known:
            folder = tmp_path_factory.mktemp("models") / family
            known[family] = made_transformers(family, folder), folder
        return known[family]

    return of


@torch.inference_mode()
def own_texts(family, model, folder):
    from transformers import AutoTokenizer

    padding = {"padding": "max_length", "max_length": 64} if family in ("siglip", "siglip2", "videoprism") else {"padding": True}
    tokens = AutoTokenizer.from_pretrained(folder)(TEXTS, return_tensors="pt", truncation=True, **padding)
    return F.normalize(model.get_text_features(**tokens).pooler_output, dim=-1)


@torch.inference_mode()
def seen(encoder, pixels):
    """Unit vectors of the encoder's network, before they are rounded for storage."""
    return F.normalize(encoder.network(torch.from_numpy(pixels)).float(), dim=-1)


@pytest.mark.parametrize("family", IMAGE_FAMILIES + VIDEO_FAMILIES)
def test_texts_have_the_vectors_of_the_library_times_the_temperature(made, family):
    own, folder = made(family)
    model = load_model(folder)
    scale = float(own.logit_scale.exp()) if hasattr(own, "logit_scale") else 100
    assert torch.allclose(model.encode_text(TEXTS) / scale, own_texts(family, own, folder), atol=1e-5)
    assert torch.allclose(model.encode_text(TEXTS[::-1]), model.encode_text(TEXTS).flip(0), atol=1e-4)


@pytest.mark.parametrize("family", IMAGE_FAMILIES)
def test_frames_have_the_vectors_of_the_library(made, family):
    from transformers import AutoImageProcessor

    own, folder = made(family)
    encoder = encoder_for(load_model(folder))
    pixels = frames(3)
    inputs = AutoImageProcessor.from_pretrained(folder)(list(pixels), return_tensors="pt")
    with torch.inference_mode():
        wanted = F.normalize(own.get_image_features(**inputs).pooler_output, dim=-1)
    assert encoder.frame_size == IMAGE
    assert torch.allclose(seen(encoder, pixels[:, None]), wanted, atol=1e-5)
    assert (wanted @ wanted.T)[0, 1] < 0.999
