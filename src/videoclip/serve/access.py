"""Who may see a library that is served: this machine, or who knows a token; and headers that shut its page in."""

import hmac
import ipaddress
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ConfigError

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


class Guard:
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
