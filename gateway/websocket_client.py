"""The client's side of a WebSocket as the relay sees it: ASGI events under any server, as messages and one ending."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gateway.exchange import Exchange
from gateway.rules.headers import Fields
from gateway.websocket_wire import CLOSE_SECONDS, NO_CODE, RESTART, Closed, Message

Event = dict[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]


class ClientSocket:
    """One per WebSocket; owned by `WebSockets`.

    Until the handshake is answered a task listens for the client's leaving, or for a server that ends.
    """

    def __init__(
        self,
        exchange: Exchange,
        scope: MutableMapping[str, Any],
        receive: Receive,
        send: Send,
    ) -> None:
        self.accepted = False
        self.ended: Closed | None = None
        self._exchange = exchange
        self._extensions = scope.get("extensions") or {}
        self._receive = receive
        self._send = send
        self._first: asyncio.Task[Event] | None = None
        self._closed = False

    async def begin(self) -> None:
        """Takes the event that announces the client, and begins to listen."""
        await self._receive()
        self._exchange.task = asyncio.current_task()
        name = f"websocket-watch-{self._exchange.request_id.decode()}"
        self._first = asyncio.get_running_loop().create_task(self._watch(), name=name)

    async def _watch(self) -> Event:
        event = await self._receive()
        if event["type"] == "websocket.disconnect" and not self.accepted:
            if event.get("code") == RESTART:
                self._exchange.cut_short()
            else:
                self._exchange.leave()
        return event

    async def end(self) -> None:
        """Ends the watch. Always called, in `finally`."""
        self._exchange.task = None
        self._exchange.response_complete = True
        if self._first is not None:
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)

    # -- the answer to the handshake

    async def accept(self, subprotocol: bytes | None, fields: Fields, *, max_bytes: int) -> None:
        """Answers 101. max_bytes: the largest message that is taken from this client, under our own edge."""
        edge = self._extensions.get("gateway.websocket")
        if edge is not None:
            edge.limit = max_bytes
        self.accepted = self._exchange.response_started = True
        chosen = subprotocol.decode("latin-1") if subprotocol is not None else None
        await self._send({"type": "websocket.accept", "subprotocol": chosen, "headers": fields})

    async def refuse(self, status: int, fields: Fields) -> None:
        """Begins an answer that is no 101. A server that cannot send one says 403."""
        self._exchange.response_started = True
        if "websocket.http.response" in self._extensions:
            await self._send({"type": "websocket.http.response.start", "status": status, "headers": fields})
        else:
            self._closed = True
            await self._send({"type": "websocket.close"})

    async def send_piece(self, piece: bytes, *, more: bool) -> None:
        """A piece of the body of a refusal."""
        if not self._closed:
            await self._send({"type": "websocket.http.response.body", "body": piece, "more_body": more})
            self._closed = not more

    def abort(self) -> None:
        """Cuts an answer that cannot be completed, so that nobody takes it for whole."""
        if (edge := self._extensions.get("gateway.websocket")) is not None:
            edge.cut()

    # -- messages

    async def receive(self) -> Message | Closed:
        """The next message, or how the client's side ended."""
        if self._first is not None:
            event, self._first = await self._first, None
        else:
            event = await self._receive()
        if event["type"] == "websocket.receive":
            text: str | None = event.get("text")
            message: Message = text if text is not None else event["bytes"]
            return message
        self.ended = Closed(event.get("code", NO_CODE), event.get("reason") or "")
        return self.ended

    async def send(self, message: Message) -> None:
        """Returns when the client has taken it, or has left."""
        if self._closed or self.ended is not None:
            return
        try:
            await self._send({"type": "websocket.send", "text" if isinstance(message, str) else "bytes": message})
        except OSError:  # ASGI's way of saying that the client has left; `receive` says it too
            self._closed = True

    async def close(self, code: int, reason: str) -> None:
        """Says goodbye, unless the client has done so or is gone."""
        if self._closed or self.ended is not None:
            return
        self._closed = True
        if code == NO_CODE and "gateway.websocket" not in self._extensions:
            code = 1000  # ASGI has no word for a Close without a code; our edge takes this one
        try:
            async with asyncio.timeout(CLOSE_SECONDS):  # some servers wait until a slow reader has read on
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except OSError:  # TimeoutError is one
            return
