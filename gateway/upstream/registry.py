"""The clients of all upstreams, kept across reloads: an upstream that did not change keeps its warm connections."""

from collections.abc import Mapping

from gateway.config.schema import Upstream
from gateway.upstream.api import UpstreamClient
from gateway.upstream.factory import build_client


class Upstreams:
    """Owned by `worker`. `clients` is replaced whole; an exchange keeps the mapping that it began with."""

    def __init__(self) -> None:
        self.clients: Mapping[str, UpstreamClient] = {}
        self._specs: dict[str, Upstream] = {}

    def apply(self, specs: Mapping[str, Upstream]) -> list[UpstreamClient]:
        """Builds what is new or changed. Returns the clients that are no longer used, for the caller to close."""
        clients = {
            name: self.clients[name] if self._specs.get(name) == spec else build_client(name, spec)
            for name, spec in specs.items()
        }
        retired = [client for name, client in self.clients.items() if clients.get(name) is not client]
        self.clients, self._specs = clients, dict(specs)
        return retired
