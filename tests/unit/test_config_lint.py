# ruff: noqa: E501, Q000 - one case a line: whole messages are what is tested
import pytest

from gateway.config.load import load

BASE = {
    "a": 'url: "http://h:1"',
    "b": 'url: "http://h:2"',
    "f": "legacy: a, new: b",
    "r": 'path: "/f/*", feature: f',
    "more": "",
    "top": "",
}


def text_of(**parts):
    filled = BASE | parts
    return (
        "version: 1\n"
        f"upstreams:\n  a: {{{filled['a']}}}\n  b: {{{filled['b']}}}\n"
        f"features:\n  f: {{{filled['f']}}}\n"
        f'routes:\n  - {{path: "/*", upstream: a}}\n  - {{{filled["r"]}}}\n{filled["more"]}{filled["top"]}'
    )


def faults(**parts):
    return [f"{fault.key}: {fault.problem}; {fault.remedy}" for fault in load(text_of(**parts)).faults]


def warnings(**parts):
    loaded = load(text_of(**parts))
    assert loaded.faults == ()
    return [f"{fault.line}:{fault.column} {fault.key}: {fault.problem}" for fault in loaded.warnings]


def test_the_base_of_these_tests_is_good():
    assert faults() == warnings() == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("h:1", "does not begin with http:// or https://; write http://h:1"),
        ("ftp://h", "does not begin with http:// or https://; write http://h"),
        ("http://", "has no valid host"),
        ("http://h ost", "has a space"),
        ("http://-h", "has no valid host"),
        ("http://h:0", "has no valid port; use 1 to 65535"),
        ("http://h:65536", "has no valid port"),
        ("http://h:x", "has no valid port"),
        ("http://h:1/", "has a path, query or fragment; write http://h:1"),
        ("http://h:1/app", "has a path, query or fragment; write http://h:1, and paths as rewrite"),
        ("http://h?x", "has a path, query or fragment"),
        ("http://h#x", "has a path, query or fragment"),
        ("http://u:p@h", "has a user or password"),
        ("http://[::1", "is no address"),
        ("http://é", "has a space or a character that no address has"),
    ],
)
def test_an_upstream_is_an_address_and_nothing_more(url, words):
    (found,) = faults(a=f'url: "{url}"')
    assert found.startswith("upstreams.a.url: ")
    assert words in found


@pytest.mark.parametrize("url", ["http://h", "https://h.example:8443", "http://[::1]:9001", "http://legacy_backend:80"])
def test_usual_addresses_are_good(url):
    assert faults(a=f'url: "{url}"') == []


@pytest.mark.parametrize(
    ("a", "expected"),
    [
        ("", 'upstreams.a: has no address; add url: "http://127.0.0.1:9001"'),
        ("urls: []", 'upstreams.a.urls: has no address; add url: "http://127.0.0.1:9001"'),
        ('url: "http://h:1", urls: ["http://h:2"]', "upstreams.a.urls: given beside url; keep one: urls, with every address"),
        ('urls: ["http://h:1", "http://H:1"]', "upstreams.a.urls[1]: the same address as on line 3; keep one of them"),
    ],
)  # fmt: skip
def test_an_upstream_has_url_or_urls(a, expected):
    assert faults(a=a) == [expected]


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        ("legacy: aa, new: b", 'features.f.legacy: there is no upstream "aa"; did you mean "a"?'),
        ("legacy: a, new: zzz", 'features.f.new: there is no upstream "zzz"; known: a, b'),
        ("legacy: a, new: b, key: [head:x]", 'features.f.key[0]: "head:x" is no source of a key; did you mean "header:NAME"?'),
        ("legacy: a, new: b, key: [clientip]", 'features.f.key[0]: "clientip" is no source of a key; did you mean "client_ip"?'),
        ("legacy: a, new: b, key: ['cookie:']", 'features.f.key[0]: "cookie:" names nothing; write it like cookie:NAME'),
        ("legacy: a, new: b, key: ['header:a b']", 'features.f.key[0]: "a b" is no valid name of a header; write it like header:x-user-id'),
        ("legacy: a, new: b, key: ['jwt:a b']", 'features.f.key[0]: "jwt:a b" has a space in the claim; write it like jwt:sub'),
        ("legacy: a, new: b, key: ['header:X-Gateway-Side']", "features.f.key[0]: \"X-Gateway-Side\" is the gateway's own and removed from requests; use a header that clients send"),
        ("legacy: a, new: b, key: ['header:A', 'header:a']", 'features.f.key[1]: "header:a" is in the list already; remove it'),
        ("legacy: a, new: b, key: [client_ip, 'jwt:sub']", 'features.f.key[1]: "jwt:sub" is never reached: client_ip before it is always present; put client_ip last'),
        ("legacy: a, new: b, key: ['jwt:sub', client_ip], no_key: new", "features.f.no_key: is never reached: client_ip is in the key list and always present; remove no_key, or list keys without client_ip"),
        ("legacy: a, new: b, no_key: legacy", "features.f.no_key: is never reached: client_ip is the default key and always present; remove no_key, or list keys without client_ip"),
        ("legacy: a, new: b, key: ['jwt:sub'], no_key: issue", 'features.f.no_key: has no cookie to issue; add one to the key list, e.g. "cookie:gateway_id"'),
        ("legacy: a, new: b, rewrite: {new: {from: /g, to: /}}", 'features.f.rewrite.new.from: "/g" is no prefix of the path /f/* (line 9), whose requests come here too; use a prefix that all its routes share, or another feature'),
        ("legacy: a, new: b, rewrite: {new: {from: /fo, to: /}}", 'features.f.rewrite.new.from: "/fo" is no prefix of the path /f/* (line 9), whose requests come here too; use a prefix that all its routes share, or another feature'),
        ("legacy: a, new: b, rewrite: {legacy: {from: /f, to: x}}", 'features.f.rewrite.legacy.to: "x" does not start with "/"; write "/x"'),
        ("legacy: a, new: b, rewrite: {legacy: {from: '/f/*', to: /x}}", 'features.f.rewrite.legacy.from: "/f/*" ends in /*, but it is a prefix already; write "/f"'),
        ("legacy: a, new: b, rewrite: {legacy: {from: /f, to: /x/../y}}", 'features.f.rewrite.legacy.to: "/x/../y" has a dot segment; write the path that is meant'),
        ("legacy: a, new: b, rewrite: {legacy: {from: /f, to: '/x?y'}}", 'features.f.rewrite.legacy.to: "/x?y" has a query or a fragment; write the path alone'),
        ("legacy: a, new: b, rewrite: {legacy: {from: /f/, to: //x}}", 'features.f.rewrite.legacy.from: "/f/" has an empty segment; write "/f"'),
        ("legacy: a, new: b, rewrite: {legacy: {from: '/%66', to: /x}}", 'features.f.rewrite.legacy.from: "/%66" has a character that a prefix cannot have; use plain path characters, without escapes'),
    ],
)  # fmt: skip
def test_each_fault_of_a_feature(f, expected):
    assert expected in faults(f=f)


def test_two_features_cannot_share_an_environment_variable():
    text = text_of(f="legacy: a, new: b, flag: X}\n  g: {legacy: a, new: b, flag: X", r='path: "/f", feature: g')
    (fault,) = load(text).faults
    assert (fault.line, fault.key) == (7, "features.g.flag")
    assert 'feature "f" has the same environment variable (line 6)' in fault.problem


@pytest.mark.parametrize(
    ("r", "expected"),
    [
        ('path: "/f"', "routes[1]: leads nowhere; add feature: NAME or upstream: NAME"),
        ('path: "/f", feature: f, upstream: a', "routes[1].upstream: names a feature and an upstream; keep one of them"),
        ('path: "/f", feature: ff', 'routes[1].feature: there is no feature "ff"; did you mean "f"?'),
        ('path: "/f", upstream: aa', 'routes[1].upstream: there is no upstream "aa"; did you mean "a"?'),
        ('path: "/f", feature: f, rewrite: {from: /f, to: /}', "routes[1].rewrite: works only on a route with an upstream; write it under features.f.rewrite, for each side"),
        ('path: "/f", upstream: a, rewrite: {from: /g, to: /}', 'routes[1].rewrite.from: "/g" is no prefix of the path /f (line 9), whose requests come here too; use a prefix that all its routes share, or another feature'),
        ('path: f, feature: f', 'routes[1].path: "f" does not start with "/"; write "/f"'),
        ('path: "/f?x", feature: f', 'routes[1].path: "/f?x" has a query or a fragment, which matching never sees; write the path alone'),
        ('path: "/a//b", feature: f', 'routes[1].path: "/a//b" has an empty segment, which no request has when it is matched; write single slashes'),
        ('path: "/a/%2e%2e/b", feature: f', 'routes[1].path: "/a/%2e%2e/b" has the dot segment "%2e%2e", which no request has when it is matched; leave it out'),
        ('path: "/a/*/b", feature: f', 'routes[1].path: "/a/*/b" has a "*" that is not the whole last segment; write /prefix/*, or %2A for a literal star'),
        ('path: "/a*", feature: f', 'routes[1].path: "/a*" has a "*" that is not the whole last segment; write /prefix/*, or %2A for a literal star'),
        ('path: "/x{id}", feature: f', 'routes[1].path: "/x{id}" has braces that are not a whole segment; write /{name}/, or %7B and %7D for literal braces'),
        ('path: "/{a}/{a}", feature: f', 'routes[1].path: "/{a}/{a}" uses a parameter name twice; give each {name} its own'),
        ('path: "/a%", feature: f', 'routes[1].path: "/a%" has a "%" that two hexadecimal digits do not follow; a percent sign itself is %25'),
        ('path: "/a b", feature: f', 'routes[1].path: "/a b" has a space or a control character; write it as an escape, e.g. %20'),
        ('path: "/a%2Fb", feature: f', 'routes[1].path: "/a%2Fb" has %2F, which never stays in a path with encoded_slash: refuse; write a plain slash, or encoded_slash: data'),
        ('path: "/f", feature: f, host: "h:80"', 'routes[1].host: "h:80" has a port, which is not compared; write "h"'),
        ('path: "/f", feature: f, host: "http://h"', 'routes[1].host: "http://h" is an address; write the host name alone, e.g. www.example.com'),
        ('path: "/f", feature: f, host: "*"', "routes[1].host: matches every host; leave host out"),
        ('path: "/f", feature: f, host: "a.*.b"', 'routes[1].host: "a.*.b" is no host name; write it like www.example.com or *.example.com'),
        ('path: "/f", feature: f, host: "h."', 'routes[1].host: "h." ends in a dot; write "h"'),
        ('path: "/f", feature: f, host: "bücher.de"', 'routes[1].host: "bücher.de" is not as browsers send it; write "xn--bcher-kva.de"'),
        ('path: "/f", feature: f, methods: [get]', 'routes[1].methods[0]: "get" is not "GET" on the wire; write GET'),
        ('path: "/f", feature: f, methods: ["G T"]', 'routes[1].methods[0]: "G T" is no method; write it like GET'),
        ('path: "/f", feature: f, methods: [GET, GET]', "routes[1].methods[1]: GET is in the list already; remove it"),
        ('path: "/f", feature: f, methods: []', "routes[1].methods: is empty; leave it out for any method, or list some"),
        ('path: "/f", feature: f, headers: {X-A: "1", x-a: "2"}', 'routes[1].headers.x-a: the same header as "X-A": names have no case; keep one of them'),
        ('path: "/f", feature: f, headers: {"x a": "1"}', 'routes[1].headers.x a: "x a" is no name of a header; write it like x-client-version'),
        ('path: "/f", feature: f, headers: {X-Gateway-Side: new}', "routes[1].headers.X-Gateway-Side: \"X-Gateway-Side\" is the gateway's own and removed from requests; match a header that clients send"),
        ('path: "/f", feature: f, headers: {a: " 1"}', "routes[1].headers.a: begins or ends with a space, or has a control character; write the value as it arrives, without spaces around it"),
    ],
)  # fmt: skip
def test_each_fault_of_a_route(r, expected):
    assert expected in faults(r=r)


def test_an_encoded_slash_may_stand_in_a_path_where_it_is_data():
    assert faults(r='path: "/a%2Fb", feature: f', top="encoded_slash: data\n") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", '"nonsense" is no network; write it like 10.0.0.0/8 or fd00::/8'),
        ("10.0.0.1/8", '"10.0.0.1/8" has bits set behind its prefix; write 10.0.0.0/8, or the one address alone'),
    ],
)
def test_trusted_proxies_are_networks(text, words):
    assert faults(top=f'trusted_proxies: ["10.1.2.3", "fd00::/8", "{text}"]\n') == [f"trusted_proxies[2]: {words}"]


def test_what_works_but_is_probably_not_meant_is_a_warning():
    assert warnings(b='url: "http://h:2"}\n  c: {url: "http://h:3"') == [
        "5:3 upstreams.c: no feature and no route uses it"
    ]
    assert warnings(r='path: "/f", upstream: b') == ["6:3 features.f: no route leads to it"]
    same = warnings(f="legacy: a, new: a", r='path: "/f", feature: f', more='  - {path: "/b", upstream: b}\n')
    assert same == ['6:23 features.f.new: the same upstream as legacy, "a": no percent changes anything']


def test_one_upstream_with_other_paths_for_each_side_is_no_warning():
    more = '  - {path: "/b", upstream: b}\n'
    assert warnings(f="legacy: a, new: a, rewrite: {new: {from: /f, to: /v2}}", more=more) == []


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            "breaker: {enabled: false, probes: 1}",
            "upstreams.a.breaker: is off, so its other keys say nothing; keep enabled: false alone",
        ),
        (
            "breaker: {open_seconds: 90}",
            "upstreams.a.breaker.open_seconds: stays open for 90 s at first and 60 s at most; raise max_open_seconds",
        ),
        (
            "breaker: {max_open_seconds: 2}",
            "upstreams.a.breaker.max_open_seconds: stays open for 5 s at first and 2 s at most; raise max_open_seconds",
        ),
    ],
)
def test_what_keys_of_an_upstream_mean_to_each_other(keys, words):
    (fault,) = faults(a=f'url: "http://h:1", {keys}')
    assert fault.startswith(words)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("ejection: {max_seconds: 2}", "upstreams.a.ejection.max_seconds: leaves a URL out for 5 s at first and 2 s at most; raise max_seconds"),
        ("health: {path: healthz}", "upstreams.a.health.path: "),
        ("health: {interval_seconds: 1}", "upstreams.a.health.path: required key is missing"),
    ],
)  # fmt: skip
def test_what_leaves_targets_out_makes_sense(keys, words):
    (fault,) = faults(a=f'urls: ["http://h:1", "http://h:3"], {keys}')
    assert fault.startswith(words), fault


def test_what_leaves_a_url_out_says_nothing_where_there_is_one():
    (warning,) = warnings(a='url: "http://h:1", ejection: {seconds: 2}')
    assert warning.endswith("upstreams.a.ejection: does nothing: the only URL is never left out")
    assert warnings(a='urls: ["http://h:1", "http://h:3"], ejection: {seconds: 2}') == []


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("fallback_on: [404]", "features.f.fallback_on: says nothing without fallback; add fallback: legacy"),
        ("fallback_max_in_flight: 3", "features.f.fallback_max_in_flight: says nothing without fallback"),
        ("fallback: legacy, reversible: false", "features.f.fallback: legacy cannot read what new has written"),
        ("fallback: legacy, on_unhealthy: fail", "features.f.fallback: legacy would answer after all"),
        ("on_unhealthy: legacy, reversible: false", "features.f.on_unhealthy: legacy cannot read what new has written"),
        ("fallback: new", "features.f.fallback: "),
        ("fallback: legacy, fallback_on: [418]", "features.f.fallback_on[0]: "),
    ],
)
def test_ways_back_that_contradict_each_other_are_faults(keys, words):
    (fault,) = faults(f=f"legacy: a, new: b, {keys}")
    assert fault.startswith(words), fault


def test_idempotent_requests_fall_back_only_where_something_does():
    (fault,) = faults(r='path: "/f", feature: f, fallback_idempotent: true')
    assert fault.startswith(
        'routes[1].fallback_idempotent: says nothing: feature "f" has no fallback; add fallback: legacy'
    )
    (fault,) = faults(r='path: "/f", feature: f', more='  - {path: "/b", upstream: b, fallback_idempotent: true}\n')
    assert fault.startswith("routes[2].fallback_idempotent: says nothing on a route with an upstream")
    assert faults(f="legacy: a, new: b, fallback: legacy", r='path: "/f", feature: f, fallback_idempotent: true') == []


@pytest.mark.parametrize("key", ["queue: 3", "queue_timeout_seconds: 2"])
def test_a_queue_needs_a_cap(key):
    (fault,) = faults(a=f'url: "http://h:1", {key}')
    assert fault == f"upstreams.a.{key.split(':')[0]}: says nothing without max_in_flight; add max_in_flight"
    assert faults(a=f'url: "http://h:1", max_in_flight: 5, {key}') == []


def test_a_cap_that_is_never_reached_is_told():
    (warning,) = warnings(a='urls: ["http://h:1", "http://h:3"], max_in_flight: 11, max_connections: 5')
    assert "upstreams.a.max_in_flight: is never reached: max_connections let 10 requests through" in warning
    assert warnings(a='urls: ["http://h:1", "http://h:3"], max_in_flight: 10, max_connections: 5') == []
