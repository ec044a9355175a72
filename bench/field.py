"""Who takes part: those that were asked for and are there; of those that are missing, what to type."""

from collections.abc import Sequence

from bench.contestants.base import Contestant
from bench.contestants.caddy import Caddy
from bench.contestants.envoy import Envoy
from bench.contestants.haproxy import Haproxy
from bench.contestants.nginx import Nginx
from bench.contestants.python_proxies import PROXIES
from bench.contestants.traefik import Traefik

PEERS: Sequence[Contestant] = (Nginx(), Haproxy(), Envoy(), Traefik(), Caddy(), *PROXIES)


def present(candidates: Sequence[Contestant], only: Sequence[str]) -> tuple[list[Contestant], list[str]]:
    """Those that can be measured, and a line for each that was meant and is missing."""
    meant = [each for each in candidates if not only or each.name in only]
    lines = [
        f"{each.name} is missing and left out; to have it: {how}"
        for each in meant
        if (how := each.missing()) is not None
    ]
    return [each for each in meant if each.missing() is None], lines
