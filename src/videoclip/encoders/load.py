"""Encoders by name.

``load_encoder`` knows S3D with the published weights (``s3d``), any vision model of the Hugging Face hub
(``image:NAME``), the frames' side of any joint model (``joint:NAME``), the small encoder that ships with the package
(``demo``), and folders written by ``videoclip train-encoder``; and several of them side by side (``s3d+image:NAME``).
"""

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..errors import VideoclipError
from ..published.catalogue import published_path
from .encoder import COMBINED, AnyEncoder, CombinedEncoder, Encoder

log = logging.getLogger(__name__)
NAMES = ("s3d", "demo")
"""Encoders that are meant by their names, whatever folders there are."""
SHIPPED = Path(__file__).parent.parent / "data" / "demo-encoder"


def load_encoder(name: str, weights: str | Path = "", device: str = "") -> AnyEncoder:
    """An encoder by name: ``s3d``, ``image:NAME``, ``joint:NAME``, ``demo``, a trained one's folder, several with +.

    Args:
        weights: for ``s3d``, the path of ``s3d_howto100m.pth``; by default the one that was downloaded.
        device: where it is to run, such as ``cpu`` or ``cuda:1``; by default on the GPU if there is one.

    Raises:
        WeightsError: weights are missing or do not fit.
        ConfigError: there is no such device here.
        VideoclipError: there is no such encoder.
    """
    if COMBINED not in name or Path(name).is_dir():
        return _again_by_name(name, weights, device)
    names = name.split(COMBINED)
    if len(set(names)) < len(names) or not all(names):
        raise VideoclipError(
            f"encoder '{name}': name several different encoders with + between, such as s3d+image:NAME"
        )
    return CombinedEncoder(tuple(_again_by_name(part, weights, device) for part in names))


def encoder_named(identity: str, weights: str | Path = "") -> AnyEncoder:
    """The encoder of this identity, which models note: ``s3d``, ``image:NAME``, the demo's, or several of them.

    Raises:
        VideoclipError: it is one that only its maker has.
    """
    if not identity:
        raise VideoclipError("the model does not say which encoder's features it was trained on; name it (--encoder)")
    demo = load_encoder("demo").kind.encoder
    parts = ["demo" if part == demo else part for part in identity.split(COMBINED)]
    if not all(_is_known(part) for part in parts):
        raise VideoclipError(f"the model understands features of '{identity}'; name that encoder's folder (--encoder)")
    return load_encoder(COMBINED.join(parts), weights)


def _is_known(part: str) -> bool:
    """Whether an identity is enough to have the encoder."""
    if part.startswith("joint:"):
        from .ready_made.load import can_be_had

        return can_be_had(part)
    return part in NAMES or part.startswith("image:")


def _again_by_name(name: str, weights: str | Path, device: str) -> Encoder:
    """An encoder that knows how to load it again: on another device, or in another process."""
    log.info("loading the encoder %s", name)
    made = _load(name, weights, device)
    is_folder = name not in NAMES and Path(name).is_dir()
    where = str(Path(name).resolve()) if is_folder else name
    again = partial(_again_by_name, where, str(weights), device=device)
    return made if made.loaded_by else replace(made, loaded_by=again)


def _load(name: str, weights: str | Path, device: str) -> Encoder:
    if name == "s3d":
        from .s3d import published_s3d

        return published_s3d(Path(weights) if weights else published_path("s3d-howto100m", "s3d_howto100m.pth"), device)
    if name.startswith("image:"):
        from .image import image_encoder

        return image_encoder(name.removeprefix("image:"), device=device)
    if name.startswith("joint:"):
        from .ready_made.load import ready_made_encoder

        return ready_made_encoder(name, device)
    folder = SHIPPED if name == "demo" else Path(name)
    if (folder / "config.json").is_file():
        from .s3d import trained_s3d

        return trained_s3d(folder, device)
    raise VideoclipError(
        f"no encoder '{name}'; choose s3d, demo, image:NAME, joint:NAME, the folder of a trained encoder, or several "
        "with + between"
    )
