"""From an upstream as routes.yaml describes it to the client that speaks to it."""

import time
from collections.abc import Callable
from dataclasses import replace

from gateway.config.schema import Upstream
from gateway.rules.standing import StandingLimits
from gateway.upstream.api import PoolLimits, Timeouts, UpstreamClient
from gateway.upstream.http1 import Http1Client
from gateway.upstream.tls import Tls, tls_of


def build_client(
    name: str, upstream: Upstream, clock: Callable[[], float] = time.monotonic, *, tls: Tls | None = None
) -> UpstreamClient:
    """A client with its own empty pools; it connects when it is first used. Raises ValueError for an impossible URL.

    clock: what ejected targets wait by. tls: what `tls.load_all` has made of the upstream's section; without it the
    section is read here.
    """
    if tls is None and upstream.is_secure:
        tls = tls_of(upstream.tls)
    timeouts = Timeouts(
        connect=upstream.connect_timeout_seconds,
        first_byte=upstream.first_byte_timeout_seconds,
        idle=upstream.idle_timeout_seconds,
        total=upstream.total_timeout_seconds,
    )
    limits = PoolLimits(
        max_connections=upstream.max_connections,
        max_idle=upstream.max_idle_connections,
        idle_seconds=upstream.keepalive_seconds,
        resolve_seconds=upstream.resolve_seconds,
    )
    standing = standing_limits(upstream)
    if upstream.uses_httpx:
        from gateway.upstream.httpx_client import HttpxClient  # noqa: PLC0415 - a tenth of a worker's start, for few

        return HttpxClient(
            upstream.targets,
            name=name,
            timeouts=timeouts,
            limits=limits,
            tls=tls,
            http2=upstream.http2,
            standing=standing,
            clock=clock,
        )
    return Http1Client(
        upstream.targets, name=name, timeouts=timeouts, limits=limits, tls=tls, standing=standing, clock=clock
    )


def standing_limits(upstream: Upstream) -> StandingLimits:
    """From routes.yaml's words to the rule's."""
    ejection, health = upstream.ejection, upstream.health
    limits = StandingLimits(
        consecutive=ejection.consecutive_failures,
        seconds=ejection.seconds,
        max_seconds=ejection.max_seconds,
        slow_start=ejection.slow_start_seconds,
    )
    if health is None:
        return limits
    return replace(limits, unhealthy_after=health.unhealthy_after, healthy_after=health.healthy_after)
