"""The gateway as users run it: `gateway serve`, one worker, a Valkey of its own, and the percent in a flag.

Metrics and request ids are on, as they always are; lines for requests are off, as everybody's are here.
"""

import json
import re
import shutil
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import redis

from bench.contestants.base import COMMAND_SECONDS, Launch, Place, said_by
from bench.wire import COOKIE, SHARE

PATHS = 10_000
"""As many as the load asks for: item 0000 to 9999."""

IN_FORCE_SECONDS = 20.0
CONFIG = """\
version: 1
drain_delay_seconds: 0
log: {{requests: errors}}
upstreams:
  legacy: {{url: "http://127.0.0.1:{legacy}", max_connections: 4096, max_idle_connections: 2048}}
  new: {{url: "http://127.0.0.1:{new}", max_connections: 4096, max_idle_connections: 2048}}
features:
{features}
routes:
{routes}
"""


@dataclass(frozen=True, slots=True)
class Ours:
    """python: the interpreter of the environment that the gateway is installed in.

    routes: 1, or so many as share the items among themselves; features: those which the routes share.
    """

    name: str
    python: Path
    routes: int = 1
    features: int = 1
    workers: int = 1
    sticky: bool = True

    def missing(self) -> str | None:
        return None if self.python.is_file() else f"make install, for there is no {self.python}"

    def version(self) -> str:
        """With the commit of its checkout, where it runs from one, and whether it is compiled."""
        number, _, rest = said_by(str(self.python), "-P", "-m", "gateway", "version").partition(" ")
        about = [rest.strip("()")] if rest else []
        package = said_by(str(self.python), "-P", "-c", "import gateway; print(gateway.__path__[0])")
        git = shutil.which("git")
        if git is not None and Path(package).is_dir():
            commit = said_by(git, "-C", package, "describe", "--always", "--dirty", "--abbrev=12", "--exclude", "*")
            about += [commit] if re.fullmatch(r"[0-9a-f]+(-dirty)?", commit) else []
        return f"{number} ({', '.join(about)})" if about else number

    def launch(self, place: Place) -> Launch:
        """`-P`: what is installed there, not a gateway that happens to lie in the directory."""
        config = place.directory / "routes.yaml"
        config.write_text(self.config(place), encoding="utf-8")
        words = (str(self.python), "-P", "-m", "gateway")
        serve = (
            *(*words, "serve", "--routes", str(config), "--state-dir", str(place.directory / "state")),
            *("--port", str(place.port), "--admin-port", str(place.others[0]), "--workers", str(self.workers)),
            *("--redis", "embedded", "--redis-port", str(place.others[1])),
        )
        return Launch(serve, check=(*words, "check", str(config)))

    def config(self, place: Place) -> str:
        features = "\n".join(
            f'  {name}: {{legacy: legacy, new: new, key: ["cookie:{COOKIE}"]}}' for name in self.feature_names()
        )
        return CONFIG.format(legacy=place.legacy, new=place.new, features=features, routes="\n".join(self._routes()))

    def feature_names(self) -> list[str]:
        return ["shop"] if self.features == 1 else [f"shop-{number:03}" for number in range(self.features)]

    def _routes(self) -> list[str]:
        names = self.feature_names()
        several = max(self.routes, self.features)
        shared = [
            f'  - {{path: "/items/{number:04}/*", feature: {names[number % len(names)]}}}'
            for number in range(several if several > 1 else 0)
        ]
        return [*shared, f'  - {{path: "/*", feature: {names[0]}}}']

    def settle(self, place: Place) -> None:
        """Sets the flags as an operator may, and returns when every worker has them."""
        with redis.Redis(port=place.others[1]) as server, server.pipeline(transaction=False) as pipe:
            for name in self.feature_names():
                pipe.hset(f"gateway:flag:{name}", "percent", str(SHARE))
            pipe.execute()
        deadline = time.monotonic() + IN_FORCE_SECONDS
        while not self._in_force(place):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the flags were not in force within {IN_FORCE_SECONDS:g} s")
            time.sleep(0.02)  # a poll of a condition, with a deadline

    def _in_force(self, place: Place) -> bool:
        url = f"http://127.0.0.1:{place.others[0]}/api/status"
        with urllib.request.urlopen(url, timeout=COMMAND_SECONDS) as reply:
            features = json.load(reply)["features"]
        shares = [features[name]["shares"] for name in self.feature_names()]
        return all(len(each) == self.workers and set(each.values()) == {SHARE * 100} for each in shares)
