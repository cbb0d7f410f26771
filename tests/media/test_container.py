import numpy as np
import pytest
from made import write, write_with_track

from videoclip.errors import MediaError
from videoclip.media.container import embedded_captions, has_captions, pictures
from videoclip.media.cutting import cut
from videoclip.media.dates import recorded_at


def test_of_each_stretch_the_picture_with_most_in_it_is_kept(tmp_path):
    import av

    path = tmp_path / "blinks.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(100):
            picture = np.zeros((48, 64, 3), np.uint8)
            if i % 50 in range(20, 36):  # of five seconds, one and a half are not black
                picture[:24] = 200
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
    kept = list(pictures(path, 5.0, 32))
    assert [int(second // 5) for second, _ in kept] == [0, 1]
    assert all(picture.std() > 40 and picture.shape == (24, 32, 3) for _, picture in kept)


def test_long_gaps_between_key_frames_are_filled(tmp_path):
    path = write(tmp_path / "sparse.mp4", [i % 250 for i in range(400)], fps=10, g="400")
    assert len(list(pictures(path, 5.0, 32))) == 8


def test_subtitle_tracks_are_read_with_their_language(samples):
    tracks = {p.name: embedded_captions(p) for p in samples.iterdir() if p.suffix in (".mkv", ".mp4", ".mov")}
    assert all(c.end >= c.start >= 0 and c.text for found in tracks.values() for t in found for c in t.captions)


def test_a_track_that_was_put_into_a_file_comes_out_of_it(tmp_path):
    srt = "1\n00:00:01,000 --> 00:00:03,000\nhello <i>there</i>\n\n2\n00:00:04,000 --> 00:00:05,500\nbye\n"
    write_with_track(tmp_path / "both.mkv", [100] * 60, srt, "ger")
    assert has_captions(tmp_path / "both.mkv")
    assert not has_captions(write(tmp_path / "none.mp4", [100] * 10))
    (track,) = embedded_captions(tmp_path / "both.mkv")
    assert track.marks.language in ("de", "")
    assert [(c.start, c.end, c.text) for c in track.captions] == [(1.0, 3.0, "hello there"), (4.0, 5.5, "bye")]


def test_a_file_that_says_no_date_has_that_of_its_last_change(tmp_path):
    path = write(tmp_path / "a.mp4", [100] * 10)
    assert recorded_at(path) == path.stat().st_mtime


def test_what_cannot_be_cut_is_an_error_and_leaves_nothing(tmp_path):
    path = write(tmp_path / "a.mp4", [100] * 30)
    with pytest.raises(MediaError, match="cannot be cut"):
        cut(path, 50.0, 60.0, tmp_path / "out.mp4", encode=True)
    assert not (tmp_path / "out.mp4").exists()
