import os
import threading
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from painted import COLOURS, Painted, paint
from PIL import Image

from videoclip.errors import ConfigError
from videoclip.library.search import Library
from videoclip.library.store.about import LibraryError
from videoclip.serve import server, uploads
from videoclip.serve.access import Options
from videoclip.serve.server import make_app

TOKEN = "correct horse battery"


def client(library, **options) -> TestClient:
    return TestClient(make_app(library, Options(**options)), base_url="http://127.0.0.1", raise_server_exceptions=False)


@pytest.fixture
def web(library) -> TestClient:
    return client(library)


def number_of(web, name: str) -> int:
    return next(v["video"] for v in web.get("/api/videos").json()["videos"] if v["name"] == name)


def test_the_api_has_the_abilities_of_the_library(web, library):
    hit = web.get("/api/search", params={"q": "a red thing"}).json()["hits"][0]
    assert (hit["sight"] > 0.5, hit["sure"]) == (True, None)
    assert (hit["name"], hit["start"], hit["end"]) == ("a.mp4", 20, 28)
    about = web.get("/api/library").json()
    assert (about["videos"], about["languages"]) == (3, ["en"])
    detail = web.get(f"/api/videos/{hit['video']}").json()
    assert [s["text"] for s in detail["transcript"]] == ["welcome to the workshop", "now we sharpen the chisel slowly"]
    scores = web.get(f"/api/videos/{hit['video']}/timeline", params={"q": "red"}).json()["scores"]
    assert len(scores) == 40
    assert scores.index(max(scores)) in range(20, 28)
    picture = web.get(f"/api/videos/{hit['video']}/picture", params={"start": 20, "end": 28})
    assert (picture.headers["content-type"], picture.content[:4]) == ("image/webp", b"RIFF")
    like = {"like_video": hit["video"], "like_start": 20, "like_end": 28}
    assert web.get("/api/search", params=like).json()["hits"][0]["video"] == hit["video"]
    playlist = web.get("/api/export/m3u", params={"q": "red"})
    assert "attachment" in playlist.headers["content-disposition"]
    assert "a.mp4" in playlist.text


def test_a_hit_says_why_in_pieces_of_text(web):
    (hit,) = web.get("/api/search", params={"q": "sharpening chisels", "mode": "speech"}).json()["hits"]
    (reason,) = hit["why"]
    assert reason["kind"] == "said"
    assert [part["text"] for part in reason["parts"] if part["found"]] == ["sharpen", "chisel"]
    some = web.get("/api/search", params={"q": "red", "mode": "sight,written"}).json()["hits"]
    assert some[0]["why"] == [{"kind": "seen", "parts": []}]
    assert web.get("/api/search", params={"q": "red", "mode": "sight,smell"}).status_code == 422


def test_captions_are_found_in_and_downloaded(web):
    number = number_of(web, "a.mp4")
    detail = web.get(f"/api/videos/{number}").json()
    assert (detail["source"], detail["recogniser"], detail["confidence"]) == ("beside", "", None)
    assert web.get("/api/library").json()["spoken"] == {"en": 1}
    (found,) = web.get(f"/api/videos/{number}/transcript", params={"find": "sharpened"}).json()["found"]
    assert (found["sentence"], [p["text"] for p in found["parts"] if p["found"]]) == (1, ["sharpen"])
    subtitles = web.get(f"/api/videos/{number}/captions/srt")
    assert subtitles.headers["content-disposition"] == 'attachment; filename="a.srt"'
    assert "00:00:12,000 --> 00:00:15,000\nnow we sharpen the chisel slowly" in subtitles.text
    assert web.get(f"/api/videos/{number}/captions/json").json()[0]["text"] == "welcome to the workshop"
    assert web.get(f"/api/videos/{number_of(web, 'b.mp4')}/captions/srt").status_code == 404
    assert web.get(f"/api/videos/{number}/captions/exe").status_code == 422


def test_names_and_queries_with_line_breaks_add_no_header(videos, indexed, tmp_path):
    name = "a.mp4\r\nset-cookie: stolen=1\r\n.mp4"
    assert any(line.startswith("set-cookie") for line in f"content-disposition: inline; filename={name}".splitlines())
    paint(videos / name, ("red", 6))
    indexed()
    web = client(Library(tmp_path / "library", Painted()))
    number = next(v["video"] for v in web.get("/api/videos").json()["videos"] if "stolen" in v["name"])
    for answer in (
        web.get(f"/api/videos/{number}/file"),
        web.get(f"/api/videos/{number}/picture", params={"start": 0, "end": 4}),
        web.get("/api/export/m3u", params={"q": "red\r\nset-cookie: stolen=1"}),
        web.get("/api/search", params={"q": "red\r\nset-cookie: stolen=1"}),
    ):
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert not any("\n" in value or "\r" in value for value in answer.headers.values())


def test_a_video_is_sent_in_ranges(web, videos):
    address, content = f"/api/videos/{number_of(web, 'a.mp4')}/file", (videos / "a.mp4").read_bytes()
    whole = web.get(address)
    assert (whole.status_code, whole.content, whole.headers["accept-ranges"]) == (200, content, "bytes")
    part = web.get(address, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(content)}"
    assert web.get(address, headers={"range": f"bytes={len(content)}-"}).status_code == 416


def test_only_files_of_the_library_are_sent_and_only_while_they_are_what_was_indexed(web, videos, tmp_path):
    number = number_of(web, "a.mp4")
    secret = tmp_path / "secret.txt"
    secret.write_text("the combination is 1234")
    (videos / "a.mp4").unlink()
    gone = web.get(f"/api/videos/{number}/file")
    assert gone.status_code == 410
    assert "index its folder again" in gone.json()["detail"]
    (videos / "a.mp4").symlink_to(secret)
    assert web.get(f"/api/videos/{number}/file").status_code == 410
    assert web.get("/api/videos/12345/file").status_code == 404
    for path in ("/static/../server.py", "/static/..%2fserver.py", "/static/%2e%2e/server.py", "/static//etc/passwd"):
        assert web.get(path).status_code == 404, path


def test_a_folder_above_that_became_a_link_leads_nowhere(web, videos, tmp_path):
    number, other = number_of(web, "c.webm"), tmp_path / "other"
    other.mkdir()
    (other / "c.webm").write_text("secret")
    (videos / "below" / "c.webm").unlink()
    (videos / "below").rmdir()
    (videos / "below").symlink_to(other)
    assert web.get(f"/api/videos/{number}/file").status_code == 410


def test_every_answer_carries_the_security_headers(web):
    for path in ("/", "/api/library", "/static/app.js", "/nowhere", "/api/search?q=" + "x" * 501):
        headers = web.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


def test_a_strangers_page_cannot_reach_the_library(web, library):
    assert web.get("/api/library", headers={"host": "rebound.example"}).status_code == 403
    assert web.get("/api/library", headers={"host": "localhost:8400"}).status_code == 200
    uploads = client(library, uploads=True)
    sent = {"content": b"x", "headers": {"content-type": "image/png", "origin": "http://evil.example"}}
    assert uploads.post("/api/search/file", **sent).status_code == 403


def test_other_machines_need_a_token(library):
    with pytest.raises(ConfigError, match="token"):
        Options(host="0.0.0.0")
    with pytest.raises(ConfigError, match="at least 16"):
        Options(token="short")
    web = client(library, host="0.0.0.0", token=TOKEN)
    assert web.get("/api/library", headers={"host": "films.example"}).status_code == 401
    assert web.get("/").status_code == 401
    assert web.get("/?token=wrong").status_code == 401
    assert web.get("/api/library", headers={"authorization": "Bearer wrong"}).status_code == 401
    assert web.get("/api/library", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    entered = web.get("/", params={"token": TOKEN}, follow_redirects=False)
    assert entered.status_code == 303
    assert web.get("/").status_code == 200  # by the cookie


def test_uploads_are_off_unless_asked_for_and_limited(library, tmp_path, monkeypatch):
    Image.new("RGB", (60, 40), COLOURS["yellow"]).save(tmp_path / "still.png")
    picture = (tmp_path / "still.png").read_bytes()
    png = {"content-type": "image/png"}
    off = client(library)
    assert off.post("/api/search/file", content=picture, headers=png).status_code == 403
    from painted import encoder

    monkeypatch.setattr("videoclip.library.search.encoder_named", lambda name: encoder())
    web = client(library, uploads=True)
    hit = web.post("/api/search/file", content=picture, headers=png).json()["hits"][0]
    assert (hit["name"], hit["start"]) == ("b.mp4", 20)
    assert web.post("/api/search/file", content=b"GIF89a", headers={"content-type": "image/gif"}).status_code == 415
    assert web.post("/api/search/file", content=b"not a picture", headers=png).status_code == 400
    assert web.post("/api/search/file", content=b"", headers=png).status_code == 400
    monkeypatch.setattr(uploads, "LARGEST", 100)
    assert web.post("/api/search/file", content=picture, headers=png).status_code == 413


def test_mistakes_are_answered_in_words(web):
    for params in ({"q": "  "}, {"q": "x" * 501}, {"q": "red", "mode": "smell"}, {"q": "red", "limit": 1000}, {}):
        answer = web.get("/api/search", params=params)
        assert answer.status_code in (400, 422), params
        assert answer.json()["detail"]
    gone = web.get("/api/search", params={"like_video": 77})
    assert gone.status_code == 404
    assert "search again" in gone.json()["detail"]


def test_too_many_searches_wait_their_turn_and_then_are_told_so(library, monkeypatch):
    monkeypatch.setattr(server, "AT_ONCE", 1)
    monkeypatch.setattr(server, "PATIENCE", 0.2)
    entered, leave = threading.Event(), threading.Event()

    class Slow(Painted):
        def encode_text(self, texts):
            entered.set()
            leave.wait(10)
            return super().encode_text(texts)

    web = client(Library(library.store.folder, Slow()))
    first = threading.Thread(target=lambda: web.get("/api/search", params={"q": "red"}))
    first.start()
    entered.wait(10)
    busy = web.get("/api/search", params={"q": "blue"})
    leave.set()
    first.join()
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "2")
    assert web.get("/api/search", params={"q": "blue"}).status_code == 200


def test_a_new_model_or_video_is_seen_without_a_restart(web, videos, indexed):
    import time

    paint(videos / "d.mp4", ("purple", 12))
    indexed()
    time.sleep(1.1)
    assert web.get("/api/library").json()["videos"] == 4


def test_progress_is_that_of_a_living_process(web, library):
    from videoclip.library.index import note_state

    told = note_state(library.store.folder)
    told({"stage": "embedding", "done": 1, "total": 3, "current": "a.mp4"})
    assert web.get("/api/progress").json()["done"] == 1
    path = library.store.folder / "progress.json"
    path.write_text(path.read_text().replace(f'"process": {os.getpid()}', '"process": 999999999'))
    assert web.get("/api/progress").json()["stage"] == "idle"


def test_a_taken_port_and_a_missing_library_are_errors_that_say_so(library, tmp_path):
    import socket

    with pytest.raises(LibraryError, match="holds no library"):
        server.run(tmp_path / "nowhere", Options())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="choose --port"):
            server.run(library.store.folder, Options(port=taken.getsockname()[1]))


def test_the_api_keeps_what_its_description_promises(library):
    """Schemathesis: hundreds of requests made up from the OpenAPI document, wrong ones among them."""
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, settings

    app = make_app(library, Options())
    schema = schemathesis.openapi.from_dict(app.openapi())
    web, asked = client(library), []

    for operation in schema.get_all_operations():
        case_of = operation.ok().as_strategy()

        from hypothesis import given

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
        @given(case=case_of)
        def try_it(case):
            kwargs = case.as_transport_kwargs(base_url="http://127.0.0.1")
            request = httpx.Request(
                kwargs["method"], kwargs["url"], params=kwargs.get("params"), content=kwargs.get("data"),
            )  # fmt: skip
            answer = (
                web.get(str(request.url)) if kwargs["method"] == "GET" else web.post(str(request.url), content=b"x")
            )
            asked.append(answer.status_code)
            assert answer.status_code < 500, (kwargs, answer.text)
            assert str(answer.status_code) in case.operation.definition.raw["responses"] or answer.status_code in (
                200,
                404,
            )

        try_it()
    assert len(asked) > 150
    assert 200 in asked


def test_the_files_of_the_page_are_in_the_package():
    assert {p.name for p in server.WEB.iterdir()} == {"index.html", "sign-in.html", "app.js", "style.css", "icon.svg"}
    assert Path(server.__file__).with_name("web") == server.WEB
