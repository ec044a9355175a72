import pytest

from gateway.config.schema import Cors
from gateway.rules.cors import applied, asked_method, compile_cors, origin_of, preflight_fields

ORIGIN = b"https://app.example.com"
ALLOW = (b"access-control-allow-origin", ORIGIN)
CREDENTIALS = (b"access-control-allow-credentials", b"true")
VARY = (b"vary", b"Origin")


def plan(**keys):
    return compile_cors(Cors(origins=(ORIGIN.decode(), "http://localhost:3000"), **keys))


def test_a_preflight_is_told_all_that_is_allowed():
    everything = plan(
        methods=("GET", "PUT"),
        headers=("x-a", "content-type"),
        exposed_headers=("x-request-id",),
        credentials=True,
        max_age_seconds=5,
    )
    assert preflight_fields(everything, ORIGIN) == [
        VARY,
        ALLOW,
        CREDENTIALS,
        (b"access-control-allow-methods", b"GET, PUT"),
        (b"access-control-allow-headers", b"x-a, content-type"),
        (b"access-control-max-age", b"5"),
    ]


def test_a_preflight_is_told_no_more_than_that():
    assert preflight_fields(plan(), ORIGIN) == [
        VARY,
        ALLOW,
        (b"access-control-allow-methods", b"GET, HEAD, POST"),
        (b"access-control-max-age", b"600"),
    ]


@pytest.mark.parametrize(
    "origin",
    [
        None,
        b"",
        b"null",
        b"*",
        b"https://app.example.com.evil.test",
        b"https://evil.test/https://app.example.com",
        b"https://app.example.com:443",
        b"https://App.example.com",
        b"http://app.example.com",
        b"https://sub.app.example.com",
        b"https://app.example.com, https://app.example.com",
        b" https://app.example.com",
    ],
)
def test_another_origin_is_told_nothing(origin):
    assert preflight_fields(plan(credentials=True), origin) == [VARY]
    assert applied(plan(credentials=True), [(b"a", b"b")], origin) == [(b"a", b"b"), VARY]


@pytest.mark.parametrize(
    ("origins", "found"),
    [([], None), ([ORIGIN], ORIGIN), ([ORIGIN, b"https://evil.example"], None), ([ORIGIN] * 2, None)],
)
def test_a_request_has_one_origin_or_none_that_counts(origins, found):
    assert origin_of([(b"host", b"h"), *((b"origin", origin) for origin in origins)]) == found


def test_a_reply_says_what_holds_here_and_not_what_the_upstream_says():
    fields = [
        (b"access-control-allow-origin", b"*"),
        (b"a", b"b"),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", b"*"),
        (b"access-control-anything", b"x"),
        (b"set-cookie", b"c"),
    ]
    exposing = plan(exposed_headers=("x-request-id", "etag"))
    assert applied(exposing, fields, ORIGIN) == [
        (b"a", b"b"),
        (b"set-cookie", b"c"),
        VARY,
        ALLOW,
        (b"access-control-expose-headers", b"x-request-id, etag"),
    ]
    assert applied(exposing, fields, None) == [(b"a", b"b"), (b"set-cookie", b"c"), VARY]
    assert fields[0] == (b"access-control-allow-origin", b"*")  # what came in is left as it was


@pytest.mark.parametrize(
    ("vary", "added"),
    [
        ([], True),
        ([b"Accept-Encoding"], True),
        ([b"X-Origin"], True),
        ([b"accept, ORIGIN"], False),
        ([b"accept", b"origin"], False),
        ([b"*"], False),
    ],
)
def test_vary_says_origin_once(vary, added):
    fields = [(b"vary", value) for value in vary]
    assert applied(plan(), fields, None) == fields + [VARY] * added


@pytest.mark.parametrize(
    ("named", "asked"),
    [
        ({b"origin": ORIGIN, b"access-control-request-method": b"PUT"}, b"PUT"),
        ({b"origin": ORIGIN}, None),
        ({b"access-control-request-method": b"PUT"}, None),
        ({}, None),
    ],
)
def test_what_is_a_preflight(named, asked):
    assert asked_method(named) == asked
