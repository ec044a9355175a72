"""Which route a request takes: the most specific that matches, by the Kubernetes Gateway API's precedence.

Host first (exact, longest wildcard, none), then path (exact, segment patterns from left to right, longest prefix), then
a given method, the number of headers, the order in the file. A candidate whose methods or headers do not fit gives way
to the next. Pure: `proxy` calls `match` once a request, `gateway explain` calls `explain` on the same router.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.config.schema import EncodedSlash, RoutesFile
from gateway.rules.paths import is_plain, readings
from gateway.rules.route_table import Headers, Match, Rank, Table, compile_route

__all__ = ["Ambiguous", "Explanation", "Lost", "Match", "Missed", "Rank", "Router", "compile_routes"]

_RULES: Final = ("host", "host", "path", "path", "path", "method", "headers", "order")


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The path can be read in ways that lead to different routes: refuse it with 400, whichever upstream is right."""

    readings: tuple[bytes, ...]
    matches: tuple[Match | None, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """A route that matched too, and the rule by which the winner beat it: host, path, method, headers or order."""

    match: Match
    rule: str


@dataclass(frozen=True, slots=True)
class Missed:
    """A route whose path matched but not the rest: which of host, method and headers did not."""

    match: Match
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a request takes its route. readings: the paths that were matched; more than one only where it is unclear."""

    result: Match | Ambiguous | None
    readings: tuple[bytes, ...]
    lost: tuple[Lost, ...]
    missed: tuple[Missed, ...]


class Router:
    """The compiled routes of one routes.yaml. Immutable."""

    def __init__(self, matches: Iterable[Match], *, encoded_slash: EncodedSlash) -> None:
        self._matches = tuple(matches)
        self._encoded_slash = encoded_slash
        by_host: dict[str, list[Match]] = {}
        for match in self._matches:
            by_host.setdefault((match.route.host or "").lower(), []).append(match)
        self._default = Table(by_host.pop("", ()))
        self._hosts = {host.encode(): Table(same) for host, same in by_host.items() if host[:2] != "*."}
        self._wildcards = {host[1:].encode(): Table(same) for host, same in by_host.items() if host[:2] == "*."}
        self._has_hosts = bool(by_host)

    def match(self, *, host: bytes | None, path: bytes, method: bytes, headers: Headers) -> Match | Ambiguous | None:
        """host: the Host field's value, port and case as they come. path: the raw path without the query.

        headers: names in any case. None where no route matches.
        """
        if is_plain(path):
            if not self._has_hosts:
                return self._default.find(path, method, headers)
            return self._find(host, path, method, headers)
        ways = readings(path, self._encoded_slash)
        found = tuple(self._find(host, way, method, headers) for way in ways)
        if not found or all(other is found[0] for other in found):
            return found[0] if found else None
        return Ambiguous(ways, found)

    def _find(self, host: bytes | None, path: bytes, method: bytes, headers: Headers) -> Match | None:
        if host and self._has_hosts:
            for table in self._tables(bare_host(host)):
                if (match := table.find(path, method, headers)) is not None:
                    return match
        return self._default.find(path, method, headers)

    def _tables(self, host: bytes) -> Iterable[Table]:
        """The tables of this host: its own, then those of the wildcards over it, the longest first."""
        if (table := self._hosts.get(host)) is not None:
            yield table
        if not self._wildcards:
            return
        dot = host.find(b".", 1)
        while dot > 0:
            if (table := self._wildcards.get(host[dot:])) is not None:
                yield table
            dot = host.find(b".", dot + 1)

    def explain(self, *, host: bytes | None, path: bytes, method: bytes, headers: Headers) -> Explanation:
        """`match`, with every other route whose path matched and what it lacked. Looks at all routes: for operators."""
        result = self.match(host=host, path=path, method=method, headers=headers)
        ways = readings(path, self._encoded_slash)
        lost, missed = [], []
        for match in sorted(self._matches, key=lambda match: match.rank):
            if match is result or not any(match.pattern.matches(way) for way in ways):
                continue
            failed = _failures(match, host=host, method=method, headers=headers)
            if failed:
                missed.append(Missed(match, failed))
            elif isinstance(result, Match):
                lost.append(Lost(match, _deciding_rule(result.rank, match.rank)))
        return Explanation(result, ways, tuple(lost), tuple(missed))


def compile_routes(routes: RoutesFile) -> Router:
    """For `worker`, once for each accepted routes.yaml. Raises ValueError where a path is no pattern."""
    matches = [compile_route(index, route) for index, route in enumerate(routes.routes)]
    return Router(matches, encoded_slash=routes.encoded_slash)


def bare_host(host: bytes) -> bytes:
    """A Host field's value as routes name hosts: lower case, no port, no final dot."""
    name, colon, port = host.rpartition(b":")
    if colon and (not port or port.isdigit()):
        host = name
    return host.lower().removesuffix(b".")


def host_matches(pattern: str | None, host: bytes | None) -> bool:
    """Whether a route's host takes a bare host. `*.example.com` takes any number of labels, but at least one."""
    if pattern is None:
        return True
    want = pattern.lower().encode()
    if host is None or want[:2] != b"*.":
        return host == want
    return host.endswith(want[1:]) and len(host) >= len(want)


def _failures(match: Match, *, host: bytes | None, method: bytes, headers: Headers) -> tuple[str, ...]:
    fits = {
        "host": host_matches(match.route.host, bare_host(host) if host else None),
        "method": match.accepts_method(method),
        "headers": match.accepts_headers(headers),
    }
    return tuple(name for name, fit in fits.items() if not fit)


def _deciding_rule(winner: Rank, loser: Rank) -> str:
    return next(rule for rule, one, other in zip(_RULES, winner, loser, strict=True) if one != other)
