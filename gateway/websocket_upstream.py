"""The upstream's side of a WebSocket: the handshake on a line of its own, and the upstream's yes or no.

A yes is a `Wire`. A no is any other reply, read as one by the HTTP/1.1 client's own exchange: strict, streamed, and
passed on to the client.
"""

import asyncio
import base64
import secrets
from dataclasses import dataclass
from math import inf

import httptools
from websockets.protocol import Side

from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.rules.blame import is_well, verdict_of
from gateway.rules.headers import Fields
from gateway.upstream.api import OutboundRequest, Timeouts, UpstreamLine, UpstreamLines, UpstreamResponse
from gateway.upstream.connection import Connection
from gateway.upstream.exchange import Exchange
from gateway.upstream.failures import upstream_error
from gateway.upstream.request_head import encode_head
from gateway.upstream.tls_words import in_words, refuses_us
from gateway.websocket_handshake import HandshakeError, check_answer, offered_protocols, upstream_fields
from gateway.websocket_wire import Wire

MAX_HEAD_BYTES = 65_536
MAX_INTERIM_REPLIES = 10
_INTERIM = b"HTTP/1.1 1"
_SWITCHED = b"HTTP/1.1 101"
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The upstream's yes. subprotocol: the one it chose of those that the client offered."""

    headers: Fields
    subprotocol: bytes | None
    wire: Wire
    status: int = 101


async def dial(lines: UpstreamLines, request: OutboundRequest, *, max_bytes: int) -> Accepted | UpstreamResponse:
    """Asks the upstream. request: as for any request, with the client's Sec-WebSocket-Protocol.

    Raises UpstreamError, and DecisionChangedError from `request.admit` right before the head is written. A refusal is
    the caller's to read and to close. The target's standing is told what became of the handshake, and no more: how a
    WebSocket ends says little about the service behind it.
    """
    total = lines.timeouts.total
    deadline = inf if total is None else asyncio.get_running_loop().time() + total
    line = await lines.connect(deadline)
    answer: Accepted | UpstreamResponse | None = None
    try:
        answer = await _ask(line, lines.timeouts, request, deadline, max_bytes=max_bytes)
        line.judge(is_well(answer.status))
    except UpstreamError as error:
        line.judge(verdict_of(error, answered=False))
        raise
    finally:
        if not isinstance(answer, Accepted):
            line.end()
    return answer


async def _ask(
    line: UpstreamLine, timeouts: Timeouts, request: OutboundRequest, deadline: float, *, max_bytes: int
) -> Accepted | UpstreamResponse:
    connection: Connection = line.connection
    wire = Wire(Side.CLIENT, max_bytes=max_bytes, on_lost=lambda _: line.end())
    key = base64.b64encode(secrets.token_bytes(16))
    offered = offered_protocols(request.headers)
    request.headers = upstream_fields(request.headers, key)
    try:
        head = encode_head(request)
        if request.admit is not None:
            request.admit()
        handshake = _Handshake(connection, key=key, offered=offered, wire=wire)
        connection.write(head)
        return await _answer(handshake, connection, timeouts, deadline)
    except BaseException:
        connection.exchange = None
        connection.abort()
        raise


async def _answer(
    handshake: "_Handshake", connection: Connection, timeouts: Timeouts, deadline: float
) -> Accepted | UpstreamResponse:
    limit = timeouts.first_byte
    first_byte = inf if limit is None else asyncio.get_running_loop().time() + limit
    when = min(first_byte, deadline)
    try:
        async with asyncio.timeout_at(None if when == inf else when):
            answer = await handshake.answer
            if isinstance(answer, Accepted):
                return answer
            return await _refusal(connection, answer, timeouts)
    except TimeoutError as error:
        late = UpstreamErrorKind.FIRST_BYTE_TIMEOUT if when < deadline else UpstreamErrorKind.TOTAL_TIMEOUT
        raise upstream_error(late, sent=True) from error


async def _refusal(connection: Connection, data: bytes, timeouts: Timeouts) -> UpstreamResponse:
    loop = asyncio.get_running_loop()
    exchange = Exchange(connection, timeouts, head_request=False, total_deadline=inf, loop=loop)
    refusal = _Refusal(exchange, timeouts.idle)
    try:
        exchange.start(b"", OutboundRequest(b"GET", b"/", []))
        connection.resume_reading()
        exchange.data_received(data)
        if connection.closed:
            exchange.connection_lost(None)
        await exchange.wait_for_head()
    except BaseException:
        await exchange.aclose()
        raise
    refusal.head()
    return refusal


class _Refusal:
    """A reply that is no 101, with the time limit of its body: no sweep of a client looks at it."""

    def __init__(self, exchange: Exchange, idle: float | None) -> None:
        self._exchange = exchange
        self._idle = idle
        self.status = 0
        self.headers: Fields = []
        self.content_length: int | None = None

    def head(self) -> None:
        """Takes over what has arrived."""
        self.status = self._exchange.status
        self.headers = self._exchange.headers
        self.content_length = self._exchange.content_length

    async def read(self) -> bytes:
        try:
            async with asyncio.timeout(self._idle):
                return await self._exchange.read()
        except TimeoutError as error:
            raise upstream_error(UpstreamErrorKind.IDLE_TIMEOUT, sent=True) from error

    def read_nowait(self) -> bytes | None:
        return self._exchange.read_nowait()

    async def aclose(self) -> None:
        await self._exchange.aclose()


class _Handshake:
    """What a connection carries until the upstream has answered. `answer`: a yes, or the first bytes of a no.

    Interim replies are dropped. Whatever does not begin as one or as a 101 is left to the exchange that reads it.
    """

    def __init__(self, connection: Connection, *, key: bytes, offered: list[bytes], wire: Wire) -> None:
        self.answer: asyncio.Future[Accepted | bytes] = asyncio.get_running_loop().create_future()
        self._connection = connection
        self._key = key
        self._offered = offered
        self._wire = wire
        self._data = b""
        self._interim = 0
        connection.exchange = self

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self.answer.done():
            return
        while self._data.startswith(_INTERIM[: len(self._data)]):
            end = self._data.find(_END)
            if end < 0:
                if len(self._data) > MAX_HEAD_BYTES:
                    self._fail("The reply's head is too large.")
                return
            if self._data.startswith(_SWITCHED):
                self._switch(self._data[: end + 4], self._data[end + 4 :])
                return
            self._interim += 1
            if self._interim > MAX_INTERIM_REPLIES:
                self._fail("The upstream sent too many interim replies.")
                return
            self._data = self._data[end + 4 :]
        self._connection.pause_reading()  # until somebody reads the refusal
        self.answer.set_result(self._data)

    def _switch(self, head: bytes, rest: bytes) -> None:
        try:
            fields = _fields(head)
            subprotocol = check_answer(fields, key=self._key, offered=self._offered)
        except HandshakeError as error:
            self._fail(str(error))
            return
        transport = self._connection.transport
        if transport is None:
            raise AssertionError("data came without a transport")
        self.answer.set_result(Accepted(fields, subprotocol, self._wire))
        self._wire.begin(transport, rest)

    def _fail(self, detail: str) -> None:
        self._set(upstream_error(UpstreamErrorKind.MALFORMED, sent=True, detail=detail))

    def _set(self, error: UpstreamError) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    def eof_received(self) -> None:
        self._set(upstream_error(UpstreamErrorKind.CLOSED, sent=True))

    def connection_lost(self, error: Exception | None) -> None:
        kind = UpstreamErrorKind.TLS if refuses_us(error) else UpstreamErrorKind.CLOSED
        self._set(upstream_error(kind, sent=True, detail=in_words(error)))

    def writing_paused(self) -> None:
        """A head is small: nobody waits."""

    def writing_resumed(self) -> None:
        """Nobody has waited."""

    def check_deadlines(self, now: float) -> None:
        """`_answer` keeps them."""


class _Head:
    """What llhttp calls back."""

    def __init__(self) -> None:
        self.fields: Fields = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value.strip(b" \t")))


def _fields(head: bytes) -> Fields:
    """The fields of a 101. Raises HandshakeError for one that is not HTTP, or switches to nothing."""
    parsed = _Head()
    try:
        httptools.HttpResponseParser(parsed).feed_data(head)
    except httptools.HttpParserUpgrade:
        return parsed.fields
    except httptools.HttpParserError as error:
        raise HandshakeError("The upstream's 101 is not valid.") from error
    raise HandshakeError("The upstream switched to no protocol.")
