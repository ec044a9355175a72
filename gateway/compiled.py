"""The modules that every request runs through, as machine code where that was built: `gateway compile`.

They are the same sources, translated by mypyc, at half of the CPU. A build counts only for exactly the sources, the
Python and the machine that it was made from: where any of them has changed, the sources are run as they stand, so that
an edit or an update is never shadowed by what was built before it. `GATEWAY_COMPILED=0` turns it off.
"""

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

VARIABLE = "GATEWAY_COMPILED"
GROUP = "gateway"
"""Of mypyc: all modules are in one library, so that they call each other directly."""

PACKAGE = Path(__file__).parent
BUILD = PACKAGE / "_compiled"
MANIFEST = "manifest.json"

HOT = (
    "attempts", "body", "client", "exchange", "model", "outbound", "proxy", "reception", "recorder", "reply",
    "runner", "streams", "shadow.copy",
    "edge.connection", "edge.cycle", "edge.protocol", "edge.reply_head", "edge.scope", "edge.wire",
    "rules.assign", "rules.balance", "rules.blame", "rules.breaker", "rules.budget", "rules.chunks", "rules.cors",
    "rules.fallback", "rules.framing", "rules.headers", "rules.keys", "rules.max_forwards", "rules.override",
    "rules.paths", "rules.plan", "rules.policy", "rules.request_head", "rules.retry", "rules.rewrite",
    "rules.route_table", "rules.routing", "rules.sample", "rules.split", "rules.standing", "rules.target",
    "rules.tokens", "rules.trace", "rules.upgrade",
    "telemetry.cell", "telemetry.metrics",
    "upstream.api", "upstream.balancer", "upstream.cap", "upstream.connection", "upstream.exchange", "upstream.guard",
    "upstream.http1", "upstream.pool", "upstream.reply_parser", "upstream.request_head", "upstream.resolver",
)  # fmt: skip
"""What is built, by its names below `gateway`."""


class Finder(MetaPathFinder):
    """Finds what was built before Python finds its source."""

    def __init__(self, build: Path) -> None:
        suffix = EXTENSION_SUFFIXES[0]
        self._paths = {f"gateway.{name}": build / "gateway" / f"{name.replace('.', '/')}{suffix}" for name in HOT}
        self._paths[f"{GROUP}__mypyc"] = build / f"{GROUP}__mypyc{suffix}"

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = self._paths.get(fullname)
        if file is None:
            return None
        return spec_from_file_location(fullname, file, loader=ExtensionFileLoader(fullname, str(file)))


def use() -> bool:
    """Called once, before anything that was built is imported. Whether there is a build that counts."""
    if os.environ.get(VARIABLE, "1") == "0" or not is_current():
        return False
    sys.meta_path.insert(0, Finder(BUILD))
    return True


def is_current() -> bool:
    """Whether the build, if there is one, was made from these sources for this Python."""
    try:
        manifest = json.loads((BUILD / MANIFEST).read_bytes())
        return bool(manifest == describe(manifest["sources"]))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def describe(sources: Sequence[str]) -> dict[str, object]:
    """What a build is made from. sources: paths below the package. Raises OSError where one cannot be read."""
    digests = {source: hashlib.sha256((PACKAGE / source).read_bytes()).hexdigest() for source in sources}
    return {"python": EXTENSION_SUFFIXES[0], "sources": digests}
