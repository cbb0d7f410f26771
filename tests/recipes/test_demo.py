import pytest

from videoclip.recipes.demo import Clock


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
