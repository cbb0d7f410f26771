"""A library in the browser, and as a JSON API: searching, watching, reading along; nothing can be changed through it.

Only what the library names is served: a request says the number of a video, never a path, and a file is sent only if it
is still the very file that was indexed. Listening to other machines needs a token.
"""

import json
import os
import re
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import quote

import anyio
import anyio.to_thread
import uvicorn
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi import Path as PathParameter
from fastapi import Query as QueryParameter
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles

from .. import __version__
from ..errors import ConfigError, VideoclipError
from ..library.exports import FORMS, in_form
from ..library.search import LONGEST_QUERY, Found, Library, Query
from ..library.store.about import LibraryError
from ..library.store.rows import Video
from ..library.why import Part as TextPart
from ..library.why import reasons, sentences_with
from ..media.captions import captions_text
from ..storage.names import shown
from ..storage.places import Place
from . import uploads
from .access import Guard, Options
from .answers import (
    About,
    Moment,
    Moments,
    Part,
    Problem,
    Progress,
    Reason,
    Said,
    Sentence,
    Sentences,
    Timeline,
    VideoDetail,
    VideoInfo,
    Videos,
)
from .connections import Timed, rooms
from .files import SentFile, is_as_indexed, open_as_indexed

WEB = Path(__file__).parent / "web"
MOST_HITS = 100
"""Hits of one request."""
PLAYED = {
    **{".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm"},
    **{".mkv": "video/x-matroska", ".ogv": "video/ogg"},
}
"""Types under which files are sent; browsers try to play these."""
AT_ONCE, PATIENCE, ASK_AGAIN = 2 * (os.cpu_count() or 1), 10.0, 0.02
"""Searches that run at the same time, seconds that others wait for their turn, and after which they ask again."""
MOST_CONNECTIONS = 600
"""Connections at the same time, which are never that many as long as those that are too many end (``connections``)."""
BACKLOG = 512
"""Connections that wait to be taken."""
T = TypeVar("T")
MODE = "^(all|both|(sight|speech|written)(,(sight|speech|written)){0,2})$"
CAPTIONS = {"srt": "application/x-subrip", "vtt": "text/vtt", "json": "application/json"}
"""What captions can be downloaded as, by the suffix of the file."""


VideoNumber = Annotated[int, PathParameter(ge=0, le=2**62)]
Seconds = Annotated[float, QueryParameter(ge=0, le=1e7, allow_inf_nan=False)]
ERRORS: dict[int | str, dict[str, Any]] = {code: {"model": Problem} for code in (400, 401, 403, 404, 410, 503)}


# Parameters: each is one of a search's address, as FastAPI reads and documents them.
def wanted(
    q: Annotated[str, QueryParameter(max_length=LONGEST_QUERY, description="What is looked for")] = "",
    mode: Annotated[str, QueryParameter(pattern=MODE, description="all, or some with commas between")] = "all",
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
        text=q, mode=mode, limit=limit, like=like, folder=folder.replace("\0", ""), after=after, before=before,
        shortest=shortest, longest=longest, language=language, by_video=by_video, everything=everything,
    )  # fmt: skip


class _Served:
    """What the requests share: a library, how it is served, and whose turn it is."""

    def __init__(self, library: Library, options: Options):
        self.library, self.options = library, options
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._uploads = threading.BoundedSemaphore(uploads.AT_ONCE)
        self._files = threading.BoundedSemaphore(AT_ONCE)
        self._received = threading.BoundedSemaphore(uploads.RECEIVED)

    async def in_turn(self, work: Callable[[], T]) -> T:
        """What a search gives, when it is its turn; 503 where too many others wait. Nobody waits in a thread."""
        return await _in_turn(self._turns, work, "searches")

    async def looked_at(self, work: Callable[[], T]) -> T:
        """As ``in_turn``, for what was uploaded, which keeps no search waiting."""
        return await _in_turn(self._uploads, work, "uploads")

    async def opened(self, work: Callable[[], T]) -> T:
        """As ``in_turn``, for files that are opened, which may have to be read to know them again."""
        return await _in_turn(self._files, work, "files")

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """A place for an upload; 503 where there is none."""
        if not self._received.acquire(blocking=False):
            raise HTTPException(503, "too many uploads at once; try again in a moment", {"retry-after": "5"})
        try:
            yield
        finally:
            self._received.release()

    def video(self, number: int) -> Video:
        """A video by its number; 404 where there is none."""
        video = self.library.store.videos().get(number)
        if video is None:
            raise HTTPException(404, "the library has no such video; it may have been replaced, search again")
        return video

    def answered(self, found: Found, text: str = "") -> Moments:
        """Hits as the API gives them, for a text that was looked for."""
        videos = self.library.store.videos()
        return Moments(
            hits=[_moment(hit, videos[hit.video], text) for hit in found.hits if hit.video in videos], note=found.note
        )


async def _in_turn(turns: threading.BoundedSemaphore, work: Callable[[], T], what: str) -> T:
    until = time.monotonic() + PATIENCE
    while not turns.acquire(blocking=False):
        if time.monotonic() > until:
            raise HTTPException(503, f"too many {what} at once; try again in a moment", {"retry-after": "2"})
        await anyio.sleep(ASK_AGAIN)
    try:
        return await anyio.to_thread.run_sync(work)
    finally:
        turns.release()


def _served(request: Request) -> _Served:
    return request.app.state.served


Here = Annotated[_Served, Depends(_served)]
Wanted = Annotated[Query, Depends(wanted)]
HitCount = Annotated[int, QueryParameter(ge=1, le=MOST_HITS)]
api = APIRouter(prefix="/api")


@api.get("/library")
def about(served: Here) -> About:
    """What the library holds."""
    store = served.library.store
    videos = store.videos().values()
    return About(
        version=__version__, **store.counts(), model=Path(store.about.model).name,
        encoder=store.about.encoder.encoder,
        languages=sorted({v.language for v in videos if v.language}),
        spoken=dict(Counter(v.language for v in videos if v.language).most_common()), folders=_folders(videos),
        uploads=served.options.uploads, forms=list(FORMS),
    )  # fmt: skip


@api.get("/progress")
def progress(served: Here) -> Progress:
    """How far an indexing is."""
    return _progress(served.library.store.folder)


@api.get("/search")
async def search(served: Here, query: Wanted) -> Moments:
    """Moments that fit a text, or are like another moment."""
    return await served.in_turn(lambda: served.answered(served.library.search(query), query.text))


@api.get("/export/{form}", response_class=Response)
async def export(served: Here, form: Literal["json", "csv", "m3u", "edl", "fcpxml"], query: Wanted) -> Response:
    """The hits of a search as a file for other programs."""
    text = await served.in_turn(lambda: in_form(form, served.library.search(query).hits, query.text or "moments"))
    headers = {"content-disposition": f'attachment; filename="moments.{form}"'}
    return Response(text.encode(errors="surrogateescape"), media_type="text/plain; charset=utf-8", headers=headers)


BODY = {
    "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in uploads.KINDS},
    "required": True,
}
TOO_MUCH: dict[int | str, dict[str, Any]] = {code: {"model": Problem} for code in (411, 413, 415)}


@api.post("/search/file", openapi_extra={"requestBody": BODY}, responses=TOO_MUCH)
async def search_by_file(served: Here, request: Request, limit: HitCount = 24) -> Moments:
    """Moments that look like the image or the clip that is sent."""
    if not served.options.uploads:
        raise HTTPException(403, "uploads are off; start the server with --uploads")
    kind = uploads.kind_of(request)
    with served.receiving(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        await uploads.receive(request, path, uploads.LARGEST)
        vector = await served.looked_at(lambda: uploads.vector_of(served.library, path, kind))
        return await served.in_turn(lambda: served.answered(served.library.search(Query(limit=limit), vector)))


@api.get("/videos")
def videos(served: Here, offset: Annotated[int, QueryParameter(ge=0, le=2**31)] = 0, limit: HitCount = 50) -> Videos:
    """The library's videos, in the order of their paths."""
    every = served.library.videos
    return Videos(total=len(every), videos=[VideoInfo(**_info(v)) for v in every[offset : offset + limit]])


@api.get("/videos/{number}")
def video(served: Here, number: VideoNumber) -> VideoDetail:
    """A video, and what is said in it."""
    found = served.video(number)
    said = [Sentence(start=c.start, end=c.end, text=c.text) for c in served.library.transcript(number)]
    return VideoDetail(
        **_info(found), transcript=said, source=found.source if said else "", recogniser=found.recogniser,
        confidence=found.confidence,
    )  # fmt: skip


@api.get("/videos/{number}/transcript")
async def sentences(
    served: Here, number: VideoNumber, find: Annotated[str, QueryParameter(min_length=1, max_length=LONGEST_QUERY)]
) -> Sentences:
    """Sentences of a video that hold some words, in any form that a search finds them in."""
    served.video(number)
    found = await served.in_turn(
        lambda: sentences_with([caption.text for caption in served.library.transcript(number)], find)
    )
    return Sentences(found=[Said(sentence=i, parts=_parts(parts)) for i, parts in found.items()])


@api.get("/videos/{number}/captions/{form}", response_class=Response)
def captions(served: Here, number: VideoNumber, form: Literal["srt", "vtt", "json"]) -> Response:
    """What is said in a video, as a file of captions."""
    found = served.video(number)
    said = served.library.transcript(number)
    if not said:
        raise HTTPException(404, "nothing is said in this video")
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", Path(found.path).stem).strip("._")[:80] or "captions"
    headers = {"content-disposition": f'attachment; filename="{stem}.{form}"'}
    return Response(captions_text(said, form).encode(), media_type=f"{CAPTIONS[form]}; charset=utf-8", headers=headers)


@api.get("/videos/{number}/timeline")
async def timeline(
    served: Here, number: VideoNumber, q: Annotated[str, QueryParameter(min_length=1, max_length=LONGEST_QUERY)]
) -> Timeline:
    """How sure it is that each second shows a text."""
    served.video(number)
    scores = await served.in_turn(lambda: served.library.timeline(number, q))
    return Timeline(scores=[round(float(x), 3) for x in scores])


@api.get("/videos/{number}/picture", response_class=Response, responses={200: {"content": {"image/webp": {}}}})
def picture(served: Here, number: VideoNumber, start: Seconds = 0.0, end: Seconds = 0.0) -> Response:
    """A picture of a moment."""
    served.video(number)
    image = served.library.picture(number, start, end)
    if image is None:
        raise HTTPException(404, "the video gave no picture")
    return Response(image, media_type="image/webp")


@api.head("/videos/{number}/file", include_in_schema=False)
@api.get("/videos/{number}/file", response_class=FileResponse, responses={206: {}, 416: {}})
async def file(served: Here, number: VideoNumber) -> FileResponse:
    """The video itself, or a range of it."""
    video = served.video(number)
    path, descriptor = Path(video.path), await served.opened(lambda: open_as_indexed(video))
    if descriptor is None:
        raise HTTPException(
            410, f"the file of this video is gone or was changed: {shown(path.name)}; index its folder again"
        )
    kind = PLAYED.get(path.suffix.lower(), "application/octet-stream")
    return SentFile(descriptor, kind, {"cache-control": "private, no-cache"})


def make_app(library: Library, options: Options | None = None) -> FastAPI:
    """The web application of a library."""
    app = FastAPI(
        title="videoclip", version=__version__, description="Moments of your videos, by describing them.",
        docs_url=None, redoc_url=None, responses=ERRORS,
    )  # fmt: skip
    app.state.served = _Served(library, options or Options())
    app.include_router(api)
    app.add_exception_handler(VideoclipError, _unusable)
    app.add_api_route("/", _page, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=WEB), name="static")
    app.add_middleware(Guard, options=app.state.served.options)
    return app


def _unusable(_: Request, error: Exception) -> Response:
    missing = isinstance(error, LibraryError) and "has no video" in str(error)
    return JSONResponse({"detail": str(error)}, 404 if missing else 400)


def _page() -> FileResponse:
    return FileResponse(WEB / "index.html", headers={"cache-control": "no-cache"})


def _info(video: Video) -> dict[str, Any]:
    return {
        "video": video.id, "name": shown(Path(video.path).name), "path": shown(video.path), "duration": video.duration,
        "recorded": video.recorded, "width": video.width, "height": video.height, "language": video.language,
        "there": is_as_indexed(video),
    }  # fmt: skip


def _parts(parts: Sequence[TextPart]) -> list[Part]:
    return [Part(text=part.text, found=part.found) for part in parts]


def _moment(hit, video: Video, text: str) -> Moment:
    return Moment(
        video=hit.video, name=shown(Path(hit.path).name), path=shown(hit.path),
        start=hit.start, end=hit.end, duration=video.duration,
        score=hit.score, sight=hit.sight, sure=hit.sure, speech=hit.speech, said=hit.said, quote=hit.quote,
        written=hit.written, line=hit.line, meaning=hit.meaning,
        why=[Reason(kind=reason.kind, parts=_parts(reason.parts)) for reason in reasons(hit, text)],
    )  # fmt: skip


def _folders(videos) -> list[str]:
    """Folders that hold videos of the library, the first hundred."""
    return sorted({shown(str(Path(video.path).parent)) for video in videos})[:100]


def _progress(folder: Place) -> Progress:
    """What the last or running indexing noted; a process that is gone indexes no more."""
    try:
        state = json.loads((folder / "progress.json").read_text())
        if state.get("stage") not in ("idle", None) and state.get("host") == socket.gethostname():
            os.kill(state["process"], 0)
    except PermissionError:
        pass
    except (OSError, ValueError, KeyError):
        return Progress()
    return Progress(**{k: v for k, v in state.items() if k in Progress.model_fields})


def run(folder: Place, options: Options) -> None:
    """Serve a library until Ctrl-C or SIGTERM, which end it within a few seconds whatever is being sent.

    Raises:
        LibraryError: there is no library in the folder.
        ConfigError: the port is taken.
    """
    library = Library(folder)
    app = make_app(library, options)
    with _listening(options) as listening:
        for address in addresses(options.host, listening.getsockname()[1]):
            # Only to somebody who looks: what is printed elsewhere ends in logs.
            query = f"?token={quote(options.token, safe='')}" if options.token and sys.stdout.isatty() else ""
            print(f"videoclip: {folder} at {address}/{query} (Ctrl-C ends)", flush=True)
        threading.Thread(target=lambda: library.model, daemon=True).start()  # loaded before the first question
        uvicorn.Server(configured(app)).run(sockets=[listening])


def configured(app: FastAPI) -> uvicorn.Config:
    """How an application is served: what its connections may hold, and for how long."""
    return uvicorn.Config(
        app, log_level="error", http=partial(Timed, **rooms()),  # type: ignore[arg-type]
        limit_concurrency=MOST_CONNECTIONS, timeout_keep_alive=8, timeout_graceful_shutdown=1, server_header=False,
    )  # fmt: skip


def _listening(options: Options) -> socket.socket:
    """A socket on the address that is asked for, whose connections send at once what is small."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, or asyncio sets no TCP_NODELAY
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((options.host, options.port))
        listening.listen(BACKLOG)  # before the address is printed, so that it can be opened at once
    except OSError as error:
        listening.close()
        raise ConfigError(f"{options.host}:{options.port} cannot be used ({error.strerror}); choose --port") from error
    return listening


def addresses(host: str, port: int) -> list[str]:
    """What can be opened in a browser: of a server on every address, this machine's local one and that to others."""
    hosts = ["localhost" if host == "::" else "127.0.0.1", *_outward()] if host in ("0.0.0.0", "::", "") else [host]
    return [f"http://{f'[{name}]' if ':' in name else name}:{port}" for name in hosts]


def _outward() -> list[str]:
    """The address by which other machines of the network reach this one, if it has a network; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        try:
            line.connect(("192.0.2.1", 9))  # an address that documentation uses and nobody has
            return [line.getsockname()[0]]
        except OSError:
            return []
