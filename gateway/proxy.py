"""THE REQUEST: match, decide, admit, prepare, send, relay, settle. Read `Proxy.serve` first; it is the whole life.

Pure rules decide (`rules/`), this module carries out: it awaits, it writes to the client, it counts. An ASGI app that
runs under any server; under our own edge it also learns at once, and without a task, that a client has left.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from gateway.attempts import Attempts
from gateway.body import RequestBody
from gateway.client import ClientSide, Edge
from gateway.dataplane import DataPlane, ShadowTraffic
from gateway.errors import GatewayError, InternalError, NoUpstreamError, UpstreamError
from gateway.exchange import Exchange, client_left
from gateway.model import Decision, Reason, Side
from gateway.outbound import outbound_request
from gateway.reception import Reception
from gateway.recorder import Recorder
from gateway.reply import is_event_stream, is_reset_with_body, own_answer, problem_reply, reply_fields
from gateway.rules import headers, retry, trace
from gateway.rules.assign import choose_side, find_target, find_target_of_preflight
from gateway.rules.fallback import MAX_BODY_BYTES, FallbackPlan, is_at_hand
from gateway.rules.keys import Key, KeySource
from gateway.rules.max_forwards import LIMITED
from gateway.rules.override import find_override
from gateway.rules.plan import FeaturePlan
from gateway.rules.request_head import RequestHead
from gateway.runner import over, running
from gateway.streams import Streams
from gateway.upstream.api import DecisionChangedError, OutboundRequest, UpstreamResponse
from gateway.websocket import WebSockets

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

MAX_DECISIONS: Final = 4
"""A request whose decision keeps changing under it is answered 503 rather than held for ever."""


class Proxy:
    """The data plane's ASGI app. The phases with plain names are `WebSockets`' too. `reception` is the edge's front."""

    def __init__(
        self,
        held: DataPlane,
        recorder: Recorder,
        *,
        override_key: bytes | None = None,
        shadows: ShadowTraffic | None = None,
    ) -> None:
        self.held = held
        self.recorder = recorder
        self.shadows = shadows
        self.reception = Reception(held, recorder)
        self.override_key = override_key
        self.attempts = Attempts(recorder)
        self.streams = Streams()
        self.websockets = WebSockets(self)
        self.falling_back: dict[str, int] = {}
        """Requests that legacy answers for new now, by feature."""
        self._running = 0
        self._random = random.Random(secrets.randbits(256))  # noqa: S311 - ids to find log lines by, not secrets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            edge = (scope.get("extensions") or {}).get("gateway.edge")
            exchange = self.receive(scope)
            await self._handle(exchange, ClientSide(exchange, receive, send, edge))
        elif scope["type"] == "websocket":
            await self.websockets.handle(scope, receive, send)
        else:
            await _lifespan(receive, send)

    def take(self, head: RequestHead, edge: Edge, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """The same for our own edge, which need not describe the request to us in a scope of ASGI's."""
        path, mark, query = head.target.partition(b"?")
        exchange = self._exchange(
            method=head.method,
            raw_path=path,
            query=mark + query,
            fields=head.fields,
            named=head.named,
            scheme=edge.scheme,
            peer=edge.address,
            http_version="1.1" if head.minor else "1.0",
        )
        return self._handle(exchange, ClientSide(exchange, receive, send, edge))

    async def _handle(self, exchange: Exchange, client: ClientSide) -> None:
        client.listen()
        self._running += 1
        fault: BaseException | None = None
        try:
            try:
                await self.serve(exchange, client)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the one place that answers failures
                fault = error
            if fault is not None:
                await self._fail(exchange, client, fault)
        finally:
            fault = None  # its traceback knows this frame
            self._running -= 1
            client.close()
            self.settle(exchange)
        if running() is not None:
            await over()

    async def serve(self, exchange: Exchange, client: ClientSide) -> None:
        """The life of a request that goes well, and of one that is tried again."""
        self.match(exchange)
        self._check_load(exchange)
        if exchange.method in LIMITED and (answer := own_answer(exchange)) is not None:
            await self._answer(exchange, client, *answer)
            return
        self.decide(exchange)
        body = self._body(exchange, client)
        if not body.complete:
            await self._admit(exchange, body)
        if exchange.shadow:
            self._keep_copy(exchange, body)
        response = None
        while response is None:
            request = self.prepare(exchange, body)
            request.on_interim = client.interim
            response = await self._send(exchange, body, request)
        fault: BaseException | None = None
        try:
            await self._relay(exchange, client, response)
        except BaseException as error:  # noqa: BLE001 - raised when the response is closed
            fault = error
        await response.aclose()
        if fault is not None:
            raise fault

    # -- match

    def receive(self, scope: Scope) -> Exchange:
        """From an ASGI scope."""
        raw_path, mark, _ = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")
        return self._exchange(
            method=scope["method"].encode("ascii"),
            raw_path=raw_path,
            query=b"?" + scope["query_string"] if scope["query_string"] or mark else b"",
            fields=scope["headers"],
            named=headers.by_name(scope["headers"]),
            scheme=scope.get("scheme", "http"),
            peer=scope["client"][0] if scope.get("client") else "",
            http_version=scope.get("http_version", "1.1"),
        )

    def _exchange(
        self,
        *,
        method: bytes,
        raw_path: bytes,
        query: bytes,
        fields: headers.Fields,
        named: dict[bytes, bytes],
        scheme: str,
        peer: str,
        http_version: str,
    ) -> Exchange:
        held = self.held
        plan = held.plan
        trusted = headers.is_trusted(peer, plan.trusted)
        return Exchange(
            plan=plan,
            clients=held.clients,
            guards=held.guards,
            started=time.perf_counter(),
            method=method,
            raw_path=raw_path,
            query=query,
            fields=fields,
            named=named,
            host=named.get(b"host", b""),
            scheme=scheme,
            peer=peer,
            trusted=trusted,
            client_ip=headers.client_address(peer, fields, plan.trusted) if trusted else peer,
            request_id=trace.request_id(named.get(b"x-request-id"), self._fresh(16)),
            http_version=http_version,
        )

    def _fresh(self, size: int) -> bytes:
        """What `randbytes` gives, without the call of it, which is never compiled."""
        return self._random.getrandbits(8 * size).to_bytes(size, "little")

    def _check_load(self, exchange: Exchange) -> None:
        if self._running > exchange.plan.limits.max_requests_in_flight:
            raise NoUpstreamError("there are too many requests in flight")

    def match(self, exchange: Exchange) -> None:
        plan, path, fields, named = exchange.plan, exchange.raw_path, exchange.fields, exchange.named
        if exchange.method == b"OPTIONS" and plan.has_cors:
            exchange.target = find_target_of_preflight(plan, raw_path=path, fields=fields, named=named)
            exchange.is_preflight = exchange.target is not None
        if not exchange.is_preflight:
            exchange.target = find_target(plan, method=exchange.method, raw_path=path, fields=fields, named=named)

    async def _answer(self, exchange: Exchange, client: ClientSide, status: int, fields: headers.Fields) -> None:
        """What no upstream needs to be asked."""
        exchange.status = status
        await client.answer(status, fields, b"")

    # -- decide

    def decide(self, exchange: Exchange) -> None:
        """By what this worker holds at this moment; again for a request whose decision a kill has overtaken."""
        assert exchange.target is not None  # noqa: S101 - match has set it
        exchange.decisions += 1
        if exchange.decisions > MAX_DECISIONS:
            raise NoUpstreamError("the decision for this request kept changing")
        feature = exchange.target.feature
        if feature is None:
            exchange.decision = Decision("none", Side.FIXED, Reason.ROUTE, exchange.target.upstream)
        else:
            policy = self.held.policies.get(feature.name)
            if policy is None:
                raise NoUpstreamError("an edit has just removed the feature of this route; it may be sent again")
            exchange.key, exchange.decision = choose_side(
                feature,
                policy,
                fields=exchange.fields,
                client_ip=exchange.client_ip,
                known=exchange.key,
                fresh_key=_fresh_key,
                override=self._override(exchange, feature) if feature.override else None,
                diverted=feature.diverts and exchange.guards[feature.upstreams[1]].is_down,
            )
            exchange.shadow = policy.shadow
        self.recorder.decided(exchange)

    def _override(self, exchange: Exchange, feature: FeaturePlan) -> Side | None:
        return find_override(exchange.fields, self.override_key, feature=feature.name, now=time.time())

    def _still_decided(self, exchange: Exchange) -> None:
        """Called by the upstream client right before the head is written: from a kill on, nothing reaches new."""
        if self.is_overtaken(exchange):
            raise DecisionChangedError

    def is_overtaken(self, exchange: Exchange) -> bool:
        """Whether a kill forbids new, which was chosen."""
        if exchange.side is not Side.NEW:
            return False
        policy = self.held.policies.get(exchange.feature)
        return policy is not None and (policy.killed or policy.unknown)

    # -- admit

    def _body(self, exchange: Exchange, client: ClientSide) -> RequestBody:
        assert exchange.target is not None  # noqa: S101 - match has set it
        return client.body(limit=exchange.target.max_body_bytes)

    async def _admit(self, exchange: Exchange, body: RequestBody) -> None:
        """A body is streamed; whole where legacy may have to be sent it after new, unless its client waits for 100."""
        await body.begin()
        if not body.replayable and exchange.fallback is not None:
            await body.collect(MAX_BODY_BYTES)

    def _keep_copy(self, exchange: Exchange, body: RequestBody) -> None:
        """Of a request that is to be shadowed: what is sent of it from here on is kept too."""
        copy = exchange.copy = self.shadows.begin(exchange) if self.shadows is not None else None
        if copy is None:
            return
        if body.complete:
            copy.ask(body.whole or b"")
            copy.whole = True
        else:
            body.copy = copy

    # -- prepare

    def prepare(self, exchange: Exchange, body: RequestBody) -> OutboundRequest:
        assert exchange.decision is not None  # noqa: S101 - decide has set it
        return outbound_request(
            exchange,
            exchange.plan.upstreams[exchange.decision.upstream],
            body,
            fresh=self._fresh(24),
            admit=partial(self._still_decided, exchange) if exchange.side is Side.NEW else None,
        )

    # -- send

    async def _send(self, exchange: Exchange, body: RequestBody, request: OutboundRequest) -> UpstreamResponse | None:
        """One attempt; None where another must be made, by the decision that then stands."""
        try:
            response = await self.attempts.make(exchange, request, exchange.clients[exchange.upstream].send)
        except DecisionChangedError:
            self.decide(exchange)
        except UpstreamError as error:
            self._after_failure(exchange, body, error)
        else:
            plan = exchange.fallback
            if plan is None or response.status not in plan.statuses or not self._may_fall_back(exchange, plan, body):
                return response
            self.attempts.complete(exchange)
            self._fall_back(exchange, str(response.status))
            await response.aclose()
        return None

    def _after_failure(self, exchange: Exchange, body: RequestBody, error: UpstreamError) -> None:
        """Returns where there is another way: the same upstream again, or legacy. Otherwise raises the error."""
        if retry.may_retry(error, method=exchange.method, replayable=body.replayable, attempts=exchange.attempts):
            made = exchange.guards[exchange.upstream].may_retry()
            self.recorder.retry(exchange, made=made)
            if made:
                if self.is_overtaken(exchange):
                    self.decide(exchange)
                return
        plan = exchange.fallback
        if plan is None or not self._may_fall_back(exchange, plan, body):
            raise error
        self._fall_back(exchange, error.kind.value)

    def _may_fall_back(self, exchange: Exchange, plan: FallbackPlan, body: RequestBody) -> bool:
        """Whether legacy can take it: a dying new must not drown it."""
        legacy = exchange.plan.features[exchange.feature].upstreams[0]
        return (
            is_at_hand(body.whole, complete=body.replayable)
            and self.falling_back.get(exchange.feature, 0) < plan.max_in_flight
            and not exchange.guards[legacy].is_down
        )

    def _fall_back(self, exchange: Exchange, cause: str) -> None:
        assert exchange.decision is not None  # noqa: S101 - new was decided for
        name = exchange.feature
        legacy = exchange.plan.features[name].upstreams[0]
        exchange.decision = replace(exchange.decision, side=Side.LEGACY, reason=Reason.FALLBACK, upstream=legacy)
        exchange.fell_back = True
        self.falling_back[name] = self.falling_back.get(name, 0) + 1
        self.recorder.fell_back(exchange, cause)

    def ask_queues_again(self) -> None:
        """After a kill: requests that wait for a place at new decide again at once. Called by `worker`."""
        for guard in self.held.guards.values():
            guard.ask_again()

    # -- relay

    async def _relay(self, exchange: Exchange, client: ClientSide, response: UpstreamResponse) -> None:
        fields = self._head(exchange, response)
        copy = exchange.copy
        try:
            slow = client.start(response.status, fields)
            if slow is not None:
                await slow
            piece = b"" if is_reset_with_body(response) else response.read_nowait()
            if piece is None:
                client.flush()
                piece = await response.read()
            while piece:
                if copy is not None:
                    copy.reply(piece)
                following = response.read_nowait()
                slow = client.send_piece(piece, more=following != b"")
                if slow is not None:
                    await slow
                piece = following if following is not None else await response.read()
            if not exchange.response_complete:
                slow = client.send_piece(b"", more=False)
                if slow is not None:
                    await slow
        except UpstreamError as error:
            self.attempts.failed(exchange, error)
            raise
        self.attempts.complete(exchange)

    def _head(self, exchange: Exchange, response: UpstreamResponse) -> headers.Fields:
        fields = reply_fields(exchange, response)
        if exchange.copy is not None:
            exchange.copy.begin_reply(response.status, response.headers, response.content_length)
        if exchange.is_stream or is_event_stream(fields):
            self.streams.add(exchange, overtaken=self.is_overtaken)
        return fields

    # -- settle

    async def _fail(self, exchange: Exchange, client: ClientSide, fault: BaseException) -> None:
        """A problem document while that is still possible; once the reply has begun, only a cut is honest."""
        error = exchange.error = self.error_of(exchange, fault)
        if error.status == 499:
            exchange.gone = True
        elif exchange.response_started and not (isinstance(error, UpstreamError) and client.withdraw()):
            client.abort()
        else:
            exchange.status = error.status
            fields, document = problem_reply(exchange, error)
            try:
                await client.answer(error.status, fields, document)
            except asyncio.CancelledError as cancelled:
                exchange.error = self.error_of(exchange, cancelled)
                if not exchange.gone:
                    client.abort()

    def error_of(self, exchange: Exchange, fault: BaseException) -> GatewayError:
        """What a failure means to the client. Raises a cancellation that is none of ours: the server's own."""
        if isinstance(fault, asyncio.CancelledError):
            if not (exchange.gone or exchange.cut or exchange.refusal):
                raise fault
            if exchange.task is not None:
                exchange.task.uncancel()
        elif not isinstance(fault, GatewayError):
            self.recorder.fault(exchange, fault)
        if exchange.gone:
            return client_left()
        if exchange.refusal is not None:
            return exchange.refusal
        if exchange.cut:
            return NoUpstreamError("the gateway ended this request; it may be sent again")
        return fault if isinstance(fault, GatewayError) else InternalError("the gateway failed; its log has the id")

    def settle(self, exchange: Exchange) -> None:
        self.streams.discard(exchange)
        self.attempts.abandon(exchange)
        if exchange.fell_back:
            self.falling_back[exchange.feature] -= 1
        self.recorder.finished(exchange)
        if exchange.copy is not None and self.shadows is not None:
            self.shadows.settle(exchange, exchange.copy)


def _fresh_key(source: KeySource) -> Key:
    """128 random bits for a user who has no key: what the cookie that we issue will hold."""
    return Key(source, secrets.token_hex(16).encode(), issued=True)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
