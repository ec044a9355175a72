"""From an upstream as routes.yaml describes it to the client that speaks to it."""

from gateway.config.schema import Upstream
from gateway.upstream.api import PoolLimits, Timeouts, UpstreamClient
from gateway.upstream.http1 import Http1Client
from gateway.upstream.httpx_client import HttpxClient


def build_client(name: str, upstream: Upstream) -> UpstreamClient:
    """A client with its own empty pools; it connects when it is first used. Raises ValueError for an impossible URL."""
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
    )
    if upstream.client == "httpx":
        return HttpxClient(upstream.targets, name=name, timeouts=timeouts, limits=limits)
    return Http1Client(upstream.targets, name=name, timeouts=timeouts, limits=limits)
