"""The client's body: taken whole where it has already arrived, streamed with backpressure where it has not."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from gateway.errors import ClientError
from gateway.exchange import client_left
from gateway.rules.headers import Fields, first

Receive = Callable[[], Awaitable[dict[str, Any]]]


class RequestBody:
    """One request's body. `whole` holds it when it is complete (then it can be replayed); otherwise iterate."""

    __slots__ = ("_first", "_receive", "complete", "content_length", "whole")

    def __init__(self, fields: Fields, http_version: str, receive: Receive) -> None:
        self._receive = receive
        self._first = b""
        self.content_length = _declared_length(fields)
        self.whole: bytes | None = None
        framed = bool(self.content_length) or first(fields, b"transfer-encoding") is not None
        self.complete = not framed and http_version.startswith("1")

    @property
    def replayable(self) -> bool:
        """Whether it can be sent a second time: there is none, or it arrived whole."""
        return self.complete

    async def begin(self) -> None:
        """Waits for the first piece. Raises ClientError 499 when the client leaves before it."""
        message = await self._message()
        if message.get("more_body", False):
            self._first = message.get("body", b"")
        else:
            self.whole = message.get("body", b"")
            self.complete = True

    async def stream(self) -> AsyncIterator[bytes]:
        """The pieces as they arrive. Raises ClientError 499 when the client leaves before the end."""
        piece, more = self._first, True
        while True:
            if piece:
                yield piece
            if not more:
                self.complete = True
                return
            message = await self._message()
            piece, more = message.get("body", b""), message.get("more_body", False)

    async def _message(self) -> dict[str, Any]:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise client_left()
        return message


def _declared_length(fields: Fields) -> int | None:
    text = first(fields, b"content-length")
    if text is None:
        return None
    if not text.isdigit() or len(text) > 18:
        raise ClientError(400, "Bad request", "the Content-Length is not a number that can be served")
    return int(text)
