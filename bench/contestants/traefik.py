"""Traefik: a weighted service (file provider), one thread of Go at a time, without access log, version check, metrics.

Its weights go by turns, not by users: it does less than the others, for it hashes nothing and keeps nobody anywhere.
It makes no request ids either.
"""

import json
import re
from typing import Any

from bench.contestants.base import Launch, Place, binary, said_by
from bench.wire import SHARE


class Traefik:
    name = "traefik"
    sticky = False

    def missing(self) -> str | None:
        return None if binary("traefik") else "make bench-peers"

    def version(self) -> str:
        found = re.search(r"Version:\s*(\S+)", said_by(str(binary("traefik")), "version"))
        return found[1] if found else "unknown"

    def launch(self, place: Place) -> Launch:
        """The files are JSON, which is YAML too."""
        services, config = place.directory / "services.yml", place.directory / "traefik.yml"
        services.write_text(json.dumps(self.services(place), indent=2), encoding="utf-8")
        static = {
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
            "log": {"level": "ERROR"},
            "entryPoints": {"clients": {"address": f"127.0.0.1:{place.port}"}},
            "providers": {"file": {"filename": str(services), "watch": False}},
        }
        config.write_text(json.dumps(static, indent=2), encoding="utf-8")
        return Launch((str(binary("traefik")), f"--configFile={config}"), {"GOMAXPROCS": "1"})

    def services(self, place: Place) -> dict[str, Any]:
        weights = {"legacy": 100 - SHARE, "new": SHARE}
        split = [{"name": name, "weight": weight} for name, weight in weights.items()]
        return {
            "http": {
                "routers": {"all": {"rule": "PathPrefix(`/`)", "entryPoints": ["clients"], "service": "split"}},
                "services": {
                    "split": {"weighted": {"services": split}},
                    "legacy": _service(place.legacy),
                    "new": _service(place.new),
                },
                "serversTransports": {"kept": {"maxIdleConnsPerHost": 2048}},
            }
        }

    def settle(self, place: Place) -> None:
        pass


def _service(port: int) -> dict[str, Any]:
    return {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{port}"}], "serversTransport": "kept"}}
