"""A reply that came through an httpx transport, as an `UpstreamResponse`."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx

from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.rules.framing import MAX_LENGTH_DIGITS
from gateway.rules.tokens import FIELD_NAMES
from gateway.upstream.api import Headers
from gateway.upstream.failures import upstream_error
from gateway.upstream.httpx_errors import FAILURES, kind_of
from gateway.upstream.reply_parser import MAX_FIELDS, MAX_HEAD_BYTES, MalformedReplyError

_VERSIONS = frozenset((b"HTTP/2", *(b"HTTP/1.%d" % minor for minor in range(10))))
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class HttpxReply:
    """Made by `HttpxClient`. `on_closed` is awaited once, after the reply has left its connection.

    Raises MalformedReplyError where httpx (h11) lets pass what the gateway refuses.
    """

    def __init__(
        self,
        response: httpx.Response,
        *,
        total_deadline: float | None,
        reused: bool,
        on_closed: Callable[[], Awaitable[None]],
    ) -> None:
        fields = [(name.lower(), value) for name, value in response.headers.raw]
        _check(response, fields)
        self.status = response.status_code
        self.headers: Headers = [field for field in fields if field[0] not in _FRAMING]
        self.content_length = _content_length(fields) if self.status != 204 else None
        self._response = response
        self._pieces: AsyncIterator[bytes] = _stream(response).__aiter__()
        self._total_deadline = total_deadline
        self._reused = reused
        self._on_closed = on_closed
        self._ended = False
        self._closed = False

    async def read(self) -> bytes:
        if self._ended:
            return b""
        try:
            async with asyncio.timeout_at(self._total_deadline):
                return await self._next_piece()
        except TimeoutError as error:
            raise self._error(UpstreamErrorKind.TOTAL_TIMEOUT) from error
        except FAILURES as error:
            raise self._error(kind_of(error, in_body=True)) from error

    async def _next_piece(self) -> bytes:
        async for piece in self._pieces:
            if piece:
                return piece
        self._ended = True
        return b""

    def read_nowait(self) -> bytes | None:
        """No transport of httpx can be asked what has arrived: None until the end is known."""
        return b"" if self._ended else None

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            close = getattr(self._pieces, "aclose", None)
            if close is not None:
                await close()
            await self._response.aclose()
        finally:
            await self._on_closed()

    def _error(self, kind: UpstreamErrorKind) -> UpstreamError:
        return upstream_error(kind, sent=True, reused=self._reused)


def _stream(response: httpx.Response) -> httpx.AsyncByteStream:
    if not isinstance(response.stream, httpx.AsyncByteStream):
        raise TypeError("the transport is not an asynchronous one")
    return response.stream


def _check(response: httpx.Response, fields: Headers) -> None:
    version = response.extensions.get("http_version", b"HTTP/1.1")
    if version not in _VERSIONS:
        raise MalformedReplyError("The reply is not HTTP/1.x or HTTP/2.")
    if _CONTROL.search(response.extensions.get("reason_phrase", b"")) or any(_CONTROL.search(v) for _, v in fields):
        raise MalformedReplyError("The reply's head holds control characters.")
    if not 200 <= response.status_code <= 599:
        raise MalformedReplyError("The reply's status is not one that was asked for.")
    if any(FIELD_NAMES[name] is None for name, _ in fields):
        raise MalformedReplyError("A field of the reply has no valid name.")
    if len(fields) > MAX_FIELDS or sum(len(name) + len(value) + 4 for name, value in fields) > MAX_HEAD_BYTES:
        raise MalformedReplyError("The reply's head is too large.")
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    if codings and (_lengths(fields) or [coding.lower() for coding in codings] != [b"chunked"]):
        raise MalformedReplyError("The reply's framing is ambiguous.")
    if codings and version == b"HTTP/1.0":
        raise MalformedReplyError("The reply has a Transfer-Encoding and is of HTTP/1.0.")


def _lengths(fields: Headers) -> list[bytes]:
    return [value for name, value in fields if name == b"content-length"]


def _content_length(fields: Headers) -> int | None:
    lengths = _lengths(fields)
    if not lengths:
        return None
    if len(set(lengths)) > 1 or not lengths[0].isdigit() or len(lengths[0]) > MAX_LENGTH_DIGITS:
        raise MalformedReplyError("The reply's Content-Length is not valid.")
    return int(lengths[0])
