"""Tiny joint models of random weights, saved to folders in the form of their own library."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

WORDS = ("a", "red", "blue", "green", "cat", "dog", "car", "video", "of", "the", "is", "black", "white", "slowly")
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


def made_letters() -> Any:
    """SigLIP 2's own kind of tokeniser, which transformers insists on, of letters alone."""
    from transformers import Siglip2Tokenizer

    letters = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *"▁abcdefghijklmnopqrstuvwxyz"]
    return Siglip2Tokenizer(vocab={letter: i for i, letter in enumerate(letters)}, merges=[], model_max_length=64)


def made_transformers(family: str, folder: Path) -> Any:
    """The model of a family of transformers, which is saved in the folder with all that it needs."""
    torch.manual_seed(sum(map(ord, family)))
    makers = {
        "siglip": _siglip,
        "siglip2": _siglip2,
        "x_clip": _x_clip,
        "videoprism": _videoprism,
        "pe_video": _pe_video,
    }
    model, tokenizer, processor = makers.get(family, _clip_like)(family)
    with torch.no_grad():
        _spread(model)
        scale = getattr(model, "logit_scale", getattr(model, "text_video_logit_scale", None))
        if scale is not None:
            scale.fill_(2.3)
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if isinstance(processor, dict):
        (folder / "video_preprocessor_config.json").write_text(json.dumps(processor))
    elif processor:
        processor.save_pretrained(folder)
    return model


SIZE, SQUARE = {"shortest_edge": IMAGE}, {"height": IMAGE, "width": IMAGE}
READS = TOWER | {"vocab_size": len(VOCABULARY), "eos_token_id": 1, "bos_token_id": 2, "pad_token_id": 0}
SHORT, LONG = READS | {"max_position_embeddings": 16}, READS | {"max_position_embeddings": 64}
SEES = TOWER | {"image_size": IMAGE, "patch_size": PATCH}
Made = tuple[torch.nn.Module, Any, Any]
"""A model, its tokeniser, and what prepares its frames: a processor, or the content of its file."""


def _clip_like(family: str) -> Made:
    import transformers as hf

    alt = READS | {"max_position_embeddings": 18, "project_dim": 24, "type_vocab_size": 1}
    kinds = {
        "clip": (hf.CLIPModel, hf.CLIPConfig, SHORT, "clip"),
        "metaclip_2": (hf.MetaClip2Model, hf.MetaClip2Config, SHORT, "clip"),
        "altclip": (hf.AltCLIPModel, hf.AltCLIPConfig, alt, "clip"),
        "chinese_clip": (hf.ChineseCLIPModel, hf.ChineseCLIPConfig, SHORT, "bert"),
    }
    model, config, reads, way = kinds[family]
    made = model(config(text_config=reads, vision_config=SEES, projection_dim=24))
    return made, made_tokenizer(way, 16), hf.CLIPImageProcessor(size=SIZE, crop_size=SQUARE)


def _siglip(_: str) -> Made:
    import transformers as hf

    config = hf.SiglipConfig(text_config=LONG | {"projection_size": HIDDEN}, vision_config=SEES)
    return hf.SiglipModel(config), made_tokenizer("end", 64), hf.SiglipImageProcessor(size=SQUARE)


def _siglip2(_: str) -> Made:
    import transformers as hf

    reads, sees = LONG | {"projection_size": HIDDEN, "vocab_size": 32}, TOWER | {"patch_size": PATCH, "num_patches": 16}
    processor = hf.Siglip2ImageProcessor(patch_size=PATCH, max_num_patches=16)
    return hf.Siglip2Model(hf.Siglip2Config(text_config=reads, vision_config=sees)), made_letters(), processor


def _x_clip(_: str) -> Made:
    import transformers as hf

    between = {"hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
    sees = SEES | {"num_frames": FRAMES} | {f"mit_{key}": value for key, value in between.items()}
    prompts = {"projection_dim": 24, "prompt_num_attention_heads": 2, "prompt_layers": 1}
    model = hf.XCLIPModel(hf.XCLIPConfig(text_config=SHORT, vision_config=sees, **prompts))
    return model, made_tokenizer("clip", 16), hf.VideoMAEImageProcessor(size=SIZE, crop_size=SQUARE)


def _videoprism(_: str) -> Made:
    import transformers as hf

    sees = {key: value for key, value in TOWER.items() if key != "num_hidden_layers"}
    sees |= {f"num_{part}_layers": 1 for part in ("spatial", "temporal", "auxiliary")}
    sees |= {"image_size": IMAGE, "num_frames": FRAMES, "tubelet_size": [1, PATCH, PATCH]}
    model = hf.VideoPrismClipModel(hf.VideoPrismConfig(text_config=LONG, vision_config=sees))
    return model, made_tokenizer("none", 64), None


def _pe_video(_: str) -> Made:
    import transformers as hf

    reads = TOWER | {"model_type": "modernbert", "vocab_size": len(VOCABULARY), "pad_token_id": 0}
    small = {"img_size": IMAGE, "patch_size": PATCH, "depth": 1, "embed_dim": HIDDEN, "num_heads": 2}
    sees = {"vision_config": {"architecture": "vit_tiny_patch16_224", "model_args": small}, "head_dim": 16}
    reads |= {"max_position_embeddings": 16, "local_attention": 8}
    model = hf.PeVideoModel(hf.PeVideoConfig(text_config=reads, video_config=TOWER | sees))
    return model, made_tokenizer("bert", 16), {"size": SQUARE, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}


def _spread(model: torch.nn.Module) -> None:
    """Weights so large that what goes in makes a difference, which it hardly does as they are initialised."""
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.normal_(std=0.4)


def made_open_clip(kind: str, folder: Path) -> Any:
    """``clip``, or ``siglip`` (frames squeezed, a tokeniser of its own, a bias), saved in the form of open_clip."""
    import open_clip
    from safetensors.torch import save_file

    torch.manual_seed(1)
    towers = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": IMAGE, "layers": 2, "width": HIDDEN, "head_width": 16, "patch_size": PATCH},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": HIDDEN, "heads": 2, "layers": 2},
    }
    prepared = {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28], "interpolation": "bicubic"}
    folder.mkdir()
    if kind == "siglip":
        towers["text_cfg"] |= {"vocab_size": len(VOCABULARY), "no_causal_mask": True, "pool_type": "last"}
        towers["text_cfg"] |= {"hf_tokenizer_name": "made", "tokenizer_kwargs": {"clean": "canonicalize"}}
        towers |= {"custom_text": True, "init_logit_bias": -10}
        prepared |= {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"}
        made_tokenizer("end", 16).save_pretrained(folder)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": towers, "preprocess_cfg": prepared}))
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False).eval()
    with torch.no_grad():
        _spread(model)
        model.logit_scale.fill_(2.3)
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / "open_clip_model.safetensors")
    return model


def made_sentence_transformers(family: str, folder: Path) -> Any:
    """A family of transformers within sentence-transformers, with prompts."""
    from sentence_transformers import SentenceTransformer

    made_transformers(family, folder.with_name(f"{family}-inside"))
    model = SentenceTransformer(str(folder.with_name(f"{family}-inside")), device="cpu", local_files_only=True)
    model.prompts = {"query": "a video of ", "document": ""}
    model.save_pretrained(str(folder))
    return model


def frames(count: int, seed: int = 0) -> np.ndarray:
    """Pictures of unlike colours and shapes, (count, H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (count, 4, 4, 3), np.uint8)
    return small.repeat(IMAGE // 4, 1).repeat(IMAGE // 4, 2)
