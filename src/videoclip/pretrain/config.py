"""A pre-training run's configuration: what presets, ``key=value`` and ``run.json`` hold."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from ..config import changed
from ..encoders.encoder import FeatureKind
from ..errors import ConfigError
from ..model.config import ModelConfig
from ..model.loss import LossConfig
from ..ranges import COUNT, FROM_NONE, LEARNING_RATE, PROCESSES, SEED, Range, ranged
from .clips import ClipConfig
from .neighbours import BatchConfig
from .realign import RealignConfig

JOINT = "joint:"
"""Before the name of a ready-made model, in ``init``."""


@dataclass(frozen=True)
@ranged
class OptimizerConfig:
    """Adam with linear warm-up and linear decay (the defaults are the paper's)."""

    lr: Annotated[float, LEARNING_RATE] = 5e-5
    """The learning rate after warm-up, the largest there is."""
    betas: Annotated[tuple[float, float], Range(0, 0.99999)] = (0.9, 0.98)
    """Adam's decay rates of the mean gradient and of its square."""
    max_gradient_norm: Annotated[float, Range(1e-6, 1e12)] = 2.0
    """Gradients longer than this are scaled down to it."""
    warmup_updates: Annotated[int, FROM_NONE] = 1000
    """Updates in which the learning rate grows from nothing."""
    decay_updates: Annotated[int, FROM_NONE] = 1_000_000
    """Update at which the learning rate reaches zero; 0: the last update of the run."""

    def __post_init__(self):
        if 0 < self.decay_updates <= self.warmup_updates:
            raise ConfigError(
                f"decay_updates={self.decay_updates}: choose more than warmup_updates, {self.warmup_updates}, or 0"
            )

    def lr_at(self, update: int, last: int) -> float:
        """Learning rate of an update, counted from 0, of a run of ``last`` updates."""
        if update < self.warmup_updates:
            return self.lr * (update + 1) / self.warmup_updates
        end = self.decay_updates or last
        return self.lr * max(end - update, 0) / max(end - self.warmup_updates, 1)


@dataclass(frozen=True)
@ranged
class PretrainConfig:
    """One pre-training run; the defaults are the paper's."""

    corpus: str = ""
    """The corpus to train on, made by ``videoclip extract`` or ``import``; a folder, or an address of an object
    store."""
    out: str = "runs/pretrain"
    """The run's folder: model, checkpoints, history and metrics."""
    train_videos: str = "*"
    """Which ids are trained on, as a shell pattern."""
    validation_videos: str = ""
    """Which ids are held out; without a pattern, one video in fifty."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """Sizes of the towers."""
    init: str = "bert-base-uncased"
    """BERT-form folder or hub name from which both towers start; empty: at random. ``joint:NAME``: a ready-made model,
    as ``load_model`` takes it, to whose vectors those of towers that start at random are added (``model.residual``);
    ``BERT+joint:NAME``: of towers that start from BERT."""
    clips: ClipConfig = field(default_factory=ClipConfig)
    """How pairs of a video clip and a text are cut out of a video."""
    batches: BatchConfig = field(default_factory=BatchConfig)
    """Which videos meet in a batch."""
    loss: LossConfig = field(default_factory=LossConfig)
    """What is minimised over a batch."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """How weights are updated."""
    epochs: Annotated[int, COUNT] = 25
    """Times that every video is trained on, of each round."""
    precision: str = "auto"
    """``fp32``, ``bf16``, or ``auto``: bf16 where the hardware multiplies it natively. On a GPU, what else is
    multiplied is TF32, except where ``fp32`` is asked for."""
    workers: Annotated[int | None, PROCESSES] = None
    """Processes that read and cut clips; 0: the training process does. By default up to four beside a GPU, else 0."""
    seed: Annotated[int, SEED] = 0
    """Repeats the run: first weights, and what is drawn."""
    log_every: Annotated[int, COUNT] = 20
    """Updates between lines of ``history.jsonl``."""
    checkpoint_minutes: Annotated[float, Range(0, 1e6)] = 10.0
    """Minutes between checkpoints, of which a killed run loses no more."""
    validate_epochs: Annotated[int, FROM_NONE] = 1
    """Epochs between validations; 0: never."""
    keep: str = "last"
    """Which weights become the model: the ``last``, or the ``best``, of the validation with the lowest loss."""
    shares: Annotated[tuple[float, ...], Range(0, 1)] = (0.0, 0.25, 0.5, 0.75, 1.0)
    """Of what is learned on top of a ready-made model: at the end that share is kept which has the lowest loss on the
    held-out videos."""
    patience: Annotated[int, FROM_NONE] = 0
    """Validations in a row that may be no better than the best one before training ends; 0: it never ends early."""
    realign: RealignConfig = field(default_factory=RealignConfig)
    """How narration is placed between rounds."""
    rounds: tuple[dict[str, Any], ...] = ()
    """Of each further round what is other than in the one before. It trains anew, on narration that the model of the
    one before has placed."""

    def __post_init__(self):
        self.of_rounds()
        if self.ready_made and self.model.similarity == "cosine":
            raise ConfigError(
                "model.similarity=cosine: with init=joint:NAME vectors are compared as the ready-made model's are; "
                "set model.similarity=dot"
            )
        if self.model.start:
            raise ConfigError("model.start: is filled in by init=joint:NAME; set that instead")
        if not self.shares:
            raise ConfigError("shares is empty; name one, such as shares=[1], which keeps all that is learned")
        if self.precision not in ("auto", "fp32", "bf16"):
            raise ConfigError(f"precision is '{self.precision}'; choose from auto, fp32, bf16")
        if self.keep not in ("last", "best"):
            raise ConfigError(f"keep is '{self.keep}'; choose from last, best")
        if not self.validate_epochs and (self.keep == "best" or self.patience):
            raise ConfigError("validate_epochs=0: keep=best and patience need validations")
        if self.model.vocab_size < ModelConfig.vocab_size:
            words = ModelConfig.vocab_size
            raise ConfigError(
                f"model.vocab_size={self.model.vocab_size}: choose at least {words}, the tokenizer's words"
            )
        if self.clips.max_seconds > self.model.max_seconds:
            raise ConfigError(
                f"clips.max_seconds {self.clips.max_seconds} exceeds model.max_seconds {self.model.max_seconds}"
            )
        if (self.clips.rule == "mil-nce") != (self.loss.kind == "mil-nce"):
            raise ConfigError("clips.rule=mil-nce and loss.kind=mil-nce go together: several texts of a clip")

    @property
    def ready_made(self) -> str:
        """The name of the ready-made model that training starts from, if there is one."""
        return self.init.partition(JOINT)[2]

    @property
    def bert(self) -> str:
        """What the towers start from; empty: at random."""
        return self.init.partition(JOINT)[0].removesuffix("+")

    def of_rounds(self) -> "Sequence[PretrainConfig]":
        """The configuration of every round, the first one first; their folders and corpora are not yet their own.

        Raises:
            ConfigError: one of them cannot be.
        """
        configs: list[PretrainConfig] = [replace(self, rounds=())] if self.rounds else [self]
        for number, changes in enumerate(self.rounds):
            own = sorted({"corpus", "out", "seed", "rounds"} & set(changes))
            if own:
                raise ConfigError(f"rounds.{number}: '{own[0]}' is the same in all rounds; set it outside")
            configs.append(changed(configs[-1], changes, f"rounds.{number}"))
        return configs


def fitted(config: PretrainConfig, kind: FeatureKind) -> PretrainConfig:
    """The configuration with the corpus's features in the model's."""
    model = replace(config.model, feature_size=kind.feature_size, encoder=kind.encoder, normalized=kind.normalized)
    return replace(config, model=model)
