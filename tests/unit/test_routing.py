import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.schema import Route, RoutesFile, Upstream
from gateway.rules.paths import normalize
from gateway.rules.routing import Ambiguous, Match, bare_host, compile_routes


def file_of(*routes, **settings):
    made = tuple(Route(upstream="a", **(route if isinstance(route, dict) else {"path": route})) for route in routes)
    return RoutesFile(version=1, upstreams={"a": Upstream(url="http://h")}, routes=made, **settings)


def route_to(*routes, path, host=None, method=b"GET", headers=(), **settings):
    """The index of the route that wins."""
    found = compile_routes(file_of(*routes, **settings)).match(host=host, path=path, method=method, headers=headers)
    return found.index if isinstance(found, Match) else found


@pytest.mark.parametrize("path", [b"/api/v1/auth", b"/api/v1/auth/", b"/api/v1/auth/login/x"])
def test_a_prefix_matches_itself_with_and_without_a_slash_and_what_is_below(path):
    assert route_to("/*", "/api/v1/auth/*", path=path) == 1


@pytest.mark.parametrize("path", [b"/api/v1/authx", b"/api/v1", b"/api/v1/auth%2Fx"])
def test_a_prefix_ends_at_a_whole_segment(path):
    assert route_to("/*", "/api/v1/auth/*", path=path, encoded_slash="data") == 0


def test_an_exact_path_does_not_match_with_a_slash_behind_it():
    assert route_to("/foo", path=b"/foo") == 0
    assert route_to("/foo", path=b"/foo/") is None


def test_exact_beats_pattern_beats_prefix():
    routes = ("/users/*", "/users/{id}", "/users/me")
    assert route_to(*routes, path=b"/users/me") == 2
    assert route_to(*routes, path=b"/users/7") == 1
    assert route_to(*routes, path=b"/users/7/x") == 0


def test_patterns_are_compared_from_left_to_right():
    assert route_to("/{a}/b", "/a/{b}", path=b"/a/b") == 1


def test_a_parameter_is_one_segment_that_is_not_empty():
    assert route_to("/users/{id}/avatar", path=b"/users//avatar") is None
    assert route_to("/users/{id}", path=b"/users/") is None
    assert route_to("/users/{id}/avatar", path=b"/users/7/8/avatar") is None


def test_a_parameter_may_stand_before_a_prefix_and_the_longer_prefix_wins():
    routes = ("/users/me/*", "/users/{id}/posts/*", "/users/{id}/*")
    assert route_to(*routes, path=b"/users/me/posts/1") == 1
    assert route_to(*routes, path=b"/users/me/x") == 0
    assert route_to(*routes, path=b"/users/7") == 2


def test_host_beats_path_and_the_longest_wildcard_wins():
    routes = (
        {"path": "/exact"},
        {"path": "/*", "host": "*.example.com"},
        {"path": "/*", "host": "*.eu.example.com"},
        {"path": "/*", "host": "www.eu.example.com"},
    )
    assert route_to(*routes, path=b"/exact", host=b"a.example.com") == 1
    assert route_to(*routes, path=b"/exact", host=b"a.b.eu.example.com") == 2
    assert route_to(*routes, path=b"/exact", host=b"WWW.EU.example.com:8443") == 3
    assert route_to(*routes, path=b"/exact", host=b"example.com") == 0
    assert route_to(*routes, path=b"/exact", host=None) == 0


def test_a_host_that_has_no_such_path_gives_way_to_a_less_specific_one():
    routes = ({"path": "/a", "host": "h"}, {"path": "/b"})
    assert route_to(*routes, path=b"/b", host=b"h") == 1


@pytest.mark.parametrize(
    ("host", "bare"),
    [(b"A.b:80", b"a.b"), (b"a.b.", b"a.b"), (b"[::1]:80", b"[::1]"), (b"[::1]", b"[::1]"), (b"a:", b"a")],
)
def test_hosts_are_compared_without_case_port_and_final_dot(host, bare):
    assert bare_host(host) == bare


def test_a_given_method_beats_headers_which_beat_the_order():
    routes = ({"path": "/x"}, {"path": "/x", "headers": {"a": "1"}}, {"path": "/x", "methods": ["GET"]}, {"path": "/x"})
    headers = [(b"A", b"1")]
    assert route_to(*routes, path=b"/x", headers=headers) == 2
    assert route_to(*routes, path=b"/x", headers=headers, method=b"PUT") == 1
    assert route_to(*routes, path=b"/x", method=b"PUT") == 0


def test_a_method_that_does_not_fit_falls_back_to_a_less_specific_path():
    assert route_to({"path": "/x", "methods": ["GET"]}, {"path": "/*"}, path=b"/x", method=b"POST") == 1


def test_any_of_repeated_headers_may_have_the_value_and_values_are_exact():
    routes = ({"path": "/x", "headers": {"X-A": "1", "x-b": "2"}},)
    assert route_to(*routes, path=b"/x", headers=[(b"x-a", b"0"), (b"x-b", b"2"), (b"x-a", b"1")]) == 0
    assert route_to(*routes, path=b"/x", headers=[(b"x-a", b"1")]) is None
    assert route_to({"path": "/x", "headers": {"a": "Yes"}}, path=b"/x", headers=[(b"a", b"yes")]) is None


@pytest.mark.parametrize("path", [b"/api/%61uth/x", b"/x/../api/auth", b"//api//auth/", b"/api/%2e/auth"])
def test_spelling_cannot_lead_past_a_route(path):
    assert route_to("/*", "/api/auth/*", path=path) == 1


def test_patterns_may_be_written_with_or_without_escapes():
    assert route_to("/caf%C3%A9", path="/café".encode()) == 0
    assert route_to("/café/*", path=b"/caf%c3%a9/x") == 0


@pytest.mark.parametrize("path", [b"/api/auth%2Flogin", b"/api/..%2fauth/x", b"/api/auth//../x"])
def test_a_path_that_two_servers_read_as_two_routes_is_refused(path):
    found = route_to("/api/*", "/api/auth/*", "/auth/*", path=path)
    assert isinstance(found, Ambiguous)
    assert len(set(found.matches)) == len(found.readings) == 2


def test_an_encoded_slash_within_one_route_is_no_matter():
    assert route_to("/files/*", "/*", path=b"/files/a%2Fb") == 0
    assert isinstance(route_to("/files/*", path=b"/files%2Fa"), Ambiguous)


def test_an_encoded_slash_is_what_the_configuration_says():
    assert route_to("/a/*", "/*", path=b"/a%2Fb", encoded_slash="separator") == 0
    assert route_to("/a/*", "/*", path=b"/a%2Fb", encoded_slash="data") == 1
    assert route_to("/a%2fb", path=b"/a%2Fb", encoded_slash="data") == 0


def test_the_server_wide_target_takes_the_catch_all_alone():
    assert route_to("/", "/{a}", "/a/*", "/*", path=b"*", method=b"OPTIONS") == 3
    assert route_to("/", path=b"*", method=b"OPTIONS") is None


def test_the_empty_path_is_the_root_and_what_is_no_path_matches_nothing():
    assert route_to("/*", "/", path=b"") == 1
    assert route_to("/*", path=b"example.com:443", method=b"CONNECT") is None


def test_explain_says_who_lost_by_which_rule_and_who_missed_by_what():
    router = compile_routes(
        file_of(
            {"path": "/a/*"},
            {"path": "/a/b"},
            {"path": "/*", "host": "h"},
            {"path": "/a/b", "methods": ["PUT"]},
            {"path": "/other"},
            {"path": "/a/b"},
        )
    )
    explained = router.explain(host=b"h", path=b"/a/b", method=b"GET", headers=())
    assert explained.result.index == 2
    assert [(lost.match.index, lost.rule) for lost in explained.lost] == [(1, "host"), (5, "host"), (0, "host")]
    assert [(missed.match.index, missed.failed) for missed in explained.missed] == [(3, ("method",))]
    without_host = router.explain(host=None, path=b"/a/b", method=b"GET", headers=())
    assert [(lost.match.index, lost.rule) for lost in without_host.lost] == [(5, "order"), (0, "path")]


def reference(routes, host, path, method, headers):
    """Every route that matches, by regular expressions, ranked by the rules as the documentation states them."""
    ranked = []
    for index, route in enumerate(routes):
        parts = [part for part in re.split(r"(\{\w+\}|/\*$)", route.path) if part]
        pattern = "".join(
            "(/.*)?" if part == "/*" else "[^/]+" if part.startswith("{") else re.escape(part) for part in parts
        )
        if not re.fullmatch(pattern, path) or (route.methods and method not in route.methods):
            continue
        if any((name, value) not in headers for name, value in route.headers.items()):
            continue
        wild = route.host is not None and route.host.startswith("*.")
        if route.host is not None and not (host.endswith(route.host[1:]) if wild else host == route.host):
            continue
        literal = route.path.removesuffix("/*")
        depth = len([part for part in literal.split("/")[1:] if part or not route.path.endswith("/*")])
        kind = 2 if route.path.endswith("/*") else 1 if "{" in route.path else 0
        host_rank = (2, 0) if route.host is None else (1, -len(route.host)) if wild else (0, 0)
        parameters = [part.startswith("{") for part in literal.split("/")[1:]]
        ranked.append((host_rank, kind, -depth, parameters, not route.methods, -len(route.headers), index))
    return min(ranked)[-1] if ranked else None


WORDS = st.sampled_from(["a", "b", "c"])
SEGMENTS = st.lists(WORDS | st.sampled_from(["{x}"]), max_size=3)


@st.composite
def route_paths(draw):
    segments = [f"{{x{place}}}" if part == "{x}" else part for place, part in enumerate(draw(SEGMENTS))]
    return "/" + "/".join([*segments, *draw(st.sampled_from([["*"], [], [""]] if segments else [["*"], []]))])


HOSTS = ["h.x", "g.h.x", "*.x", "*.h.x"]
HEADERS = st.dictionaries(st.sampled_from(["p", "q"]), st.sampled_from(["1", "2"]), max_size=2)
ROUTES = st.lists(
    st.builds(
        Route,
        path=route_paths(),
        host=st.none() | st.sampled_from(HOSTS),
        methods=st.lists(st.sampled_from(["GET", "PUT"]), max_size=2, unique=True),
        headers=HEADERS,
        upstream=st.just("a"),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=400, deadline=None)
@given(
    ROUTES,
    st.sampled_from(["h.x", "g.h.x", "y", "f.g.h.x"]),
    st.lists(WORDS | st.just(""), max_size=5).map(lambda parts: "/" + "/".join(parts)),
    st.sampled_from(["GET", "PUT", "POST"]),
    HEADERS,
)
def test_the_compiled_router_agrees_with_ranking_every_route(routes, host, path, method, headers):
    path = normalize(path.encode()).decode()
    router = compile_routes(file_of("/").model_copy(update={"routes": tuple(routes)}))
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    request = {"host": host.encode(), "path": path.encode(), "method": method.encode(), "headers": fields}
    found = router.match(**request)
    expected = reference(routes, host, path, method, headers.items())
    assert (found.index if found else None) == expected
    explained = router.explain(**request)
    assert explained.result is found
    assert all(lost.match.rank > found.rank for lost in explained.lost)
