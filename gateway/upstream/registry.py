"""The clients of all upstreams and what guards them, kept across reloads: an upstream that did not change keeps its
warm connections and what was learnt about it.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

from gateway.config.schema import Upstream
from gateway.tasks import Tasks
from gateway.upstream.api import UpstreamClient
from gateway.upstream.factory import build_client
from gateway.upstream.guard import Guard
from gateway.upstream.health import start_checks
from gateway.upstream.tls import Loaded, load_all


class Upstreams:
    """Owned by `worker`. `clients` and `guards` are replaced whole; an exchange keeps those that it began with."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, of: str = "") -> None:
        """of: what the log says behind an upstream's name, where it is not users' requests that it was asked with."""
        self.clients: Mapping[str, UpstreamClient] = {}
        self.guards: Mapping[str, Guard] = {}
        self._specs: dict[str, Upstream] = {}
        self._clock = clock
        self._of = of
        self.secured = Loaded({}, {})
        """What their connections are made secure with."""
        self._checks: dict[str, list[asyncio.Task[None]]] = {}

    def apply(self, specs: Mapping[str, Upstream], secured: Loaded | None = None) -> list[UpstreamClient]:
        """Builds what is new or changed. Returns the clients that are no longer used, for the caller to close.

        secured: as `load_all` made it of the same specs; without it that is done here. An upstream whose files have
        changed counts as changed.
        """
        secured = secured or load_all(specs, self.secured.tls)
        tls, before = secured.tls, self.secured.tls
        kept = {
            name for name, spec in specs.items() if self._specs.get(name) == spec and before.get(name) is tls.get(name)
        }
        clients = {
            name: self.clients[name] if name in kept else build_client(name, spec, self._clock, tls=tls.get(name))
            for name, spec in specs.items()
        }
        self.guards = {
            name: self.guards[name] if name in kept else Guard(name + self._of, spec, clients[name], self._clock)
            for name, spec in specs.items()
        }
        self._stop_checks(self._checks.keys() - kept)
        retired = [client for name, client in self.clients.items() if clients.get(name) is not client]
        self.clients, self._specs, self.secured = clients, dict(specs), secured
        return retired

    def run_checks(self, tasks: Tasks) -> None:
        """Starts the health checks of every upstream that has none running; call it after `apply`, in the loop."""
        for name, spec in self._specs.items():
            if name not in self._checks:
                self._checks[name] = start_checks(tasks, name, spec, self.clients[name], self.secured.tls.get(name))

    def _stop_checks(self, names: Iterable[str]) -> None:
        for name in names:
            for task in self._checks.pop(name):
                task.cancel()
