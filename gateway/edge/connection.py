"""A client's connection and how it ends: what is owed to whom when the client, the answer or the server is at its end.

Rules 3 to 5 of `gateway.edge.protocol`, whose class reads the requests.
"""

from enum import Enum
from typing import Final

from gateway.client import Listener
from gateway.edge.cycle import Cycle
from gateway.edge.state import EdgeState
from gateway.edge.wire import Wire
from gateway.websocket_edge import WebSocketEdge

LINGER_SECONDS = 2.0


class Phase(Enum):
    """What the next bytes are."""

    HEAD = "the beginning of a request"
    BODY = "more of a request's body"
    AHEAD = "a request sent ahead of its turn"
    CLOSING = "nothing: they are thrown away"


_HEAD: Final = Phase.HEAD
_BODY: Final = Phase.BODY
_AHEAD: Final = Phase.AHEAD
_CLOSING: Final = Phase.CLOSING


class Connection(Wire):
    """Base of `EdgeProtocol`. `listener` is set by the exchange that is being served, if any. address: of the client,
    empty where there is none. scheme: `http` or `https`.
    """

    def __init__(self, server_state: EdgeState) -> None:
        super().__init__(server_state.front, server_state.loop)
        self._state = server_state
        self.listener: Listener | None = None
        self.address = ""
        self.scheme = "http"
        self._half_closed = False
        self._closes_soon = False
        self._websocket: WebSocketEdge | None = None
        # of the request
        self.phase = _HEAD
        self.cycle: Cycle | None = None
        self._buffer = b""

    def expire(self, now: float) -> None:
        """The deadline has passed; what did not come in time is for the class that reads to say."""
        raise NotImplementedError  # abstract: EdgeProtocol, the only subclass, has it

    def _end(self, *, at_once: bool = False) -> None:
        """Rule 3. at_once: whatever the client still sends."""
        self.phase = _CLOSING
        self._buffer = b""
        if self.lost:
            return
        self.deadline = self.loop.time() + LINGER_SECONDS
        self.resume_reading()
        if at_once or self._half_closed or not self.transport.can_write_eof():
            self.transport.close()
        elif not self.transport.is_closing():
            self.transport.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone: whoever serves it stops."""
        self.lost = True
        self._state.connections.discard(self)
        self._state.remove(self, self.address)
        self.resume_writing()
        if self.cycle is not None:
            self.cycle.disconnected = not self.cycle.response_complete
            self.cycle.wake()
        if self.listener is not None:
            self.listener.leave()

    def abort(self) -> None:
        """Rule 4."""
        self.listener = None
        if self.cycle is not None:
            self.cycle.disconnected = True
        self.reset()

    def cut(self) -> None:
        """Ends what is being served: with 503 where no answer has begun, else by a cut."""
        if self._websocket is not None:
            self._websocket.cut()
        elif self.listener is not None:
            self.listener.cut_short()
        else:
            self.abort()

    def shutdown(self) -> None:
        """Closes an idle connection; one with a request, even half a head of it, closes after the answer."""
        self._closes_soon = True
        if self._websocket is not None:
            self._websocket.shutdown()
        elif self.phase is _HEAD and not self._buffer:
            self.transport.close()

    def close_soon(self) -> None:
        """The server drains: one request may still come, if it comes at once."""
        self._closes_soon = True
        if self.phase is _HEAD and not self._buffer:
            self.deadline = self.loop.time() + LINGER_SECONDS

    def check_writing(self, now: float) -> None:
        """Of a client that is slower than its answer: one that takes none of it for too long is cut. By the sweep."""
        if not self.is_taking(now):
            if self.listener is not None:
                listener, self.listener = self.listener, None
                listener.leave()
            self.abort()

    def _watch_half_closed(self) -> None:
        self.loop.call_later(self._front.limits.half_closed_seconds, self._check_half_closed)

    @property
    def _owes_an_answer(self) -> bool:
        """A request is being answered: one that came whole, or whose body turned out to be none."""
        cycle = self.cycle
        answering = cycle is not None and not (cycle.response_complete or cycle.disconnected)
        return self.phase is _AHEAD or (self.phase is _CLOSING and answering)

    def _check_half_closed(self) -> None:
        if self.lost or not self._owes_an_answer:
            return
        if self.wrote and self.is_connected():
            self._watch_half_closed()
        else:
            self.transport.abort()
