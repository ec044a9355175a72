"""From an upstream as routes.yaml describes it to the client that speaks to it."""

import time
from collections.abc import Callable
from dataclasses import replace

from gateway.config.schema import Upstream
from gateway.rules.standing import StandingLimits
from gateway.upstream.api import PoolLimits, Timeouts, UpstreamClient
from gateway.upstream.http1 import Http1Client
from gateway.upstream.httpx_client import HttpxClient


def build_client(name: str, upstream: Upstream, clock: Callable[[], float] = time.monotonic) -> UpstreamClient:
    """A client with its own empty pools; it connects when it is first used. Raises ValueError for an impossible URL.

    clock: what ejected targets wait by.
    """
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
    if upstream.client == "httpx":
        return HttpxClient(
            upstream.targets, name=name, timeouts=timeouts, limits=limits, standing=standing, clock=clock
        )
    return Http1Client(upstream.targets, name=name, timeouts=timeouts, limits=limits, standing=standing, clock=clock)


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
