"""The connections of shadow traffic: clients of its own for each upstream, so that a shadow never takes the place of a
user's request, nor waits for one, and a breaker of its own: a side that fails costs no more than a try now and then,
and nothing of it is held against the upstream when users are concerned.
"""

from collections.abc import Mapping

from gateway.config.schema import Breaker, Upstream
from gateway.exchange import Exchange
from gateway.model import Side
from gateway.rules.plan import ShadowLimits
from gateway.upstream.api import UpstreamClient, UpstreamGuard
from gateway.upstream.registry import Upstreams
from gateway.upstream.tls import Loaded

MAX_IDLE = 16
LEGS = 3
"""Requests that one shadow may have under way at once."""


class ShadowClients:
    """Owned by `worker`; kept across reloads like the others. They connect when they are first used."""

    def __init__(self) -> None:
        self._upstreams = Upstreams(of=" (shadows)")

    def of(self, exchange: Exchange, side: Side) -> tuple[UpstreamClient, UpstreamGuard] | None:
        """For one side of an exchange's feature; None where an edit has just removed its upstream."""
        feature = exchange.feature_plan
        name = feature.upstreams[1 if side is Side.NEW else 0] if feature is not None else ""
        client, guard = self._upstreams.clients.get(name), self._upstreams.guards.get(name)
        return (client, guard) if client is not None and guard is not None else None

    def is_down(self, exchange: Exchange, side: Side) -> bool:
        """Whether that side fails, and is not asked for a while."""
        found = self.of(exchange, side)
        return found is not None and found[1].is_down

    def apply(self, specs: Mapping[str, Upstream], limits: ShadowLimits, secured: Loaded) -> list[UpstreamClient]:
        """Returns the clients that are no longer used, for the caller to close."""
        return self._upstreams.apply({name: _hurried(spec, limits) for name, spec in specs.items()}, secured)

    async def aclose(self) -> None:
        """Nothing is asked any more."""
        for client in self._upstreams.clients.values():
            await client.aclose()


def _hurried(spec: Upstream, limits: ShadowLimits) -> Upstream:
    """The same service, asked with the patience that shadows have."""
    seconds = limits.timeout_seconds
    return spec.model_copy(
        update={
            "connect_timeout_seconds": min(seconds, spec.connect_timeout_seconds),
            "first_byte_timeout_seconds": seconds,
            "idle_timeout_seconds": seconds,
            "total_timeout_seconds": seconds,
            "max_connections": LEGS * limits.max_in_flight,
            "max_idle_connections": min(MAX_IDLE, limits.max_in_flight),
            "max_in_flight": None,
            "health": None,
            "breaker": spec.breaker if spec.breaker.enabled else Breaker(),
        }
    )
