"""HAProxy: one thread, a hash of the cookie decides, idle connections to servers are shared (http-reuse always)."""

import re
from pathlib import Path

from bench.contestants.base import Launch, Place, binary, said_by
from bench.wire import COOKIE, SHARE

CONFIG = """\
global
    nbthread 1
    maxconn 8000
    no log
defaults
    mode http
    no log
    option forwardfor
    http-reuse always
    unique-id-format %{{+X}}o%ci_%cp_%fi_%fp_%Ts_%rt_%pid
    unique-id-header X-Request-Id
    timeout connect 5s
    timeout client 90s
    timeout server 90s
frontend clients
    bind 127.0.0.1:{port} backlog 4096
    use_backend new if {{ req.cook({cookie}),xxh32,mod(100) lt {share} }}
    default_backend legacy
backend legacy
    server legacy 127.0.0.1:{legacy}
backend new
    server new 127.0.0.1:{new}
"""


class Haproxy:
    name = "haproxy"
    sticky = True

    def missing(self) -> str | None:
        return None if self._binary else "apt-get install haproxy"

    def version(self) -> str:
        found = re.search(r"version (\S+)", said_by(str(self._binary), "-v"))
        return found[1] if found else "unknown"

    def launch(self, place: Place) -> Launch:
        config = place.directory / "haproxy.cfg"
        config.write_text(self.config(place), encoding="utf-8")
        words = (str(self._binary), "-f", str(config))
        return Launch((*words, "-db"), check=(*words, "-c"))

    def config(self, place: Place) -> str:
        return CONFIG.format(port=place.port, cookie=COOKIE, share=SHARE, legacy=place.legacy, new=place.new)

    def settle(self, place: Place) -> None:
        pass

    @property
    def _binary(self) -> str | None:
        return binary("haproxy", Path("/usr/sbin/haproxy"))
