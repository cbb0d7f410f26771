"""Connections that ask for nothing in time make room for those that do.

uvicorn waits for ever for the rest of a request, so that some hundred half-sent ones would shut everyone out.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS, BODY_SECONDS, STALL_SECONDS = 10.0, 300.0, 20.0
"""Within which a request's head must be there, and its body; and for which a body may stand still."""
MOST_WAITING = 100
"""Connections without a request; of more, the one that has waited longest is closed."""
LATE = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 48\r\n\r\n"
    b'{"detail": "the request did not come in time"}\r\n'
)


@dataclass
class Waiting:
    """The connections that have no complete request yet, the one that has waited longest first."""

    most: int = MOST_WAITING
    connections: OrderedDict["Timed", None] = field(default_factory=OrderedDict)

    def add(self, connection: "Timed") -> None:
        self.connections[connection] = None
        while len(self.connections) > self.most:
            self.connections.popitem(last=False)[0].give_up()

    def remove(self, connection: "Timed") -> None:
        self.connections.pop(connection, None)


class Timed(H11Protocol):
    """uvicorn's connection, with an end to its patience."""

    def __init__(self, waiting: Waiting, **arguments: Any):
        super().__init__(**arguments)
        self.waiting = waiting
        self.timer: Any = None
        self.body_until = 0.0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing():
            self._expect_nothing()
        elif self.cycle is None or self.cycle.response_complete:
            if self not in self.waiting.connections:
                self._expect_head()
        elif self.cycle.more_body:
            self._expect_body()
        else:
            self._expect_nothing()

    def on_response_complete(self) -> None:
        self._expect_nothing()
        super().on_response_complete()

    def give_up(self) -> None:
        """Say that it took too long, and close."""
        self._expect_nothing()
        if not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(LATE)
            self.transport.close()

    def _expect_head(self) -> None:
        self._expect_nothing()
        self.timer = self.loop.call_later(HEAD_SECONDS, self.give_up)
        self.waiting.add(self)

    def _expect_body(self) -> None:
        now = self.loop.time()
        self.body_until = self.body_until or now + BODY_SECONDS
        until = min(self.body_until, now + STALL_SECONDS)
        self._stop_timer()
        self.waiting.remove(self)
        self.timer = self.loop.call_at(until, self.give_up)

    def _expect_nothing(self) -> None:
        self._stop_timer()
        self.waiting.remove(self)
        self.body_until = 0.0

    def _stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
