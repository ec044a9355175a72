"""The gateway's own HTTP/1.1 client: an `UpstreamClient` over asyncio transports, for speed.

A small request on a kept connection costs one write, one future and no task, timer or dict. All time limits are
deadlines that one sweep looks at, so they are kept to within `SWEEP_SECONDS`; it runs while there are connections.
"""

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from math import inf

from gateway.errors import UpstreamError
from gateway.upstream.api import OutboundRequest, PoolLimits, Timeouts, UpstreamResponse
from gateway.upstream.connect import default_ssl_context, parse_target
from gateway.upstream.connection import Connection
from gateway.upstream.exchange import Exchange
from gateway.upstream.failures import CONNECTING
from gateway.upstream.pool import Pool
from gateway.upstream.request_head import encode_head

SWEEP_SECONDS = 0.05


class Http1Client:
    """One upstream. `targets` are its base URLs, taken in turn. `ssl_context` replaces the default for https ones."""

    def __init__(
        self,
        targets: Sequence[str],
        *,
        name: str = "upstream",
        timeouts: Timeouts | None = None,
        limits: PoolLimits | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        parsed = [parse_target(url) for url in targets]
        if not parsed:
            raise ValueError("an upstream has at least one target")
        if ssl_context is None and any(target.tls for target in parsed):
            ssl_context = default_ssl_context()
        self._timeouts = timeouts or Timeouts()
        limits = limits or PoolLimits()
        self.name = name
        self._pools = [Pool(target, limits, ssl_context if target.tls else None, name=name) for target in parsed]
        self._turn = 0
        self._sweeping = False

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(pool.target.url for pool in self._pools)

    @property
    def in_flight(self) -> int:
        """Requests that hold a connection, open one or wait for one."""
        return sum(len(pool.busy) + pool.opening + pool.waiting for pool in self._pools)

    @property
    def idle(self) -> int:
        return sum(len(pool.idle) for pool in self._pools)

    async def send(self, request: OutboundRequest) -> UpstreamResponse:
        head = encode_head(request)
        loop = asyncio.get_running_loop()
        now = loop.time()
        total = self._timeouts.total
        total_deadline = inf if total is None else now + total
        pool = self._next_pool()
        connection = pool.take(now) or await self._acquire(pool, total_deadline)
        if request.admit is not None:
            _admit(request, connection)
        exchange = Exchange(
            connection,
            self._timeouts,
            head_request=request.method == b"HEAD",
            total_deadline=total_deadline,
            loop=loop,
        )
        try:
            exchange.start(head, request)
            await exchange.wait_for_head()
        except BaseException:
            await exchange.aclose()
            raise
        return exchange

    async def aclose(self) -> None:
        for pool in self._pools:
            pool.close()

    def _next_pool(self) -> Pool:
        pools = self._pools
        if len(pools) == 1:
            return pools[0]
        self._turn = (self._turn + 1) % len(pools)
        return pools[self._turn]

    async def _acquire(self, chosen: Pool, total_deadline: float) -> Connection:
        """A connection to the chosen target or, if none can be opened there, to the first other one that lets us in."""
        self._start_sweep()
        error: UpstreamError | None = None
        for pool in self._from(chosen):
            try:
                return await pool.acquire(limit=self._timeouts.connect, total_deadline=total_deadline)
            except UpstreamError as failure:
                if failure.kind not in CONNECTING:
                    raise
                error = failure
        if error is None:
            raise AssertionError("no targets")
        raise error

    def _from(self, chosen: Pool) -> Iterator[Pool]:
        """All targets in turn, beginning with the chosen one; those without a free place last."""
        start = self._pools.index(chosen)
        turn = self._pools[start:] + self._pools[:start]
        return iter(sorted(turn, key=lambda pool: pool.is_full and not pool.idle))

    def _start_sweep(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = False
        now = asyncio.get_running_loop().time()
        for pool in self._pools:
            pool.sweep(now)
        if any(pool.size for pool in self._pools):
            self._start_sweep()


def _admit(request: OutboundRequest, connection: Connection) -> None:
    try:
        if request.admit is not None:
            request.admit()
    except BaseException:
        connection.release()
        raise
