"""The client's side of an exchange: its body, the answer to it, and whether it is still there.

Under our edge (`scope["extensions"]["gateway.edge"]`) its leaving is a callback; under any other ASGI server a task
waits for `http.disconnect` once the body has been read.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from gateway.body import RequestBody
from gateway.exchange import Exchange
from gateway.rules.headers import Fields


class Edge(Protocol):
    """What our own protocol class offers beyond ASGI."""

    on_disconnect: Callable[[], None] | None

    def abort(self) -> None:
        """Cuts the connection: nothing more is sent, not even what is buffered."""
        ...


class ResponseCutError(Exception):
    """Raised to an ASGI server that is not ours, which then closes the connection without ending the reply."""


class ClientSide:
    """One per exchange; owned by `Proxy`."""

    __slots__ = ("_edge", "_exchange", "_receive", "_send", "_watcher", "body")

    def __init__(
        self,
        exchange: Exchange,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        self._exchange = exchange
        self._receive = receive
        self._send = send
        self._watcher: asyncio.Task[None] | None = None
        self.body = RequestBody(exchange.fields, scope.get("http_version", "1.1"), receive)
        exchange.task = asyncio.current_task()
        self._edge: Edge | None = (scope.get("extensions") or {}).get("gateway.edge")
        if self._edge is not None:
            self._edge.on_disconnect = exchange.leave

    def watch(self) -> None:
        """From here on nothing more is read from the client but its leaving."""
        if self._edge is None and self._watcher is None:
            name = f"client-watch-{self._exchange.request_id.decode()}"
            self._watcher = asyncio.get_running_loop().create_task(self._wait_for_disconnect(), name=name)

    async def _wait_for_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self._exchange.response_complete:
            self._exchange.leave()

    async def start(self, status: int, fields: Fields) -> None:
        """Sends the head of the answer."""
        self._exchange.response_started = True
        await self._send({"type": "http.response.start", "status": status, "headers": fields})

    async def send_piece(self, piece: bytes, *, more: bool) -> None:
        """Sends a piece of the body; waits while the client is slower than the upstream."""
        if not more:
            self._exchange.response_complete = True
        await self._send({"type": "http.response.body", "body": piece, "more_body": more})

    def abort(self) -> None:
        """Cuts the connection, so that the client cannot take what it has for the whole."""
        if self._exchange.response_complete:
            return
        if self._edge is None:
            raise ResponseCutError
        self._edge.abort()

    def uncancel(self) -> None:
        """The cancellation that told of the client's leaving has been dealt with."""
        if self._exchange.task is not None:
            self._exchange.task.uncancel()

    def close(self) -> None:
        """Ends the watch. Always called, in `finally`."""
        if self._edge is not None:
            self._edge.on_disconnect = None
        if self._watcher is not None:
            self._watcher.cancel()
        self._exchange.task = None
