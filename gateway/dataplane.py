"""What a worker gives to its data plane: Protocols, which `worker` fulfils and `Proxy` asks."""

from collections.abc import Mapping
from typing import Protocol

from gateway.exchange import Exchange
from gateway.rules.plan import Plan
from gateway.rules.policy import FeaturePolicy
from gateway.shadow.copy import Copy
from gateway.upstream.api import UpstreamClient, UpstreamGuard


class DataPlane(Protocol):
    """What a worker holds now. Each is replaced whole, so one read is always consistent."""

    @property
    def plan(self) -> Plan: ...
    @property
    def policies(self) -> Mapping[str, FeaturePolicy]: ...
    @property
    def clients(self) -> Mapping[str, UpstreamClient]: ...
    @property
    def guards(self) -> Mapping[str, UpstreamGuard]: ...


class ShadowTraffic(Protocol):
    """What becomes of copies; `shadow.shadows.Shadows`."""

    def begin(self, exchange: Exchange) -> Copy | None:
        """A copy to be filled, where this request is one of those that are shadowed."""
        ...

    def settle(self, exchange: Exchange, copy: Copy) -> None:
        """The client has its answer, or will never have one."""
        ...
