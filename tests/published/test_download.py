import contextlib
import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from malicious import archive, dangerous

from videoclip.errors import UnsafeFileError, WeightsError
from videoclip.published import download as module
from videoclip.published.catalogue import published_path
from videoclip.published.download import download


class Server:
    """A server on this machine that misbehaves as it is told.

    ``cut``: bytes after which it closes each connection; ``announced``: added to the length that it announces;
    ``ranges``: whether it can begin in the middle; ``status``: answers, the last of which holds on.
    """

    def __init__(self, content: bytes):
        self.content, self.cut, self.announced, self.ranges = content, 0, 0, True
        self.status, self.tag, self.requests = [200], '"1"', []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/copies"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request):
        asked = request.headers.get("Range", "")
        self.requests.append((request.path, asked))
        status = self.status.pop(0) if len(self.status) > 1 else self.status[0]
        if status != 200:
            return request.send_error(status)
        begin, total = 0, len(self.content) + self.announced
        if asked and self.ranges and request.headers.get("If-Range", self.tag) == self.tag:
            begin = int(asked.removeprefix("bytes=").removesuffix("-"))
            if begin >= total:
                request.send_response(416)
                request.send_header("Content-Range", f"bytes */{total}")
                return request.end_headers()
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {begin}-{total - 1}/{total}")
        else:
            request.send_response(200)
        request.send_header("Content-Length", str(total - begin))
        if self.tag:
            request.send_header("ETag", self.tag)
        request.end_headers()
        end = begin + self.cut if self.cut else len(self.content)
        with contextlib.suppress(OSError):  # hung up
            request.wfile.write(self.content[begin:end])
        return None

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


def saved(tmp_path, seed: int = 0) -> bytes:
    rng = torch.Generator().manual_seed(seed)
    torch.save({"model": {"a": torch.randn(500_000, generator=rng)}}, tmp_path / "made.pt")
    return (tmp_path / "made.pt").read_bytes()


@pytest.fixture(autouse=True)
def online(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("VIDEOCLIP_OFFLINE", raising=False)
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0)


@pytest.fixture
def server(tmp_path):
    server = Server(saved(tmp_path))
    yield server
    server.stop()


def get(tmp_path, server, **options):
    return download("videoclip", tmp_path / "weights", server.url, **options)[0]


def nothing_is_kept(tmp_path) -> bool:
    return not {p.name for p in (tmp_path / "weights").iterdir()} & {"checkpoint_best.pt", "checkpoint_best.pt.part"}


def test_a_file_comes_whole_and_is_recorded(tmp_path, server):
    path = get(tmp_path, server)
    assert path.read_bytes() == server.content
    assert server.requests == [("/copies/checkpoint_best.pt", "")]
    assert sorted(p.name for p in path.parent.iterdir()) == ["checkpoint_best.pt", "published.json"]
    record = json.loads((path.parent / "published.json").read_text())["checkpoint_best.pt"]
    assert record["size"] == len(server.content)
    assert record["from"] == f"{server.url}/checkpoint_best.pt"
    get(tmp_path, server)
    assert len(server.requests) == 1  # what is there is not asked for again


def test_a_server_that_cuts_every_connection_is_asked_for_the_rest(tmp_path, server):
    server.cut = 300_000
    path = get(tmp_path, server)
    assert path.read_bytes() == server.content
    assert [asked for _, asked in server.requests][:3] == ["", "bytes=300000-", "bytes=600000-"]


def test_a_download_that_was_given_up_goes_on_where_it_was(tmp_path, server):
    server.cut, server.status = 700_000, [200, 503]
    with pytest.raises(WeightsError, match="700,000 bytes came, and are kept"):
        get(tmp_path, server)
    server.cut, server.status, server.requests = 0, [200], []
    assert get(tmp_path, server).read_bytes() == server.content
    assert server.requests[0][1] == "bytes=700000-"


def test_a_server_that_cannot_begin_in_the_middle_is_asked_for_all(tmp_path, server):
    server.cut, server.status = 700_000, [200, 503]
    with pytest.raises(WeightsError):
        get(tmp_path, server)
    server.cut, server.status, server.ranges = 0, [200], False
    assert get(tmp_path, server).read_bytes() == server.content


@pytest.mark.parametrize("tag", ['"2"', ""])
def test_parts_of_two_different_files_are_not_put_together(tmp_path, server, tag):
    server.cut, server.status = 700_000, [200, 503]
    with pytest.raises(WeightsError):
        get(tmp_path, server)
    torch.save({"model": {"a": torch.zeros(400_000 if tag else 500_001)}}, tmp_path / "other.pt")
    server.content = (tmp_path / "other.pt").read_bytes()
    server.cut, server.status, server.tag = 0, [200], tag
    assert get(tmp_path, server).read_bytes() == server.content


def test_a_busy_server_is_asked_again(tmp_path, server):
    server.status = [503, 500, 429, 200]
    assert get(tmp_path, server).read_bytes() == server.content


@pytest.mark.parametrize("announced", [1000, -1000])
def test_a_server_that_lies_about_the_size_is_found_out(tmp_path, server, announced):
    server.announced = announced
    with pytest.raises(WeightsError, match=r"announced [\d,]+ bytes and sent|cannot be downloaded|what came as"):
        get(tmp_path, server)
    assert not (tmp_path / "weights" / "checkpoint_best.pt").exists()
    assert not (tmp_path / "weights" / "published.json").exists()


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><p>moved", b"", b"PK\x03\x04 broken"])
def test_a_wrong_file_is_not_kept(tmp_path, server, content):
    server.content = content
    with pytest.raises(Exception, match=r"what came as checkpoint_best\.pt is not it"):
        get(tmp_path, server)
    assert nothing_is_kept(tmp_path)


def test_a_malicious_file_is_not_kept_and_does_nothing(tmp_path, server):
    server.content = archive(dangerous(tmp_path / "ran")["os.system"])
    with pytest.raises(UnsafeFileError, match="asks for"):
        get(tmp_path, server)
    assert nothing_is_kept(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_another_file_than_the_first_one_is_refused_ever_after(tmp_path, server):
    path = get(tmp_path, server)
    path.unlink()
    server.content = saved(tmp_path, seed=1)
    with pytest.raises(WeightsError, match=r"is not the one that came on 20.*--forget"):
        get(tmp_path, server)
    assert nothing_is_kept(tmp_path)
    assert get(tmp_path, server, anew=True).read_bytes() == server.content
    path.write_bytes(b"changed on the disk")
    with pytest.raises(WeightsError, match="is not the one that came"):
        get(tmp_path, server)
    with pytest.raises(WeightsError, match="is not the one that came"):
        published_path("videoclip", "checkpoint_best.pt", tmp_path / "weights")


def test_a_pinned_file_is_compared_with_the_pin(tmp_path, server, monkeypatch):
    pinned = replace(module.PUBLISHED["videoclip"][0], digest="sha256:" + "0" * 64)
    monkeypatch.setitem(module.PUBLISHED, "videoclip", (pinned,))
    with pytest.raises(WeightsError, match="is not the published file"):
        get(tmp_path, server)
    monkeypatch.setitem(module.PUBLISHED, "videoclip", (replace(pinned, size=5),))
    with pytest.raises(WeightsError, match="the published file of 5"):
        get(tmp_path, server)
    assert nothing_is_kept(tmp_path)


@pytest.mark.parametrize("status", [404, 403, 410])
def test_a_dead_link_is_explained_at_once(tmp_path, server, status):
    server.status = [status]
    with pytest.raises(WeightsError, match=rf"{status} .*--mirror URL of a copy, or --from PATH"):
        get(tmp_path, server)
    assert len(server.requests) == 1


def test_a_machine_that_is_not_there_is_explained(tmp_path):
    with pytest.raises(WeightsError, match="--mirror"):
        download("videoclip", tmp_path / "weights", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match="not an address"):
        download("videoclip", tmp_path / "weights", "file:///etc")


@pytest.fixture
def unpinned(monkeypatch):
    """Small files of the form of the published ones pass for them."""
    for name, files in module.PUBLISHED.items():
        monkeypatch.setitem(module.PUBLISHED, name, tuple(replace(file, size=0, digest="") for file in files))


def test_a_copy_of_ones_own_is_taken_from_its_folder_or_by_name(tmp_path, unpinned):
    torch.save({"a": torch.zeros(3)}, tmp_path / "s3d_howto100m.pth")
    np.save(tmp_path / "s3d_dict.npy", np.array(["a", "b"]))
    paths = download("mil-nce", tmp_path / "weights", source=tmp_path)
    assert [p.name for p in paths] == ["s3d_howto100m.pth", "s3d_dict.npy"]
    torch.save({"a": torch.zeros(3)}, tmp_path / "renamed.bin")
    assert download("videoclip", tmp_path / "weights", source=tmp_path / "renamed.bin")[0].is_file()
    (tmp_path / "s3d_dict.npy").unlink()
    with pytest.raises(WeightsError, match="no such file to take s3d_dict"):
        download("mil-nce", tmp_path / "other", source=tmp_path)


def test_what_is_not_the_published_s3d_is_refused_but_in_a_folder_of_ones_own(tmp_path, monkeypatch):
    own = tmp_path / "own"
    own.mkdir()
    torch.save({"a": torch.zeros(3)}, own / "s3d_howto100m.pth")
    with pytest.raises(WeightsError, match=r"not the published file \(.* SHA1 31e99d2a.*by their path"):
        download("s3d-howto100m", tmp_path / "weights", source=own)
    assert list((tmp_path / "weights").iterdir()) == []
    assert published_path("s3d-howto100m", "s3d_howto100m.pth", own).is_file()
    monkeypatch.setenv("VIDEOCLIP_WEIGHTS", str(own))
    with pytest.raises(WeightsError, match="not the published file"):
        published_path("s3d-howto100m", "s3d_howto100m.pth")


def test_a_vocabulary_with_a_pickle_in_it_is_refused(tmp_path, unpinned):
    torch.save({"a": torch.zeros(3)}, tmp_path / "s3d_howto100m.pth")
    np.save(tmp_path / "s3d_dict.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(WeightsError, match=r"what came as s3d_dict\.npy is not it"):
        download("mil-nce", tmp_path / "weights", source=tmp_path)


@pytest.mark.parametrize("variable", ["VIDEOCLIP_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_nothing_is_asked_for(tmp_path, server, monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    with pytest.raises(WeightsError, match=rf"{variable} forbids to download it; bring a copy and pass --from"):
        get(tmp_path, server)
    assert not server.requests
    monkeypatch.setenv(variable, "0")
    assert get(tmp_path, server).is_file()


def test_an_unknown_name_lists_those_there_are(tmp_path):
    with pytest.raises(WeightsError, match="videoclip, s3d-howto100m, mil-nce"):
        download("clip", tmp_path)
