import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.load import load
from gateway.config.nodes import Document
from gateway.config.schema import RoutesFile
from gateway.rules.routing import compile_routes

HEAD = 'version: 1\nupstreams: {u: {url: "http://h"}}\nroutes:\n'


def covered(*routes):
    """The indexes of routes that are reported as unreachable."""
    text = HEAD + "".join(f"  - {{{route}, upstream: u}}\n" for route in routes)
    faults = load(text).faults
    assert all("no request takes this route" in fault.problem for fault in faults)
    return [int(fault.key[7:].partition("]")[0]) for fault in faults]


@pytest.mark.parametrize(
    "routes",
    [
        ("path: /a", "path: /a"),
        ("path: /a/*", "path: /a/*"),
        ('path: "/u/{id}"', 'path: "/u/{name}"'),
        ("path: /a, host: h.x", "path: /a, host: H.x"),
        ("path: /caf%C3%A9", 'path: "/café"'),
        ("path: /a, methods: [GET, PUT]", "path: /a, methods: [GET]"),
        ('path: /a, headers: {X: "1"}', 'path: /a, headers: {x: "1"}'),
    ],
)
def test_a_route_behind_its_equal_is_unreachable(routes):
    assert covered(*routes) == [1]


@pytest.mark.parametrize(
    "routes",
    [
        ("path: /*", "path: /a"),
        ("path: /a/*", "path: /a"),
        ("path: /a", "path: /a/"),
        ('path: "/u/{id}"', 'path: "/u/{id}/*"'),
        ("path: /a", "path: /a, host: h.x"),
        ('path: /a, host: "*.x"', "path: /a, host: h.x"),
        ("path: /a", "path: /a, methods: [GET]"),
        ("path: /a", 'path: /a, headers: {x: "1"}'),
        ('path: /a, headers: {x: "1"}', 'path: /a, headers: {x: "2"}'),
        ("path: /a, methods: [GET]", "path: /a, methods: [GET, PUT]"),
        ("path: /a, methods: [GET, PUT, POST, DELETE, PATCH, HEAD, OPTIONS]", "path: /a"),
        ("path: /a", "path: /a/", 'path: "/a/{x}"', "path: /a/*"),
        ("path: /", "path: '/{x}/*'", "path: /*"),
    ],
)
def test_a_route_with_something_left_is_reachable(routes):
    assert covered(*routes) == []


def test_methods_are_taken_up_by_several_routes_together():
    assert covered("path: /a, methods: [GET]", "path: /a, methods: [PUT]", "path: /a, methods: [PUT, GET]") == [2]


def test_a_prefix_is_unreachable_when_itself_and_all_below_is_taken():
    assert covered("path: /a", "path: /a/", "path: '/a/{x}/*'", "path: /a/*") == [3]
    assert covered("path: '/{y}'", "path: /a/", "path: '/{y}/{x}/*'", "path: /a/*") == [3]


def test_the_fault_names_the_lines_that_take_its_requests():
    text = HEAD + "  - {path: /a, methods: [GET], upstream: u}\n" + "  - {path: /a, methods: [PUT], upstream: u}\n"
    (fault,) = load(f"{text}  - {{path: /a, methods: [PUT, GET], upstream: u}}\n", "r.yaml").faults
    assert str(fault) == (
        "r.yaml:6:12: routes[2].path: no request takes this route: the routes on lines 4, 5 together match all of its "
        "requests first; remove it, or put the difference in its path or methods"
    )


def test_without_a_catch_all_a_warning_says_what_happens():
    (warning,) = load(HEAD + "  - {path: /a, upstream: u}\n", "r.yaml").warnings
    assert str(warning).startswith("r.yaml:3:1: routes: no route catches the rest: requests that match none")


PATHS = ["/*", "/", "/a", "/a/", "/a/*", "/{x}", "/{x}/", "/{x}/*", "/a/{x}/*", "/a/b", "/{x}/{y}/*"]
ROUTES = st.lists(
    st.tuples(
        st.sampled_from(PATHS),
        st.sampled_from(["", ", host: h.x", ', host: "*.x"']),
        st.sampled_from(["", ", methods: [GET]", ", methods: [PUT]", ", methods: [GET, PUT]"]),
        st.sampled_from(["", ', headers: {p: "1"}', ', headers: {q: "1"}', ', headers: {p: "1", q: "1"}']),
    ).map(lambda parts: f'path: "{parts[0]}"{"".join(parts[1:])}'),
    min_size=1,
    max_size=10,
)
EVERY_REQUEST = [
    (host, path, method, headers)
    for host in (b"h.x", b"g.x", b"other")
    for path in (b"*", b"/", b"/a", b"/a/", b"/a/b", b"/a/c", b"/a/b/", b"/a/b/c", b"/c", b"/c/", b"/c/d", b"/c/d/")
    for method in (b"GET", b"PUT", b"OTHER")
    for headers in ((), ((b"p", b"1"),), ((b"q", b"1"),), ((b"p", b"1"), (b"q", b"1")))
]


@settings(max_examples=60, deadline=None)
@given(ROUTES)
def test_exactly_the_routes_that_win_no_request_are_reported(routes):
    text = HEAD + "".join(f"  - {{{route}, upstream: u}}\n" for route in routes)
    loaded = load(text)
    unreachable = {int(fault.key[7:].partition("]")[0]) for fault in loaded.faults}
    router = compile_routes(_without_lint(text))
    winners = {
        found.index
        for host, path, method, headers in EVERY_REQUEST
        if (found := router.match(host=host, path=path, method=method, headers=headers)) is not None
    }
    assert winners == set(range(len(routes))) - unreachable


def _without_lint(text):
    return RoutesFile.model_validate(Document(text, "r.yaml").values)
