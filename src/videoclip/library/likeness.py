"""Features of a picture, as of a second in which nothing moves, so that moments can be looked for that are like it."""

from functools import partial
from pathlib import Path

import numpy as np

from ..encoders.encoder import AnyEncoder, CombinedEncoder
from ..errors import MediaError
from ..media.opening import check_size

PICTURES = ("JPEG", "PNG", "WEBP")
"""Formats of pictures that are read, by Pillow's names; of others, some hand their bytes to other programs."""

MOST_SCANS = 100
"""Of a JPEG, which is decoded anew for each; cameras and programs write up to a dozen."""


def is_picture(path: Path, formats: tuple[str, ...] = PICTURES) -> bool:
    """Whether a file begins as one of these formats does."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=formats):
            return True
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return False


def picture_features(path: Path, encoder: AnyEncoder, formats: tuple[str, ...] = PICTURES) -> np.ndarray:
    """Features of a still picture, (1, F); of a moving one, of its first.

    Its size is looked at before anything is decoded. A JPEG is decoded no larger than it is needed.

    Raises:
        MediaError: it is no picture of these formats, is damaged, or is larger than can be read.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    parts = encoder.encoders if isinstance(encoder, CombinedEncoder) else (encoder,)
    try:
        with Image.open(path, formats=formats) as file:
            check_size(*file.size, path)  # before a smaller size is asked for: some forms are held whole all the same
            if file.format == "JPEG":
                _check_scans(path)
            needed = 2 * max(part.frame_size for part in parts)
            file.draft("RGB", (needed, needed))
            picture = ImageOps.exif_transpose(file).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MediaError(f"{path}: not a picture that can be read ({error})") from error
    features = []
    for part in parts:
        size = (part.frame_size, part.frame_size)
        fit = picture.resize if part.squeezed else partial(ImageOps.fit, picture)
        pixels = np.asarray(fit(size, Image.Resampling.BICUBIC))
        features.append(part.encode(np.broadcast_to(pixels, (1, part.fps, *pixels.shape)).copy()))
    return np.hstack(features)


def _check_scans(path: Path) -> None:
    """Raise ``MediaError`` for a JPEG that is made to be decoded again and again.

    The mark of a scan cannot stand within what is compressed; thumbnails may have some of their own.
    """
    scans = path.read_bytes().count(b"\xff\xda")
    if scans > MOST_SCANS:
        raise MediaError(f"{path}: a JPEG of {scans:,} scans; of more than {MOST_SCANS} it is not read")
