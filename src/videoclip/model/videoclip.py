"""The two transformers of VideoCLIP: seconds of video and words of speech into one space (paper, section 3).

Both towers are BERT encoders over packed sequences (``packing``): tokens of all of a batch's clips one after the other,
(ΣL, D), without padding. The order in which a tower holds its tokens means nothing to attention; only the position
embeddings carry it. So the video tower holds ``[CLS] [SEP] v1 … vT`` with positions ``0, 33, 1 … T``.
"""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from huggingface_hub import ModelCard, PyTorchModelHubMixin
from torch import Tensor, nn

from ..config import from_note
from ..encoders.encoder import COMBINED, FeatureKind, length_of
from ..errors import ConfigError, VideoclipError, WeightsError
from ..hardware import compiled, tensor_cores
from ..published.download import offline
from ..published.hub import hub_folder, upload_refused, why_not_asked
from ..storage.whole import share
from .card import UNKNOWN, About, model_card
from .config import ModelConfig, check_saved
from .fingerprint import fingerprint_of
from .inputs import batches, seconds_given, similarity, texts_given, videos_given
from .mil_nce import MIL_NCE, MilNce, MilNceConfig
from .packing import CLIP_SPECIALS, Packed, mean_of_others, pack_text, pack_video
from .residual import Gate, texts_of
from .tokenizer import bert_tokenizer
from .transformer import Layer, Transformer

FIRST_SCALE, LARGEST_SCALE = 14.0, 100.0
"""Factors of cosine similarity: at the start of training, and the most that is learned (Radford et al., 2021)."""
FILES = ("config.json", "model.safetensors")
"""Of a model on disk, and on the hub."""
MLP_EPS = 1e-5  # the video MLP alone uses PyTorch's default


class VideoTower(nn.Module):
    """Features of consecutive seconds -> contextual vectors of those seconds."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        size = config.hidden_size
        self.sep_position = config.max_seconds + 1  # whatever the length of the video
        self.mlp_in = nn.Linear(config.feature_size, size)
        self.mlp_norm = nn.LayerNorm(size, eps=MLP_EPS)
        self.mlp_out = nn.Linear(size, size)
        self.special_tokens = nn.Parameter(torch.empty(2, size))  # the word embeddings of [CLS] and [SEP]
        self.transformer = Transformer(config, config.video_layers)

    def forward(self, video: Packed, with_cls: bool = True) -> Packed:
        """Contextual vectors of ``[CLS] [SEP] v1 … vT``, or of ``[SEP] v1 … vT`` without ``with_cls``.

        Pooling and training use ``[CLS]``; for token-level tasks it is masked out of attention, which is the same as
        leaving it away.

        Args:
            video: B clips, (ΣT, F), of any precision.

        Returns:
            (Σ(T + 2), D), or (Σ(T + 1), D) without ``with_cls``.
        """
        special = CLIP_SPECIALS if with_cls else CLIP_SPECIALS - 1
        layout = video.layout(special)
        seconds = self.mlp_out(self.mlp_norm(F.gelu(self.mlp_in(video.values.to(self.mlp_in.weight.dtype)))))
        table = torch.cat([self.special_tokens[-special:].to(seconds.dtype), seconds])
        number = layout.within - (special - 1)  # 0 for [SEP], -1 for [CLS]
        positions = number.masked_fill(number == 0, self.sep_position).clamp(min=0)
        return Packed(
            self.transformer(table.index_select(0, layout.sources), positions, layout), layout.lengths, {0: layout}
        )


class TextTower(nn.Module):
    """Token ids -> contextual vectors of those tokens."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.word_embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.transformer = Transformer(config, config.text_layers)

    def forward(self, text: Packed) -> Packed:
        """B texts, ``[CLS] text [SEP]`` each, (ΣL,) int -> (ΣL, D)."""
        layout = text.layout()
        tokens = self.transformer(self.word_embedding(text.values), layout.within, layout)
        return Packed(tokens, text.lengths, {0: layout})


class VideoCLIP(nn.Module, PyTorchModelHubMixin, library_name="videoclip"):
    """Video and text in one space: dot products of ``encode_video`` and ``encode_text`` are similarities.

    A model on disk is a folder with ``config.json`` and ``model.safetensors``, and so is one of the hub.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.name = ""
        """What ``load_model`` takes to load it again: a folder or a hub name; empty until it lies somewhere."""
        self.video_tower = VideoTower(config)
        self.text_tower = TextTower(config)
        self.apply(_initialise)
        if config.shared:
            self.video_tower.transformer = self.text_tower.transformer
        if config.similarity == "cosine":
            self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))
        self.start = _ready_made(config.start) if config.start else None
        """The frozen model to whose vectors the towers' are added, if there is one (``residual``)."""
        if self.start:
            self.video_gate, self.text_gate = (Gate(config.hidden_size, self.start.size) for _ in range(2))

    # Training -------------------------------------------------------------------------------------------------

    def forward(self, video: Packed, text: Packed) -> tuple[Tensor, Tensor]:
        """Pooled videos and pooled texts of B pairs, each (B, D)."""
        return self.pooled_video(video), self.pooled_text(text)

    def pooled_video(self, video: Packed) -> Tensor:
        """(ΣT, F) -> (B, D): the mean over a clip's seconds and ``[SEP]``, not ``[CLS]``."""
        own = self._own_video(video)
        return own if self.start is None else own + self._given(self.start.encode_video, video.split())

    def pooled_text(self, text: Packed) -> Tensor:
        """(ΣL,) int -> (B, D): the mean over a text's tokens and the final ``[SEP]``, not ``[CLS]``."""
        own = self._own_text(text)
        return own if self.start is None else own + self._given(self.start.encode_text, texts_of(text))

    def second_vectors(self, video: Packed) -> Packed:
        """(ΣT, F) -> (ΣT, D): a contextual vector per second, without ``[CLS]`` in attention."""
        own = self._own_seconds(video)
        if self.start is None:
            return own
        tokens = self.start.video_tokens
        given = self._given(lambda clips: torch.cat([tokens(clip) for clip in clips]), video.split())
        return Packed(own.values + given, own.lengths)

    def _own_video(self, video: Packed) -> Tensor:
        """What the tower says of clips, (B, D): all of it, or what is added to the ready-made model's vectors."""
        pooled = self._pooled(self.video_tower(video))
        return pooled if self.start is None else self.video_gate(pooled)

    def _own_text(self, text: Packed) -> Tensor:
        pooled = self._pooled(self.text_tower(text))
        return pooled if self.start is None else self.text_gate(pooled)

    def _own_seconds(self, video: Packed) -> Packed:
        hidden = self.video_tower(video, with_cls=False)
        layout = hidden.layout()
        vectors = self._scaled(hidden.values.index_select(0, layout.others))
        return Packed(vectors if self.start is None else self.video_gate(vectors), video.lengths)

    def _given(self, encode: Callable[[Any], Tensor], what: Any) -> Tensor:
        """Vectors of the ready-made model, which is not trained, in full precision."""
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            return encode(what).to(self.device)

    def _pooled(self, hidden: Packed) -> Tensor:
        layout = hidden.layout()
        if self.config.pooling == "cls":
            return self._scaled(hidden.values.index_select(0, layout.firsts))
        return self._scaled(mean_of_others(hidden.values, layout))

    def _scaled(self, vectors: Tensor) -> Tensor:
        """For cosine similarity, vectors whose length is the root of its factor; otherwise as they are."""
        if self.config.similarity == "dot":
            return vectors
        return F.normalize(vectors.float(), dim=-1) * (self.log_scale / 2).exp().clamp(max=LARGEST_SCALE**0.5)

    # Use ------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode_text(self, texts: str | Sequence[str], batch_size: int = 256, show_progress_bar: bool = False) -> Tensor:
        """Vectors of texts, (N, D) float32, or of a single one, (D,); cut at ``config.max_text_tokens`` word pieces.

        Raises:
            VideoclipError: something among them is no text.
        """
        said, is_single = texts_given(texts)
        ids = bert_tokenizer().encode(said, self.config.max_text_tokens)
        rows = batches(_by_length(ids), batch_size, show_progress_bar)
        own = self._in_batches(ids, rows, lambda chunk: self._own_text(pack_text(chunk).to(self.device)))
        vectors = own if self.start is None else own + self.start.encode_text(said)
        return vectors[0] if is_single else vectors

    @torch.no_grad()
    def encode_video(
        self,
        features: np.ndarray | Tensor | Sequence[np.ndarray | Tensor],
        batch_size: int = 256,
        show_progress_bar: bool = False,
    ) -> Tensor:
        """Vectors of videos, (N, D) float32, or of a single one, (D,), from features alone: no caption is needed.

        Args:
            features: one (seconds, F) array per video, or one array. A video longer than ``config.max_seconds`` is cut
                into windows of that length, whose vectors are averaged, weighted by their seconds.

        Raises:
            VideoclipError: a video without seconds, or features of another size than the model was made for.
        """
        given, is_single = videos_given(features)
        videos = [self._checked(video, i) for i, video in enumerate(given)]
        size = self.config.max_seconds
        windows = [(i, video[s : s + size]) for i, video in enumerate(videos) for s in range(0, len(video), size)]
        clips = [clip for _, clip in windows]
        rows = batches(_by_length(clips), batch_size, show_progress_bar)
        vectors = self._in_batches(clips, rows, lambda chunk: self._own_video(pack_video(chunk).to(self.device)))
        owner = torch.tensor([i for i, _ in windows], dtype=torch.long)
        seconds = torch.tensor([len(window) for _, window in windows], dtype=torch.float32)
        total = torch.zeros(len(videos)).index_add_(0, owner, seconds)
        weighted = torch.zeros(len(videos), self.size).index_add_(0, owner, vectors * seconds[:, None])
        own = weighted / total[:, None]
        vectors = own if self.start is None else own + self.start.encode_video(given)
        return vectors[0] if is_single else vectors

    @torch.no_grad()
    def video_tokens(self, features: np.ndarray | Tensor, batch_size: int = 64) -> Tensor:
        """One contextual vector per second, (seconds, D) float32, for segmentation and localisation.

        ``[CLS]`` is masked out of attention. A long video is read in windows of ``config.max_seconds`` that overlap by
        half, and a second's vectors are averaged over the windows that hold it (paper, section 5.2).
        """
        video = self._checked(features, 0)
        size = self.config.max_seconds
        starts = range(0, max(len(video) - size, 0) + size // 2, size // 2) if len(video) > size else [0]
        windows = [video[s : s + size] for s in starts]
        total = torch.zeros(len(video), self.size)
        times = torch.zeros(len(video), 1)
        for i in range(0, len(windows), batch_size):
            batch = pack_video(windows[i : i + batch_size]).to(self.device)
            hidden = self._evaluated(lambda b=batch: self._own_seconds(b)).to(torch.device("cpu"))
            for start, tokens in zip(starts[i : i + batch_size], hidden.split(), strict=True):
                total[start : start + len(tokens)] += tokens
                times[start : start + len(tokens)] += 1
        own = total / times
        return own if self.start is None else own + self.start.video_tokens(features)

    def similarity(self, a: Tensor | np.ndarray, b: Tensor | np.ndarray) -> Tensor:
        """Logits of vectors with each other, (N, D), (M, D) -> (N, M); see ``inputs.similarity``."""
        return similarity(a, b)

    def check_features(self, kind: FeatureKind, what: str) -> None:
        """Raise if features were made by another encoder, or normalised otherwise, than those of training."""
        ours = self.features
        if ours.encoder and (ours.encoder, ours.normalized) != (kind.encoder, kind.normalized):
            raise VideoclipError(
                f"{what}: features of encoder '{kind.encoder}' ({length_of(kind.normalized)}), but the model was "
                f"trained on those of '{ours.encoder}' ({length_of(ours.normalized)}); extract them again with that "
                "encoder"
            )

    @property
    def features(self) -> FeatureKind:
        """The features that it was trained on; their ``encoder`` is empty where that is not known."""
        return FeatureKind(self.config.encoder, self.config.feature_size, self.config.normalized)

    @property
    def size(self) -> int:
        """Numbers in a vector, D."""
        return self.start.size if self.start else self.config.hidden_size

    @property
    def fingerprint(self) -> str:
        """A hash of the weights alone."""
        return fingerprint_of(self.state_dict())

    @property
    def note(self) -> dict[str, Any]:
        """What a model that starts from this one writes down of it."""
        return {"kind": "videoclip"} | asdict(self.config)

    def save_pretrained(self, save_directory: "str | Path", about: About | None = None, **options: Any) -> "str | None":
        """Write ``config.json``, ``model.safetensors`` and a card into a folder, the model's ``name`` from then on.

        Args:
            about: what the card, ``README.md``, is to say; without it, a card that is there stays as it is.
            options: those of ``huggingface_hub``'s.
        """
        card = Path(save_directory) / "README.md"
        if about:
            card.unlink(missing_ok=True)
        options.setdefault("model_card_kwargs", {"about": about or UNKNOWN})
        written = super().save_pretrained(save_directory, **options)
        share(card.with_name("model.safetensors"))
        self.name = str(Path(save_directory).resolve())
        return written

    def push_to_hub(self, repo_id: str, about: About | None = None, **options: Any) -> str:  # type: ignore[override]
        """Upload configuration, weights and card to the hub, where ``load_model(repo_id)`` has them; the address.

        Args:
            repo_id: ``owner/model``; it is made if there is none.
            about: what the card is to say; without it, it is the card of the folder where the model lies, if any.
            options: those of ``huggingface_hub``'s, such as ``private=True``, ``token`` and ``commit_message``.

        Raises:
            WeightsError: the hub cannot be reached, or does not take it.
        """
        if variable := offline():
            raise WeightsError(f"{repo_id}: cannot be uploaded: {variable} forbids to ask the hub")
        if why := why_not_asked(again=True):
            raise WeightsError(f"{repo_id}: cannot be uploaded: {why}")
        about = about or options.pop("model_card_kwargs", {}).get("about")  # as save_pretrained hands it on
        name, card = self.name, Path(self.name, "README.md")
        written = card.read_text(encoding="utf-8") if name and not about and card.is_file() else ""
        options["model_card_kwargs"] = {"about": about or UNKNOWN, "written": written}
        try:
            address = super().push_to_hub(repo_id, **options)
        except Exception as error:  # of whatever kind the client of the installed version raises
            raise upload_refused(repo_id, error) from error
        finally:
            self.name = name  # it was saved on the way, to a folder that is no more
        self.name = name or repo_id
        return address

    def generate_model_card(self, about: About = UNKNOWN, written: str = "") -> ModelCard:  # type: ignore[override]
        """The card that ``huggingface_hub`` writes beside the weights; ``written`` is one that is there already."""
        return ModelCard(written or model_card(self.config, self.size, sum(self.parameter_counts().values()), about))

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, pretrained_model_name_or_path: str | Path, **options: Any
    ) -> "VideoCLIP":
        """A model for use, of a folder or of the hub.

        Args:
            options: those of the hub, such as ``revision``, ``token``, ``cache_dir`` and ``local_files_only``.

        Raises:
            WeightsError: there is none; a hub that does not answer is asked once.
            ConfigError: a newer version made it.
        """
        name = str(pretrained_model_name_or_path)
        folder = Path(name) if Path(name).is_dir() else hub_folder(name, FILES, **options)
        missing = [file for file in FILES if not (folder / file).is_file()]
        if missing:
            lacks = f"no {' and no '.join(missing)}"
            raise WeightsError(f"{name}: no VideoCLIP model there: {lacks}; that of a run is in its folder 'model'")
        with redirect_stdout(StringIO()):  # the hub's library announces where weights come from
            model = super().from_pretrained(folder)
        model.name = str(folder.resolve()) if Path(name).is_dir() else name
        return model

    @classmethod
    def _from_pretrained(cls, **arguments: Any) -> "VideoCLIP":
        check_saved(Path(arguments["model_id"]))
        # Strict, or what the file lacks would stay as random as it was made.
        return super()._from_pretrained(**(arguments | {"strict": True}))  # pyright: ignore[reportArgumentType]

    @classmethod
    def from_official(cls, weights: "str | Path | dict[str, Tensor]") -> "VideoCLIP":
        """The published VideoCLIP weights: a fairseq checkpoint's path, or its state dict (``official``).

        Raises:
            WeightsError: tensors are missing, unexpected or of the wrong shape.
            UnsafeFileError: the file is made to run code; it did not.
        """
        from .official import load_official

        official = load_official(weights)
        return cls.from_tensors(official.config, official.tensors)

    @classmethod
    def starting_from(cls, start: "MilNce | VideoCLIP", config: ModelConfig) -> "VideoCLIP":
        """A model to train whose vectors are those of a ready-made one until its towers have learned what to add.

        The ready-made model is copied, is not trained, and is saved with this one.
        """
        model = cls(replace(config, start=start.note))
        assert model.start is not None
        model.start.load_state_dict(start.state_dict())
        return model

    @classmethod
    def from_tensors(cls, config: ModelConfig, tensors: dict[str, Tensor]) -> "VideoCLIP":
        """A model for use whose weights are these tensors, which are not copied."""
        with torch.device("meta"):
            model = cls(config)
        model.load_state_dict(tensors, assign=True)
        return model.eval()

    def compile_layers(self) -> None:
        """Fuse what lies between the matrix products of each layer, for any number of tokens; attention stays as is."""
        for layer in self.modules():
            if isinstance(layer, Layer):
                layer.of_short = compiled(layer.of_short, dynamic=True)
                layer.after_attention = compiled(layer.after_attention, dynamic=True)

    def parameter_counts(self) -> dict[str, int]:
        """Numbers that are trained, by tower; a shared transformer counts for the video tower."""
        video = set(self.video_tower.parameters())
        towers = {"video tower": video, "text tower": set(self.text_tower.parameters()) - video}
        if self.config.similarity == "cosine":
            towers["similarity"] = {self.log_scale}
        if self.start:
            towers["gates"] = {*self.video_gate.parameters(), *self.text_gate.parameters()}
        return {name: sum(p.numel() for p in parameters) for name, parameters in towers.items()}

    @property
    def device(self) -> torch.device:
        return self.video_tower.special_tokens.device

    def _checked(self, features: np.ndarray | Tensor, i: int) -> Tensor:
        video = seconds_given(features, self, f"video {i}")
        if getattr(features, "kind", None) is None:
            self._expect_unit_length(video[0])
        return video

    def _expect_unit_length(self, second: Tensor) -> None:
        """Warn of features of unknown origin that cannot be what the model was trained on; scores would be poor."""
        wanted = math.sqrt(len(self.config.encoder.split(COMBINED)))
        if self.config.encoder and self.config.normalized and not 0.9 < float(second.norm()) / wanted < 1.1:
            warnings.warn(
                f"features that are not of unit length, while the model was trained on those of encoder "
                f"'{self.config.encoder}' that are; scale yours, or scores will be poor",
                stacklevel=5,
            )

    def _evaluated(self, compute):
        """Run without dropout, leaving the module's mode as it was."""
        was_training = self.training
        self.eval()
        try:
            with tensor_cores(self.device):
                return compute()
        finally:
            self.train(was_training)

    def _in_batches(self, items: list, rows: Iterable[Sequence[int]], encode) -> Tensor:
        """Encode the items of each batch of rows together, and give the vectors back in the items' order."""
        vectors = torch.empty(len(items), self.size)
        for chunk in rows:
            vectors[chunk] = self._evaluated(lambda c=chunk: encode([items[i] for i in c])).float().cpu()
        return vectors


def _by_length(items: list) -> list[int]:
    """Rows of items such that those of similar length go through the model together."""
    return sorted(range(len(items)), key=lambda i: len(items[i]))


def _ready_made(note: dict[str, Any]) -> MilNce | VideoCLIP:
    """A frozen model of the kind that ``note`` says; its weights are read with those of the model that it is in.

    Raises:
        ConfigError: a newer version wrote the note.
    """
    kind, rest = note.get("kind"), {key: value for key, value in note.items() if key != "kind"}
    if kind == MIL_NCE:
        model = MilNce(from_note(MilNceConfig, rest, "model.start"))
    elif kind == "videoclip":
        model = VideoCLIP(from_note(ModelConfig, rest, "model.start"))
    else:
        raise ConfigError(f"model.start: no kind of model '{kind}'; name one with init=joint:NAME")
    return model.requires_grad_(False).eval()


def _initialise(module: nn.Module) -> None:
    """BERT's initialisation: normal 0.02, biases zero."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
    if isinstance(module, Transformer):
        nn.init.normal_(module.type_embedding, std=0.02)
    if isinstance(module, VideoTower):
        nn.init.normal_(module.special_tokens, std=0.02)
