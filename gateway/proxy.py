"""THE REQUEST: match, decide, admit, prepare, send, relay, settle. Read `Proxy.serve` first; it is the whole life.

Pure rules decide (`rules/`), this module carries out: it awaits, it writes to the client, it counts. An ASGI app that
runs under any server; under our own edge it also learns at once, and without a task, that a client has left.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from email.utils import formatdate
from typing import Any, Protocol

from gateway.body import RequestBody
from gateway.client import ClientSide
from gateway.errors import ClientError, GatewayError, InternalError, UpstreamError, UpstreamErrorKind
from gateway.exchange import Exchange, client_left
from gateway.model import Decision, Outcome, Reason, Side
from gateway.recorder import Recorder
from gateway.rules import cookies, headers, problem, retry, trace
from gateway.rules.assign import choose_side, find_target
from gateway.rules.keys import Key, KeySource
from gateway.rules.paths import normalize
from gateway.rules.plan import Plan
from gateway.rules.policy import FeaturePolicy
from gateway.rules.rewrite import location_back
from gateway.upstream.api import DecisionChangedError, OutboundRequest, UpstreamClient, UpstreamResponse

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

MAX_DECISIONS = 4
"""A request whose decision keeps changing under it is answered 503 rather than held for ever."""


class DataPlane(Protocol):
    """What a worker holds now. Each is replaced whole, so one read is always consistent."""

    @property
    def plan(self) -> Plan: ...
    @property
    def policies(self) -> Mapping[str, FeaturePolicy]: ...
    @property
    def clients(self) -> Mapping[str, UpstreamClient]: ...


class Proxy:
    """The data plane's ASGI app."""

    def __init__(self, held: DataPlane, recorder: Recorder) -> None:
        self.held = held
        self.recorder = recorder
        self.streams: set[Exchange] = set()
        self._random = random.Random(secrets.randbits(256))  # noqa: S311 - ids to find log lines by, not secrets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._handle(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1002, "reason": "WebSockets are not served here"})
        else:
            await _lifespan(receive, send)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = self._receive(scope)
        client = ClientSide(exchange, scope, receive, send)
        try:
            await self.serve(exchange, client)
        except GatewayError as error:
            await self._fail(exchange, client, error)
        except asyncio.CancelledError:
            if not (exchange.gone or exchange.cut):
                raise
            client.uncancel()
            if exchange.gone:
                exchange.error = client_left()
            else:
                client.abort()
        except Exception as error:  # noqa: BLE001 - the one place where a fault of ours becomes an answer
            self.recorder.fault(exchange, error)
            await self._fail(exchange, client, InternalError("the gateway failed; its log has the request id"))
        finally:
            client.close()
            self._settle(exchange)

    async def serve(self, exchange: Exchange, client: ClientSide) -> None:
        """The life of a request that goes well, and of one that is tried again."""
        self._match(exchange)
        self._decide(exchange)
        body = await self._admit(exchange, client)
        while True:
            request = self._prepare(exchange, body)
            try:
                response = await self._send(exchange, request)
            except DecisionChangedError:
                self._decide(exchange)
                continue
            except UpstreamError as error:
                self._attempt_failed(exchange, error)
                if not self._may_retry(exchange, body, error):
                    raise
                continue
            break
        try:
            await self._relay(exchange, client, response)
        finally:
            await response.aclose()

    # -- match

    def _receive(self, scope: Scope) -> Exchange:
        plan = self.held.plan
        fields: headers.Fields = scope["headers"]
        peer = scope["client"][0] if scope.get("client") else ""
        raw_path = scope.get("raw_path") or scope["path"].encode()
        return Exchange(
            plan=plan,
            clients=self.held.clients,
            started=time.perf_counter(),
            method=scope["method"].encode("ascii"),
            raw_path=raw_path.partition(b"?")[0],
            query=scope["query_string"],
            fields=fields,
            host=headers.first(fields, b"host") or b"",
            scheme=scope.get("scheme", "http"),
            peer=peer,
            client_ip=headers.client_address(peer, fields, plan.trusted) if plan.trusted else peer,
            request_id=trace.request_id(headers.first(fields, b"x-request-id"), self._random.getrandbits(128)),
        )

    def _match(self, exchange: Exchange) -> None:
        exchange.target = find_target(
            exchange.plan,
            method=exchange.method,
            host=exchange.host,
            raw_path=exchange.raw_path,
            fields=exchange.fields,
        )
        if headers.first(exchange.fields, b"upgrade") is not None and _wants_websocket(exchange.fields):
            raise ClientError(501, "Not implemented", "WebSocket upgrades are not served here")

    # -- decide

    def _decide(self, exchange: Exchange) -> None:
        """By what this worker holds at this moment; again for a request whose decision a kill has overtaken."""
        assert exchange.target is not None  # noqa: S101 - _match has set it
        feature = exchange.target.feature
        if feature is None:
            exchange.decision = Decision("none", Side.FIXED, Reason.ROUTE, exchange.target.upstream)
        else:
            exchange.key, exchange.decision = choose_side(
                feature,
                self.held.policies[feature.name],
                fields=exchange.fields,
                client_ip=exchange.client_ip,
                known=exchange.key,
                fresh_key=_fresh_key,
            )
        self.recorder.decided(exchange)

    def _still_decided(self, exchange: Exchange) -> None:
        """Called by the upstream client right before the head is written: from a kill on, nothing reaches new."""
        if exchange.side is Side.NEW and self._is_killed(exchange.feature):
            raise DecisionChangedError

    def _is_killed(self, feature: str) -> bool:
        policy = self.held.policies.get(feature)
        return policy is not None and (policy.killed or policy.unknown)

    # -- admit

    async def _admit(self, exchange: Exchange, client: ClientSide) -> RequestBody:
        body = client.body
        if not body.complete:
            await body.begin()
        if body.complete:
            client.watch()
        return body

    # -- prepare

    def _prepare(self, exchange: Exchange, body: RequestBody) -> OutboundRequest:
        assert exchange.decision is not None  # noqa: S101 - _decide has set it
        upstream = exchange.plan.upstreams[exchange.decision.upstream]
        fields = [(b"host", upstream.host or exchange.host)]
        fields += headers.forwardable_request(exchange.fields)
        fields += headers.forwarding_fields(
            exchange.fields,
            peer=exchange.peer,
            scheme=exchange.scheme,
            host=exchange.host,
            trusted=headers.is_trusted(exchange.peer, exchange.plan.trusted),
        )
        given = headers.first(exchange.fields, b"traceparent")
        fields.append((b"x-request-id", exchange.request_id))
        fields.append((b"traceparent", trace.traceparent(given, self._random.getrandbits(192))))
        path = exchange.raw_path
        if exchange.rewrite is not None:
            path = exchange.rewrite.forward(path, normalize(path))
        return OutboundRequest(
            method=exchange.method,
            target=path + b"?" + exchange.query if exchange.query else path,
            headers=fields,
            body=body.whole if body.complete else body.stream(),
            content_length=body.content_length,
            admit=lambda: self._still_decided(exchange),
        )

    # -- send

    async def _send(self, exchange: Exchange, request: OutboundRequest) -> UpstreamResponse:
        assert exchange.decision is not None  # noqa: S101 - _decide has set it
        self.recorder.attempt_begins(exchange)
        response = await exchange.clients[exchange.decision.upstream].send(request)
        exchange.first_byte_seconds = time.perf_counter() - exchange.attempt_started
        exchange.status = response.status
        return response

    def _attempt_failed(self, exchange: Exchange, error: UpstreamError) -> None:
        self.recorder.attempt_ends(exchange, _OUTCOMES.get(error.kind, Outcome.TRUNCATED))
        self.recorder.upstream_error(exchange, error)

    def _may_retry(self, exchange: Exchange, body: RequestBody, error: UpstreamError) -> bool:
        if not retry.may_retry(error, method=exchange.method, replayable=body.replayable, attempts=exchange.attempts):
            return False
        if exchange.side is Side.NEW and self._is_killed(exchange.feature):
            self._decide(exchange)
        return True

    # -- relay

    async def _relay(self, exchange: Exchange, client: ClientSide, response: UpstreamResponse) -> None:
        fields = self._response_fields(exchange, response)
        if exchange.streaming and exchange.side is Side.NEW:
            self.streams.add(exchange)
        try:
            await client.start(response.status, fields)
            piece = response.read_nowait()
            if piece is None:
                piece = await response.read()
            while piece:
                following = response.read_nowait()
                await client.send_piece(piece, more=following != b"")
                piece = following if following is not None else await response.read()
            if not exchange.response_complete:
                await client.send_piece(b"", more=False)
        except UpstreamError as error:
            self._attempt_failed(exchange, error)
            raise
        self.recorder.attempt_ends(exchange, _outcome_of(response.status))

    def _response_fields(self, exchange: Exchange, response: UpstreamResponse) -> headers.Fields:
        fields = headers.forwardable_response(response.headers)
        if response.content_length is not None and response.status not in headers.UNFRAMED:
            fields.append((b"content-length", b"%d" % response.content_length))
        exchange.streaming = _is_event_stream(fields)
        if exchange.rewrite is not None or headers.first(fields, b"location") is not None:
            fields = self._rewritten_back(exchange, fields)
        decision = exchange.decision
        if decision is not None and decision.issue_cookie and exchange.key is not None:
            cacheable = cookies.may_be_stored_by_shared_caches(exchange.method, response.status, fields)
            if not cacheable:
                name, secure = exchange.key.source.name, exchange.scheme == "https"
                fields.append((b"set-cookie", cookies.issued_cookie(name, exchange.key.value, secure=secure)))
        if headers.first(fields, b"date") is None:
            fields.append((b"date", http_date(time.time())))
        return fields + self._own_fields(exchange)

    def _rewritten_back(self, exchange: Exchange, fields: headers.Fields) -> headers.Fields:
        assert exchange.decision is not None  # noqa: S101 - _decide has set it
        rewrite = exchange.rewrite
        origins = exchange.plan.upstreams[exchange.decision.upstream].origins
        ours = exchange.scheme.encode() + b"://" + exchange.host
        changed = []
        for name, value in fields:
            if name in (b"location", b"content-location"):
                value = location_back(value, rewrite, upstream_origins=origins, client_origin=ours)  # noqa: PLW2901
            elif name == b"set-cookie" and rewrite is not None:
                value = rewrite.cookie_back(value)  # noqa: PLW2901
            changed.append((name, value))
        return changed

    def _own_fields(self, exchange: Exchange) -> headers.Fields:
        fields = [(b"x-request-id", exchange.request_id)]
        if exchange.plan.expose_decision and exchange.decision is not None:
            fields += [
                (b"x-gateway-feature", exchange.decision.feature.encode()),
                (b"x-gateway-side", exchange.decision.side.value.encode()),
                (b"x-gateway-reason", exchange.decision.reason.value.encode()),
            ]
        return fields

    # -- settle

    async def _fail(self, exchange: Exchange, client: ClientSide, error: GatewayError) -> None:
        """A problem document while that is still possible; once the reply has begun, only a cut is honest."""
        exchange.error = error
        if error.status == 499 or exchange.gone:
            exchange.gone = True
            return
        if exchange.response_started:
            client.abort()
            return
        exchange.status = error.status
        document = problem.problem_document(error, exchange.request_id)
        fields = [
            (b"content-type", problem.CONTENT_TYPE),
            (b"content-length", b"%d" % len(document)),
            (b"cache-control", b"no-store"),
            (b"date", http_date(time.time())),
            *self._own_fields(exchange),
        ]
        if error.status == 503:
            fields.append((b"retry-after", b"1"))
        await client.start(error.status, fields)
        await client.send_piece(b"" if exchange.method == b"HEAD" else document, more=False)

    def _settle(self, exchange: Exchange) -> None:
        self.streams.discard(exchange)
        self.recorder.finished(exchange)

    def cut_streams(self, feature: str) -> None:
        """A kill's grace is over: streams that new still serves for a feature end. Called by `worker`."""
        for exchange in [stream for stream in self.streams if stream.feature == feature]:
            exchange.cut_short()


_OUTCOMES = {
    UpstreamErrorKind.NAME: Outcome.REFUSED,
    UpstreamErrorKind.REFUSED: Outcome.REFUSED,
    UpstreamErrorKind.TLS: Outcome.REFUSED,
    UpstreamErrorKind.POOL_TIMEOUT: Outcome.TIMEOUT,
    UpstreamErrorKind.CONNECT_TIMEOUT: Outcome.TIMEOUT,
    UpstreamErrorKind.FIRST_BYTE_TIMEOUT: Outcome.TIMEOUT,
    UpstreamErrorKind.IDLE_TIMEOUT: Outcome.TIMEOUT,
    UpstreamErrorKind.TOTAL_TIMEOUT: Outcome.TIMEOUT,
}


def _outcome_of(status: int) -> Outcome:
    if status < 400:
        return Outcome.OK
    return Outcome.CLIENT_ERROR if status < 500 else Outcome.SERVER_ERROR


def _fresh_key(source: KeySource) -> Key:
    """128 random bits for a user who has no key: what the cookie that we issue will hold."""
    return Key(source, secrets.token_hex(16).encode(), issued=True)


def _is_event_stream(fields: headers.Fields) -> bool:
    return (headers.first(fields, b"content-type") or b"").startswith(b"text/event-stream")


def _wants_websocket(fields: headers.Fields) -> bool:
    return (headers.first(fields, b"upgrade") or b"").lower() == b"websocket"


_date: tuple[int, bytes] = (0, b"")


def http_date(now: float) -> bytes:
    """The Date field (RFC 9110 section 5.6.7), formatted once a second."""
    global _date  # noqa: PLW0603 - a cache of one value
    second = int(now)
    if _date[0] != second:
        _date = (second, formatdate(second, usegmt=True).encode("ascii"))
    return _date[1]


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
