import pytest

from videoclip.errors import ConfigError
from videoclip.storage.folders import claim, output_file


def test_a_folder_is_made_found_again_and_never_taken_from_something_else(tmp_path):
    values = {"seed": 1, "model": {"heads": 2, "sizes": (3, 4)}}
    assert claim(tmp_path / "a", "run", values) == claim(tmp_path / "a", "run", values)
    with pytest.raises(ConfigError, match=r"holds a run with other model\.heads, seed"):
        claim(tmp_path / "a", "run", {"seed": 2, "model": {"heads": 4, "sizes": (3, 4)}})
    with pytest.raises(ConfigError, match="holds no world"):
        claim(tmp_path / "a", "world", values)


def test_the_place_of_a_result_is_made_or_refused_before_the_work(tmp_path):
    assert output_file(tmp_path / "new" / "deep" / "result.json").parent.is_dir()
    with pytest.raises(ConfigError, match="is a folder; name a file in it"):
        output_file(tmp_path / "new")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="its folder cannot be made"):
        output_file(tmp_path / "file" / "result.json")
