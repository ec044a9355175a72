"""Connections of their own to one upstream, for what outlives a request: WebSockets.

Rules:

1.  They go by the targets of the upstream's client: how each stands, its names, its TLS. Beside these they have their
    own counts: a socket that is open for hours says nothing about how busy a target is with requests, nor the other
    way round. Of two targets drawn at random the one with fewer lines takes the next.
2.  At most `max_connections` lines to one target; a full one is passed over, and where all are full it is POOL_TIMEOUT.
3.  A target that takes no connection has failed, and is passed over for another, for nothing was sent.
4.  Names that are looked up are shared with the pool, where there is one; a line stays where it is when they change.
"""

from collections.abc import Sequence

from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.upstream.api import PoolLimits, Timeouts
from gateway.upstream.balancer import Balancer
from gateway.upstream.connect import Target, open_connection
from gateway.upstream.connection import Connection
from gateway.upstream.failures import CONNECTING, upstream_error
from gateway.upstream.resolver import Names
from gateway.upstream.tls import Tls


class Lines:
    """Made by a client, for its upstream."""

    def __init__(
        self,
        targets: Sequence[Target],
        names: Sequence[Names],
        balancer: Balancer,
        *,
        tls: Tls | None,
        timeouts: Timeouts,
        limits: PoolLimits,
    ) -> None:
        self.timeouts = timeouts
        self.counts = [0 for _ in targets]
        """Of each target, those that are being opened too."""
        self._targets = targets
        self._names = names
        self._balancer = balancer
        self._tls = tls
        self._most = limits.max_connections

    @property
    def open(self) -> int:
        return sum(self.counts)

    async def connect(self, total_deadline: float) -> "Line":
        error = upstream_error(UpstreamErrorKind.POOL_TIMEOUT, sent=False)
        for place in self._in_turn():
            if self.counts[place] >= self._most:  # now: others may have filled it while we tried the one before
                continue
            line = Line(self, place)
            try:
                line.connection = await self._open(place, total_deadline)
            except UpstreamError as failure:
                line.end()
                if failure.kind not in CONNECTING:
                    raise
                self._balancer.refused(place, failure)
                error = failure
            except BaseException:
                line.end()
                raise
            else:
                self._balancer.connected(place)
                return line
        raise error

    def judge(self, place: int, success: bool | None) -> None:
        """What a handshake has shown of a target."""
        if success is not None:
            (self._balancer.succeeded if success else self._balancer.failed)(place)

    def _in_turn(self) -> Sequence[int]:
        return self._balancer.after(self._balancer.pick(self.counts.__getitem__))

    async def _open(self, place: int, total_deadline: float) -> Connection:
        target = self._targets[place]
        return await open_connection(
            target,
            self._names[place],
            lambda: Connection(_NoPool(), self._balancer.name),
            tls=self._tls,
            limit=self.timeouts.connect,
            total_deadline=total_deadline,
        )


class Line:
    """One of them; counts from its making to `end`."""

    __slots__ = ("_ended", "_lines", "_place", "connection")

    def __init__(self, lines: Lines, place: int) -> None:
        self.connection: Connection | None = None
        self._lines = lines
        self._place = place
        self._ended = False
        lines.counts[place] += 1

    def judge(self, success: bool | None) -> None:
        self._lines.judge(self._place, success)

    def end(self) -> None:
        if not self._ended:
            self._ended = True
            self._lines.counts[self._place] -= 1


class _NoPool:
    """These connections are nobody's but their user's."""

    def forget(self, connection: Connection) -> None:
        """Nothing remembers it."""

    def release(self, connection: Connection) -> None:
        connection.abort()
