"""Which recogniser hears, and where its weights are from: named, or a folder, or what fits this machine."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

from ...errors import ConfigError, VideoclipError, WeightsError, command_for
from ...published.hub import first_line, why_not_asked
from .transcriber import Transcriber

WHEN = ("auto", "always", "never")
EXTRA = "speech"
ON_CPU, ON_GPU = "small", "large-v3-turbo"


@dataclass(frozen=True)
class Weights:
    """A recogniser on the hub: its repository, megabytes and licence.

    ``onnx``: whether onnx-asr reads it; ``int8``: whether its networks of that kind are enough.
    """

    repository: str
    megabytes: int = 0
    licence: str = ""
    onnx: bool = False
    int8: bool = False

    @property
    def files(self) -> list[str]:
        """Patterns of the files that are needed."""
        if self.onnx:
            return ["config.json", "*.txt", "*int8.onnx"] if self.int8 else ["config.json", "*.txt", "*.onnx*"]
        return ["config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"]

    def __str__(self) -> str:
        size = f"{self.megabytes:,} MB" if self.megabytes else "size not known"
        return f"{self.repository} ({size}, {self.licence or 'see its page for the licence'})"


MODELS = {
    "tiny": Weights("Systran/faster-whisper-tiny", 78, "MIT"),
    "base": Weights("Systran/faster-whisper-base", 148, "MIT"),
    "small": Weights("Systran/faster-whisper-small", 486, "MIT"),
    "medium": Weights("Systran/faster-whisper-medium", 1531, "MIT"),
    "large-v3": Weights("Systran/faster-whisper-large-v3", 3090, "MIT"),
    "large-v3-turbo": Weights("mobiuslabsgmbh/faster-whisper-large-v3-turbo", 1621, "MIT"),
    "parakeet-v3": Weights("istupakov/parakeet-tdt-0.6b-v3-onnx", 670, "CC-BY-4.0", onnx=True, int8=True),
}
"""Recognisers by the names that ``--speech-model`` takes."""


@dataclass(frozen=True)
class Ears:
    """Who hears where captions are missing.

    ``load`` makes the recogniser, once there is something to hear. ``required``: where it cannot be had, that is an
    error, not a warning. ``replace``: what another recogniser heard is heard anew.
    """

    load: Callable[[], Transcriber]
    required: bool = False
    replace: bool = False


# Parameters: of three options of a command.
def ears_for(when: str, model: str = "", replace: bool = False, told: Callable[[str], None] = print) -> Ears | None:
    """Who hears, by the options of a command; None for nobody.

    Args:
        when: one of ``WHEN``; ``auto`` is somebody where the extra is installed.
        told: called before weights are downloaded, with a line that names their size and licence.

    Raises:
        ConfigError: there is no such choice, or ``replace`` without ``always``.
        VideoclipError: ``always``, and the extra is not installed.
    """
    if when not in WHEN:
        raise ConfigError(f"--transcribe '{when}'; choose from {', '.join(WHEN)}")
    if replace and when != "always":
        raise ConfigError("--replace-heard hears videos anew; it goes with --transcribe always")
    if when == "never" or (when == "auto" and not is_installed()):
        return None
    check_installed()
    return Ears(cache(partial(load_transcriber, model, told)), when == "always", replace)


def is_installed() -> bool:
    """Whether the extra that hears is installed."""
    return find_spec("faster_whisper") is not None


def check_installed() -> None:
    """Raise ``VideoclipError`` if the extra that hears is not installed."""
    if not is_installed():
        raise VideoclipError(f"speech recognition is not installed: {command_for(EXTRA)}")


def load_transcriber(model: str = "", told: Callable[[str], None] = print) -> Transcriber:
    """The recogniser of that name, repository or folder; by default the one that fits this machine.

    Raises:
        VideoclipError: the extra is not installed.
        WeightsError: there is no such recogniser, or its weights cannot be had.
    """
    check_installed()
    from .whisper import Whisper, has_gpu

    model = model or (ON_GPU if has_gpu() else ON_CPU)
    folder = Path(model).expanduser()
    if not folder.is_dir():
        weights = _weights(model)
        folder = _downloaded(weights, told)
        return _onnx(folder, model) if weights.onnx else Whisper(folder, model)
    if (folder / "model.bin").is_file():
        return Whisper(folder, folder.name)
    if any(folder.glob("*.onnx")):
        return _onnx(folder, folder.name)
    raise WeightsError(f"{folder}: holds no speech recogniser: neither model.bin (CTranslate2's Whisper) nor *.onnx")


def _onnx(folder: Path, name: str) -> Transcriber:
    if not find_spec("onnx_asr"):
        raise VideoclipError(f"'{name}' needs onnx-asr, which is not installed: {command_for(EXTRA)}")
    from .onnx import Onnx

    return Onnx(folder, name)


def _weights(model: str) -> Weights:
    if model in MODELS:
        return MODELS[model]
    if model.count("/") == 1 and not model.startswith((".", "/", "~")):
        return Weights(model, onnx="onnx" in model.lower())
    raise WeightsError(f"no speech recogniser '{model}'; choose {', '.join(MODELS)}, a repository, or a folder")


def _downloaded(weights: Weights, told: Callable[[str], None]) -> Path:
    """The folder of weights: of the hub's cache, or brought there once."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(weights.repository, allow_patterns=weights.files, local_files_only=True))
    except LocalEntryNotFoundError:
        pass
    if why := why_not_asked():
        raise WeightsError(
            f"speech is not heard: {weights} is not on this machine, and {why}; bring a copy and name its folder with "
            "--speech-model"
        )
    told(f"speech recognition: {weights} comes once from huggingface.co; --speech-model names another or a folder")
    try:
        return Path(snapshot_download(weights.repository, allow_patterns=weights.files))
    except Exception as error:  # of whatever kind the client of the installed version raises
        raise WeightsError(
            f"speech is not heard: {weights} cannot be downloaded ({first_line(error)[:120]}); bring a copy and name "
            "its folder with --speech-model"
        ) from error
