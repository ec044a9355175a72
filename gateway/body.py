"""The client's body: taken whole where it has already arrived, streamed with backpressure where it has not."""

from collections.abc import Awaitable, Callable
from typing import Any

from gateway.errors import ClientError
from gateway.exchange import client_left
from gateway.shadow.copy import Copy

Receive = Callable[[], Awaitable[dict[str, Any]]]


class RequestBody:
    """One request's body: `whole` where it is `complete` (it can be replayed then), otherwise `stream`.

    expecting: the client waits for 100 before it sends the body (RFC 9110 section 10.1.1). It is asked for it by the
    first reading, and `begin` does not: the upstream is to say whether it wants the body.

    Raises ClientError 400 or 501 for a framing that cannot be passed on, and 413 for more bytes than `limit`: at once
    where the length is declared, else as they arrive. on_read: called when nothing more will be taken from the client,
    so that somebody can listen for its leaving.
    """

    __slots__ = (
        "_first",
        "_on_read",
        "_receive",
        "_room",
        "asked",
        "complete",
        "content_length",
        "copy",
        "expecting",
        "whole",
    )

    def __init__(
        self,
        named: dict[bytes, bytes],
        http_version: str,
        receive: Receive,
        on_read: Callable[[], None],
        *,
        limit: int,
    ) -> None:
        self._receive = receive
        self._on_read = on_read
        self._first = b""
        self.content_length = _declared_length(named)
        self._room = limit
        if self.content_length is not None and self.content_length > limit:
            raise too_large()
        self.whole: bytes | None = None
        self.asked = False
        self.copy: Copy | None = None
        framed = bool(self.content_length) or _is_chunked(named)
        self.complete = not framed and http_version.startswith("1")
        self.expecting = not self.complete and http_version != "1.0" and _expects_continue(named)

    @property
    def untouched(self) -> bool:
        """Whether there is a body of which nothing has been asked for: it can still go anywhere."""
        return not (self.complete or self.asked)

    @property
    def replayable(self) -> bool:
        """Whether all of it can be sent, whatever has been tried before."""
        return self.complete or not self.asked

    async def begin(self) -> None:
        """Of a body that is not complete: waits for the first piece, if it comes by itself.

        Raises ClientError 499 when the client leaves before it.
        """
        if self.expecting:
            return
        self.asked = True
        message = await self.next_message()
        if message.get("more_body", False):
            self._first = message.get("body", b"")
            return
        self.whole = message.get("body", b"")
        self.complete = True
        self._on_read()

    def take(self, whole: bytes) -> None:
        """All of it, which has arrived by itself."""
        self.asked = True
        self._count(whole)
        self.whole = whole
        self.complete = True
        self._on_read()

    async def collect(self, most: int) -> None:
        """Takes a body of at most so many bytes whole, so that it can be sent again; a longer one is streamed.

        Raises ClientError 499 when the client leaves before the end.
        """
        if self.complete or (self.content_length or 0) > most:
            return
        taken = bytearray(self._first)
        while len(taken) <= most:
            message = await self.next_message()
            taken += message.get("body", b"")
            if not message.get("more_body", False):
                self.whole, self.complete, self._first = bytes(taken), True, b""
                self._on_read()
                return
        self._first = bytes(taken)

    def stream(self) -> "Pieces":
        """The pieces as they arrive. Nothing is asked for before the first of them is."""
        return Pieces(self)

    def begin_stream(self) -> bytes:
        """What has been taken of it already."""
        self.asked = True
        first, self._first = self._first, b""
        return first

    def read_to_the_end(self) -> None:
        """Nothing more will be taken from the client."""
        self._on_read()

    async def next_message(self) -> dict[str, Any]:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise client_left()
        self._count(message.get("body", b""))
        return message

    def _count(self, piece: bytes) -> None:
        self._room -= len(piece)
        if self._room < 0:
            raise too_large()


class Pieces:
    """A body, piece by piece. Raises ClientError 499 when the client leaves before the end."""

    __slots__ = ("_begun", "_body", "_more")

    def __init__(self, body: RequestBody) -> None:
        self._body = body
        self._begun = False
        self._more = True

    def __aiter__(self) -> "Pieces":
        return self

    async def __anext__(self) -> bytes:
        if not self._begun:
            self._begun = True
            first = self._body.begin_stream()
            if first:
                return self._copied(first)
        while self._more:
            message = await self._body.next_message()
            self._more = message.get("more_body", False)
            piece: bytes = message.get("body", b"")
            if piece:
                return self._copied(piece)
        if self._body.copy is not None:
            self._body.copy.whole = True
        raise StopAsyncIteration

    def _copied(self, piece: bytes) -> bytes:
        if self._body.copy is not None:
            self._body.copy.ask(piece)
        return piece

    async def aclose(self) -> None:
        """Called when no more pieces will be asked for: of a body that was begun, nothing more is taken."""
        self._more = False
        if self._begun:
            self._body.read_to_the_end()


def too_large() -> ClientError:
    """413."""
    return ClientError(413, "Content too large", "the request's body is larger than this route allows")


def _declared_length(named: dict[bytes, bytes]) -> int | None:
    text = named.get(b"content-length")
    if text is None:
        return None
    if not text.isdigit() or len(text) > 18:
        raise ClientError(400, "Bad request", "the Content-Length is not a number that can be served")
    return int(text)


def _expects_continue(named: dict[bytes, bytes]) -> bool:
    return named.get(b"expect", b"").lower() == b"100-continue"


def _is_chunked(named: dict[bytes, bytes]) -> bool:
    """RFC 9112 section 6.1: what is in a coding that we do not know cannot be passed on without it."""
    coding = named.get(b"transfer-encoding")
    if coding is not None and coding.strip().lower() != b"chunked":
        raise ClientError(501, "Not implemented", "the only transfer coding that is served is chunked")
    return coding is not None
