"""The gateway's own HTTP/1.1 client: an `UpstreamClient` over asyncio transports, for speed.

A small request on a kept connection costs one write, one future and no task, timer or dict. All time limits are
deadlines that one sweep looks at, so they are kept to within `SWEEP_SECONDS`; it runs while there are connections.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Final

from gateway.errors import UpstreamError
from gateway.rules.blame import is_well, verdict_of
from gateway.rules.retry import IDEMPOTENT
from gateway.rules.standing import StandingLimits
from gateway.runner import in_task
from gateway.upstream.api import OutboundRequest, PoolLimits, Timeouts, UpstreamResponse
from gateway.upstream.balancer import Balancer
from gateway.upstream.connect import parse_target, tls_for
from gateway.upstream.connection import Connection
from gateway.upstream.exchange import Exchange
from gateway.upstream.failures import CONNECTING
from gateway.upstream.lines import Lines
from gateway.upstream.pool import Pool
from gateway.upstream.request_head import encode_head
from gateway.upstream.resolver import Lookup
from gateway.upstream.tls import Tls

SWEEP_SECONDS: Final = 0.05


class Http1Client:
    """One upstream. `targets` are its base URLs. `tls`: for https ones, by default the system's authorities.
    `standing`: when a target is left out, by `clock`. `lookup` replaces the system's resolver.
    """

    def __init__(
        self,
        targets: Sequence[str],
        *,
        name: str = "upstream",
        timeouts: Timeouts | None = None,
        limits: PoolLimits | None = None,
        tls: Tls | None = None,
        standing: StandingLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        lookup: Lookup | None = None,
    ) -> None:
        parsed = [parse_target(url, server_name=tls.server_name if tls else None) for url in targets]
        if not parsed:
            raise ValueError("an upstream has at least one target")
        tls = tls_for(parsed, tls)
        self._timeouts = timeouts or Timeouts()
        limits = limits or PoolLimits()
        self.name = name
        self._pools = [Pool(target, limits, tls, name=name, lookup=lookup) for target in parsed]
        self._several = len(parsed) > 1
        urls = [target.url for target in parsed]
        self._balancer = Balancer(name, urls, standing or StandingLimits(), load=self._load, clock=clock)
        self.lines = Lines(
            parsed,
            [pool.names for pool in self._pools],
            self._balancer,
            tls=tls,
            timeouts=self._timeouts,
            limits=limits,
        )
        self._sweeping = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        return self._balancer.urls

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
    def in_flight(self) -> int:
        """Requests that hold a connection, open one or wait for one."""
        return sum(pool.load for pool in self._pools)

    @property
    def idle(self) -> int:
        return sum(len(pool.idle) for pool in self._pools)

    async def send(self, request: OutboundRequest) -> UpstreamResponse:
        head = encode_head(request)
        loop = self._loop
        if loop is None:  # once: asking for it costs a system call each time
            loop = self._loop = asyncio.get_running_loop()
        now = loop.time()
        total = self._timeouts.total
        total_deadline = inf if total is None else now + total
        place = self._balancer.pick() if self._several else 0
        certain = not may_go_twice(request)
        connection = self._pools[place].take(now, certain=certain)
        if connection is None:
            place, connection = await self._acquire(place, total_deadline, certain=certain)
        if request.admit is not None:
            _admit(request, connection)
        exchange = Exchange(
            connection,
            self._timeouts,
            head_request=request.method == b"HEAD",
            total_deadline=total_deadline,
            loop=loop,
        )
        fault: BaseException | None = None
        try:
            exchange.start(head, request)
            await exchange.wait_for_head()
        except BaseException as error:  # noqa: BLE001 - raised when the exchange is closed
            fault = error
        if fault is not None:
            await exchange.aclose()
            if isinstance(fault, UpstreamError) and verdict_of(fault, answered=False) is False:
                self._balancer.failed(place)
            raise fault
        if self._several:
            (self._balancer.succeeded if is_well(exchange.status) else self._balancer.failed)(place)
        return exchange

    async def aclose(self) -> None:
        for pool in self._pools:
            pool.close()

    def _load(self, place: int) -> int:
        return self._pools[place].load

    async def _acquire(self, chosen: int, total_deadline: float, *, certain: bool) -> tuple[int, Connection]:
        """A connection to the chosen target or, if none can be opened there, to the first other one that lets us in."""
        await in_task()  # opening a connection is limited in time
        self._start_sweep()
        error: UpstreamError | None = None
        for place in self._from(chosen):
            try:
                limit = self._timeouts.connect
                connection = await self._pools[place].acquire(
                    limit=limit, total_deadline=total_deadline, certain=certain
                )
            except UpstreamError as failure:
                if failure.kind not in CONNECTING:
                    raise
                self._balancer.refused(place, failure)
                error = failure
            else:
                self._balancer.connected(place)
                return place, connection
        if error is None:
            raise AssertionError("no targets")
        raise error

    def _from(self, chosen: int) -> list[int]:
        """All targets, beginning with the chosen one; those without a free place last."""
        pools = self._pools
        return sorted(self._balancer.after(chosen), key=lambda place: pools[place].is_full and not pools[place].idle)

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


def may_go_twice(request: OutboundRequest) -> bool:
    """Whether a connection that turns out to be closed costs nothing: `Proxy` sends the request again."""
    return request.method in IDEMPOTENT and (request.body is None or isinstance(request.body, bytes))


def _admit(request: OutboundRequest, connection: Connection) -> None:
    try:
        if request.admit is not None:
            request.admit()
    except BaseException:
        connection.release()
        raise
