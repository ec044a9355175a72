"""Where a feature's two sides are, and by what its users are split, as routes.yaml says."""

from dataclasses import dataclass
from pathlib import Path

import httpx

from gateway.config.load import load
from gateway.config.schema import RoutesFile
from gateway.rules.keys import parse_source


class TargetError(Exception):
    """It cannot be told where to play. The message is for whoever typed the command."""


@dataclass(frozen=True, slots=True)
class Targets:
    """keys: what the gateway looks at to tell users, the first first; empty where routes.yaml was not asked."""

    legacy: str
    new: str
    keys: tuple[str, ...]


def find_targets(feature: str, routes: Path, *, legacy: str, new: str, needs_routes: bool) -> Targets:
    """legacy, new: addresses that were given, which win over the file's; empty without. Raises TargetError."""
    for option, url in (("--legacy", legacy), ("--new", new)):
        if url:
            check_address(option, url)
    if legacy and new and not needs_routes:
        return Targets(legacy, new, ())
    content = _read(routes)
    if feature not in content.features:
        known = ", ".join(content.features) or "none"
        raise TargetError(f"{routes} has no feature {feature}; there are: {known}")
    found = content.features[feature]
    if found.legacy is None and (needs_routes or not legacy):
        raise TargetError(
            f"{feature} is retired: {routes} names no legacy that new could be compared with; where one still runs, "
            "give its address with --legacy, and --no-gateway"
        )
    sides = (legacy or _url(content, found.legacy or found.new), new or _url(content, found.new))
    return Targets(*sides, found.key)


def check_address(option: str, url: str) -> None:
    """Raises TargetError for what cannot be asked."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise TargetError(f"{option} {url} is no address: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host or (parsed.port or 0) > 65_535:
        raise TargetError(f"{option} {url} is no address; write it like http://127.0.0.1:9001")


def sends_first_key(user: str, targets: Targets) -> bool:
    """Whether players are told apart by the very first thing that the gateway looks at. Raises TargetError where by
    nothing that it looks at.
    """
    sources = [parse_source(key) for key in targets.keys]
    if parse_source(user) not in sources:
        keys = ", ".join(targets.keys)
        raise TargetError(f"the scenario's players are told by {user}, and routes.yaml splits by {keys}; set `user`")
    return sources[0] == parse_source(user)


def _url(content: RoutesFile, upstream: str) -> str:
    found = content.upstreams[upstream]
    return found.url or found.urls[0]


def _read(routes: Path) -> RoutesFile:
    try:
        loaded = load(routes.read_bytes(), str(routes))
    except OSError as error:
        words = (
            f"{routes} cannot be read: {error.strerror or error}; give --routes, or --legacy, --new and --no-gateway"
        )
        raise TargetError(words) from None
    if loaded.routes is None:
        raise TargetError(f"{loaded.faults[0]} (`gateway check` tells all faults)")
    return loaded.routes
