"""Tiny joint models of random weights, saved to folders in the form of their own library."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

WORDS = "a red blue green cat dog car video of the is black white slowly".split()
IMAGE, PATCH, HIDDEN, FRAMES = 32, 8, 32, 4
TOWER = {"hidden_size": HIDDEN, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
SPECIAL = ("<pad>", "</s>", "<s>", "<unk>", "[CLS]", "[SEP]")
VOCABULARY = {word: i for i, word in enumerate([*SPECIAL, *WORDS])}
AROUND = {"bert": "[CLS] $A [SEP]", "clip": "<s> $A </s>", "end": "$A </s>", "none": "$A"}
"""What stands around a text, by the way of a family."""


def made_tokenizer(way: str, length: int) -> Any:
    """A tokeniser of WORDS, for texts of up to ``length`` tokens."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    own = Tokenizer(models.WordLevel(VOCABULARY, unk_token="<unk>"))
    own.normalizer, own.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    marks = [(mark, VOCABULARY[mark]) for mark in AROUND[way].split() if mark != "$A"]
    own.post_processor = processors.TemplateProcessing(single=AROUND[way], special_tokens=marks)
    special = {"pad_token": "<pad>", "eos_token": "</s>", "bos_token": "<s>", "unk_token": "<unk>"}
    names = ["input_ids", "attention_mask"] if way != "end" else ["input_ids"]
    return PreTrainedTokenizerFast(tokenizer_object=own, model_max_length=length, model_input_names=names, **special)


def made_transformers(family: str, folder: Path) -> Any:
    """The model of a family of transformers, which is saved in the folder with its tokeniser and what prepares frames."""
    import transformers as hf

    torch.manual_seed(sum(map(ord, family)))
    texts = TOWER | {"vocab_size": len(VOCABULARY), "eos_token_id": 1, "bos_token_id": 2, "pad_token_id": 0}
    short = texts | {"max_position_embeddings": 16}
    sees = TOWER | {"image_size": IMAGE, "patch_size": PATCH}
    clip_like = {"text_config": short, "vision_config": sees, "projection_dim": 24}
    size, square = {"shortest_edge": IMAGE}, {"height": IMAGE, "width": IMAGE}
    of_clip = lambda: hf.CLIPImageProcessor(size=size, crop_size=square)  # noqa: E731
    of_siglip = lambda: hf.SiglipImageProcessor(size=square)  # noqa: E731
    made = {
        "clip": lambda: (hf.CLIPModel(hf.CLIPConfig(**clip_like)), "clip", 16, of_clip()),
        "metaclip_2": lambda: (hf.MetaClip2Model(hf.MetaClip2Config(**clip_like)), "clip", 16, of_clip()),
        "siglip": lambda: (
            hf.SiglipModel(hf.SiglipConfig(text_config=texts | {"max_position_embeddings": 64, "projection_size": HIDDEN}, vision_config=sees)),
            "end", 64, of_siglip(),
        ),
        "siglip2": lambda: (
            hf.Siglip2Model(hf.Siglip2Config(
                text_config=texts | {"max_position_embeddings": 64, "projection_size": HIDDEN},
                vision_config=TOWER | {"patch_size": PATCH, "num_patches": 16},
            )),
            "end", 64, hf.Siglip2ImageProcessor(patch_size=PATCH, max_num_patches=16),
        ),
        "altclip": lambda: (
            hf.AltCLIPModel(hf.AltCLIPConfig(
                text_config=texts | {"max_position_embeddings": 18, "project_dim": 24, "type_vocab_size": 1},
                vision_config=sees, projection_dim=24,
            )),
            "clip", 16, of_clip(),
        ),
        "chinese_clip": lambda: (hf.ChineseCLIPModel(hf.ChineseCLIPConfig(**clip_like)), "bert", 16, of_clip()),
        "x_clip": lambda: (
            hf.XCLIPModel(hf.XCLIPConfig(
                text_config=short, projection_dim=24, prompt_num_attention_heads=2, prompt_layers=1,
                vision_config=sees | {"num_frames": FRAMES, "mit_hidden_size": HIDDEN, "mit_intermediate_size": 48,
                                      "mit_num_hidden_layers": 1, "mit_num_attention_heads": 2},
            )),
            "clip", 16, hf.VideoMAEImageProcessor(size=size, crop_size=square),
        ),
        "videoprism": lambda: (
            hf.VideoPrismClipModel(hf.VideoPrismConfig(
                text_config=texts | {"max_position_embeddings": 64},
                vision_config={"hidden_size": HIDDEN, "intermediate_size": 48, "num_attention_heads": 2,
                               "image_size": IMAGE, "num_frames": FRAMES, "tubelet_size": [1, PATCH, PATCH],
                               "num_spatial_layers": 1, "num_temporal_layers": 1, "num_auxiliary_layers": 1},
            )),
            "none", 64, None,
        ),
    }  # fmt: skip
    model, way, length, processor = made[family]()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.2)  # as initialised, towers see next to no difference
        if hasattr(model, "logit_scale"):
            model.logit_scale.fill_(2.3)
    model.eval().save_pretrained(folder)
    made_tokenizer(way, length).save_pretrained(folder)
    if processor:
        processor.save_pretrained(folder)
    return model


def frames(count: int, seed: int = 0) -> np.ndarray:
    """Pictures of unlike colours and shapes, (count, H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (count, 4, 4, 3), np.uint8)
    return small.repeat(IMAGE // 4, 1).repeat(IMAGE // 4, 2)
