"""Models of the Hugging Face hub as folders of this machine: downloaded once, then from the hub's own cache."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import WeightsError
from .download import offline

PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
"""Suffixes of weights that can run code when they are read."""
SAFE = ".safetensors"


def hub_folder(name: str, patterns: Sequence[str]) -> Path:
    """The folder with those files of a model of the hub that fit the patterns, such as ``*.json``.

    With ``VIDEOCLIP_OFFLINE`` or ``HF_HUB_OFFLINE`` set, the network is not asked.

    Raises:
        WeightsError: there is no such model, or it cannot be had.
    """
    from httpx import HTTPError
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

    forbidden = offline()
    try:
        return Path(snapshot_download(name, allow_patterns=list(patterns), local_files_only=bool(forbidden)))
    except HFValidationError as error:
        raise WeightsError(f"{name}: no such folder, and not the name of a model on the hub (owner/name)") from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        why = f"{forbidden} forbids to download it" if forbidden else "the hub cannot be reached"
        raise WeightsError(
            f"{name}: no model there that can be loaded: no such folder, not in the hub's cache, and {why}; "
            f"bring all files of https://huggingface.co/{name} and name their folder"
        ) from error
    except (HfHubHTTPError, HTTPError, OSError) as error:
        raise WeightsError(f"{name}: no model there that can be loaded ({str(error).splitlines()[0][:200]})") from error


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
