"""A library in the browser, and as a JSON API: searching, watching, reading along; nothing can be changed through it.

Only what the library names is served: a request says the number of a video, never a path, and a file is sent only if it
is still the very file that was indexed. Listening to other machines needs a token.
"""

import hmac
import ipaddress
import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio.to_thread
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi import Path as PathParameter
from fastapi import Query as QueryParameter
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import __version__
from ..errors import ConfigError, MediaError, VideoclipError
from .exports import FORMS, in_form
from .search import LONGEST_QUERY, Found, Library, Query
from .store import LibraryError, Video

WEB = Path(__file__).parent / "web"
MOST_HITS = 100
"""Hits of one request."""
LARGEST_UPLOAD = 64 << 20
"""Bytes."""
UPLOADED = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
}
PLAYED = {
    **{".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm"},
    **{".mkv": "video/x-matroska", ".ogv": "video/ogg"},
}
"""Types under which files are sent; browsers try to play these."""
AT_ONCE, PATIENCE = 2 * (os.cpu_count() or 1), 10.0
"""Searches that run at the same time, and seconds that others wait for their turn."""
COOKIE = "videoclip-token"
SHORTEST_TOKEN = 16
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


@dataclass(frozen=True)
class Options:
    """How a library is served. ``token``: what a visitor must know; ``uploads``: whether files may be searched by."""

    token: str = ""
    uploads: bool = False
    host: str = "127.0.0.1"
    port: int = 8400

    def __post_init__(self):
        if self.token and len(self.token) < SHORTEST_TOKEN:
            raise ConfigError(f"the token has {len(self.token)} characters; take at least {SHORTEST_TOKEN}")
        if not self.token and not is_local(self.host):
            raise ConfigError(
                f"listening on {self.host} lets other machines in; give a token of at least {SHORTEST_TOKEN} "
                "characters (VIDEOCLIP_TOKEN or --token)"
            )


def is_local(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Moment(BaseModel):
    """A hit: seconds ``start`` to ``end`` of a video."""

    video: int
    name: str
    path: str
    start: float
    end: float
    duration: float
    score: float
    sight: float | None = Field(description="How sure it is that this is seen, 0 to 1")
    speech: float | None = Field(description="BM25 score of what is said")
    said: str


class Moments(BaseModel):
    """Hits, best first; where there are none, ``note`` says why."""

    hits: list[Moment]
    note: str


class Sentence(BaseModel):
    """Something that is said."""

    start: float
    end: float
    text: str


class VideoInfo(BaseModel):
    """A file of the library; ``recorded`` in seconds since 1970."""

    video: int
    name: str
    path: str
    duration: float
    recorded: float
    width: int
    height: int
    language: str
    there: bool = Field(description="Whether the file is still where it was")


class VideoDetail(VideoInfo):
    """A file, and what is said in it."""

    transcript: list[Sentence]


class Videos(BaseModel):
    """Some of the library's videos."""

    total: int
    videos: list[VideoInfo]


class Timeline(BaseModel):
    """How sure it is that each second shows the query, 0 to 1."""

    scores: list[float]


class About(BaseModel):
    """What the library holds."""

    version: str
    videos: int
    moments: int
    passages: int
    model: str
    encoder: str
    languages: list[str]
    folders: list[str]
    uploads: bool
    forms: list[str]


class Progress(BaseModel):
    """The state of indexing."""

    stage: str = "idle"
    done: int = 0
    total: int = 0
    current: str = ""
    left: str = ""
    summary: str = ""
    set_aside: dict[str, str] = {}
    missing: list[str] = []


class Problem(BaseModel):
    """What is wrong, and what to do."""

    detail: str


VideoNumber = Annotated[int, PathParameter(ge=0, le=2**62)]
Seconds = Annotated[float, QueryParameter(ge=0, le=1e7, allow_inf_nan=False)]
ERRORS: dict[int | str, dict[str, Any]] = {code: {"model": Problem} for code in (400, 401, 403, 404, 410, 503)}


def wanted(
    q: Annotated[str, QueryParameter(max_length=LONGEST_QUERY, description="What is looked for")] = "",
    mode: Literal["both", "sight", "speech"] = "both",
    limit: Annotated[int, QueryParameter(ge=1, le=MOST_HITS)] = 24,
    folder: Annotated[str, QueryParameter(max_length=1000)] = "",
    after: Annotated[float | None, QueryParameter(allow_inf_nan=False)] = None,
    before: Annotated[float | None, QueryParameter(allow_inf_nan=False)] = None,
    shortest: Annotated[float | None, QueryParameter(allow_inf_nan=False)] = None,
    longest: Annotated[float | None, QueryParameter(allow_inf_nan=False)] = None,
    language: Annotated[str, QueryParameter(max_length=20)] = "",
    by_video: bool = False,
    everything: bool = False,
    like_video: Annotated[int | None, QueryParameter(ge=0, le=2**62, description="A moment in place of a text")] = None,
    like_start: Seconds = 0.0,
    like_end: Seconds = 0.0,
) -> Query:
    """The query of a request."""
    like = None if like_video is None else (like_video, like_start, like_end)
    return Query(
        q, mode, limit, like, folder.replace("\0", ""), after, before, shortest, longest, language, by_video, everything
    )


def make_app(library: Library, options: Options | None = None) -> FastAPI:
    """The web application of a library."""
    options = options or Options()
    app = FastAPI(
        title="videoclip", version=__version__, description="Moments of your videos, by describing them.",
        docs_url=None, redoc_url=None, responses=ERRORS,
    )  # fmt: skip
    turns = threading.BoundedSemaphore(AT_ONCE)

    @contextmanager
    def turn() -> Iterator[None]:
        if not turns.acquire(timeout=PATIENCE):
            raise HTTPException(503, "too many searches at once; try again in a moment", {"retry-after": "2"})
        try:
            yield
        finally:
            turns.release()

    def video_of(number: int) -> Video:
        video = library.store.videos().get(number)
        if video is None:
            raise HTTPException(404, "the library has no such video; it may have been replaced, search again")
        return video

    def answered(found: Found) -> Moments:
        videos = library.store.videos()
        return Moments(
            hits=[_moment(hit, videos[hit.video]) for hit in found.hits if hit.video in videos], note=found.note
        )

    @app.exception_handler(VideoclipError)
    def unusable(_: Request, error: VideoclipError) -> JSONResponse:
        missing = isinstance(error, LibraryError) and "has no video" in str(error)
        return JSONResponse({"detail": str(error)}, 404 if missing else 400)

    @app.get("/api/library")
    def about() -> About:
        """What the library holds."""
        store = library.store
        videos = store.videos().values()
        return About(
            version=__version__, **store.counts(), model=Path(store.about.model).name,
            encoder=store.about.encoder.encoder,
            languages=sorted({v.language for v in videos if v.language}), folders=_folders(videos),
            uploads=options.uploads, forms=list(FORMS),
        )  # fmt: skip

    @app.get("/api/progress")
    def progress() -> Progress:
        """How far an indexing is."""
        return _progress(library.store.folder)

    @app.get("/api/search")
    def search(query: Annotated[Query, Depends(wanted)]) -> Moments:
        """Moments that fit a text, or are like another moment."""
        with turn():
            return answered(library.search(query))

    @app.get("/api/export/{form}", response_class=Response)
    def export(
        form: Literal["json", "csv", "m3u", "edl", "fcpxml"], query: Annotated[Query, Depends(wanted)]
    ) -> Response:
        """The hits of a search as a file for other programs."""
        with turn():
            text = in_form(form, library.search(query).hits, query.text or "moments")
        headers = {"content-disposition": f'attachment; filename="moments.{form}"'}
        return Response(text, media_type="text/plain; charset=utf-8", headers=headers)

    body = {
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in UPLOADED},
        "required": True,
    }
    too_much: dict[int | str, dict[str, Any]] = {code: {"model": Problem} for code in (411, 413, 415)}

    @app.post("/api/search/file", openapi_extra={"requestBody": body}, responses=too_much)
    async def search_by_file(
        request: Request, limit: Annotated[int, QueryParameter(ge=1, le=MOST_HITS)] = 24
    ) -> Moments:
        """Moments that look like the image or the clip that is sent."""
        if not options.uploads:
            raise HTTPException(403, "uploads are off; start the server with --uploads")
        suffix = UPLOADED.get(request.headers.get("content-type", "").split(";")[0].strip().lower())
        if suffix is None:
            raise HTTPException(415, f"send one of {', '.join(UPLOADED)}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"upload{suffix}"
            await _receive(request, path)
            return await anyio.to_thread.run_sync(partial(by_file, path, limit))

    def by_file(path: Path, limit: int) -> Moments:
        with turn():
            try:
                vector = library.vector_of(path)
            except MediaError as error:
                raise HTTPException(400, "the file is neither an image nor a video that can be read") from error
            return answered(library.search(Query(limit=limit), vector))

    @app.get("/api/videos")
    def videos(
        offset: Annotated[int, QueryParameter(ge=0, le=2**31)] = 0,
        limit: Annotated[int, QueryParameter(ge=1, le=MOST_HITS)] = 50,
    ) -> Videos:
        """The library's videos, in the order of their paths."""
        every = library.videos
        return Videos(total=len(every), videos=[VideoInfo(**_info(v)) for v in every[offset : offset + limit]])

    @app.get("/api/videos/{number}")
    def video(number: VideoNumber) -> VideoDetail:
        """A video, and what is said in it."""
        found = video_of(number)
        said = [Sentence(start=c.start, end=c.end, text=c.text) for c in library.transcript(number)]
        return VideoDetail(**_info(found), transcript=said)

    @app.get("/api/videos/{number}/timeline")
    def timeline(
        number: VideoNumber, q: Annotated[str, QueryParameter(min_length=1, max_length=LONGEST_QUERY)]
    ) -> Timeline:
        """How sure it is that each second shows a text."""
        video_of(number)
        with turn():
            return Timeline(scores=[round(float(x), 3) for x in library.timeline(number, q)])

    @app.get("/api/videos/{number}/picture", response_class=Response, responses={200: {"content": {"image/webp": {}}}})
    def picture(number: VideoNumber, start: Seconds = 0.0, end: Seconds = 0.0) -> Response:
        """A picture of a moment."""
        video_of(number)
        image = library.picture(number, start, end)
        if image is None:
            raise HTTPException(404, "the video gave no picture")
        return Response(image, media_type="image/webp", headers={"cache-control": "private, max-age=86400"})

    @app.get("/api/videos/{number}/file", response_class=FileResponse, responses={206: {}, 416: {}})
    def file(number: VideoNumber) -> FileResponse:
        """The video itself, or a range of it."""
        path = Path(video_of(number).path)
        if not _is_there(path):
            raise HTTPException(410, f"the file of this video is gone: {path.name}; index its folder again")
        kind = PLAYED.get(path.suffix.lower(), "application/octet-stream")
        return FileResponse(path, media_type=kind, headers={"cache-control": "private, max-age=3600"})

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(WEB / "index.html", headers={"cache-control": "no-cache"})

    app.mount("/static", StaticFiles(directory=WEB), name="static")
    app.add_middleware(_Guard, options=options)
    return app


class _Guard:
    """Lets requests through that may see the library, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, options: Options):
        self.app, self.options = app, options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        refusal = self._refusal(request)
        await (refusal or self.app)(scope, receive, partial(_with_headers, send))

    def _refusal(self, request: Request) -> Response | None:
        host = request.headers.get("host", "")
        name = host.rsplit(":", 1)[0].strip("[]") if not host.endswith("]") else host.strip("[]")
        if not self.options.token and not is_local(name):
            # A page of a stranger whose name was made to point to this machine must not read the library.
            return JSONResponse({"detail": "this server answers to its own address only"}, 403)
        origin = request.headers.get("origin")
        if request.method not in ("GET", "HEAD") and origin and origin.split("//")[-1] != host:
            return JSONResponse({"detail": "requests from other pages are refused"}, 403)
        if not self.options.token:
            return None
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._is_right(bearer) or self._is_right(request.cookies.get(COOKIE, "")):
            return None
        if request.url.path == "/" and self._is_right(request.query_params.get("token", "")):
            entered = RedirectResponse("/", 303)
            entered.set_cookie(COOKIE, self.options.token, httponly=True, samesite="strict", max_age=30 * 86400)
            return entered
        detail = "a token is needed: open the address that the server printed, or send 'Authorization: Bearer TOKEN'"
        return JSONResponse({"detail": detail}, 401, {"www-authenticate": "Bearer"})

    def _is_right(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.options.token.encode())


async def _with_headers(send: Send, message: Message) -> None:
    if message["type"] == "http.response.start":
        message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in HEADERS.items())]
    await send(message)


async def _receive(request: Request, path: Path) -> None:
    """Write a request's body into a file, as long as it is not too large."""
    size = 0
    with open(path, "wb") as file:
        async for part in request.stream():
            size += len(part)
            if size > LARGEST_UPLOAD:
                raise HTTPException(413, f"the file is larger than {LARGEST_UPLOAD >> 20} MB")
            file.write(part)
    if not size:
        raise HTTPException(400, "the file is empty")


def _is_there(path: Path) -> bool:
    """Whether a file is still the one that was indexed, not a link to another."""
    return path.is_file() and os.path.realpath(path) == str(path)


def _info(video: Video) -> dict[str, Any]:
    return {
        "video": video.id, "name": Path(video.path).name, "path": video.path, "duration": video.duration,
        "recorded": video.recorded, "width": video.width, "height": video.height, "language": video.language,
        "there": _is_there(Path(video.path)),
    }  # fmt: skip


def _moment(hit, video: Video) -> Moment:
    return Moment(
        video=hit.video, name=Path(hit.path).name, path=hit.path, start=hit.start, end=hit.end, duration=video.duration,
        score=hit.score, sight=hit.sight, speech=hit.speech, said=hit.said,
    )  # fmt: skip


def _folders(videos) -> list[str]:
    """Folders that hold videos of the library, the first hundred."""
    return sorted({str(Path(video.path).parent) for video in videos})[:100]


def _progress(folder: Path) -> Progress:
    """What the last or running indexing noted; a process that is gone indexes no more."""
    try:
        state = json.loads((folder / "progress.json").read_text())
        if state.get("stage") not in ("idle", None):
            os.kill(state["process"], 0)
    except PermissionError:
        pass
    except (OSError, ValueError, KeyError):
        return Progress()
    return Progress(**{k: v for k, v in state.items() if k in Progress.model_fields})


def run(folder: Path, options: Options) -> None:
    """Serve a library until Ctrl-C.

    Raises:
        LibraryError: there is no library in the folder.
        ConfigError: the port is taken.
    """
    import uvicorn

    library = Library(folder)
    app = make_app(library, options)
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((options.host, options.port))
        except OSError as error:
            raise ConfigError(
                f"{options.host}:{options.port} cannot be used ({error.strerror}); choose --port"
            ) from error
        host = f"[{options.host}]" if ":" in options.host else options.host
        query = f"?token={options.token}" if options.token else ""
        print(f"videoclip: {folder} at http://{host}:{listening.getsockname()[1]}/{query} (Ctrl-C ends)", flush=True)
        threading.Thread(target=lambda: library.model, daemon=True).start()  # loaded before the first question
        config = uvicorn.Config(
            app, log_level="warning", limit_concurrency=200, timeout_keep_alive=10, server_header=False
        )
        uvicorn.Server(config).run(sockets=[listening])
