"""Routes that no request can take, because others take all of theirs.

The order of precedence is fixed between any two routes, so a route is unreachable exactly when the better-ranked ones
together match everything it matches. A more specific host never covers a less specific one (hosts are endless), and a
method list never covers any method (methods are endless). That leaves two ways:

- the same host, path and headers, with methods that others before it in the file take up, one by one or together;
- a prefix `/a/*` of which `/a`, `/a/` and everything below, `/a/{x}/*`, are each taken (and so on downwards).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.config.draft import Draft
from gateway.config.patterns import PathKind, Pattern, parse_pattern
from gateway.config.report import Report
from gateway.config.schema import Route

Segments = tuple[bytes | None, ...]
Shape = tuple[PathKind, Segments]
_MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class _Entry:
    index: int
    pattern: Pattern
    methods: frozenset[str] | None
    headers: frozenset[tuple[str, str]]


class _Host:
    """The routes of one host, by the shape of their path, each list in the order of the file."""

    def __init__(self) -> None:
        self.shapes: dict[Shape, list[_Entry]] = {}
        self.depth = 0

    def add(self, entry: _Entry) -> None:
        self.shapes.setdefault(entry.pattern.shape, []).append(entry)
        self.depth = max(self.depth, len(entry.pattern.segments))


def lint_reach(draft: Draft, report: Report) -> None:
    """Faults for unreachable routes; a warning where nothing catches the rest."""
    hosts: dict[str, _Host] = {}
    for index, route in draft.each_route():
        if draft.sound("routes", index) and (entry := _entry(index, route, draft)) is not None:
            hosts.setdefault((route.host or "").lower(), _Host()).add(entry)
    for host in hosts.values():
        for entry, equals in _with_equals(host):
            if covering := (_taking(equals, entry) or _below(host, entry)):
                _report_covered(entry, covering, report)
    if draft.whole and not any(_catches_all(route) for _, route in draft.each_route()):
        problem = "no route catches the rest: requests that match none are answered 404"
        report.warn(("routes",), problem, 'add {path: "/*", upstream: ...}', at_key=True)


def _entry(index: int, route: Route, draft: Draft) -> _Entry | None:
    if any(draft.damaged_below("routes", index, key) for key in ("path", "host", "methods", "headers")):
        return None
    try:
        pattern = parse_pattern(route.path)
    except ValueError:
        return None
    headers = frozenset((name.lower(), value) for name, value in route.headers.items())
    return _Entry(index, pattern, frozenset(route.methods) or None, headers)


def _catches_all(route: Route) -> bool:
    return route.path == "/*" and route.host is None and not route.methods and not route.headers


def _with_equals(host: _Host) -> Iterator[tuple[_Entry, list[_Entry]]]:
    """Each route with those that only its methods and the order of the file set apart, as far as they precede it."""
    for entries in host.shapes.values():
        alike: dict[tuple[frozenset[tuple[str, str]], bool], list[_Entry]] = {}
        for entry in entries:
            before = alike.setdefault((entry.headers, entry.methods is None), [])
            yield entry, before
            before.append(entry)


def _taking(others: list[_Entry], entry: _Entry) -> list[_Entry]:
    """The fewest, in order, of `others` that take every method of `entry`."""
    if entry.methods is None:
        return [other for other in others if other.methods is None][:1]
    left, taking = set(entry.methods), []
    for other in others:
        if other.methods is None or left & other.methods:
            taking.append(other)
            left -= other.methods if other.methods is not None else left
        if not left:
            return taking
    return []


def _below(host: _Host, entry: _Entry) -> list[_Entry]:
    """The routes that take everything under a prefix, where there are any. `/*` alone takes `OPTIONS *`."""
    if entry.pattern.kind is not PathKind.PREFIX or not entry.pattern.segments:
        return []
    return _region(host, entry.pattern.segments, entry)


def _region(host: _Host, prefix: Segments, entry: _Entry) -> list[_Entry]:
    """Those that take `prefix` itself, `prefix/` and all that is below, without being `entry` or worse."""
    if len(prefix) > min(host.depth, _MAX_DEPTH):
        return []
    here = _taking(list(_exactly(host, prefix, entry)), entry)
    slash = _taking(list(_exactly(host, (*prefix, b""), entry)), entry)
    if not here or not slash:
        return []
    deeper = (*prefix, None)
    below = _taking(list(_prefixes(host, deeper, entry)), entry) or _region(host, deeper, entry)
    return [*here, *slash, *below] if below else []


def _exactly(host: _Host, segments: Segments, entry: _Entry) -> Iterator[_Entry]:
    """Exact routes and patterns that match all of one path (or of one pattern)."""
    for general in _generalizations(segments):
        kind = PathKind.PATTERN if None in general else PathKind.EXACT
        yield from _fitting(host, (kind, general), entry)


def _prefixes(host: _Host, segments: Segments, entry: _Entry) -> Iterator[_Entry]:
    for general in _generalizations(segments):
        yield from _fitting(host, (PathKind.PREFIX, general), entry)


def _fitting(host: _Host, shape: Shape, entry: _Entry) -> Iterator[_Entry]:
    """Of one shape, those whose headers ask for no more than the entry's."""
    return (other for other in host.shapes.get(shape, ()) if other.headers <= entry.headers)


def _generalizations(segments: Segments) -> Iterator[Segments]:
    """The segments with any of them replaced by a parameter; beyond eight literals only none or all."""
    literal = [place for place, segment in enumerate(segments) if segment]
    if len(literal) > 8:
        yield segments
        return
    for choice in range(1 << len(literal)):
        chosen = {place for bit, place in enumerate(literal) if choice >> bit & 1}
        yield tuple(None if place in chosen else segment for place, segment in enumerate(segments))


def _report_covered(entry: _Entry, covering: list[_Entry], report: Report) -> None:
    lines = sorted({report.line(("routes", other.index, "path")) for other in covering})
    if len(lines) == 1:
        whose = f"the route on line {lines[0]} matches"
    else:
        whose = f"the routes on lines {', '.join(map(str, lines))} together match"
    problem = f"no request takes this route: {whose} all of its requests first"
    report.fault(("routes", entry.index, "path"), problem, "remove it, or put the difference in its path or methods")
