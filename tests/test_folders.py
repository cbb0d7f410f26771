import pytest

from videoclip.errors import ConfigError
from videoclip.folders import claim


def test_a_folder_is_made_found_again_and_never_taken_from_something_else(tmp_path):
    values = {"seed": 1, "model": {"heads": 2, "sizes": (3, 4)}}
    assert claim(tmp_path / "a", "run", values) == claim(tmp_path / "a", "run", values)
    with pytest.raises(ConfigError, match=r"holds a run with other model\.heads, seed"):
        claim(tmp_path / "a", "run", {"seed": 2, "model": {"heads": 4, "sizes": (3, 4)}})
    with pytest.raises(ConfigError, match="holds no world"):
        claim(tmp_path / "a", "world", values)
