"""A user's own library, and the model that it begins with, where nothing is named."""

import os
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_data_path

from ..encoders.ready_made.catalogue import default_model
from ..published.hub import has_weights, why_not_asked
from ..storage.places import Place, place

VARIABLE = "VIDEOCLIP_LIBRARY"


def own_library() -> Place:
    """The folder of ``VIDEOCLIP_LIBRARY``, or ``videoclip/library`` among the user's data."""
    named = os.environ.get(VARIABLE)
    return place(named) if named else user_data_path("videoclip", appauthor=False) / "library"


def first_model(told: Callable[[str], None]) -> str:
    """The model of a new library for which none is named; says so, and what it will download."""
    row = default_model()
    is_here = has_weights(row.name)
    if not is_here and why_not_asked():
        return row.name  # loading it says what to bring
    if is_here:
        told(f"model: {row.name}; 'videoclip models' lists others (--model)")
    else:
        told(
            f"model: {row.name} ({row.download:g} GB, {row.licence}) comes once from huggingface.co into {_cache()}; "
            "'videoclip models' lists others (--model)"
        )
    return row.name


def _cache() -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)
