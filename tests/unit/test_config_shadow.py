# ruff: noqa: E501 - one case a line: whole messages are what is tested
"""Shadows, comparisons and retired features in routes.yaml: what is refused, and what is warned of."""

import pytest

from gateway.config.load import load
from gateway.rules.tolerance import Tolerance
from tests.unit.test_config_lint import faults, text_of, warnings


def test_shadows_are_off_and_reads_are_what_they_may_be_of():
    routes = load(text_of()).routes
    assert routes.features["f"].shadow_basis_points == 0
    assert (routes.routes[1].shadow.methods, routes.routes[1].shadow.sample) == (("GET", "HEAD"), 10_000)
    assert routes.shadow.timeout_seconds == 5


def test_a_route_may_be_left_out():
    assert faults(r='path: "/f/*", feature: f, shadow: false') == []
    off = load(text_of(r='path: "/f/*", feature: f, shadow: false')).routes.routes[1].shadow
    assert (off.is_off, off.methods) == (True, ())


def test_rules_of_comparison_are_those_of_scenarios():
    compare = '{ignore: [$.a, "header:x-b"], unordered: [$.c, {path: $.d, by: id}], tolerance: {$.e: "5 %", $.f: 2}, same: {$.g: uuid}, mask: ["[0-9]+"], headers: all, body: json, redact: [$.h]}'
    loaded = load(text_of(f=f"legacy: a, new: b, compare: {compare}"))
    assert (loaded.faults, loaded.warnings) == ((), ())
    rules = loaded.routes.features["f"].compare
    assert rules.tolerance == {"$.e": Tolerance(5, "%"), "$.f": Tolerance(2)}
    assert (rules.headers, rules.unordered[0].path, rules.redact) == (None, "$.c", ("$.h",))


@pytest.mark.parametrize(
    ("r", "expected"),
    [
        ("feature: f, shadow: true", "routes[1].shadow: is a boolean, not a mapping of keys; its keys: methods, sample"),
        ("feature: f, shadow: {methods: []}", "routes[1].shadow.methods: is empty; at least one entry is needed"),
        ("feature: f, shadow: {methods: [get]}", 'routes[1].shadow.methods[0]: "get" is not "GET" on the wire; write GET'),
        ("feature: f, shadow: {methods: [GET, GET]}", "routes[1].shadow.methods[1]: GET is in the list already; remove it"),
        ("feature: f, shadow: {sample: 101}", "routes[1].shadow.sample: 101 is not within 0 and 100; write a percent like 25 or 0.5"),
        ("feature: f, shadow: {metods: [GET]}", 'routes[1].shadow.metods: unknown key; did you mean "methods"?'),
        ("feature: f, methods: [POST], shadow: {methods: [GET]}", "routes[1].shadow.methods[0]: the route does not take GET; remove it, or add it to its methods"),
        ("upstream: b, shadow: {sample: 5}", "routes[1].shadow: says nothing on a route with an upstream: there is no other side; remove it"),
        ("upstream: b, compare: {body: text}", "routes[1].compare: says nothing on a route with an upstream: there is no other side; remove it"),
        ("feature: f, compare: {ignore: [status]}", "routes[1].compare.ignore[0]: the status is always compared; write a place in the body, e.g. $.id, or header:NAME"),
        ("feature: f, compare: {ignore: [a.b]}", 'routes[1].compare.ignore[0]: "a.b" is no path; paths begin with $, e.g. $.items[0].id'),
        ("feature: f, compare: {ignore: [$.a, $.a]}", "routes[1].compare.ignore[1]: $.a is in the list already; remove it"),
        ("feature: f, compare: {headers: [etag, ETag]}", "routes[1].compare.headers[1]: ETag is in the list already; remove it: names have no case"),
        ("feature: f, compare: {redact: [mail]}", 'routes[1].compare.redact[0]: "mail" is no path; paths begin with $, e.g. $.items[0].id'),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(r, expected):
    extra = '  - {path: "/g/*", feature: f}\n' if "upstream: b" in r else ""
    assert faults(r=f'path: "/f/*", {r}', more=extra) == [expected]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("max_in_flight: 0", "shadow.max_in_flight: 0 is out of range; write at least 1"),
        ("keep_seconds: 5", "shadow.keep_seconds: 5 is out of range; write at least 60"),
        ("timeout: 5", 'shadow.timeout: unknown key; did you mean "timeout_seconds"?'),
    ],
)
def test_bounds_are_checked(key, expected):
    assert faults(top=f"shadow: {{{key}}}\n") == [expected]


def test_a_write_that_would_happen_twice_is_warned_of_where_it_is_asked_for():
    told = warnings(r='path: "/f/*", feature: f, shadow: {methods: [GET, POST, DELETE]}')
    assert told == [
        "9:56 routes[1].shadow.methods[1]: a write happens twice: each POST that is shadowed is carried out by both sides",
        "9:62 routes[1].shadow.methods[2]: a write happens twice: each DELETE that is shadowed is carried out by both sides",
    ]


def test_noise_is_never_looked_for_by_writing_again():
    told = warnings(f="legacy: a, new: b, noise_percent: 5", r='path: "/f/*", feature: f, shadow: {methods: [PUT]}')
    assert any("legacy is never asked twice for PUT" in line for line in told)


def test_shadows_of_streams_are_warned_of():
    (told,) = warnings(r='path: "/f/*", feature: f, stream: true, shadow: {methods: [GET]}')
    assert told.endswith("replies of this route may never end, and a shadow whose reply does not is dropped")


@pytest.mark.parametrize("r", ["shadow: false", "stream: true", "methods: [POST]"])
def test_shadows_that_no_route_allows_are_warned_of(r):
    (told,) = warnings(f="legacy: a, new: b, shadow_percent: 5", r=f'path: "/f/*", feature: f, {r}')
    assert "features.f.shadow_percent: no route of the feature may be shadowed" in told


@pytest.mark.parametrize(
    ("compare", "words"),
    [
        ("ignore: [$.a], same: {$.a: uuid}", "compare.same.$.a: $.a is ignored, so this says nothing"),
        ("ignore: [$.a], tolerance: {$.a: 1}", "compare.tolerance.$.a: $.a is ignored, so this says nothing"),
        ("ignore: [$.a], unordered: [$.a]", "compare.unordered[0]: $.a is ignored, so this says nothing"),
        (
            'headers: [etag], ignore: ["header:date"]',
            "compare.ignore[0]: header:date is not compared, so this says nothing",
        ),
        (
            'ignore: ["header:x-gateway-side"]',
            "compare.ignore[0]: header:x-gateway-side is not compared, so this says nothing",
        ),
        (
            "body: digest, ignore: [$.a]",
            "compare.ignore[0]: $.a is a place in JSON, and bodies are not compared as that (body: digest)",
        ),
    ],
)
def test_rules_that_can_never_match_are_warned_of(compare, words):
    for part in (
        {"f": f"legacy: a, new: b, compare: {{{compare}}}"},
        {"r": f'path: "/f/*", feature: f, compare: {{{compare}}}'},
    ):
        (told,) = warnings(**part)
        assert told.endswith(words)


# -- retired features


def test_a_feature_without_legacy_is_retired():
    loaded = load(text_of(f="new: b"))
    assert (loaded.faults, loaded.warnings) == ((), ())
    assert loaded.routes.features["f"].is_retired


@pytest.mark.parametrize(
    "key",
    ["flag: F", "percent: 100", "kill: true", 'key: ["cookie:a"]', "no_key: new", "on_unhealthy: legacy", "fallback: legacy",
     "fallback_on: [404]", "fallback_max_in_flight: 3", "override: true", "reversible: false", "shadow_percent: 0", "noise_percent: 0", "compare: {}"],
)  # fmt: skip
def test_keys_that_need_two_sides_are_refused_where_there_is_one(key):
    name = key.partition(":")[0]
    (told,) = faults(f=f"new: b, {key}")
    assert told == (
        f"features.f.{name}: says nothing without legacy: the feature is retired, and everything goes to new; "
        "remove it, or name the upstream of legacy"
    )


def test_of_rewrites_only_news_is_left():
    assert faults(f="new: b, rewrite: {new: {from: /f, to: /}}") == []
    (told,) = faults(f="new: b, rewrite: {legacy: {from: /f, to: /}}")
    assert told.startswith("features.f.rewrite.legacy: says nothing without legacy")


@pytest.mark.parametrize("key", ["shadow: false", "shadow: {sample: 1}", "compare: {body: text}"])
def test_a_route_to_a_retired_feature_has_no_other_side(key):
    (told,) = faults(f="new: b", r=f'path: "/f/*", feature: f, {key}')
    assert told.endswith('says nothing: feature "f" is retired, and has no other side; remove it')


def test_a_misspelt_legacy_is_not_taken_for_a_retirement():
    assert faults(f="legcy: a, new: b, percent: 5") == ['features.f.legcy: unknown key; did you mean "legacy"?']
    assert faults(f="legacy: aa, new: b, percent: 5") == [
        'features.f.legacy: there is no upstream "aa"; did you mean "a"?'
    ]


def test_kill_all_says_whom_it_does_not_move():
    (told,) = warnings(f="new: b", top="kill_all: true\n")
    assert 'kill_all: does not move feature "f", which is retired: it stays on new' in told
