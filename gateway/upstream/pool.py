"""The connections to one target: a stack of idle ones, the busy ones, and a queue of those who wait for one.

Rules (`size` is idle + busy + being opened, and never exceeds `max_connections`):

1.  The last one used is the first one taken, so that the others grow old and are closed.
2.  One that is given back goes to the first waiter, else on the stack, else (stack full, or closing) it is cut.
3.  A place that falls free goes to the first waiter, who then opens a connection in it.
4.  Who is handed a connection or a place and cannot use it any more (cancelled) passes it on.
5.  A connection leaves the pool the moment it is cut or lost (`forget`), wherever it was.
6.  Where this process can open no more (no descriptors), a request waits for a connection as if the pool were full,
    unless there is none. It passes nothing on by failing: the next one would fail in the same way.
"""

import asyncio
from collections import deque
from math import inf

from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.upstream.api import PoolLimits
from gateway.upstream.connect import Target, open_connection
from gateway.upstream.connection import Connection
from gateway.upstream.failures import upstream_error
from gateway.upstream.resolver import Lookup, Names
from gateway.upstream.tls import Tls

TRUSTED_SECONDS = 0.01
"""After so long on the stack, a connection is asked whether it is still silent before it is used. Looking costs a few
microseconds; an upstream that closes without a word may do so right behind its reply.
"""


class Pool:
    """Called by the client, from one event loop. What `take` and `acquire` return is the caller's: it ends in
    `Connection.release` or `Connection.abort`.
    """

    __slots__ = ("_limits", "_name", "_tls", "_waiters", "busy", "closing", "idle", "names", "opening", "target")

    def __init__(
        self,
        target: Target,
        limits: PoolLimits,
        tls: Tls | None,
        *,
        name: str,
        lookup: Lookup | None = None,
    ) -> None:
        self.target = target
        self.names = Names(target.host, target.port, refresh_seconds=limits.resolve_seconds, lookup=lookup)
        self._name = name
        self.idle: list[Connection] = []
        self.busy: set[Connection] = set()
        self.opening = 0
        self.closing = False
        self._limits = limits
        self._tls = tls
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()

    @property
    def size(self) -> int:
        return len(self.idle) + len(self.busy) + self.opening

    @property
    def load(self) -> int:
        """Requests that hold a connection, open one or wait for one."""
        return len(self.busy) + self.opening + len(self._waiters)

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    @property
    def is_full(self) -> bool:
        return self.size >= self._limits.max_connections

    def take(self, now: float, *, certain: bool = False) -> Connection | None:
        """An idle connection, if there is one. `now`: the loop's time. certain: it is asked in any case, because the
        request could not be sent a second time.
        """
        while self.idle:
            connection = self.idle.pop()
            trusted = not certain and now - connection.idle_since < TRUSTED_SECONDS
            if trusted or connection.is_silent():
                self.busy.add(connection)
                return connection
            connection.abort()
        return None

    async def acquire(self, *, limit: float | None, total_deadline: float, certain: bool = False) -> Connection:
        """A connection, opened or waited for, `limit` seconds for each. Raises UpstreamError with `sent` False."""
        loop = asyncio.get_running_loop()
        wait_until = min(inf if limit is None else loop.time() + limit, total_deadline)
        connection = self.take(loop.time(), certain=certain)
        waited = exhausted = False
        while connection is None or connection.closed:
            if not (self.is_full or exhausted):
                self.opening += 1
            else:
                connection = await self._wait(wait_until, total_deadline, first=waited)
                waited = True
                if connection is not None:
                    continue
            try:
                connection = await self._open(limit, total_deadline)
            except UpstreamError as error:
                exhausted = error.kind is UpstreamErrorKind.EXHAUSTED and bool(self.busy or self.opening)
                if not exhausted:
                    raise
        return connection

    async def _open(self, limit: float | None, total_deadline: float) -> Connection:
        """In a place that is already counted in `opening`."""
        try:
            connection = await open_connection(
                self.target,
                self.names,
                self._make,
                tls=self._tls,
                limit=limit,
                total_deadline=total_deadline,
            )
        except BaseException as error:
            self.opening -= 1
            if not (isinstance(error, UpstreamError) and error.kind is UpstreamErrorKind.EXHAUSTED):
                self._grant()
            raise
        self.opening -= 1
        if connection.closed:
            self._grant()
            raise upstream_error(UpstreamErrorKind.REFUSED, sent=False)
        self.busy.add(connection)
        return connection

    def _make(self) -> Connection:
        return Connection(self, self._name)

    async def _wait(self, until: float, total_deadline: float, *, first: bool) -> Connection | None:
        """A connection handed over, or None for a place to open one in."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Connection | None] = loop.create_future()
        kind = UpstreamErrorKind.TOTAL_TIMEOUT if until >= total_deadline else UpstreamErrorKind.POOL_TIMEOUT
        timer = None if until == inf else loop.call_at(until, _expire, waiter, kind)
        if first:
            self._waiters.appendleft(waiter)
        else:
            self._waiters.append(waiter)
        try:
            return await waiter
        except BaseException:
            self._pass_on(waiter)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _pass_on(self, waiter: "asyncio.Future[Connection | None]") -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        if waiter.cancelled() or waiter.exception() is not None:
            return
        connection = waiter.result()
        if connection is None:
            self.opening -= 1
            self._grant()
        elif not connection.closed:
            self.release(connection)

    def _next_waiter(self) -> "asyncio.Future[Connection | None] | None":
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                return waiter
        return None

    def _grant(self) -> None:
        if self._waiters and not self.is_full:
            waiter = self._next_waiter()
            if waiter is not None:
                self.opening += 1
                waiter.set_result(None)

    def release(self, connection: Connection) -> None:
        """Takes a connection back that is fit for another request."""
        connection.reused = True
        if self.names.is_gone(connection.address):
            connection.abort()
            return
        if self._waiters:
            waiter = self._next_waiter()
            if waiter is not None:
                waiter.set_result(connection)
                return
        self.busy.discard(connection)
        if self.closing or len(self.idle) >= self._limits.max_idle:
            connection.abort()
        else:
            connection.idle_since = connection.loop.time()
            self.idle.append(connection)

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        if connection in self.busy:
            self.busy.remove(connection)
        elif connection in self.idle:
            self.idle.remove(connection)
        self._grant()

    def sweep(self, now: float) -> None:
        """Closes what has been idle for too long or leads to an address that is gone, and lets busy ones look at their
        deadlines.
        """
        self.names.keep_fresh(now)
        oldest = now - self._limits.idle_seconds
        while self.idle and self.idle[0].idle_since <= oldest:
            self.idle[0].abort()
        for connection in [each for each in self.idle if self.names.is_gone(each.address)]:
            connection.abort()
        for connection in tuple(self.busy):
            if connection.exchange is not None:
                connection.exchange.check_deadlines(now)

    def close(self) -> None:
        """Closes idle connections now; busy ones when they are given back."""
        self.closing = True
        self.names.close()
        for connection in tuple(self.idle):
            connection.abort()


def _expire(waiter: "asyncio.Future[Connection | None]", kind: UpstreamErrorKind) -> None:
    if not waiter.done():
        waiter.set_exception(upstream_error(kind, sent=False))
