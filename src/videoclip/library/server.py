"""A library in the browser, and as a JSON API: searching, watching, reading along; nothing can be changed through it.

Only what the library names is served: a request says the number of a video, never a path, and a file is sent only if it
is still the very file that was indexed. Listening to other machines needs a token.
"""

import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio.to_thread
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi import Path as PathParameter
from fastapi import Query as QueryParameter
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles

from .. import __version__
from ..errors import ConfigError, MediaError, VideoclipError
from .answers import About, Moment, Moments, Problem, Progress, Sentence, Timeline, VideoDetail, VideoInfo, Videos
from .exports import FORMS, in_form
from .guard import Guard, Options
from .search import LONGEST_QUERY, Found, Library, Query
from .store import LibraryError
from .tables import Video

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
    app.add_middleware(Guard, options=options)
    return app


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
