"""Connections that bring no visitor who is let in make room for those that do.

uvicorn waits for ever for the rest of a request, and counts every connection alike, so that some hundred of a
stranger's would shut everyone out: half-sent, dripping, or idle after an answer that was no.
"""

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS, BODY_SECONDS, STALL_SECONDS = 10.0, 300.0, 20.0
"""Within which a request must be there and, as long as nobody is let in for it, be answered; within which the body of
one that is let in must be there; and for which such a body may stand still."""
MOST_WAITING, MOST_ANSWERED = 100, 400
"""Connections that are idle or bring nobody who is let in, and those that do; of more, the oldest of the busiest client
is closed."""
LATE = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 48\r\n\r\n"
    b'{"detail": "the request did not come in time"}\r\n'
)


def let_in(scope: Scope) -> None:
    """Note that a request's visitor may see the library, so that its connection keeps its place until the answer."""
    noted: Callable[[], None] | None = scope.get("state", {}).get("let_in")
    if noted is not None:
        noted()


@dataclass
class Room:
    """Connections for which there is room, the one that came first first."""

    most: int
    connections: OrderedDict["Timed", str] = field(default_factory=OrderedDict)

    def add(self, connection: "Timed") -> None:
        if connection in self.connections:
            return  # what dribbles in does not make it younger
        self.connections[connection] = _network(connection.client)
        if len(self.connections) > self.most:
            busiest = Counter(self.connections.values()).most_common(1)[0][0]
            next(c for c, network in self.connections.items() if network == busiest).give_up()

    def remove(self, connection: "Timed") -> None:
        self.connections.pop(connection, None)


class Timed(H11Protocol):
    """uvicorn's connection, with an end to its patience."""

    def __init__(self, waiting: Room, answered: Room, **arguments: Any):
        super().__init__(**arguments)
        self.waiting, self.answered = waiting, answered
        self.timer: Any = None
        self.body_until = 0.0
        self.is_let_in = False
        self.app_state = {**self.app_state, "let_in": self._let_in}

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.is_let_in and not self.transport.is_closing():
            self._expect_body()

    def on_response_complete(self) -> None:
        self.is_let_in = False
        self._expect_request()
        super().on_response_complete()

    def give_up(self) -> None:
        """Say that it took too long, if nothing else was said yet, and close; what is not read is not waited for."""
        self._leave()
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            self.transport.abort()
            return
        is_answered = self.cycle is not None and self.cycle.response_complete
        is_idle = is_answered and not self.conn.trailing_data[0]
        if not is_idle and (is_answered or self.cycle is None or not self.cycle.response_started):
            self.transport.write(LATE)
        self.transport.close()

    def _let_in(self) -> None:
        if self.transport.is_closing():
            return  # given up, and no longer in any room
        self.is_let_in, self.body_until = True, self.loop.time() + BODY_SECONDS
        self.waiting.remove(self)
        self.answered.add(self)
        self._expect_body()

    def _expect_request(self) -> None:
        if self.transport.is_closing():
            return  # its answer was on its way as it was given up; in a room it would push out another
        self._stop_timer()
        self.timer = self.loop.call_later(REQUEST_SECONDS, self.give_up)
        self.answered.remove(self)
        self.waiting.add(self)

    def _expect_body(self) -> None:
        self._stop_timer()
        if self.cycle.more_body:
            self.timer = self.loop.call_at(min(self.body_until, self.loop.time() + STALL_SECONDS), self.give_up)

    def _leave(self) -> None:
        self._stop_timer()
        self.waiting.remove(self)
        self.answered.remove(self)

    def _stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


def rooms() -> dict[str, Room]:
    """The rooms of a server, as ``Timed`` takes them."""
    return {"waiting": Room(MOST_WAITING), "answered": Room(MOST_ANSWERED)}


def _network(client: tuple[str, int] | None) -> str:
    """What one client is likely to have for itself: an address, or 64 bits of it."""
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return ""
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))
