"""Sends an iterated body on a connection: chunked or of a declared length, as fast as the upstream takes it."""

from collections.abc import AsyncIterator, Callable

from gateway.upstream.api import BodyLengthError
from gateway.upstream.connection import Connection


async def send_body(
    connection: Connection, body: AsyncIterator[bytes], length: int | None, on_progress: Callable[[], None]
) -> None:
    """Returns when the last piece is written, or the connection is gone (the exchange knows why).

    Raises BodyLengthError as soon as the body is known to be longer or shorter than declared, and whatever the
    iterator raises: the caller cuts the connection. An iterator that can be closed is closed.
    """
    framed = ChunkedBody() if length is None else CountedBody(length)
    try:
        async for piece in body:
            if connection.closed:
                return
            ready = framed.pass_on(piece)
            if ready:
                connection.write(ready)
                on_progress()
                if not connection.writable:
                    await connection.drain()
        connection.write(framed.end())
    finally:
        await close_body(body)


async def close_body(body: AsyncIterator[bytes]) -> None:
    """Closes an iterator that can be closed (a generator), so that the loop need not do it at some later time."""
    close = getattr(body, "aclose", None)
    if close is not None:
        await close()


class ChunkedBody:
    """RFC 9112 section 7.1, without extensions and trailers."""

    __slots__ = ()

    def pass_on(self, piece: bytes) -> bytes:
        """What to write for this piece; nothing for an empty one, which would end the body."""
        return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""

    def end(self) -> bytes:
        return b"0\r\n\r\n"


class CountedBody:
    """A body of a declared length. The piece that would complete it is held until the iterator has ended: one that
    goes on after it must not leave a complete request with the upstream.
    """

    __slots__ = ("_held", "_remaining")

    def __init__(self, length: int) -> None:
        self._remaining = length
        self._held = b""

    def pass_on(self, piece: bytes) -> bytes:
        """What to write for this piece: itself, or nothing yet."""
        self._remaining -= len(piece)
        if self._remaining > 0:
            return piece
        if self._remaining < 0:
            raise BodyLengthError("the body is longer than declared")
        self._held = self._held or piece
        return b""

    def end(self) -> bytes:
        if self._remaining:
            raise BodyLengthError("the body is shorter than declared")
        return self._held
