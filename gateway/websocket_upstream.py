"""The upstream's side of a WebSocket: a connection of its own, the handshake, and the upstream's yes or no.

A yes is a `Wire`. A no is any other reply, read as one by the HTTP/1.1 client's own exchange: strict, streamed, and
passed on to the client. These connections are in no pool, and count apart from requests.
"""

import asyncio
import base64
import secrets
import ssl
from dataclasses import dataclass
from math import inf

import httptools
from websockets.protocol import Side

from gateway.config.schema import Upstream
from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.rules.headers import Fields
from gateway.upstream.api import OutboundRequest, Timeouts, UpstreamResponse
from gateway.upstream.connect import Target, default_ssl_context, open_connection, parse_target
from gateway.upstream.connection import Connection
from gateway.upstream.exchange import Exchange
from gateway.upstream.failures import CONNECTING, upstream_error
from gateway.upstream.request_head import encode_head
from gateway.upstream.resolver import Names
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


class Dialer:
    """Opens WebSockets to one upstream, as routes.yaml describes it. Owned by `WebSockets`."""

    def __init__(self, name: str, upstream: Upstream) -> None:
        self.upstream = upstream
        self._places: set[object] = set()
        self._name = name
        self._targets = [parse_target(url) for url in upstream.targets]
        self._context = default_ssl_context() if any(target.tls for target in self._targets) else None
        self._names = {
            target: Names(target.host, target.port, refresh_seconds=upstream.resolve_seconds)
            for target in self._targets
        }
        self._turn = 0
        self._timeouts = Timeouts(
            connect=upstream.connect_timeout_seconds,
            first_byte=upstream.first_byte_timeout_seconds,
            idle=upstream.idle_timeout_seconds,
            total=upstream.total_timeout_seconds,
        )

    async def dial(self, request: OutboundRequest, *, max_bytes: int) -> Accepted | UpstreamResponse:
        """Asks the upstream. request: as for any request, with the client's Sec-WebSocket-Protocol.

        Raises UpstreamError, and DecisionChangedError from `request.admit` right before the head is written. A
        refusal is the caller's to read and to close.
        """
        if self.open >= self.upstream.max_connections * len(self._targets):
            raise upstream_error(UpstreamErrorKind.POOL_TIMEOUT, sent=False)
        place = object()
        self._places.add(place)
        wire = Wire(Side.CLIENT, max_bytes=max_bytes, on_lost=lambda _: self._places.discard(place))
        answer: Accepted | UpstreamResponse | None = None
        try:
            answer = await self._ask(request, wire)
        finally:
            if not isinstance(answer, Accepted):
                self._places.discard(place)
        return answer

    @property
    def open(self) -> int:
        """WebSockets to this upstream, those that are being opened too."""
        return len(self._places)

    async def _ask(self, request: OutboundRequest, wire: Wire) -> Accepted | UpstreamResponse:
        key = base64.b64encode(secrets.token_bytes(16))
        offered = offered_protocols(request.headers)
        request.headers = upstream_fields(request.headers, key)
        head = encode_head(request)
        total = self._timeouts.total
        deadline = inf if total is None else asyncio.get_running_loop().time() + total
        connection = await self._connect(deadline)
        try:
            if request.admit is not None:
                request.admit()
            handshake = _Handshake(connection, key=key, offered=offered, wire=wire)
            connection.write(head)
            return await self._answer(handshake, connection, deadline)
        except BaseException:
            connection.exchange = None
            connection.abort()
            raise

    async def _connect(self, deadline: float) -> Connection:
        """To the next target in turn or, if none can be opened there, to another."""
        self._turn = (self._turn + 1) % len(self._targets)
        error: UpstreamError | None = None
        for target in self._targets[self._turn :] + self._targets[: self._turn]:
            try:
                return await self._open(target, deadline)
            except UpstreamError as failure:
                if failure.kind not in CONNECTING:
                    raise
                error = failure
        if error is None:
            raise AssertionError("an upstream has at least one target")
        raise error

    async def _open(self, target: Target, deadline: float) -> Connection:
        context: ssl.SSLContext | None = self._context if target.tls else None
        limit = self._timeouts.connect
        names = self._names[target]
        return await open_connection(target, names, self._make, context=context, limit=limit, total_deadline=deadline)

    def _make(self) -> Connection:
        return Connection(_NoPool(), self._name)

    async def _answer(
        self, handshake: "_Handshake", connection: Connection, deadline: float
    ) -> Accepted | UpstreamResponse:
        loop = asyncio.get_running_loop()
        limit = self._timeouts.first_byte
        first_byte = inf if limit is None else loop.time() + limit
        when = min(first_byte, deadline)
        try:
            async with asyncio.timeout_at(None if when == inf else when):
                answer = await handshake.answer
                if isinstance(answer, Accepted):
                    return answer
                return await self._refusal(connection, answer)
        except TimeoutError as error:
            late = UpstreamErrorKind.FIRST_BYTE_TIMEOUT if when < deadline else UpstreamErrorKind.TOTAL_TIMEOUT
            raise upstream_error(late, sent=True) from error

    async def _refusal(self, connection: Connection, data: bytes) -> UpstreamResponse:
        loop = asyncio.get_running_loop()
        exchange = Exchange(connection, self._timeouts, head_request=False, total_deadline=inf, loop=loop)
        refusal = _Refusal(exchange, self._timeouts.idle)
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


class _NoPool:
    """These connections belong to nobody but their WebSocket."""

    def forget(self, connection: Connection) -> None:
        """Nothing remembers it."""

    def release(self, connection: Connection) -> None:
        connection.abort()


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
        self._set(upstream_error(UpstreamErrorKind.CLOSED, sent=True))

    def writing_paused(self) -> None:
        """A head is small: nobody waits."""

    def writing_resumed(self) -> None:
        """Nobody has waited."""

    def check_deadlines(self, now: float) -> None:
        """`Dialer` keeps them."""


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
