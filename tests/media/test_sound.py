"""Sound streams as files have them: always mono at 16 kHz, on the clock of the container."""

from itertools import islice

import numpy as np
import pytest
from made import write
from painted import paint
from spoken import RATE, break_sound, dub, noise, silence, speech, write_sound

from videoclip.errors import MediaError
from videoclip.media.sound import has_sound, sound_of


def tone(hertz: float, seconds: float) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def heard(path, **options) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.float32), *sound_of(path, **options)])


def pitch(sound: np.ndarray) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(sound))) * RATE / len(sound))


@pytest.mark.parametrize(
    ("rate", "layout", "name"), [(8_000, "mono", "a.wav"), (48_000, "5.1", "a.mkv"), (44_100, "stereo", "a.mp4")]
)
def test_every_rate_and_layout_is_the_same_sound(tmp_path, rate, layout, name):
    path = write_sound(tmp_path / name, tone(440, 3.0), rate, layout)
    sound = heard(path)
    assert abs(len(sound) / RATE - 3.0) < 0.1
    assert abs(pitch(sound[RATE // 2 : -RATE // 2]) - 440) < 2
    assert np.abs(sound).max() > 0.05


def test_a_burst_is_heard_when_it_is_shown_also_from_the_middle_on(tmp_path):
    """Sound that begins late, on a container whose clock does not begin at zero."""
    burst = np.concatenate([silence(7.0), noise(0.5), silence(4.0)])
    path = write_sound(tmp_path / "a.mkv", burst, start=30.0)
    for start in (0.0, 5.5):
        sound = heard(path, start=start)
        first = np.flatnonzero(np.abs(sound) > 0.02)[0] / RATE + start
        assert abs(first - 7.0) < 0.15
    video = dub(write(tmp_path / "v.mp4", [50] * 300, fps=30), tmp_path / "b.mp4", burst)
    assert abs(np.flatnonzero(np.abs(heard(video)) > 0.02)[0] / RATE - 7.0) < 0.15


def test_gaps_are_silence_and_what_overlaps_is_heard_once(tmp_path):
    import av

    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for second in (0, 1, 6, 7, 7, 8):  # nothing from 2 to 6; second 7 twice
            frame = av.AudioFrame.from_ndarray((tone(440, 1.0) * 32767).astype(np.int16)[None], "s16", "mono")
            frame.sample_rate, frame.pts = RATE, second * RATE
            container.mux(stream.encode(frame))
    sound = heard(path)
    assert len(sound) == 9 * RATE
    loud = [np.abs(sound[s * RATE : (s + 1) * RATE]).max() > 0.1 for s in range(9)]
    assert loud == [True, True, False, False, False, False, True, True, True]


def test_of_several_languages_the_one_asked_for_is_heard_else_the_first(tmp_path):
    plain = paint(tmp_path / "v.mp4", ("red", 3))
    path = dub(plain, tmp_path / "two.mp4", tone(300, 3), tone(600, 3), languages=("eng", "deu"))
    assert abs(pitch(heard(path, language="de")) - 600) < 2
    assert abs(pitch(heard(path, language="en")) - 300) < 2
    assert abs(pitch(heard(path, language="fr")) - 300) < 2


def test_a_file_without_sound_is_silent_and_one_whose_sound_is_broken_is_an_error(tmp_path):
    plain = paint(tmp_path / "v.mp4", ("red", 3))
    assert not has_sound(plain)
    assert len(heard(plain)) == 0
    broken = break_sound(dub(plain, tmp_path / "b.mp4", speech()))
    assert has_sound(broken)
    with pytest.raises(MediaError, match="sound"):
        heard(broken)


def test_a_long_file_is_read_in_small_blocks(tmp_path):
    path = write_sound(tmp_path / "a.wav", np.tile(noise(10.0), 30))
    blocks = sound_of(path)
    assert max(len(block) for block in islice(blocks, 1000)) <= 10 * RATE
