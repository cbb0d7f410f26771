"""Other people's weights under our names: the published VideoCLIP checkpoint and any folder in BERT form.

Our towers hold BERT's numbers in fewer tensors: query, key and value are one matrix; of the word embeddings the video
tower keeps the two rows that it uses; of the type embeddings both keep type 0. Poolers and ``position_ids`` are unused.
What comes out is a configuration and tensors; ``VideoCLIP.from_official`` and ``convert`` make a model of them.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import WeightsError
from ..published.hub import hub_folder
from ..published.torch_files import StoredTensor, read_checkpoint
from .config import ModelConfig
from .tokenizer import bert_tokenizer


@dataclass(frozen=True)
class Source:
    """Where one of our tensors comes from: its shape, their names, and how they are put together."""

    shape: tuple[int, ...]
    names: tuple[str, ...]
    combine: Callable[..., Tensor] = lambda tensor: tensor


@dataclass(frozen=True)
class Official:
    """The published weights under our names, and what else was in their file."""

    config: ModelConfig
    tensors: dict[str, Tensor]
    """As ``VideoCLIP.from_tensors`` takes them."""
    unused: list[str]
    """Tensors that the model has no use for."""
    inert: list[str]
    """Objects of other packages, which were not read."""


def load_official(
    weights: str | Path | Mapping[str, Any], heads: int | None = None, special: tuple[int, int] | None = None
) -> Official:
    """The published VideoCLIP weights, from a checkpoint's path or from a state dict of any wrapping (SPEC 2.1).

    Args:
        weights: a path, or names to tensors.
        heads: attention heads; by default one per 64 of width, as in every published BERT.
        special: ids of ``[CLS]`` and ``[SEP]`` in the word embeddings; by default those of bert-base-uncased.

    Raises:
        WeightsError: a tensor is missing, unexpected or of the wrong shape; all such are named.
        UnsafeFileError: the file is made to run code; it did not.
    """
    if isinstance(weights, str | Path):
        content, inert, source = *_read(Path(weights)), str(weights)
    else:
        content, inert, source = weights, frozenset(), "the state dict"
    state = _unwrap(content, source)
    config = _infer_config(state, heads, source)
    plan = official_sources(config, special)
    used = {name for origin in plan.values() for name in origin.names}
    unused = {name for name in state if name not in used}
    unexpected = {name: state[name] for name in unused if not _is_spare(name)}
    tensors = _assemble(state, plan, unexpected, source)
    return Official(config, tensors, sorted(unused), sorted(inert))


def official_sources(config: ModelConfig, special: tuple[int, int] | None = None) -> dict[str, Source]:
    """Each of our tensors -> the published ones that it is made from."""
    size = config.hidden_size
    words = "embeddings.word_embeddings.weight"
    plan = _word_sources(config, f"text_encoder.{words}", f"video_encoder.bert.{words}", special)
    plan |= _both("video_tower.mlp_in", ("video_encoder.videomlp.linear1",), (size, config.feature_size))
    plan |= _both("video_tower.mlp_norm", ("video_encoder.videomlp.LayerNorm",), (size,))
    plan |= _both("video_tower.mlp_out", ("video_encoder.videomlp.linear2",), (size, size))
    plan |= _bert_sources(config, "video_encoder.bert.", "video_tower.transformer.", config.video_layers)
    return plan | _bert_sources(config, "text_encoder.", "text_tower.transformer.", config.text_layers)


def bert_tensors(config: ModelConfig, folder: str | Path) -> dict[str, Tensor]:
    """Both towers' weights from a folder in BERT form, or a hub name (paper, section 4): a part of a state dict.

    The folder holds ``config.json`` and ``model.safetensors``. The video tower takes the embeddings and its first
    layers; its MLP is not among the tensors, and stays fresh.

    Raises:
        WeightsError: there is no such BERT, or it has other sizes than the model.
    """
    from safetensors.torch import load_file

    path = Path(folder)
    if not path.is_dir():
        try:
            path = hub_folder(str(folder), ("config.json", "model.safetensors"))
        except WeightsError as error:
            start = "init= takes a folder in BERT form, and init= alone starts at random"
            raise WeightsError(f"{error}; {start}") from error
    missing = [name for name in ("config.json", "model.safetensors") if not (path / name).is_file()]
    if missing:
        raise WeightsError(f"{path}: has no {' and no '.join(missing)}")
    state = {name.removeprefix("bert."): tensor for name, tensor in load_file(path / "model.safetensors").items()}
    _check_bert_fits(json.loads((path / "config.json").read_text()), config, path)
    words = "embeddings.word_embeddings.weight"
    plan = _word_sources(config, words, words)
    plan |= _bert_sources(config, "", "text_tower.transformer.", config.text_layers)
    plan |= _bert_sources(config, "", "video_tower.transformer.", config.video_layers)
    return _assemble(state, plan, {}, str(path))


def _word_sources(
    config: ModelConfig, text: str, video: str, special: tuple[int, int] | None = None
) -> dict[str, Source]:
    """The text tower's words, and of the video tower's the two rows that it uses."""
    rows = list(special or (bert_tokenizer().cls, bert_tokenizer().sep))
    return {
        "text_tower.word_embedding.weight": Source((config.vocab_size, config.hidden_size), (text,)),
        "video_tower.special_tokens": Source((2, config.hidden_size), (video,), lambda words: words[rows]),
    }


def _bert_sources(config: ModelConfig, theirs: str, ours: str, layers: int) -> dict[str, Source]:
    size, wide = config.hidden_size, config.intermediate_size
    embeddings = f"{theirs}embeddings."
    plan = {
        f"{ours}position_embedding.weight": Source(
            (config.positions, size), (f"{embeddings}position_embeddings.weight",)
        ),
        f"{ours}type_embedding": Source(
            (size,), (f"{embeddings}token_type_embeddings.weight",), lambda types: types[0].clone()
        ),
    }
    plan |= _both(f"{ours}norm", (f"{embeddings}LayerNorm",), (size,))
    for i in range(layers):
        old, new = f"{theirs}encoder.layer.{i}.", f"{ours}layers.{i}."
        queries = tuple(f"{old}attention.self.{part}" for part in ("query", "key", "value"))
        plan |= _both(f"{new}query_key_value", queries, (3 * size, size), lambda *parts: torch.cat(parts))
        plan |= _both(f"{new}attention_out", (f"{old}attention.output.dense",), (size, size))
        plan |= _both(f"{new}attention_norm", (f"{old}attention.output.LayerNorm",), (size,))
        plan |= _both(f"{new}widen", (f"{old}intermediate.dense",), (wide, size))
        plan |= _both(f"{new}narrow", (f"{old}output.dense",), (size, wide))
        plan |= _both(f"{new}mlp_norm", (f"{old}output.LayerNorm",), (size,))
    return plan


def _both(
    ours: str, theirs: Sequence[str], shape: tuple[int, ...], combine: Callable[..., Tensor] = lambda tensor: tensor
) -> dict[str, Source]:
    """A module's weight, of this shape, and its bias."""
    return {
        f"{ours}.{leaf}": Source(size, tuple(f"{name}.{leaf}" for name in theirs), combine)
        for leaf, size in (("weight", shape), ("bias", shape[:1]))
    }


def _assemble(
    state: Mapping[str, Any], plan: dict[str, Source], unexpected: Mapping[str, Any], source: str
) -> dict[str, Tensor]:
    """Our state dict from theirs, one tensor at a time; raises one error that names everything that does not fit."""
    faults = [f"missing {name}" for origin in plan.values() for name in origin.names if name not in state]
    faults += [f"unexpected {name} {tuple(tensor.shape)}" for name, tensor in sorted(unexpected.items())]
    ours: dict[str, Tensor] = {}
    for name, origin in plan.items():
        if not all(n in state for n in origin.names):
            continue
        shapes = [tuple(state[n].shape) for n in origin.names]
        made = tuple(origin.combine(*(torch.empty(shape, device="meta") for shape in shapes)).shape)
        if made != origin.shape:
            theirs = " ".join(f"{n} {shape}" for n, shape in zip(origin.names, shapes, strict=True))
            faults.append(f"{theirs} makes {made}, expected {origin.shape}")
        elif not faults:
            ours[name] = origin.combine(*(_tensor(state[n]) for n in origin.names)).float().contiguous()
    if faults:
        raise WeightsError(f"{source}: {len(faults)} tensors do not fit: {_some(faults)}")
    return ours


def _tensor(stored: Tensor | StoredTensor) -> Tensor:
    return stored.read() if isinstance(stored, StoredTensor) else stored.detach().clone()


def _read(path: Path) -> tuple[Any, frozenset[str]]:
    """What a file of tensors holds, and the names of objects in it that were left unread."""
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; 'videoclip download videoclip' gets checkpoint_best.pt")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path), frozenset()
        except SafetensorError as error:
            raise WeightsError(f"{path}: is not a file of safetensors ({error})") from error
    checkpoint = read_checkpoint(path)
    return checkpoint.content, checkpoint.inert


def _unwrap(content: Any, source: str) -> dict[str, Any]:
    """The tensors of a state dict in any of its wrappings, without the prefixes of what wrapped the model."""
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping):
        raise WeightsError(f"{source}: holds no state dict, but {type(content).__name__}")
    return {
        str(name).removeprefix("module.").removeprefix("mmmodel."): tensor
        for name, tensor in content.items()
        if isinstance(tensor, Tensor | StoredTensor)
    }


def _is_spare(name: str) -> bool:
    """Tensors that files have and the model does not use: buffers, poolers, and the classifier tuned on COIN."""
    return name.endswith("position_ids") or ".pooler." in name or name.startswith("video_encoder.classifier.")


def _infer_config(state: Mapping[str, Any], heads: int | None, source: str) -> ModelConfig:
    needed = {
        "video_encoder.videomlp.linear1.weight": 2,
        "text_encoder.embeddings.word_embeddings.weight": 2,
        "text_encoder.embeddings.position_embeddings.weight": 2,
        "text_encoder.encoder.layer.0.intermediate.dense.weight": 2,
    }
    missing = [name for name, ndim in needed.items() if name not in state or state[name].ndim != ndim]
    if "conv1.conv1.weight" in state:
        raise WeightsError(f"{source}: these are the weights of S3D, the encoder; pass them as --weights")
    if missing:
        raise WeightsError(f"{source}: not VideoCLIP weights; missing tensors: {_some(missing)}")
    mlp, words, positions, widen = (state[name] for name in needed)
    hidden = mlp.shape[0]
    config = ModelConfig(
        feature_size=mlp.shape[1],
        hidden_size=hidden,
        heads=heads or max(hidden // 64, 1),
        intermediate_size=widen.shape[0],
        video_layers=_count_layers(state, "video_encoder.bert.encoder.layer."),
        text_layers=_count_layers(state, "text_encoder.encoder.layer."),
        vocab_size=words.shape[0],
        positions=positions.shape[0],
    )
    return replace(config, encoder="s3d") if config.feature_size == 512 else config


def _count_layers(state: Iterable[str], prefix: str) -> int:
    return 1 + max((int(n[len(prefix) :].split(".")[0]) for n in state if n.startswith(prefix)), default=-1)


def _check_bert_fits(theirs: dict, config: ModelConfig, path: Path) -> None:
    wanted = {
        "hidden_size": config.hidden_size,
        "num_attention_heads": config.heads,
        "intermediate_size": config.intermediate_size,
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.positions,
    }
    differing = [
        f"{key} is {theirs.get(key)}, not {value}" for key, value in wanted.items() if theirs.get(key) != value
    ]
    layers = max(config.video_layers, config.text_layers)
    if theirs.get("num_hidden_layers", 0) < layers:
        differing.append(f"num_hidden_layers is {theirs.get('num_hidden_layers')}, fewer than {layers}")
    if differing:
        raise WeightsError(f"{path}: does not fit the model's configuration: {'; '.join(differing)}")


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
