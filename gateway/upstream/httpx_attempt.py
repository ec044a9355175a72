"""One request on its way through an httpx transport: its body, and what the transport tells about it as it goes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import h11
import httpx

from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.upstream.api import OutboundRequest
from gateway.upstream.failures import CONNECTING, upstream_error
from gateway.upstream.httpx_errors import kind_of
from gateway.upstream.tls_words import in_words, refuses_us
from gateway.upstream.upload import CountedBody, close_body

NOT_SENT = CONNECTING | {UpstreamErrorKind.POOL_TIMEOUT, UpstreamErrorKind.EXHAUSTED}


class Attempt:
    """Listens to httpcore's trace, which is awaited at each step: so `admit` is asked right before the head is
    written, `sent` and `reused` are what happened, and the clock of the first byte starts when the request is out.

    A transport that does not trace (a mock) tells nothing: `admit` is then asked before it is called.
    """

    __slots__ = (
        "_first_byte",
        "_h11",
        "_request",
        "body",
        "in_handshake",
        "is_stream",
        "opened",
        "scope",
        "sent",
        "traced",
    )

    def __init__(self, request: OutboundRequest, first_byte: float | None, *, traced: bool) -> None:
        self.traced = traced
        self._request = request
        self._first_byte = first_byte
        self.scope: asyncio.Timeout | None = None
        self._h11: h11.Connection | None = None
        self.opened = False
        self.sent = False
        self.in_handshake = False
        self.is_stream = request.is_stream
        self.body = _stream(request)

    async def trace(self, event: str, info: dict[str, Any]) -> None:  # httpcore's signature
        step = event.partition(".")[2]
        if step == "send_request_headers.started":
            self.admit()
            self.sent = True
        elif step == "connect_tcp.started":
            self.opened = True
        elif step == "receive_response_headers.started":
            self.start_clock()
        elif event == "http11.response_closed.started":
            self._refuse_surplus()
        elif step.startswith("start_tls."):
            self.in_handshake = step != "start_tls.complete"

    def admit(self) -> None:
        if self._request.admit is not None:
            self._request.admit()

    def start_clock(self) -> None:
        """The request is out: the head of the reply is due within `first_byte`, or the total if that comes first."""
        if self.scope is not None and self._first_byte is not None:
            due = asyncio.get_running_loop().time() + self._first_byte
            total = self.scope.when()
            self.scope.reschedule(due if total is None else min(due, total))

    def watch(self, response: httpx.Response) -> None:
        """Remembers the parser of the connection that the reply came on. Raises AttributeError if httpcore or h11 are
        not built as they were when this was written: better no reply than another request's.
        """
        if self.sent and self.traced and response.extensions["http_version"].startswith(b"HTTP/1"):
            stream: Any = response.stream
            self._h11 = stream._httpcore_stream._stream._connection._h11_state  # noqa: SLF001 - no other way in

    def _refuse_surplus(self) -> None:
        """Called right before the connection goes back to httpcore's pool. h11 keeps what followed the reply and would
        read it as the answer to the next request on this connection; a connection that has failed is closed instead.
        """
        if self._h11 is not None and self._h11.trailing_data[0]:
            self._h11.send_failed()

    @property
    def reused(self) -> bool:
        return self.sent and self.traced and not self.opened

    def error_of(self, failure: Exception) -> UpstreamError:
        """What httpx has raised before the reply's head."""
        if self.sent and self.traced and refuses_us(failure):
            return upstream_error(UpstreamErrorKind.TLS, sent=True, reused=self.reused, detail=in_words(failure))
        return self.error(kind_of(failure, in_body=False, in_handshake=self.in_handshake), in_words(failure))

    def error(self, kind: UpstreamErrorKind, detail: str = "") -> UpstreamError:
        """`sent` is what the trace said; without a word of it, whatever may have sent something is taken to have."""
        sent = kind not in NOT_SENT and (self.sent or kind is not UpstreamErrorKind.TOTAL_TIMEOUT)
        return upstream_error(kind, sent=sent, reused=self.reused, detail=detail)


def _stream(request: OutboundRequest) -> httpx.AsyncByteStream:
    body = request.body
    if body is None or isinstance(body, bytes):
        return httpx.ByteStream(body or b"")
    return _Body(body, request.content_length)


class _Body(httpx.AsyncByteStream):
    """An iterated body, of a declared length or not; httpcore and h11 frame it."""

    def __init__(self, body: AsyncIterator[bytes], length: int | None) -> None:
        self._body = body
        self._counted = None if length is None else CountedBody(length)
        self._running: AsyncGenerator[bytes, None] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        if self._running is not None:  # httpcore turns to another connection when an HTTP/2 one goes away
            raise httpx.WriteError("the connection was lost while the body was being sent")
        self._running = self._pieces()
        return self._running

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        counted = self._counted
        async for piece in self._body:
            ready = piece if counted is None else counted.pass_on(piece)
            if ready:
                yield ready
        if counted is not None:
            yield counted.end()

    async def aclose(self) -> None:
        """Nothing of it will be sent any more. One that was not begun stays as it is, for another target."""
        if self._running is not None:
            await self._running.aclose()
            await close_body(self._body)
