"""The clients of all upstreams and what guards them, kept across reloads: an upstream that did not change keeps its
warm connections and what was learnt about it.
"""

import time
from collections.abc import Callable, Mapping

from gateway.config.schema import Upstream
from gateway.upstream.api import UpstreamClient
from gateway.upstream.factory import build_client
from gateway.upstream.guard import Guard


class Upstreams:
    """Owned by `worker`. `clients` and `guards` are replaced whole; an exchange keeps those that it began with."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clients: Mapping[str, UpstreamClient] = {}
        self.guards: Mapping[str, Guard] = {}
        self._specs: dict[str, Upstream] = {}
        self._clock = clock

    def apply(self, specs: Mapping[str, Upstream]) -> list[UpstreamClient]:
        """Builds what is new or changed. Returns the clients that are no longer used, for the caller to close."""
        kept = {name for name, spec in specs.items() if self._specs.get(name) == spec}
        clients = {
            name: self.clients[name] if name in kept else build_client(name, spec) for name, spec in specs.items()
        }
        self.guards = {
            name: self.guards[name] if name in kept else Guard(name, spec, clients[name], self._clock)
            for name, spec in specs.items()
        }
        retired = [client for name, client in self.clients.items() if clients.get(name) is not client]
        self.clients, self._specs = clients, dict(specs)
        return retired
