"""Other people's weights under our names: the published VideoCLIP checkpoint and any folder in BERT form.

Our towers hold BERT's numbers in fewer tensors: query, key and value are one matrix; of the word embeddings the video
tower keeps the two rows that it uses; of the type embeddings both keep type 0. Poolers and ``position_ids`` are unused.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..errors import WeightsError
from ..tokenizer import bert_tokenizer
from .videoclip import ModelConfig, VideoCLIP

_LAYER = {
    "attention_out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "widen": "intermediate.dense",
    "narrow": "output.dense",
    "mlp_norm": "output.LayerNorm",
}
_VIDEO_MLP = {"mlp_in": "linear1", "mlp_norm": "LayerNorm", "mlp_out": "linear2"}


@dataclass(frozen=True)
class Source:
    """Where one of our tensors comes from: their names, and how they are put together."""

    names: tuple[str, ...]
    combine: Callable[..., Tensor] = lambda tensor: tensor


def load_official(
    weights: str | Path | Mapping[str, Tensor], heads: int | None = None, special: tuple[int, int] | None = None
) -> VideoCLIP:
    """The published VideoCLIP model, from a checkpoint's path or from a state dict of any wrapping.

    Args:
        weights: a path, or names to tensors.
        heads: attention heads; by default one per 64 of width, as in every published BERT.
        special: ids of ``[CLS]`` and ``[SEP]`` in the word embeddings; by default those of bert-base-uncased.

    Raises:
        WeightsError: a tensor is missing, unexpected or of the wrong shape; all such are named.
    """
    if isinstance(weights, str | Path):
        state, source = _read_checkpoint(Path(weights)), str(weights)
    else:
        state, source = dict(weights), "the state dict"
    state = _unwrap(state)
    config = _infer_config(state, heads, source)
    plan = official_sources(config, special)
    used = {name for origin in plan.values() for name in origin.names}
    unused = {
        n: t for n, t in state.items() if n not in used and not n.endswith("position_ids") and ".pooler." not in n
    }
    model = VideoCLIP(config)
    model.load_state_dict(_assemble(model, state, plan, unused, source))
    return model.eval()


def official_sources(config: ModelConfig, special: tuple[int, int] | None = None) -> dict[str, Source]:
    """Each of our tensors -> the published ones that it is made from."""
    plan = {"text_tower.word_embedding.weight": Source(("text_encoder.embeddings.word_embeddings.weight",))}
    plan["video_tower.special_tokens"] = _special_rows("video_encoder.bert.embeddings.word_embeddings.weight", special)
    for ours, theirs in _VIDEO_MLP.items():
        for leaf in ("weight", "bias"):
            plan[f"video_tower.{ours}.{leaf}"] = Source((f"video_encoder.videomlp.{theirs}.{leaf}",))
    plan |= _bert_sources("video_encoder.bert.", "video_tower.transformer.", config.video_layers)
    return plan | _bert_sources("text_encoder.", "text_tower.transformer.", config.text_layers)


def initialise_from_bert(model: VideoCLIP, folder: str | Path) -> None:
    """Start both towers from a folder in BERT form, or a hub name (paper, section 4).

    The folder holds ``config.json`` and ``model.safetensors``. The video tower takes the embeddings and its first
    layers; the video MLP stays fresh.

    Raises:
        WeightsError: there is no such BERT, or it has other sizes than the model.
    """
    from safetensors.torch import load_file

    path = Path(folder)
    if not path.is_dir():
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

        try:
            path = Path(snapshot_download(str(folder), allow_patterns=["config.json", "model.safetensors"]))
        except (OSError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
            raise WeightsError(
                f"{folder}: neither a folder nor a model that the hub gives ({str(error).splitlines()[0][:120]}); "
                "name a folder in BERT form with init=, or init= alone to start at random"
            ) from error
    missing = [name for name in ("config.json", "model.safetensors") if not (path / name).is_file()]
    if missing:
        raise WeightsError(f"{path}: has no {' and no '.join(missing)}")
    state = {name.removeprefix("bert."): tensor for name, tensor in load_file(path / "model.safetensors").items()}
    _check_bert_fits(json.loads((path / "config.json").read_text()), model.config, path)
    words = "embeddings.word_embeddings.weight"
    plan = {"text_tower.word_embedding.weight": Source((words,)), "video_tower.special_tokens": _special_rows(words)}
    plan |= _bert_sources("", "text_tower.transformer.", model.config.text_layers)
    plan |= _bert_sources("", "video_tower.transformer.", model.config.video_layers)
    model.load_state_dict(_assemble(model, state, plan, {}, str(path)), strict=False)


def _special_rows(name: str, special: tuple[int, int] | None = None) -> Source:
    rows = list(special or (bert_tokenizer().cls, bert_tokenizer().sep))
    return Source((name,), lambda words: words[rows])


def _bert_sources(theirs: str, ours: str, layers: int) -> dict[str, Source]:
    plan = {
        f"{ours}position_embedding.weight": Source((f"{theirs}embeddings.position_embeddings.weight",)),
        f"{ours}type_embedding": Source((f"{theirs}embeddings.token_type_embeddings.weight",), lambda types: types[0]),
    }
    for leaf in ("weight", "bias"):
        plan[f"{ours}norm.{leaf}"] = Source((f"{theirs}embeddings.LayerNorm.{leaf}",))
        for i in range(layers):
            old, new = f"{theirs}encoder.layer.{i}.", f"{ours}layers.{i}."
            parts = tuple(f"{old}attention.self.{part}.{leaf}" for part in ("query", "key", "value"))
            plan[f"{new}query_key_value.{leaf}"] = Source(parts, lambda *parts: torch.cat(parts))
            for name, official in _LAYER.items():
                plan[f"{new}{name}.{leaf}"] = Source((f"{old}{official}.{leaf}",))
    return plan


def _assemble(
    model: VideoCLIP, state: Mapping[str, Tensor], plan: dict[str, Source], unused: Mapping[str, Tensor], source: str
) -> dict[str, Tensor]:
    """Our state dict from theirs; raises one error that names everything that does not fit."""
    faults = [f"missing {name}" for origin in plan.values() for name in origin.names if name not in state]
    faults += [f"unexpected {name} {tuple(tensor.shape)}" for name, tensor in unused.items()]
    ours: dict[str, Tensor] = {}
    wanted = model.state_dict()
    for name, origin in plan.items():
        if all(n in state for n in origin.names):
            ours[name] = origin.combine(*(state[n] for n in origin.names)).float()
            if ours[name].shape != wanted[name].shape:
                shapes = " ".join(f"{n} {tuple(state[n].shape)}" for n in origin.names)
                faults.append(f"{shapes} makes {tuple(ours[name].shape)}, expected {tuple(wanted[name].shape)}")
    if faults:
        raise WeightsError(f"{source}: {len(faults)} tensors do not fit: {_some(faults)}")
    return ours


def _read_checkpoint(path: Path) -> dict:
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; give the path of checkpoint_best.pt")
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:
        raise WeightsError(
            f"{path}: holds more than tensors, or is damaged, and was not opened "
            f"({str(error).splitlines()[0]}); save its 'model' entry alone and give that"
        ) from error


def _unwrap(state: dict) -> dict[str, Tensor]:
    for key in ("state_dict", "model"):
        if isinstance(state.get(key), dict):
            state = state[key]
    return {name.removeprefix("mmmodel."): t for name, t in state.items() if isinstance(t, Tensor)}


def _infer_config(state: Mapping[str, Tensor], heads: int | None, source: str) -> ModelConfig:
    needed = {
        "video_encoder.videomlp.linear1.weight": 2,
        "text_encoder.embeddings.word_embeddings.weight": 2,
        "text_encoder.embeddings.position_embeddings.weight": 2,
        "text_encoder.encoder.layer.0.intermediate.dense.weight": 2,
    }
    missing = [name for name, ndim in needed.items() if name not in state or state[name].ndim != ndim]
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
