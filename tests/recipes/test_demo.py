import pytest

from videoclip.encoders.load import load_encoder
from videoclip.recipes.demo import Clock, advice_on_demo


def test_the_time_of_a_stage_adds_up_over_interruptions(tmp_path):
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), Clock(tmp_path / "seconds.json")("render"):
            raise KeyboardInterrupt
    clock = Clock(tmp_path / "seconds.json")
    assert set(clock.seconds) == {"render"}
    assert not clock.killed


def test_a_clock_knows_when_a_stage_was_killed_without_a_word(tmp_path):
    running = Clock(tmp_path / "seconds.json")("render")
    running.__enter__()  # and never left
    clock = Clock(tmp_path / "seconds.json")
    with clock("render"):
        pass
    assert clock.killed
    assert Clock(tmp_path / "seconds.json").killed


def test_the_demos_encoder_is_advised_against_but_for_worlds(tmp_path):
    real, drawn = tmp_path / "real", tmp_path / "world" / "test"
    real.mkdir()
    drawn.mkdir(parents=True)
    (tmp_path / "world" / "truth.json").write_text("{}")
    demo = load_encoder("demo").name
    assert "name a model of the hub" in advice_on_demo(demo, [real])
    assert advice_on_demo(demo, [drawn]) == advice_on_demo(demo, [drawn.parent]) == advice_on_demo("s3d", [real]) == ""
