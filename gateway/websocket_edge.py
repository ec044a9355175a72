"""The client's side of a WebSocket under our edge: the ASGI websocket protocol on a connection taken over from HTTP.

Instead of uvicorn's own implementation, which reads a request's head a second time with other limits, drops frames
that came with it, keeps all of a flood of pongs, cuts a slow reader that cannot answer its pings, calls a cut
connection closed (1005), and cannot be told a size per connection.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from websockets.protocol import Side

from gateway.rules.headers import UNFRAMED, Fields, first
from gateway.websocket_handshake import accept_value, offered_protocols
from gateway.websocket_wire import CLOSE_SECONDS, NO_CLOSE, RESTART, RESTART_REASON, Closed, Outflow, Wire

EARLY_BYTES = 65_536
"""How much a client may send before its handshake is answered; more waits in the kernel."""
DEFAULT_MAX_BYTES = 64 * 1024 * 1024

Event = dict[str, Any]
_ACCEPTED: Event = {"type": "accepted"}
"""Wakes an app that listens while it accepts: what follows comes from the wire."""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What the edge hands over. scope: of the handshake, as for HTTP. tasks: the server's. lost: tells the edge."""

    transport: asyncio.Transport
    scope: dict[str, Any]
    app: Callable[[Any, Any, Any], Awaitable[None]]
    tasks: set["asyncio.Task[None]"]
    lost: Callable[[Exception | None], None]


def take_over(upgraded: Upgraded, rest: bytes) -> "WebSocketEdge":
    """Called by the edge at the end of a head that `rules.upgrade.is_handshake` knows, with what came behind it.
    From here on the connection is a WebSocket's.
    """
    edge = WebSocketEdge(upgraded)
    edge.start(rest)
    return edge


class WebSocketEdge(asyncio.Protocol):
    """One WebSocket; while the app runs, a task of the server. The edge passes `shutdown` and `cut` on.

    limit: what the app sets before it accepts, in `scope["extensions"]["gateway.websocket"]`.
    """

    def __init__(self, http: Upgraded) -> None:
        self.limit = DEFAULT_MAX_BYTES
        self._http = http
        self.transport = http.transport
        self._loop = asyncio.get_running_loop()
        self._scope = _scope(http.scope, self)
        self._wire: Wire | None = None
        self._early = b""
        self._events: list[Event] = []  # never more than a few; asyncio's Queue takes 3 KiB of every open WebSocket
        self._told: asyncio.Future[None] | None = None
        self._refusing = False
        self._done = False
        self._lost = False
        self._draining = False
        self._outflow = Outflow()
        self._outflow.transport = self.transport

    def start(self, rest: bytes) -> None:
        """Takes the connection and runs the app."""
        self.transport.set_protocol(self)
        self._tell({"type": "websocket.connect"})
        if rest:
            self.data_received(rest)
        self.transport.resume_reading()
        task = self._loop.create_task(self._run(), name="websocket")
        task.add_done_callback(self._http.tasks.discard)
        self._http.tasks.add(task)

    # -- before frames: what the transport does

    def data_received(self, data: bytes) -> None:
        """A client that does not wait for the answer."""
        self._early += data
        if len(self._early) > EARLY_BYTES:
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """At any time: `Wire` passes it on."""
        self._lost = True
        self._outflow.lose()
        self._tell({"type": "websocket.disconnect", "code": NO_CLOSE})
        self._http.lost(exc)

    def pause_writing(self) -> None:
        self._outflow.pause()

    def resume_writing(self) -> None:
        self._outflow.resume()

    # -- what the server does

    def shutdown(self) -> None:
        """The server drains: an open WebSocket is told so, one that is being opened is refused."""
        if self._wire is not None:
            self._wire.depart(RESTART, RESTART_REASON)
        elif not self._refusing:
            self._draining = True
            self._tell({"type": "websocket.disconnect", "code": RESTART})

    def cut(self) -> None:
        """The drain's time is over."""
        self.transport.abort()

    # -- the app

    async def _run(self) -> None:
        try:
            await self._http.app(self._scope, self._receive, self._send)
        except BaseException:
            self.transport.abort()
            raise
        if self._wire is not None:
            self._wire.close(1000)
        elif not self._done:
            self._finish()

    async def _receive(self) -> Event:
        if self._wire is None:
            event = await self._next_event()
            if event is not _ACCEPTED or self._wire is None:
                return event
        item = await self._wire.receive()
        if isinstance(item, Closed):
            return {"type": "websocket.disconnect", "code": item.code, "reason": item.reason or item.fault}
        return {"type": "websocket.receive", "text" if isinstance(item, str) else "bytes": item}

    def _tell(self, event: Event) -> None:
        self._events.append(event)
        if self._told is not None and not self._told.done():
            self._told.set_result(None)

    async def _next_event(self) -> Event:
        while not self._events:
            self._told = self._loop.create_future()
            try:
                await self._told
            finally:
                self._told = None
        return self._events.pop(0)

    async def _send(self, event: Event) -> None:
        kind = event["type"]
        if self._lost:
            return
        if self._wire is not None:
            await self._send_open(self._wire, kind, event)
        elif kind == "websocket.accept" and not self._refusing:
            self._accept(event.get("subprotocol"), list(event.get("headers", ())))
        elif kind == "websocket.http.response.start" and not self._refusing:
            self._refuse(event["status"], list(event.get("headers", ())))
        elif kind == "websocket.http.response.body" and self._refusing:
            await self._send_piece(event.get("body", b""), more=event.get("more_body", False))
        elif kind == "websocket.close" and not self._refusing:
            self._refuse(403, [(b"content-length", b"0")])
            self._finish()
        else:
            raise RuntimeError(f"{kind!r} does not belong here")

    async def _send_open(self, wire: Wire, kind: str, event: Event) -> None:
        if kind == "websocket.send":
            text = event.get("text")
            await wire.send(text if text is not None else event["bytes"])
        elif kind == "websocket.close":
            wire.close(event.get("code", 1000), event.get("reason") or "")
        else:
            raise RuntimeError(f"{kind!r} does not belong in an open WebSocket")

    # -- the answer to the handshake

    def _accept(self, subprotocol: str | None, fields: Fields) -> None:
        key = first(self._scope["headers"], b"sec-websocket-key") or b""
        own = [
            (b"upgrade", b"websocket"),
            (b"connection", b"Upgrade"),
            (b"sec-websocket-accept", accept_value(key)),
        ]
        if subprotocol is not None:
            own.append((b"sec-websocket-protocol", subprotocol.encode("latin-1")))
        self.transport.write(_head(101, own + fields))
        self._wire = Wire(Side.SERVER, max_bytes=self.limit, on_lost=self.connection_lost)
        self.transport.resume_reading()
        self._wire.begin(self.transport, self._early)
        self._early = b""
        self._tell(_ACCEPTED)
        if self._draining:
            self._wire.depart(RESTART, RESTART_REASON)

    def _refuse(self, status: int, fields: Fields) -> None:
        """Without a length the body ends with the connection, which ends in any case: it was to be a WebSocket's."""
        self._refusing = True
        kept = [field for field in fields if field[0] not in {b"connection", b"transfer-encoding"}]
        options = [b"close", *(value for name, value in fields if name == b"connection")]
        self.transport.write(_head(status, [*kept, (b"connection", b", ".join(options))]))
        self._done = status in UNFRAMED

    async def _send_piece(self, piece: bytes, *, more: bool) -> None:
        if piece and not self._done and not self.transport.is_closing():
            self.transport.write(piece)
            await self._outflow.drain()
        if not more:
            self._finish()

    def _finish(self) -> None:
        self._done = True
        if not self._lost:
            self.transport.close()
            self._loop.call_later(CLOSE_SECONDS, self.transport.abort)


def _scope(handshake: dict[str, Any], edge: WebSocketEdge) -> dict[str, Any]:
    return {
        **handshake,
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "scheme": "wss" if handshake["scheme"] == "https" else "ws",
        "subprotocols": [each.decode("latin-1") for each in offered_protocols(handshake["headers"])],
        "extensions": {"websocket.http.response": {}, "gateway.websocket": edge},
    }


def _head(status: int, fields: Fields) -> bytes:
    lines = [b"%b: %b\r\n" % field for field in fields]
    return b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, _phrase(status), b"".join(lines))


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""
