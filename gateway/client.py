"""The client's side of an exchange: its body, the answer to it, and whether it is still there.

Under our edge (`scope["extensions"]["gateway.edge"]`) its leaving is a callback; under any other ASGI server a task
waits for `http.disconnect` once the body has been read.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from gateway.body import RequestBody
from gateway.errors import GatewayError
from gateway.exchange import Exchange, client_left
from gateway.rules.headers import Fields, forwardable_response


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
    """What our own protocol class offers beyond ASGI. `lost`: the connection has gone already."""

    listener: Listener | None
    loop: asyncio.AbstractEventLoop
    lost: bool
    write_paused: bool

    @property
    def awaits_continue(self) -> bool:
        """Whether the client has sent nothing of its body: one that has said Expect need not wait for 100."""
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

    __slots__ = ("_body", "_edge", "_exchange", "_receive", "_scope", "_send", "_watcher")

    def __init__(
        self,
        exchange: Exchange,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        self._exchange = exchange
        self._scope = scope
        self._receive = receive
        self._send = send
        self._body: RequestBody | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._edge: Edge | None = (scope.get("extensions") or {}).get("gateway.edge")
        exchange.task = asyncio.current_task(self._edge.loop if self._edge is not None else None)
        if self._edge is not None:
            self._edge.listener = exchange

    async def body(self, *, limit: int) -> RequestBody:
        """The request's body, with what has arrived of it. Raises ClientError: 499 when the client has left, 413 where
        it is declared to be larger than the limit, 400 or 501 for a framing that cannot be served.
        """
        if self._edge is not None and self._edge.lost:
            raise client_left()
        version = self._scope.get("http_version", "1.1")
        self._body = RequestBody(self._exchange.named, version, self._receive, self._watch, limit=limit)
        if self._body.expecting and self._edge is not None:
            self._body.expecting = self._edge.awaits_continue
        await self._body.begin()
        return self._body

    def _watch(self) -> None:
        """From here on nothing more is read from the client but its leaving."""
        if self._edge is None and self._watcher is None and self._exchange.task is not None:
            name = f"client-watch-{self._exchange.request_id.decode()}"
            self._watcher = asyncio.get_running_loop().create_task(self._wait_for_disconnect(), name=name)

    async def _wait_for_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._exchange.leave()

    async def start(self, status: int, fields: Fields) -> None:
        """Sends the head of the answer, or holds it for the first piece; `flush` follows where that is waited for."""
        self._exchange.response_started = True
        unasked = b"expect" in self._exchange.named and (self._body is None or self._body.untouched)
        if unasked and self._scope.get("http_version", "1.1").startswith("1"):
            # Nobody has said 100: the client may or may not send its body now, and the next request's place is unknown.
            fields = [*fields, (b"connection", b"close")]
        edge = self._edge
        if edge is None:
            await self._send({"type": "http.response.start", "status": status, "headers": fields})
        else:
            if edge.write_paused:
                await edge.writable()
            edge.begin(status, fields)
        if unasked:
            self._watch()

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

    async def send_piece(self, piece: bytes, *, more: bool) -> None:
        """Sends a piece of the body; waits while the client is slower than the upstream."""
        edge = self._edge
        if edge is None:
            await self._send({"type": "http.response.body", "body": piece, "more_body": more})
        else:
            if edge.write_paused:
                await edge.writable()
            edge.go_on(piece, more=more)
        if not more:
            self._exchange.response_complete = True

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
