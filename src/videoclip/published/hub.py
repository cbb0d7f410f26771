"""Models of the Hugging Face hub as folders of this machine: downloaded once, then from the hub's own cache."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import WeightsError
from .download import offline

PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
"""Suffixes of weights that can run code when they are read."""
SAFE = ".safetensors"
ANSWER_SECONDS = 5.0
"""That the hub has to answer at all."""


def hub_folder(name: str, patterns: Sequence[str], **options: Any) -> Path:
    """The folder with those files of a model of the hub that fit the patterns, such as ``*.json``.

    With ``VIDEOCLIP_OFFLINE`` or ``HF_HUB_OFFLINE`` set, the network is not asked; where the hub cannot be reached, it
    is asked once.

    Args:
        options: those of ``snapshot_download``, such as ``revision`` and ``token``.

    Raises:
        WeightsError: there is no such model, or it cannot be had.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

    why = "local_files_only forbids to download it" if options.pop("local_files_only", False) else why_not_asked()
    try:
        return Path(snapshot_download(name, allow_patterns=list(patterns), local_files_only=bool(why), **options))
    except HFValidationError as error:
        raise WeightsError(f"{name}: no such folder, and not the name of a model on the hub (owner/name)") from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise WeightsError(
            f"{name}: no model there that can be loaded: no such folder, not in the hub's cache, and "
            f"{why or 'the hub does not answer'}; "
            f"bring all files of https://huggingface.co/{name} and name their folder"
        ) from error
    except Exception as error:  # of whatever kind the client of the installed version raises
        raise WeightsError(f"{name}: no model there that can be loaded ({first_line(error)[:200]})") from error


def why_not_asked(again: bool = False) -> str:
    """Why the hub is not asked for anything: a variable forbids it, or it does not answer; empty if it is.

    Args:
        again: whether to look anew if it answers, where it did not before.
    """
    from huggingface_hub import constants

    if again:
        _no_answer.cache_clear()
    if variable := offline():
        constants.HF_HUB_OFFLINE = True  # for what its library asks by itself
        return f"{variable} forbids to download it"
    return _no_answer(constants.ENDPOINT)


@cache
def _no_answer(endpoint: str) -> str:
    """Why a hub does not answer; empty if it does. A process asks once, without the retries of the hub's library."""
    from huggingface_hub.utils import get_session

    try:
        get_session().head(endpoint, timeout=ANSWER_SECONDS)
    except Exception as error:  # of whatever kind the client of the installed version raises
        return f"the hub cannot be reached ({first_line(error)[:80]})"
    return ""


def upload_refused(name: str, error: Exception) -> WeightsError:
    """What to tell of an upload that failed."""
    answer = getattr(getattr(error, "response", None), "status_code", 0)
    known = "the hub must know you (hf auth login, or HF_TOKEN), and you may write to models of your own name alone"
    remedy = known if answer in (401, 403) else "the same call tries again"
    return WeightsError(f"{name}: cannot be uploaded ({first_line(error)[:200]}); {remedy}")


def first_line(error: Exception) -> str:
    """What an error says, or its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def has_weights(name: str) -> bool:
    """Whether the hub's cache has weights of a model, so that nothing is downloaded."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return any(Path(snapshot_download(name, local_files_only=True)).rglob(f"*{SAFE}"))
    except (LocalEntryNotFoundError, HFValidationError):
        return False


def check_weights(folder: Path, below: Sequence[str], name: str) -> None:
    """Raise ``WeightsError`` unless a model's weights can be had without running code.

    Args:
        below: folders below ``folder`` in which it has some; ``""`` is ``folder`` itself.
    """
    safe = 0
    for place in below:
        files = sorted((folder / place).glob("*"))
        safe += (has_safe := any(path.suffix == SAFE for path in files))
        pickled = next((path for path in files if path.suffix in PICKLED and not has_safe), None)
        if pickled:
            raise WeightsError(
                f"{name}: {pickled.relative_to(folder)} is pickled, which can run code, and was not loaded; name a "
                "model whose weights are safetensors"
            )
    if not safe:
        raise WeightsError(f"{name}: holds no weights as safetensors, the only kind that is loaded; name one that does")
