"""The client's side of an exchange: its body, the answer to it, and whether it is still there.

Under our edge its leaving is a callback; under any other ASGI server a task
waits for `http.disconnect` once the body has been read.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from gateway.body import RequestBody
from gateway.errors import GatewayError
from gateway.exchange import Exchange, client_left
from gateway.rules.headers import Fields, forwardable_response
from gateway.runner import running


class Listener(Protocol):
    """What an edge tells of the connection that a request came on; an `Exchange`."""

    def leave(self) -> None:
        """The client's connection is gone."""
        ...

    def cut_short(self) -> None:
        """The server ends, and what is left with it."""
        ...

    def refuse(self, error: GatewayError) -> None:
        """The rest of the request is not one, or does not come."""
        ...


class Edge(Protocol):
    """What our own protocol class offers beyond ASGI. `lost`: the connection has gone already. scheme: `http` or
    `https`. address: of the client, empty where there is none.
    """

    scheme: str
    address: str
    listener: Listener | None
    loop: asyncio.AbstractEventLoop
    lost: bool
    write_paused: bool

    @property
    def awaits_continue(self) -> bool:
        """Whether the client has sent nothing of its body: one that has said Expect need not wait for 100."""
        ...

    def arrived(self) -> bytes | None:
        """The whole body of the request, where it is there and none of it was received; it counts as received then."""
        ...

    def interim(self, status: int, fields: Fields) -> None:
        """Sends a 1xx, where the answer has not begun and the client can read it."""
        ...

    async def writable(self) -> None:
        """Returns when the client has taken enough of what was sent, or is gone; at once where not `write_paused`."""
        ...

    def begin(self, status: int, fields: Fields) -> None:
        """The head of the answer, as `http.response.start`, without a message for it: sent with the first `go_on`, or
        by `flush` where that takes a while.
        """
        ...

    def flush(self) -> None:
        """Sends a head that nothing has followed."""
        ...

    def withdraw(self) -> bool:
        """Drops such a head. False where there is none."""
        ...

    def go_on(self, piece: bytes, *, more: bool) -> None:
        """Sends a piece of its body, as `http.response.body` does."""
        ...

    def abort(self) -> None:
        """Cuts the connection: nothing more is sent, not even what is buffered."""
        ...


class ResponseCutError(Exception):
    """Raised to an ASGI server that is not ours, which then closes the connection without ending the reply."""


class ClientSide:
    """One per exchange; owned by `Proxy`."""

    __slots__ = ("_body", "_edge", "_exchange", "_receive", "_send", "_watcher")

    def __init__(
        self,
        exchange: Exchange,
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
        edge: Edge | None,
    ) -> None:
        self._exchange = exchange
        self._receive = receive
        self._send = send
        self._body: RequestBody | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._edge = edge

    def listen(self) -> None:
        """From here on its leaving ends what is done for it. Called first, by what is done for it."""
        self._exchange.task = running() or asyncio.current_task(self._edge.loop if self._edge is not None else None)
        if self._edge is not None:
            self._edge.listener = self._exchange

    def body(self, *, limit: int) -> RequestBody:
        """The request's body; `begin` must follow where it is not complete. Raises ClientError: 499 when the client has
        left, 413 where it is declared to be larger than the limit, 400 or 501 for a framing that cannot be served.
        """
        if self._edge is not None and self._edge.lost:
            raise client_left()
        exchange, edge = self._exchange, self._edge
        body = self._body = RequestBody(exchange.named, exchange.http_version, self._receive, self._watch, limit=limit)
        if body.complete:
            self._watch()
        elif edge is not None:
            if body.expecting:
                body.expecting = edge.awaits_continue
            if not body.expecting and (whole := edge.arrived()) is not None:
                body.take(whole)
        return body

    def _watch(self) -> None:
        """From here on nothing more is read from the client but its leaving."""
        if self._edge is None and self._watcher is None and self._exchange.task is not None:
            name = f"client-watch-{self._exchange.request_id.decode()}"
            self._watcher = asyncio.get_running_loop().create_task(self._wait_for_disconnect(), name=name)

    async def _wait_for_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._exchange.leave()

    def start(self, status: int, fields: Fields) -> Awaitable[None] | None:
        """Sends the head of the answer, or holds it for the first piece; `flush` follows where that is waited for.

        Like `send_piece`, it is done where it returns None; otherwise what it returns must be awaited.
        """
        exchange = self._exchange
        exchange.response_started = True
        if b"expect" in exchange.named and (self._body is None or self._body.untouched):
            return self._start_unasked(status, fields)
        edge = self._edge
        if edge is None or edge.write_paused:
            return self._start(status, fields)
        edge.begin(status, fields)
        return None

    async def _start_unasked(self, status: int, fields: Fields) -> None:
        """Nobody has said 100: the client may or may not send its body now, and the next request's place is unknown."""
        if self._exchange.http_version.startswith("1"):
            fields = [*fields, (b"connection", b"close")]
        await self._start(status, fields)
        self._watch()

    async def _start(self, status: int, fields: Fields) -> None:
        if self._edge is None:
            await self._send({"type": "http.response.start", "status": status, "headers": fields})
        else:
            await self._edge.writable()
            self._edge.begin(status, fields)

    def flush(self) -> None:
        """Whatever was held of the answer is on its way."""
        if self._edge is not None:
            self._edge.flush()

    def withdraw(self) -> bool:
        """Whether nothing of the answer has been sent, and another one can be."""
        if self._edge is None or not self._edge.withdraw():
            return False
        self._exchange.response_started = False
        return True

    def interim(self, status: int, fields: Fields) -> None:
        """Passes on a 1xx of the upstream (RFC 9110 section 15.2): under our edge alone, ASGI having no way to send it.

        Only those of the first attempt that gives any: another's, legacy's after new, would be of another page.
        """
        exchange = self._exchange
        if self._edge is not None and exchange.hinted_by in (0, exchange.attempts):
            exchange.hinted_by = exchange.attempts
            self._edge.interim(status, forwardable_response(fields))

    def send_piece(self, piece: bytes, *, more: bool) -> Awaitable[None] | None:
        """Sends a piece of the body; what it returns is a wait for a client that is slower than the upstream."""
        edge = self._edge
        if edge is None or edge.write_paused:
            return self._send_piece(piece, more=more)
        edge.go_on(piece, more=more)
        if not more:
            self._exchange.response_complete = True
        return None

    async def _send_piece(self, piece: bytes, *, more: bool) -> None:
        if self._edge is None:
            await self._send({"type": "http.response.body", "body": piece, "more_body": more})
        else:
            await self._edge.writable()
            self._edge.go_on(piece, more=more)
        if not more:
            self._exchange.response_complete = True

    async def answer(self, status: int, fields: Fields, document: bytes) -> None:
        """A whole answer of the gateway's own."""
        await (self.start(status, fields) or _nothing())
        await (self.send_piece(document, more=False) or _nothing())

    def abort(self) -> None:
        """Cuts the connection, so that the client cannot take what it has for the whole."""
        if self._exchange.response_complete:
            return
        if self._edge is None:
            raise ResponseCutError
        self._edge.abort()

    def close(self) -> None:
        """Ends the watch. Always called, in `finally`."""
        if self._edge is not None and self._edge.listener is self._exchange:
            self._edge.listener = None
        if self._watcher is not None:
            self._watcher.cancel()
        self._exchange.task = None
        self._body = None  # it knows us: without this a request is freed by the garbage collector alone


async def _nothing() -> None:
    """To be awaited where there is nothing to wait for."""
