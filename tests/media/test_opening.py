"""A path is the file of that name, and a file is all that is read: nothing asks the network or another file."""

import os
import socket
from pathlib import Path

import numpy as np
import pytest
from made import write

from videoclip.errors import MediaError
from videoclip.media.container import embedded_captions, pictures
from videoclip.media.cutting import cut
from videoclip.media.dates import recorded_at
from videoclip.media.opening import SoundOnly, decode_by_several, open_video, video_stream
from videoclip.media.upright import graph_of
from videoclip.media.video import picture_at, probe, seconds_of


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> bytes:
    return write(tmp_path_factory.mktemp("one") / "a.mp4", [100] * 10, fps=10).read_bytes()


@pytest.fixture
def listening(tmp_path, monkeypatch):
    """A port of this machine that nobody may come to; names are tried in the working folder, as people do."""
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.0)
        yield server.getsockname()[1]
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    "name",
    [
        *("http:127.0.0.1:PORT.mp4", "tcp:127.0.0.1:PORT.mp4", "Talk: part 1.mp4", "12:30:05.mp4", "pipe:0.mp4"),
        *("file:.mp4", "concat:a|b.mp4", "a%05d.mp4", "50%.mp4", "-i.mp4", "a\nb.mp4", "a?b#c.mp4"),
        os.fsdecode(b"Entf\xfchrung.mp4"),
    ],
)
def test_a_name_is_never_an_address(name, content, listening):
    path = Path(name.replace("PORT", str(listening)))
    path.write_bytes(content)
    assert probe(path).duration == 1.0
    assert len(list(seconds_of(path, 10, 32))) == 1
    assert picture_at(path, 0.5).shape == (48, 64, 3)
    assert next(pictures(path, 5.0, 32))[1].shape == (24, 32, 3)
    assert embedded_captions(path) == []
    assert recorded_at(path) == pytest.approx(path.stat().st_mtime)
    out = Path(f"cut {name.replace('PORT', str(listening))}")
    cut(path, 0.0, 1.0, out)
    assert len(list(seconds_of(out, 10, 32))) == 1
    assert {Path(os.fsdecode(p)) for p in os.listdir()} == {path, out}


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile secret.mp4\n",
        "ffconcat version 1.0\nfile http://127.0.0.1:PORT/a.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.mp4\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:PORT/a.ts\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video PORT RTP/AVP 26\n",
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".ffconcat"])
def test_a_list_of_other_files_is_no_video(text, suffix, content, listening):
    Path("secret.mp4").write_bytes(content)
    path = Path(f"list{suffix}")
    path.write_text(text.replace("PORT", str(listening)))
    with pytest.raises(MediaError, match=f"{path}: "):
        next(seconds_of(path, 10, 32))


def test_sound_with_a_cover_is_said_to_be_sound_and_not_damaged(tmp_path):
    import av

    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        sound, cover = container.add_stream("aac", rate=16000), container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    with pytest.raises(SoundOnly, match="has no video stream, only audio and a cover picture"):
        next(seconds_of(path, 10, 32))


@pytest.mark.parametrize(("share", "threads"), [(1, 1), (3, 3), (64, 16)])
def test_decoders_and_filters_take_a_workers_share_of_the_cores(content, tmp_path, monkeypatch, share, threads):
    """By themselves each takes a thread for every core, so that files that are read together hinder each other."""
    (tmp_path / "a.mp4").write_bytes(content)
    monkeypatch.setattr("videoclip.media.opening.cores", lambda: share)
    with open_video(tmp_path / "a.mp4") as container:
        stream = video_stream(container, tmp_path / "a.mp4")
        decode_by_several(stream)
        assert stream.codec_context.thread_count == threads
        frame = next(container.decode(stream))
        assert graph_of(frame, frame.time_base, [("null", "")]).threads == threads
