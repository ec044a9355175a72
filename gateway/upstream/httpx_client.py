"""An `UpstreamClient` over bare httpx transports: HTTP/2, and whatever else httpx does. Never `httpx.AsyncClient`,
which keeps cookies, adds headers and rewrites paths. Many times the cost of `Http1Client` under load.

What it does differently, because httpx (httpcore, h11, h2) does:

| | http1 | httpx |
|---|---|---|
| an early reply to an unfinished upload | returned as it arrives | after the upload, or when a write fails |
| an early reply, then a reset | returned | often lost: CLOSED |
| `admit` refuses | the connection goes back to the pool | an HTTP/1.1 connection is closed |
| `read_nowait` | what has arrived | None until the end is known |
| `idle` | while the caller waits for a piece, to within 50 ms | per read of the socket |
| an idle connection that the upstream closes | dropped at once | dropped when the pool is next used |
| idle connections that grow old | closed by the sweep | closed when the pool is next used |
| which idle connection is taken | the last used | the first opened |
| obs-fold, bare LF in a head, `Content-Length: 2, 2` | MALFORMED | taken; the value unfolded |
| a head over 64 KiB | MALFORMED as it arrives | MALFORMED once read; h11 stops at 100 KiB |
| interim replies | ten at most; `on_interim` is told | any number, within `first_byte`; nobody is told |
| `expects_continue` | the body waits for 100 | the body is read when the head is out |
| octets beyond ASCII in a target | as given | ValueError |
| names of methods | as given | in upper case |
| `aclose` with replies in use | idle connections close now | they close with the last reply in use |
| names | looked up every few seconds; connections to old addresses end | looked up for each new connection |
| HTTP/2 | no | over TLS by ALPN; a stream that is reset is CLOSED or TRUNCATED |
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import httpx

from gateway.descriptors import RESERVE
from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.rules.blame import is_well, verdict_of
from gateway.rules.standing import StandingLimits
from gateway.runner import in_task
from gateway.upstream.api import Headers, OutboundRequest, PoolLimits, Timeouts, UpstreamResponse
from gateway.upstream.balancer import Balancer
from gateway.upstream.connect import parse_target, tls_for
from gateway.upstream.failures import CONNECTING
from gateway.upstream.httpx_attempt import Attempt
from gateway.upstream.httpx_errors import FAILURES
from gateway.upstream.httpx_reply import HttpxReply
from gateway.upstream.lines import Lines
from gateway.upstream.reply_parser import MalformedReplyError
from gateway.upstream.request_head import checked_head, framing
from gateway.upstream.resolver import Names
from gateway.upstream.tls import Tls


class HttpxClient:
    """One upstream. `targets` are its base URLs, each with a transport of its own. `standing`: when one is left out,
    by `clock`.

    make_transport: called once for each target; by default an `httpx.AsyncHTTPTransport` with `limits`, no retries,
    HTTP/2 where the target offers it (`http2`), and `tls` or verification by the system's certificates.
    """

    def __init__(
        self,
        targets: Sequence[str],
        *,
        name: str = "upstream",
        timeouts: Timeouts | None = None,
        limits: PoolLimits | None = None,
        tls: Tls | None = None,
        http2: bool = True,
        standing: StandingLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        make_transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
    ) -> None:
        self.name = name
        parsed = [parse_target(url, server_name=tls.server_name if tls else None) for url in targets]
        self.targets = tuple(target.url for target in parsed)
        if not self.targets:
            raise ValueError("an upstream has at least one target")
        self._tls = tls_for(parsed, tls)
        verify = self._tls.for_httpx if self._tls is not None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        pool = limits or PoolLimits()

        def make() -> httpx.AsyncBaseTransport:
            return httpx.AsyncHTTPTransport(verify=verify, trust_env=False, http2=http2, limits=_limits(pool))

        self._timeouts = timeouts or Timeouts()
        self._transports = [(httpx.URL(url), (make_transport or make)()) for url in self.targets]
        self._busy = [0 for _ in self.targets]
        limits_of_standing = standing or StandingLimits()
        self._balancer = Balancer(name, self.targets, limits_of_standing, load=self._busy.__getitem__, clock=clock)
        names = [Names(each.host, each.port, refresh_seconds=pool.resolve_seconds) for each in parsed]
        self.lines = Lines(parsed, names, self._balancer, tls=self._tls, timeouts=self._timeouts, limits=pool)
        self._closing = False
        self.in_flight = 0

    @property
    def is_down(self) -> bool:
        return self._balancer.is_down

    def states(self) -> tuple[str, ...]:
        return self._balancer.states()

    def problems(self) -> tuple[str | None, ...]:
        return self._balancer.problems()

    def checked(self, place: int, problem: str | None) -> None:
        self._balancer.checked(place, problem)

    @property
    def idle(self) -> int:
        pools = [getattr(transport, "_pool", None) for _, transport in self._transports]
        return sum(connection.is_idle() for pool in pools for connection in getattr(pool, "connections", ()))

    async def send(self, request: OutboundRequest) -> UpstreamResponse:
        await in_task()  # httpx asks for it
        checked_head(request)
        field = framing(request)
        headers = [*request.headers, field] if field else request.headers
        total = self._timeouts.total
        total_deadline = None if total is None else asyncio.get_running_loop().time() + total
        self.in_flight += 1
        try:
            return await self._send_to_one(request, headers, total_deadline)
        except BaseException:
            await self._leave()
            raise

    async def aclose(self) -> None:
        self._closing = True
        if not self.in_flight:
            await self._close_transports()

    async def _closed(self, place: int) -> None:
        self._busy[place] -= 1
        await self._leave()

    async def _leave(self) -> None:
        self.in_flight -= 1
        if self._closing and not self.in_flight:
            await self._close_transports()

    async def _close_transports(self) -> None:
        for _, transport in self._transports:
            await transport.aclose()

    async def _send_to_one(self, request: OutboundRequest, headers: Headers, total: float | None) -> UpstreamResponse:
        """To the first target, in the balancer's order, that takes a connection."""
        failure: UpstreamError | None = None
        for place in self._balancer.after(self._balancer.pick()):
            try:
                return await self._send_to(place, request, headers, total)
            except UpstreamError as error:
                if error.kind not in CONNECTING or error.sent:
                    raise
                failure = error
        if failure is None:
            raise AssertionError("no targets")
        raise failure

    async def _send_to(
        self, place: int, request: OutboundRequest, headers: Headers, total: float | None
    ) -> UpstreamResponse:
        """With one of the descriptors that are held back, where no other is left."""
        url, transport = self._transports[place]
        traced = isinstance(transport, httpx.AsyncHTTPTransport)
        while True:
            attempt = Attempt(request, self._timeouts.first_byte, traced=traced)
            outbound = self._request(url, request, headers, attempt)
            try:
                return await self._counted(place, self._attempt(place, transport, outbound, attempt, total))
            except UpstreamError as error:
                if not (error.kind is UpstreamErrorKind.EXHAUSTED and RESERVE.spend()):
                    raise

    async def _counted(self, place: int, attempt: Awaitable[UpstreamResponse]) -> UpstreamResponse:
        """What becomes of one attempt is noted for its target."""
        balancer = self._balancer
        self._busy[place] += 1
        try:
            response = await attempt
        except BaseException as error:
            self._busy[place] -= 1
            if isinstance(error, UpstreamError) and error.kind in CONNECTING and not error.sent:
                balancer.refused(place, error)
            elif isinstance(error, UpstreamError) and verdict_of(error, answered=False) is False:
                balancer.failed(place)
            raise
        balancer.connected(place)
        (balancer.succeeded if is_well(response.status) else balancer.failed)(place)
        return response

    def _request(self, url: httpx.URL, request: OutboundRequest, headers: Headers, attempt: Attempt) -> httpx.Request:
        limits = self._timeouts
        timeout = {"connect": limits.connect, "pool": limits.connect, "write": limits.idle, "read": limits.first_byte}
        extensions: dict[str, object] = {"target": request.target, "timeout": timeout, "trace": attempt.trace}
        if self._tls is not None and self._tls.server_name is not None:
            extensions["sni_hostname"] = self._tls.server_name
        method = request.method.decode("ascii")
        return httpx.Request(method, url, headers=headers, stream=attempt.body, extensions=extensions)

    async def _attempt(
        self,
        place: int,
        transport: httpx.AsyncBaseTransport,
        request: httpx.Request,
        attempt: Attempt,
        total: float | None,
    ) -> UpstreamResponse:
        if self._tls is not None and self._tls.problem is not None:
            raise attempt.error(UpstreamErrorKind.TLS, self._tls.problem)
        if not attempt.traced:
            attempt.admit()
            attempt.sent = True
        scope = asyncio.timeout_at(total)
        attempt.scope = scope
        try:
            async with scope:
                response = await transport.handle_async_request(request)
        except TimeoutError as error:
            if not scope.expired():
                raise  # the body's own
            kind = UpstreamErrorKind.TOTAL_TIMEOUT if scope.when() == total else UpstreamErrorKind.FIRST_BYTE_TIMEOUT
            raise attempt.error(kind) from error
        except httpx.LocalProtocolError as error:
            raise ValueError("httpx refuses to send this request") from error
        except FAILURES as error:
            raise attempt.error_of(error) from error
        finally:
            await attempt.body.aclose()
        request.extensions["timeout"]["read"] = None if attempt.is_stream else self._timeouts.idle
        return await self._reply(place, response, attempt, None if attempt.is_stream else total)

    async def _reply(
        self, place: int, response: httpx.Response, attempt: Attempt, total: float | None
    ) -> UpstreamResponse:
        try:
            attempt.watch(response)
            return HttpxReply(
                response, total_deadline=total, reused=attempt.reused, on_closed=partial(self._closed, place)
            )
        except BaseException as error:
            await response.aclose()
            if not isinstance(error, MalformedReplyError):
                raise
            raise attempt.error(UpstreamErrorKind.MALFORMED, str(error)) from error


def _limits(limits: PoolLimits) -> httpx.Limits:
    return httpx.Limits(
        max_connections=limits.max_connections,
        max_keepalive_connections=limits.max_idle,
        keepalive_expiry=limits.idle_seconds,
    )
