"""Caddy: weighted round robin over both upstreams, one thread of Go at a time, without admin API, metrics, access log.

Its weights go by turns, not by users (its `cookie` policy has no weights): it does less than the others, for it hashes
nothing and keeps nobody anywhere. A turn is as many requests in a row as its weight, so the weights are as small as may
be: 9 and 1.
"""

from bench.contestants.base import Launch, Place, binary, said_by
from bench.wire import SHARE

CONFIG = """\
{{
	admin off
	auto_https off
	persist_config off
	log {{
		level ERROR
	}}
}}
http://:{port} {{
	bind 127.0.0.1
	reverse_proxy 127.0.0.1:{legacy} 127.0.0.1:{new} {{
		lb_policy weighted_round_robin {rest} 1
		header_up X-Request-Id {{http.request.uuid}}
		transport http {{
			keepalive_idle_conns_per_host 2048
		}}
	}}
}}
"""


class Caddy:
    name = "caddy"
    sticky = False

    def missing(self) -> str | None:
        return None if binary("caddy") else "make bench-peers"

    def version(self) -> str:
        return said_by(str(binary("caddy")), "version").partition(" ")[0].removeprefix("v")

    def launch(self, place: Place) -> Launch:
        config = place.directory / "Caddyfile"
        config.write_text(self.config(place), encoding="utf-8")
        words = ("--config", str(config), "--adapter", "caddyfile")
        home = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(place.directory))
        program = str(binary("caddy"))
        return Launch((program, "run", *words), {"GOMAXPROCS": "1", **home}, check=(program, "validate", *words))

    def config(self, place: Place) -> str:
        return CONFIG.format(port=place.port, legacy=place.legacy, new=place.new, rest=100 // SHARE - 1)

    def settle(self, place: Place) -> None:
        pass
