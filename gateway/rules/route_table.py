"""Routes compiled for lookup: a dict of exact paths and a tree of segments, for one host each. Used by `routing`.

The cost of a lookup grows with the number of segments in the path, not with the number of routes.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.config.patterns import PathKind, Pattern, parse_pattern
from gateway.config.schema import Route

Headers = Sequence[tuple[bytes, bytes]]


class Rank(NamedTuple):
    """A route's place among all that match a request: the smallest wins. The Kubernetes Gateway API's precedence.

    host: 0 exact, 1 wildcard, 2 none. host_length: negative, so that the longest wildcard wins. depth: negative number
    of segments, so that the longest prefix wins. parameters: by segment, False for a literal, so that a literal further
    left wins. method: 0 where methods are given. headers: negative number of them. order: in the file.
    """

    host: int
    host_length: int
    path: PathKind
    depth: int
    parameters: tuple[bool, ...]
    method: int
    headers: int
    order: int


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """A route, compiled; what `Router.match` returns. One per route for the router's life: compare by identity.

    index: in `RoutesFile.routes`. rank: why it beats the others that match.
    """

    index: int
    route: Route
    pattern: Pattern
    rank: Rank
    methods: frozenset[bytes] | None
    headers: tuple[tuple[bytes, bytes], ...]

    def accepts_method(self, method: bytes) -> bool:
        return self.methods is None or method in self.methods

    def accepts_headers(self, headers: Headers) -> bool:
        """Every header that the route names must be there; of a repeated one, any may have the value."""
        return all(any(key.lower() == name and value == want for key, value in headers) for name, want in self.headers)


def compile_route(index: int, route: Route) -> Match:
    """Raises ValueError where the path is no pattern (`gateway check` has reported that before)."""
    pattern = parse_pattern(route.path)
    host = route.host
    rank = Rank(
        host=2 if host is None else int(host.startswith("*.")),
        host_length=-len(host or ""),
        path=pattern.kind,
        depth=-len(pattern.segments),
        parameters=tuple(segment is None for segment in pattern.segments),
        method=int(not route.methods),
        headers=-len(route.headers),
        order=index,
    )
    return Match(
        index=index,
        route=route,
        pattern=pattern,
        rank=rank,
        methods=frozenset(method.encode() for method in route.methods) or None,
        headers=tuple((name.lower().encode(), value.encode()) for name, value in route.headers.items()),
    )


class Group:
    """Routes of one host and one path, which differ by methods and headers only."""

    __slots__ = ("_by_header", "_plain")

    def __init__(self, matches: Iterable[Match]) -> None:
        ranked = sorted(matches, key=lambda match: match.rank)
        self._plain = tuple(match for match in ranked if not match.headers)
        self._by_header = _index_by_header([match for match in ranked if match.headers])

    def pick(self, method: bytes, headers: Headers) -> Match | None:
        """The best of them that takes this method and these headers."""
        best = None
        for match in self._plain:
            if match.methods is None or method in match.methods:
                best = match
                break
        return self._pick_by_header(best, method, headers) if self._by_header else best

    def _pick_by_header(self, best: Match | None, method: bytes, headers: Headers) -> Match | None:
        for name, value in headers:
            for match in self._by_header.get((name.lower(), value), ()):
                if best is not None and best.rank < match.rank:
                    break
                if match.accepts_method(method) and match.accepts_headers(headers):
                    best = match
                    break
        return best


def _index_by_header(ranked: list[Match]) -> dict[tuple[bytes, bytes], tuple[Match, ...]]:
    """Each route under the rarest of its headers, so that a thousand tenants by header cost no more than one."""
    uses = Counter(header for match in ranked for header in match.headers)
    index: dict[tuple[bytes, bytes], list[Match]] = {}
    for match in ranked:
        index.setdefault(min(match.headers, key=lambda header: uses[header]), []).append(match)
    return {header: tuple(matches) for header, matches in index.items()}


class _Node:
    """One segment of the tree. full: patterns that end here; prefix: `/*` routes that begin below here."""

    __slots__ = ("children", "full", "parameter", "prefix")

    def __init__(self) -> None:
        self.children: dict[bytes, _Node] = {}
        self.parameter: _Node | None = None
        self.full: Group | None = None
        self.prefix: Group | None = None

    def descend(self, segments: Iterable[bytes | None]) -> "_Node":
        """The node at these segments below this one, made where it is missing."""
        node = self
        for segment in segments:
            if segment is None:
                if node.parameter is None:
                    node.parameter = _Node()
                node = node.parameter
            else:
                node = node.children.setdefault(segment, _Node())
        return node


class Table:
    """All routes of one host."""

    __slots__ = ("_exact", "_limit", "_parameters", "_root")

    def __init__(self, matches: Iterable[Match]) -> None:
        self._exact: dict[bytes, Group] = {}
        self._root = _Node()
        shapes: dict[tuple[PathKind, tuple[bytes | None, ...]], list[Match]] = {}
        for match in matches:
            shapes.setdefault(match.pattern.shape, []).append(match)
        for same in shapes.values():
            self._place(same[0].pattern, Group(same))
        in_tree = [segments for kind, segments in shapes if kind is not PathKind.EXACT]
        self._parameters = any(None in segments for segments in in_tree)
        # One more than the deepest: a path with more segments than any pattern must not pass for one with as many.
        self._limit = max(map(len, in_tree), default=0) + 1

    def _place(self, pattern: Pattern, group: Group) -> None:
        if pattern.kind is PathKind.EXACT:
            self._exact[pattern.path] = group
        elif pattern.kind is PathKind.PATTERN:
            self._root.descend(pattern.segments).full = group
        else:
            self._root.descend(pattern.segments).prefix = group

    def find(self, path: bytes, method: bytes, headers: Headers) -> Match | None:
        """The best route for a normalized path."""
        group = self._exact.get(path)
        if group is not None and (match := group.pick(method, headers)) is not None:
            return match
        segments = path.split(b"/", self._limit)
        if self._parameters:
            return self._walk_all(segments, method, headers)
        node = self._root
        found = [node.prefix]
        for segment in segments[1:]:
            below = node.children.get(segment)
            if below is None:
                break
            node = below
            if node.prefix is not None:
                found.append(node.prefix)
        for group in reversed(found):
            if group is not None and (match := group.pick(method, headers)) is not None:
                return match
        return None

    def _walk_all(self, segments: list[bytes], method: bytes, headers: Headers) -> Match | None:
        """Level by level, literals left of parameters, so that each level stands in the order of precedence."""
        level = [self._root]
        levels = [level]
        for segment in segments[1:]:
            below: list[_Node] = []
            for node in level:
                if (literal := node.children.get(segment)) is not None:
                    below.append(literal)
                if segment and node.parameter is not None:
                    below.append(node.parameter)
            level = below
            if not level:
                break
            levels.append(level)
        candidates = [node.full for node in level]
        for nodes in reversed(levels):
            candidates.extend(node.prefix for node in nodes)
        for group in candidates:
            if group is not None and (match := group.pick(method, headers)) is not None:
                return match
        return None
