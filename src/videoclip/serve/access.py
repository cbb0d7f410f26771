"""Who may see a library that is served: this machine, or who knows a token; and headers that shut its page in."""

import html
import ipaddress
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, parse_qsl, urlencode

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ConfigError
from ..ranges import Range, ranged
from .connections import let_in
from .sessions import LASTS, MAKE, check_token, is_session, is_token, new_session

SIGN_IN, STATIC = "/sign-in", "/static/"
FORM = Path(__file__).parent / "web" / "sign-in.html"
LONGEST_FORM = 4096
"""Bytes that are read of a form of signing in."""
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
SLOWED, LONGEST_DELAY, FORGIVEN = 64, 4.0, 300.0
"""Wrong tokens that wait for their answer at most, the longest wait, and seconds after which they are forgotten."""

TOO_MANY = partial(JSONResponse, {"detail": "too many wrong tokens; try again in a minute"}, 429)


@dataclass(frozen=True)
@ranged
class Options:
    """How a library is served. ``token``: what a visitor must know; ``uploads``: whether files may be searched by."""

    token: str = ""
    uploads: bool = False
    host: str = "127.0.0.1"
    port: Annotated[int, Range(0, 65_535)] = 8400

    def __post_init__(self):
        if self.token:
            check_token(self.token)
        elif not is_local(self.host):
            raise ConfigError(
                f"listening on {self.host} lets other machines in; give a token, in VIDEOCLIP_TOKEN or by --token-file "
                f"({MAKE})"
            )


def is_local(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Lets requests through that may see the library, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, options: Options):
        self.app, self.options, self.wrong = app, options, _Wrong()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        send = partial(_with_headers, send, request.url.path)
        refusal = _strangers(request, self.options) or (await self._sign_in(request) if self.options.token else None)
        if refusal is None and not (self.options.token and request.url.path.startswith(STATIC)):
            let_in(scope)
        if refusal is None and request.method == "HEAD" and _lacks_head(request.url.path):
            scope, send = {**scope, "method": "GET"}, partial(_without_body, send)
        await (refusal or self.app)(scope, receive, send)

    async def _sign_in(self, request: Request) -> Response | None:
        """None for who may come in, or else the answer: the way in, or that there is none."""
        token, cookie = self.options.token, _cookie(request)
        if request.url.path == SIGN_IN and request.method == "POST":
            given = parse_qs((await _body(request)).decode("utf-8", "replace"))
            return await self._entered(request, given.get("token", [""])[0].strip(), given.get("next", [""])[0])
        if is_session(request.cookies.get(cookie, ""), token) or request.url.path.startswith(STATIC):
            return None
        kind, _, bearer = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            if is_token(bearer.strip(), token):
                return None
            if not await self.wrong.wait(request):
                return TOO_MANY()
        elif request.url.path == "/" and "token" in request.query_params:
            query = [pair for pair in parse_qsl(request.url.query, keep_blank_values=True) if pair[0] != "token"]
            return await self._entered(request, request.query_params["token"], urlencode(query))
        if request.url.path == "/" and request.method == "GET":
            return _form(request.url.query)
        detail = "a token is needed: open the address that the server printed, or send 'Authorization: Bearer TOKEN'"
        return JSONResponse({"detail": detail}, 401, {"www-authenticate": "Bearer"})

    async def _entered(self, request: Request, given: str, query: str) -> Response:
        """The page with a session where the token is right, in the search where the visitor was heading."""
        if not is_token(given, self.options.token):
            if not await self.wrong.wait(request):
                return TOO_MANY()
            return _form(query, "That is not the token.")
        # Encoded anew, so that what a visitor sent cannot lead elsewhere.
        search = urlencode(parse_qsl(query, keep_blank_values=True))
        entered = RedirectResponse(f"/?{search}" if search else "/", 303)
        secure = request.url.scheme == "https"
        kept = {"httponly": True, "samesite": "lax", "secure": secure, "max_age": LASTS}
        entered.set_cookie(_cookie(request), new_session(self.options.token), **kept)
        return entered


class _Wrong:
    """Wrong tokens are answered the later the more of them a client sent; right ones never wait."""

    def __init__(self):
        self.clients: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self.waiting = 0

    async def wait(self, request: Request) -> bool:
        """Let a client wait; False at once where too many wait already."""
        client, now = request.client.host if request.client else "", time.monotonic()
        times, last = self.clients.pop(client, (0, now))
        times = 1 if now - last > FORGIVEN else times + 1
        self.clients[client] = times, now
        while len(self.clients) > 1000:
            self.clients.popitem(last=False)
        if self.waiting >= SLOWED:
            return False
        self.waiting += 1
        try:
            await anyio.sleep(min(0.1 * 2 ** min(times - 1, 10), LONGEST_DELAY))
        finally:
            self.waiting -= 1
        return True


def _strangers(request: Request, options: Options) -> Response | None:
    """The refusal of what another site's page causes, or None."""
    host = request.headers.get("host", "")
    name = host.rsplit(":", 1)[0].strip("[]") if not host.endswith("]") else host.strip("[]")
    if not options.token and not is_local(name):
        # A page of a stranger whose name was made to point to this machine must not read the library.
        return JSONResponse({"detail": "this server answers to its own address only"}, 403)
    origin = request.headers.get("origin")
    if request.method not in ("GET", "HEAD") and origin and origin.split("//")[-1] != host:
        return JSONResponse({"detail": "requests from other pages are refused"}, 403)
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not _is_visit(request):
        return JSONResponse({"detail": "requests from other pages are refused"}, 403)
    return None


def _is_visit(request: Request) -> bool:
    """Whether somebody follows a link to the page."""
    asked = (request.method, request.headers.get("sec-fetch-mode"), request.headers.get("sec-fetch-dest"))
    return asked == ("GET", "navigate", "document") and request.url.path == "/"


def _cookie(request: Request) -> str:
    """The session's name, another one for each port: browsers send a host's cookies to all of its ports."""
    server = request.scope.get("server") or ("", 0)
    return f"videoclip-{server[1]}"


def _form(query: str, trouble: str = "") -> Response:
    text = FORM.read_text(encoding="utf-8")
    for name, value in (("NEXT", query), ("TROUBLE", trouble)):
        text = text.replace(f"{{{name}}}", html.escape(value, quote=True))
    return HTMLResponse(text, 401, {"cache-control": "no-store"})


async def _body(request: Request) -> bytes:
    """What a form sends; empty where that is too much to be one."""
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > LONGEST_FORM:
                return b""
    except ClientDisconnect:
        return b""
    return body


def _lacks_head(path: str) -> bool:
    """Whether a path's own answer to HEAD would be that it does not know it."""
    return path == "/" or (path.startswith("/api/") and not path.endswith("/file"))


async def _without_body(send: Send, message: Message) -> None:
    if message["type"] == "http.response.body":
        message = {**message, "body": b""}
    await send(message)


async def _with_headers(send: Send, path: str, message: Message) -> None:
    if message["type"] == "http.response.start":
        there = {name for name, _ in message["headers"]}
        kept = "no-store" if path.startswith("/api/") else "no-cache"
        more = HEADERS if b"cache-control" in there else HEADERS | {"cache-control": kept}
        message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in more.items())]
    await send(message)
