"""The published weights as a model's folder, which every other command takes."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from ..provenance import provenance
from ..storage.folders import claim
from ..storage.places import write_whole
from .card import About
from .official import Official, load_official
from .videoclip import VideoCLIP


def convert(checkpoint: Path, folder: Path) -> tuple[VideoCLIP, Official]:
    """Write ``config.json``, ``model.safetensors`` and where they came from; the model, and what was in its file.

    Raises:
        WeightsError, UnsafeFileError: as ``load_official``.
        ConfigError: the folder holds something else.
    """
    official = load_official(checkpoint)
    with open(checkpoint, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    claim(folder, "conversion", {"checkpoint": checkpoint.name, "sha256": digest, "unused_tensors": official.unused})
    model = VideoCLIP.from_tensors(official.config, official.tensors)
    trained = "The authors' published weights, converted by `videoclip convert`; not trained here."
    model.save_pretrained(folder, About(trained, "HowTo100M, by its automatic captions."))
    write_whole(folder / "provenance.json", json.dumps(provenance(0, asdict(official.config)), indent=1))
    return model, official
