"""What was tried against a served library, as an attacker would: each of these succeeded once."""

import io
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient
from painted import COLOURS, Painted, encoder, paint
from PIL import Image

from videoclip.errors import ConfigError, MediaError
from videoclip.library.search import Library
from videoclip.serve import connections, server, sessions
from videoclip.serve.access import Options
from videoclip.serve.server import addresses, make_app
from videoclip.serve.uploads import _Patience

TOKEN = "qN3x-8vKd_2LmZ7w"
FAR = {"host": "films.example"}


def client(library, **options) -> TestClient:
    return TestClient(make_app(library, Options(**options)), base_url="http://127.0.0.1", raise_server_exceptions=False)


@contextmanager
def serving(library, options: Options | None = None):
    """A real server in a thread: its port."""
    options = options or Options(port=0)
    with server._listening(options) as listening:
        running = uvicorn.Server(server.configured(make_app(library, options)))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            running.should_exit = True
            thread.join()


# Uploads -----------------------------------------------------------------------------------------------------


@pytest.fixture
def uploads(library, monkeypatch) -> TestClient:
    monkeypatch.setattr("videoclip.library.search.encoder_named", lambda name: encoder())
    return client(library, uploads=True)


def sent(web, content: bytes, kind: str) -> httpx.Response:
    return web.post("/api/search/file", content=content, headers={"content-type": kind})


@pytest.mark.parametrize("form", ["GIF", "TIFF", "BMP", "PPM", "ICO", "TGA", "JPEG2000", "EPS"])
@pytest.mark.parametrize("kind", ["image/png", "image/jpeg", "image/webp"])
def test_bytes_of_a_picture_choose_no_decoder(uploads, form, kind, monkeypatch):
    file = io.BytesIO()
    Image.new("RGB", (32, 32), COLOURS["yellow"]).save(file, form)
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: pytest.fail("a program was started"))
    answer = sent(uploads, file.getvalue(), kind)
    assert answer.status_code == 400
    assert kind in answer.json()["detail"]


@pytest.mark.parametrize(("form", "kind"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")])
def test_a_picture_is_taken_for_what_it_is_declared_to_be_alone(uploads, form, kind):
    file = io.BytesIO()
    Image.new("RGB", (64, 48), COLOURS["yellow"]).save(file, form)
    assert sent(uploads, file.getvalue(), kind).json()["hits"][0]["name"] == "b.mp4"
    other = "image/png" if kind != "image/png" else "image/webp"
    assert sent(uploads, file.getvalue(), other).status_code == 400


def test_a_jpeg_is_not_decoded_again_and_again(uploads):
    file = io.BytesIO()
    Image.new("RGB", (64, 48), COLOURS["yellow"]).save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    assert sent(uploads, whole, "image/jpeg").status_code == 200
    last = whole.rindex(b"\xff\xda")
    answer = sent(uploads, whole[:last] + whole[last:-2] * 1000 + whole[-2:], "image/jpeg")
    assert answer.status_code == 400
    assert "scans" in answer.json()["detail"]


def test_frames_of_a_clip_are_counted_before_they_are_decoded(uploads, videos, monkeypatch):
    clip = next(Path(videos).rglob("a.mp4")).read_bytes()
    assert sent(uploads, clip, "video/mp4").status_code == 200
    monkeypatch.setattr("videoclip.serve.uploads.MOST_PIXELS", 64 * 48 * 3)
    assert "too many" in sent(uploads, clip, "video/mp4").json()["detail"]


def test_seconds_of_a_clip_are_counted_whatever_it_says(monkeypatch):
    monkeypatch.setattr("videoclip.serve.uploads.MOST_SECONDS", 3)
    go_on = _Patience()
    for _ in range(4):  # the last may be begun
        go_on()
    with pytest.raises(MediaError, match="too long"):
        go_on()


def flat_png(side: int) -> bytes:
    """A PNG of side² pixels in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = zlib.compressobj(9)
    pixels = b"".join(lines.compress(b"\0" * (3 * side + 1)) for _ in range(side)) + lines.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_pixels_are_counted_before_any_is_decoded(uploads, monkeypatch):
    content = flat_png(7000)
    assert len(content) < 300_000
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("it was decoded"))
    answer = sent(uploads, content, "image/png")
    assert answer.status_code == 400
    assert "larger than can be read" in answer.json()["detail"]


def test_a_progressive_jpeg_is_measured_before_it_is_held_whole(uploads, monkeypatch):
    file = io.BytesIO()
    Image.new("L", (7000, 7000)).save(file, "JPEG", progressive=True)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("it was decoded"))
    answer = sent(uploads, file.getvalue(), "image/jpeg")
    assert answer.status_code == 400
    assert "larger than can be read" in answer.json()["detail"]


@pytest.mark.parametrize("text", ["ffconcat version 1.0\nfile SECRET\n", "#EXTM3U\n#EXTINF:1,\nSECRET\n"])
@pytest.mark.parametrize("kind", ["video/mp4", "video/webm"])
def test_a_clip_that_names_other_files_reads_none(uploads, text, kind, videos):
    answer = sent(uploads, text.replace("SECRET", str(videos / "a.mp4")).encode(), kind)
    assert answer.status_code == 400


def test_a_clip_is_of_the_container_that_it_is_declared_to_be(uploads, tmp_path):
    content = paint(tmp_path / "x.avi", ("yellow", 4)).read_bytes()
    assert sent(uploads, content, "video/mp4").status_code == 400
    content = paint(tmp_path / "x.mp4", ("yellow", 4)).read_bytes()
    assert sent(uploads, content, "video/mp4").json()["hits"][0]["name"] == "b.mp4"


def test_a_clip_is_looked_at_for_so_long_and_no_longer(uploads, tmp_path):
    content = paint(tmp_path / "long.mp4", ("yellow", 400), fps=1).read_bytes()
    answer = sent(uploads, content, "video/mp4")
    assert answer.status_code == 400
    assert "longer than" in answer.json()["detail"]


# Files -------------------------------------------------------------------------------------------------------


def file_of(web, name: str) -> str:
    number = next(v["video"] for v in web.get("/api/videos").json()["videos"] if v["name"] == name)
    return f"/api/videos/{number}/file"


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.txt"
    path.write_text("the combination is 1234")
    return path


@pytest.mark.parametrize("put", ["replaced", "hard link", "link", "alike", "alike, moved", "pipe", "folder"])
def test_what_lies_in_place_of_a_video_is_not_sent(library, videos, secret, put):
    web, path = client(library), videos / "a.mp4"
    address, before = file_of(web, "a.mp4"), path.stat()
    path.unlink()
    if put == "replaced":
        path.write_bytes(secret.read_bytes())
    elif put == "hard link":
        os.link(secret, path)
    elif put == "link":
        path.symlink_to(secret)
    elif put.startswith("alike"):  # a secret of the same size and time of change
        secret.write_bytes(b"x" * before.st_size)
        os.utime(secret, ns=(before.st_atime_ns, before.st_mtime_ns))
        (os.link if put == "alike" else os.replace)(secret, path)
    elif put == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    assert web.get(address).status_code == 410
    assert web.get(address, headers={"range": "bytes=0-9"}).status_code == 410


def test_a_video_with_a_second_name_is_sent(library, videos):
    os.link(videos / "a.mp4", videos / "again")
    web = client(library)
    assert web.get(file_of(web, "a.mp4")).content == (videos / "a.mp4").read_bytes()


def test_a_video_that_is_a_link_is_sent_and_no_other_file_in_its_place(videos, indexed, secret, tmp_path):
    (tmp_path / "store").mkdir()
    (videos / "a.mp4").rename(tmp_path / "store" / "x")
    link = videos / "linked.mp4"
    link.symlink_to(tmp_path / "store" / "x")
    indexed(link)
    web = client(Library(tmp_path / "library", Painted()))
    address, seen = file_of(web, "linked.mp4"), (tmp_path / "store" / "x").stat()
    assert web.get(address).content == (tmp_path / "store" / "x").read_bytes()
    secret.write_bytes(b"x" * seen.st_size)
    os.utime(secret, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    link.unlink()
    link.symlink_to(secret)
    assert web.get(address).status_code == 410


def test_no_race_of_links_sends_a_secret(library, videos, secret):
    web, path, kept = client(library), videos / "a.mp4", videos / "kept"
    address, content, end = file_of(web, "a.mp4"), path.read_bytes(), threading.Event()
    path.rename(kept)

    def swap() -> None:
        while not end.is_set():
            for target in (kept, secret):
                new = videos / "new"
                new.unlink(missing_ok=True)
                os.link(target, new) if target == kept else new.symlink_to(target)
                os.replace(new, path)

    swapping = threading.Thread(target=swap)
    swapping.start()
    answers = [web.get(address) for _ in range(60)]
    end.set()
    swapping.join()
    assert all(a.status_code == 410 or a.content == content for a in answers)


def test_descriptors_are_closed_whatever_the_visitor_does(library, videos):
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    web = client(library)
    address = file_of(web, "a.mp4")
    web.get(address)
    before = len(os.listdir(folder))
    for headers in ({}, {"range": "bytes=1-2"}, {"range": "bytes=9999999-"}, {"range": "bytes=0-1,3-4"}):
        web.get(address, headers=headers)
        web.head(address, headers=headers)
    assert len(os.listdir(folder)) <= before + 1


# Connections -------------------------------------------------------------------------------------------------


def test_half_sent_requests_shut_nobody_out(library):
    with serving(library) as port:
        lines = []
        for i in range(250):
            line = socket.create_connection(("127.0.0.1", port))
            line.sendall([b"", b"GET / HTTP/1.1\r\nHost: a", b"POST /api/search/file HTTP/1.1\r\nHo"][i % 3])
            lines.append(line)
        assert httpx.get(f"http://127.0.0.1:{port}/api/library", timeout=20).status_code == 200
        lines[1].settimeout(20)
        assert lines[1].recv(100).startswith(b"HTTP/1.1 408")
        for line in lines:
            line.close()


@pytest.mark.parametrize(
    "part",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX",
        b"POST /api/search/file HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\nContent-Length: 99\r\n\r\nab",
    ],
)
def test_heads_and_bodies_must_come_in_time(library, part, monkeypatch):
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    monkeypatch.setattr(connections, "STALL_SECONDS", 0.3)
    monkeypatch.setattr("videoclip.library.search.encoder_named", lambda name: encoder())
    with serving(library, Options(port=0, uploads=True)) as port, socket.create_connection(("127.0.0.1", port)) as line:
        line.settimeout(20)
        line.sendall(part)
        while line.recv(1000):
            pass  # until the server closes


@pytest.fixture
def many_files():
    """As many open files as these tests need, where the machine gives fewer to begin with."""
    fewest, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if fewest < 2048:
        resource.setrlimit(resource.RLIMIT_NOFILE, (2048, most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (fewest, most))


SIGN_IN = b"POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\nab"
VISIT = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
WRONG = b"GET /api/library HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer wrong\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", SIGN_IN, VISIT, WRONG], ids=["nothing", "sign-in", "visit", "wrong"])
def test_connections_of_strangers_shut_nobody_out(library, sent, many_files):
    """More than the server takes: that say nothing, drip a form, stay after their answer, or try tokens."""
    with serving(library, Options(port=0, token=TOKEN)) as port:
        address, known = f"http://127.0.0.1:{port}", {"authorization": f"Bearer {TOKEN}"}
        lines = [_opened(port, sent) for _ in range(server.MOST_CONNECTIONS + 10)]
        assert httpx.get(f"{address}/api/library", headers=known, timeout=20).status_code == 200
        assert httpx.get(address, timeout=20).status_code == 401  # who has no session yet gets as far as the form
        for line in lines:
            line.close()


def test_who_was_given_up_takes_no_room_when_its_answer_is_there(library, many_files, monkeypatch):
    """Of a crowd that is accepted at once, many are given up while their answers are on their way."""
    closing = []

    def add(room, connection, add=connections.Room.add):
        closing.append(connection.transport.is_closing())
        add(room, connection)

    monkeypatch.setattr(connections.Room, "add", add)
    options = Options(port=0, token=TOKEN)
    with server._listening(options) as listening:
        listening.listen(server.MOST_CONNECTIONS)
        port = listening.getsockname()[1]
        lines = [_opened(port, WRONG) for _ in range(server.MOST_CONNECTIONS - 10)]
        own = f"GET /api/library HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
        lines.append(_opened(port, own))
        running = uvicorn.Server(server.configured(make_app(library, options)))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        assert lines[-1].recv(100).startswith(b"HTTP/1.1 200")
        running.should_exit = True
        thread.join()
    for line in lines:
        line.close()
    assert set(closing) == {False}


def test_idle_connections_of_a_server_without_a_token_shut_nobody_out(library, many_files):
    with serving(library) as port:
        lines = [_opened(port, VISIT) for _ in range(server.MOST_CONNECTIONS + 10)]
        assert httpx.get(f"http://127.0.0.1:{port}/api/library", timeout=20).status_code == 200
        for line in lines:
            line.close()


def _opened(port: int, sent: bytes) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), timeout=20)
    line.sendall(sent)
    if sent == VISIT:
        line.recv(100)
    return line


def test_the_busiest_client_makes_room_and_who_came_last_stays():
    class Connection:
        def __init__(self, client: str):
            self.client, self.is_closed = (client, 1), False

        def give_up(self):
            self.is_closed = True
            room.remove(self)

    room = connections.Room(most=3)
    own = Connection("192.0.2.1")
    room.add(own)
    flood = [Connection(f"2001:db8::{number:x}") for number in range(20)]  # one client may have so many addresses
    for connection in flood:
        room.add(connection)
    assert not own.is_closed
    assert [c.is_closed for c in flood] == [True] * 18 + [False] * 2


def test_who_is_not_let_in_has_little_time_for_what_he_sends(library, monkeypatch):
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    with serving(library, Options(port=0, token=TOKEN)) as port, _opened(port, SIGN_IN) as line:
        line.settimeout(20)
        with suppress(OSError):
            for _ in range(1000):
                line.sendall(b"a")  # a byte now and then does not help
                time.sleep(0.02)
        with suppress(OSError):
            while line.recv(1000):
                pass


def test_searches_that_wait_hold_nobody_up(library, monkeypatch):
    monkeypatch.setattr(server, "AT_ONCE", 1)
    entered, leave = threading.Event(), threading.Event()

    class Slow(Painted):
        def encode_text(self, texts):
            entered.set()
            leave.wait(30)
            return super().encode_text(texts)

    with serving(Library(library.store.folder, Slow())) as port:
        url = f"http://127.0.0.1:{port}"
        asking = [
            threading.Thread(target=lambda i=i: httpx.get(f"{url}/api/search", params={"q": f"red {i}"}, timeout=60))
            for i in range(60)
        ]
        for thread in asking:
            thread.start()
        entered.wait(20)
        assert httpx.get(f"{url}/api/progress", timeout=20).status_code == 200
        assert not leave.is_set()
        leave.set()
        for thread in asking:
            thread.join()


def test_what_is_small_is_sent_at_once(library):
    with server._listening(Options(port=0)) as listening:
        listening.listen()
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as line:
            assert line.proto == socket.IPPROTO_TCP  # by which asyncio knows to set TCP_NODELAY


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_whatever_is_being_sent(library, videos, number):
    folder = str(library.store.folder)
    serve = [sys.executable, "-m", "videoclip", "serve", "--library", folder, "--port", "0", "--uploads"]
    process = subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
        half = socket.create_connection(("127.0.0.1", port))
        half.sendall(b"GET / HTTP/1.1\r\nHo")
        slow = socket.create_connection(("127.0.0.1", port))
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        slow.sendall(f"GET {file_of(httpx.Client(base_url=f'http://127.0.0.1:{port}'), 'a.mp4')} HTTP/1.1\r\n".encode())
        slow.sendall(b"Host: 127.0.0.1\r\n\r\n")
        upload = socket.create_connection(("127.0.0.1", port))
        upload.sendall(b"POST /api/search/file HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n")
        upload.sendall(b"Content-Length: 9999\r\n\r\nab")
        search = socket.create_connection(("127.0.0.1", port))
        search.sendall(b"GET /api/search?q=red HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        process.send_signal(number)
        process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()


# Tokens ------------------------------------------------------------------------------------------------------


def test_a_session_is_kept_in_place_of_the_token(library):
    web = client(library, token=TOKEN)
    entered = web.get("/", params={"q": "a & b", "token": TOKEN, "mode": "sight"}, headers=FAR, follow_redirects=False)
    assert (entered.status_code, entered.headers["location"]) == (303, "/?q=a+%26+b&mode=sight")
    cookie = entered.headers["set-cookie"]
    assert TOKEN not in cookie
    assert cookie.startswith("videoclip-80=")
    assert {"httponly", "samesite=lax"} <= set(cookie.lower().split("; "))
    assert "secure" not in cookie.lower()
    assert web.get("/api/library").status_code == 200
    behind = TestClient(make_app(library, Options(token=TOKEN)), base_url="https://films.example")
    assert "secure" in behind.get("/", params={"token": TOKEN}, follow_redirects=False).headers["set-cookie"].lower()


def test_a_session_ends_and_cannot_be_made_up(monkeypatch):
    session = sessions.new_session(TOKEN)
    assert sessions.is_session(session, TOKEN)
    ends, signature = session.split(".")
    wrong = (
        "",
        ".",
        TOKEN,
        f"{int(ends) + 1}.{signature}",
        f"{ends}.{'0' * 64}",
        f"{ends}.",
        f"9{session}",
        "²." + "0",
    )
    for made_up in wrong:
        assert not sessions.is_session(made_up, TOKEN), made_up
    assert not sessions.is_session(session, TOKEN + "x")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + sessions.LASTS + 10)
    assert not sessions.is_session(session, TOKEN)


def test_a_deep_link_leads_to_where_it_did_after_signing_in(library):
    web = client(library, token=TOKEN)
    asked = web.get("/?q=red&mode=sight", headers=FAR)
    assert asked.status_code == 401
    assert 'name="next" value="q=red&amp;mode=sight"' in asked.text
    assert "script" not in asked.text
    given = {"token": TOKEN, "next": "q=red&mode=sight"}
    entered = web.post("/sign-in", data=given, headers=FAR, follow_redirects=False)
    assert (entered.status_code, entered.headers["location"]) == (303, "/?q=red&mode=sight")
    assert web.get("/static/style.css", headers=FAR).status_code == 200
    wrong = client(library, token=TOKEN).post("/sign-in", data=given | {"token": "wrong"}, headers=FAR)
    assert wrong.status_code == 401
    assert "not the token" in wrong.text


@pytest.mark.parametrize(
    "next", ["//evil.example", "https://evil.example/", "\r\nset-cookie: a=b", '"><script>', "@evil"]
)
def test_signing_in_leads_to_no_other_site(library, next):
    web = client(library, token=TOKEN)
    entered = web.post("/sign-in", data={"token": TOKEN, "next": next}, headers=FAR, follow_redirects=False)
    assert re.fullmatch(r"/(\?[\w=&%+.-]*)?", entered.headers["location"])
    assert "<script>" not in web.post("/sign-in", data={"token": "x", "next": next}, headers=FAR).text


def test_wrong_tokens_wait_longer_and_longer_and_the_right_one_never(library, monkeypatch):
    waits: list[float] = []

    async def slept(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("videoclip.serve.access.anyio.sleep", slept)
    web = client(library, token=TOKEN)
    for _ in range(8):
        assert web.get("/api/library", headers={"authorization": "Bearer wrong"}).status_code == 401
    assert waits == sorted(waits)
    assert waits[0] < 0.5 < waits[-1] <= 4.0
    assert web.get("/api/library", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert web.get("/api/library").status_code == 401  # who shows none is only told so
    assert len(waits) == 8


@pytest.mark.parametrize(
    "weak",
    [
        *("short", "aaaaaaaaaaaaaaaa", "abababababababab", "passwordpassword", "0123456789abcdef"),
        *("abcdefghijklmnop", "videoclip-token-1", "changeme-changeme", "1234567812345678"),
    ],
)
def test_weak_tokens_are_refused_with_a_way_to_make_one(weak):
    with pytest.raises(ConfigError, match="secrets"):
        Options(token=weak)


@pytest.mark.parametrize("token", [f"{TOKEN}\udce4", f"{TOKEN}é", f"{TOKEN}\n{TOKEN}"])
def test_tokens_that_no_header_can_hold_are_refused_at_the_start(token):
    with pytest.raises(ConfigError, match="ASCII"):
        Options(token=token)


def test_tokens_of_the_usual_makers_are_taken():
    import secrets
    import uuid

    Options(token="vURbvRvMUrouOUuS")  # seven letters, of which some are large and small

    for _ in range(300):
        for token in (secrets.token_urlsafe(), secrets.token_hex(16), str(uuid.uuid4()), secrets.token_urlsafe(12)):
            Options(token=token)


def test_a_token_comes_from_the_environment_or_a_file_and_never_from_the_arguments(tmp_path, monkeypatch, videoclip):
    code, _, said = videoclip("serve", "--library", tmp_path, "--token", TOKEN)
    assert code != 0
    assert "list of processes" in said
    (tmp_path / "token").write_text(TOKEN + "\n")
    assert sessions.token_of(tmp_path / "token") == TOKEN
    monkeypatch.setenv("VIDEOCLIP_TOKEN", TOKEN)
    assert sessions.token_of(None) == TOKEN
    with pytest.raises(ConfigError, match="choose one"):
        sessions.token_of(tmp_path / "token")
    monkeypatch.delenv("VIDEOCLIP_TOKEN")
    (tmp_path / "empty").write_text("\n")
    for name in ("empty", "missing"):
        with pytest.raises(ConfigError, match=name):
            sessions.token_of(tmp_path / name)


# Other sites, caches, methods --------------------------------------------------------------------------------


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_other_sites_cause_is_refused_but_for_a_visit_to_the_page(library, site):
    web = client(library)
    for path in ("/", "/api/library", "/api/search?q=red", "/static/app.js"):
        for mode, dest in (("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe"), ("no-cors", "script")):
            headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest}
            assert web.get(path, headers=headers).status_code == 403, (path, mode)
    visit = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert web.get("/?q=red", headers=visit).status_code == 200
    assert web.get("/api/library", headers=visit).status_code == 403
    for own in ("same-origin", "none"):
        assert web.get("/api/library", headers={"sec-fetch-site": own}).status_code == 200


def test_answers_are_not_stored_and_the_page_is_asked_for_anew(library):
    web = client(library)
    picture = file_of(web, "a.mp4").replace("/file", "/picture")
    for path in ("/api/library", "/api/search?q=red", "/api/videos", "/api/progress", "/api/nowhere", picture):
        assert web.get(path).headers["cache-control"] == "no-store"
    for path in ("/", "/static/app.js", "/static/style.css"):
        answer = web.get(path)
        assert answer.headers["cache-control"] == "no-cache"
        assert web.get(path, headers={"if-none-match": answer.headers["etag"]}).status_code in (200, 304)


def test_head_is_answered_as_get_without_a_body(library):
    web = client(library)
    for path in ("/", "/static/app.js", "/api/library", "/api/search?q=red", file_of(web, "a.mp4"), "/api/nowhere"):
        head, get = web.head(path), web.get(path)
        assert (head.status_code, head.content) == (get.status_code, b""), path
        assert head.headers["content-length"] == get.headers["content-length"], path


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_addresses_that_are_printed_can_be_opened(host):
    every = addresses(host, 8400)
    assert len(every) > 1
    assert not any(f"//{host}" in address or f"[{host}]" in address for address in every)
    assert addresses("127.0.0.1", 8400) == ["http://127.0.0.1:8400"]
    assert addresses("::1", 8400) == ["http://[::1]:8400"]
