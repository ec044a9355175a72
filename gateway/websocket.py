"""THE WEBSOCKET: match, decide, connect, answer, relay, settle. Read `WebSockets.life` first.

The phases are the request's own (`Phases`, which is `Proxy`): the same routes, the same decision with the same cookie,
the same headers, one log line and one count when it ends. What is different is that the answer is only the beginning:
from then on messages pass both ways, each side with its own frames, until one of the two ends it.

Who is told what (RFC 6455 section 7.4):

    what ended it                       the client is told        the upstream is told
    the client's Close                  its own, echoed           the client's code and reason
    the upstream's Close                the upstream's            its own, echoed
    the client vanished                                           a connection that ends without a Close
    the upstream vanished               1011
    the client broke a rule             1002, 1007, 1009          1001
    the upstream broke a rule           1011                      1002, 1007, 1009
    a kill, or the end of a drain       1012                      1001 (a drain: 1012)
"""

import asyncio
from collections.abc import MutableMapping
from functools import partial
from typing import Any, Protocol

from gateway.attempts import Attempts
from gateway.body import RequestBody
from gateway.errors import GatewayError, UpstreamError, UpstreamErrorKind
from gateway.exchange import Exchange
from gateway.model import Outcome, Side
from gateway.recorder import Recorder
from gateway.reply import problem_reply, reply_fields
from gateway.rules.headers import Fields
from gateway.upstream.api import DecisionChangedError, OutboundRequest, UpstreamResponse
from gateway.upstream.failures import upstream_error
from gateway.websocket_client import ClientSocket, Receive, Send
from gateway.websocket_handshake import VERSION, check_handshake, without_own
from gateway.websocket_upstream import Accepted, dial
from gateway.websocket_wire import NO_CLOSE, RESTART, RESTART_REASON, Closed, Wire

GOING_AWAY = 1001
INTERNAL_ERROR = 1011


class Phases(Protocol):
    """What of the request's life is a WebSocket's too; `Proxy`."""

    recorder: Recorder
    attempts: Attempts

    def receive(self, scope: MutableMapping[str, Any]) -> Exchange: ...
    def match(self, exchange: Exchange) -> None: ...
    def decide(self, exchange: Exchange) -> None: ...
    def is_overtaken(self, exchange: Exchange) -> bool: ...
    def prepare(self, exchange: Exchange, body: RequestBody) -> OutboundRequest: ...
    def error_of(self, exchange: Exchange, fault: BaseException) -> GatewayError: ...
    def settle(self, exchange: Exchange) -> None: ...


class WebSockets:
    """The WebSockets of one worker; owned by `Proxy`. `open`: those whose two sides are connected."""

    def __init__(self, phases: Phases) -> None:
        self.open: set[Exchange] = set()
        self._phases = phases

    async def handle(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """For one ASGI scope of type websocket."""
        exchange = self._phases.receive(_as_request(scope))
        exchange.streaming = True  # it stays out of durations
        client = ClientSocket(exchange, scope, receive, send)
        try:
            await client.begin()
            await self.life(exchange, client)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the one place where failures are answered
            await self._fail(exchange, client, error)
        finally:
            await client.end()
            self._phases.settle(exchange)

    async def life(self, exchange: Exchange, client: ClientSocket) -> None:
        """Of a WebSocket that goes well, and of one that the upstream refuses."""
        check_handshake(exchange.fields)
        self._phases.match(exchange)
        self._phases.decide(exchange)
        answer = None
        while answer is None:
            answer = await self._connect(exchange)
        if isinstance(answer, Accepted):
            await self._converse(exchange, client, answer)
        else:
            await self._refuse(exchange, client, answer)

    def kill(self, feature: str) -> None:
        """Nothing reaches new any more: what is open there for a feature is told to come back. Called by `worker`."""
        for exchange in [each for each in self.open if each.feature == feature and each.side is Side.NEW]:
            exchange.cut_short()

    # -- connect

    async def _connect(self, exchange: Exchange) -> Accepted | UpstreamResponse | None:
        """One attempt; None where a kill came before it was done, or new is down, and the decision was made again.

        The handshake is a request to its upstream's guard: it may have to wait for a place, and counts for the breaker.
        """
        attempts = self._phases.attempts
        request = self._phases.prepare(exchange, _no_body())
        lines = exchange.clients[exchange.upstream].lines
        try:
            answer = await attempts.make(exchange, request, partial(dial, lines, max_bytes=_limit(exchange)))
        except DecisionChangedError:
            self._phases.decide(exchange)
            return None
        if not isinstance(answer, Accepted):
            return answer
        attempts.opened(exchange)
        if self._phases.is_overtaken(exchange):
            answer.wire.close(GOING_AWAY)
            attempts.complete(exchange)
            self._phases.decide(exchange)
            return None
        return answer

    # -- answer: no

    async def _refuse(self, exchange: Exchange, client: ClientSocket, response: UpstreamResponse) -> None:
        try:
            await client.refuse(response.status, reply_fields(exchange, response))
            while piece := await response.read():
                await client.send_piece(piece, more=True)
            await client.send_piece(b"", more=False)
        except UpstreamError as error:
            self._phases.attempts.failed(exchange, error)
            raise
        finally:
            await response.aclose()
        self._phases.attempts.complete(exchange)

    # -- answer: yes

    async def _converse(self, exchange: Exchange, client: ClientSocket, answer: Accepted) -> None:
        self.open.add(exchange)
        try:
            fields = reply_fields(exchange, _Switched(without_own(answer.headers)))
            await client.accept(answer.subprotocol, fields, max_bytes=_limit(exchange))
            closed = await _relay(client, answer.wire, exchange.request_id.decode())
        finally:
            self.open.discard(exchange)
            answer.wire.close(GOING_AWAY)  # unless it has been told something else
        self._note_end(exchange, client, closed)

    def _note_end(self, exchange: Exchange, client: ClientSocket, closed: Closed) -> None:
        """closed: the upstream's end. Once the client has ended it, nothing is held against the upstream."""
        if client.ended is None and closed.code == NO_CLOSE:
            kind = UpstreamErrorKind.MALFORMED if closed.fault else UpstreamErrorKind.TRUNCATED
            detail = closed.fault or "The upstream ended the WebSocket without a Close."
            exchange.error = error = upstream_error(kind, sent=True, detail=detail)
            self._phases.attempts.failed(exchange, error)
        elif client.ended is None and closed.code == INTERNAL_ERROR:
            self._phases.recorder.attempt_ends(exchange, Outcome.SERVER_ERROR)
        else:
            self._phases.recorder.attempt_ends(exchange, Outcome.OK)

    # -- settle

    async def _fail(self, exchange: Exchange, client: ClientSocket, fault: BaseException) -> None:
        error = exchange.error = self._phases.error_of(exchange, fault)
        if client.accepted and exchange.cut:
            await client.close(RESTART, RESTART_REASON)
        elif client.accepted:
            await client.close(INTERNAL_ERROR, "")
        elif exchange.response_started:
            client.abort()
        elif not exchange.gone:
            exchange.status = error.status
            fields, document = problem_reply(exchange, error)
            if error.status == 426:
                fields += [(b"upgrade", b"websocket"), (b"connection", b"upgrade"), (b"sec-websocket-version", VERSION)]
            await client.refuse(error.status, fields)
            await client.send_piece(document, more=False)


async def _relay(client: ClientSocket, wire: Wire, name: str) -> Closed:
    """Both ways at once, each as fast as its reader. Returns how the upstream's side ended, which is always the end."""
    async with asyncio.TaskGroup() as group:
        upward = group.create_task(_upward(client, wire), name=f"websocket-up-{name}")
        closed = await _downward(client, wire)
        upward.cancel()
    return closed


async def _upward(client: ClientSocket, wire: Wire) -> None:
    item = await client.receive()
    while not isinstance(item, Closed):
        await wire.send(item)
        del item  # or a large message is held for as long as nothing follows it
        item = await client.receive()
    if item.code != NO_CLOSE:
        wire.close(item.code, item.reason)
    elif item.reason:
        wire.close(GOING_AWAY)
    else:
        wire.hang_up()


async def _downward(client: ClientSocket, wire: Wire) -> Closed:
    item = await wire.receive()
    while not isinstance(item, Closed):
        await client.send(item)
        del item
        item = await wire.receive()
    if item.code == NO_CLOSE:
        await client.close(INTERNAL_ERROR, "the connection to the upstream was lost")
    else:
        await client.close(item.code, item.reason)
    return item


class _Switched:
    """An upstream's 101, as far as `reply_fields` looks at a reply."""

    def __init__(self, fields: Fields) -> None:
        self.status = 101
        self.headers = fields
        self.content_length: int | None = None

    async def read(self) -> bytes:
        return b""

    def read_nowait(self) -> bytes | None:
        return b""

    async def aclose(self) -> None:
        """Its connection is the WebSocket's now."""


def _as_request(scope: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The handshake is a GET; what is forwarded of its scheme are HTTP's words (RFC 6455 section 3)."""
    return {**scope, "method": "GET", "scheme": "https" if scope.get("scheme") == "wss" else "http"}


def _limit(exchange: Exchange) -> int:
    return exchange.plan.routes.websocket.max_message_bytes


async def _nothing() -> dict[str, Any]:
    raise AssertionError("a handshake has no body to read")


def _no_body() -> RequestBody:
    return RequestBody({}, "1.1", _nothing, lambda: None, limit=0)
