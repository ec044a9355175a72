import pytest

from gateway.config.accepted import dump_accepted, load_accepted
from gateway.config.load import load
from gateway.rules.explain import explain
from gateway.rules.plan import compile_plan

FILE = """
version: 1
upstreams: {{old: {{url: "http://h:1"}}}}
routes:
  - {{path: "/*", upstream: old{route}}}
{top}
"""
GOOD = 'origins: ["https://app.example.com"]'


def text(route="", top=""):
    return FILE.format(route=f", {route}" if route else "", top=top)


def faults(**parts):
    return [f"{fault.key}: {fault.problem}; {fault.remedy}" for fault in load(text(**parts)).faults]


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com",
        "http://localhost:3000",
        "https://a",
        "https://xn--bcher-kva.example",
        "http://[::1]:8080",
        "http://127.0.0.1",
        "capacitor://localhost",
        "chrome-extension://abcdefghijklmnop",
        "https://h:80",
        "http://h:443",
    ],
)
def test_an_origin_as_browsers_send_it(origin):
    assert faults(top=f'cors: {{origins: ["{origin}"]}}') == []


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("*", "lets every site read the replies; list each origin in full"),
        ("null", "is the origin of any sandboxed page"),
        ("Null", "is the origin of any sandboxed page"),
        ("https://*.example.com", "is a pattern, and origins are compared whole; list each origin in full"),
        ("https://*", "is a pattern"),
        ("*.example.com", "is a pattern"),
        ("example.com", "is no origin as browsers send it; write it like https://app.example.com"),
        ("https://example.com/", "is no origin as browsers send it; write it like https://example.com"),
        ("https://example.com/a?b", "write it like https://example.com"),
        ("https://Example.com", "write it like https://example.com"),
        ("HTTPS://example.com", "write it like https://example.com"),
        ("https://bücher.example", "write it like https://xn--bcher-kva.example"),
        ("https://u@example.com", "is no origin"),
        ("https://example.com.", "is no origin"),
        ("https://example.com:", "is no origin"),
        ("https://example.com:0", "is no origin"),
        ("https://example.com:080", "is no origin"),
        ("https://a b", "is no origin"),
        ("https://", "is no origin"),
        ("//example.com", "is no origin"),
        ("", "is no origin"),
        ("^https://.*$", "is a pattern"),
        ("https://a.example.com|https://b.example.com", "is no origin"),
        ("https://example.com:443", "has the port that browsers leave out; write https://example.com"),
        ("http://example.com:80", "has the port that browsers leave out; write http://example.com"),
        ("https://example.com:65536", "has a port that is none"),
    ],
)
@pytest.mark.parametrize("place", ["top", "route"])
def test_an_origin_that_is_none(origin, words, place):
    where = f'cors: {{origins: ["{origin}"]}}'
    (fault,) = faults(**{place: where})
    assert fault.startswith("cors.origins[0]: " if place == "top" else "routes[0].cors.origins[0]: ")
    assert words in fault


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ('origins: ["https://a", "https://a"]', 'cors.origins[1]: "https://a" is in the list already; remove it'),
        ("origins: []", "cors.origins: is empty; at least one entry is needed"),
        ("origins: https://a", "cors.origins: is text, not a list; write [https://a]"),
        ("methods: [GET]", 'cors.origins: required key is missing; add "origins"'),
        (GOOD + ", methods: [get]", 'cors.methods[0]: "get" is not "GET" on the wire; write GET'),
        (GOOD + ', methods: ["*"]', 'cors.methods[0]: "*" is no method; list each'),
        (GOOD + ', methods: ["A B"]', 'cors.methods[0]: "A B" is no method'),
        (GOOD + ", methods: [GET, GET]", "cors.methods[1]: GET is in the list already"),
        (GOOD + ', headers: ["*"]', 'cors.headers[0]: "*" means a header of that name where there are credentials'),
        (GOOD + ', headers: ["x y"]', 'cors.headers[0]: "x y" is no name of a header'),
        (GOOD + ", headers: [x-a, X-A]", "cors.headers[1]: X-A is in the list already; remove it: names have no case"),
        (GOOD + ', exposed_headers: ["*"]', "cors.exposed_headers[0]: "),
        (GOOD + ", credentials: yes", "cors.credentials: "),
        (GOOD + ', credentials: "true"', 'cors.credentials: "true" is not a boolean; write true or false'),
        (GOOD + ", max_age_seconds: -1", "cors.max_age_seconds: -1 is out of range; write at least 0"),
        (GOOD + ", max_age_seconds: 86401", "cors.max_age_seconds: 86401 is out of range; write at most 86400"),
        (GOOD + ", max_age_seconds: 1.5", "cors.max_age_seconds: 1.5 is not a whole number"),
        (GOOD + ", orgins: []", 'cors.orgins: unknown key; did you mean "origins"?'),
    ],
)
@pytest.mark.parametrize("place", ["top", "route"])
def test_faults(keys, words, place):
    found = faults(**{place: f"cors: {{{keys}}}"})
    prefix = "" if place == "top" else "routes[0]."
    assert len(found) == 1
    assert found[0].startswith(prefix + words)


@pytest.mark.parametrize(
    ("top", "route", "words"),
    [
        ("cors: false", "", "cors: is a boolean, not a mapping of keys; its keys: origins, methods"),
        ("cors: true", "", "cors: is a boolean, not a mapping"),
        ("", "cors: true", "routes[0].cors: is a boolean, not a mapping of keys; its keys: origins, methods"),
        ("", 'cors: "false"', "routes[0].cors: is text, not a mapping"),
        ("", "cors: https://a", "routes[0].cors: is text, not a mapping"),
        ("cors:", "", "cors: nothing stands here; write a value, or leave the key out"),
    ],
)
def test_what_stands_in_the_place_of_keys(top, route, words):
    (fault,) = faults(top=top, route=route)
    assert fault.startswith(words)


def test_several_faults_are_all_reported():
    found = faults(top='cors: {origins: ["*", "null"], methods: [get]}', route='cors: {origins: ["https://a/"]}')
    assert [fault.partition(": ")[0] for fault in found] == [
        "routes[0].cors.origins[0]",
        "cors.origins[0]",
        "cors.origins[1]",
        "cors.methods[0]",
    ]


def test_switching_off_what_is_not_on_is_a_warning():
    (warning,) = load(text(route="cors: false")).warnings
    assert (warning.key, "not on" in warning.problem) == ("routes[0].cors", True)
    assert load(text(route="cors: false", top=f"cors: {{{GOOD}}}")).warnings == ()


def test_what_explain_says_of_a_preflight():
    plan = compile_plan(load(text(top=f"cors: {{{GOOD}}}")).routes, "")
    headers = [("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "PUT")]
    for given, status in ((headers, 204), (headers[:1], None)):
        told = explain(plan, {}, method="options", url="http://h/a", headers=given, client_ip="127.0.0.1")
        assert told.get("status") == status


@pytest.mark.parametrize("route", ["", "cors: false", f"cors: {{{GOOD}, credentials: true, max_age_seconds: 0}}"])
def test_the_accepted_copy_says_the_same(route):
    loaded = load(text(route=route, top='cors: {origins: ["https://b"]}'))
    accepted = load_accepted(dump_accepted(loaded.routes, loaded.sha256, "x")).routes
    assert accepted == loaded.routes
    assert compile_plan(accepted, "").targets[0].cors == compile_plan(loaded.routes, "").targets[0].cors


def test_a_routes_own_wins_whole_and_false_is_none():
    top = 'cors: {origins: ["https://b"], credentials: true}'
    plan = compile_plan(load(text(top=top)).routes, "")
    assert plan.targets[0].cors is plan.cors is not None
    plan = compile_plan(load(text(route="cors: false", top=top)).routes, "")
    assert (plan.targets[0].cors, plan.has_cors) == (None, False)
    plan = compile_plan(load(text(route=f"cors: {{{GOOD}}}", top=top)).routes, "")
    own = plan.targets[0].cors
    assert own.origins == {b"https://app.example.com"}
    assert own.granted == ()
    plan = compile_plan(load(text()).routes, "")
    assert (plan.cors, plan.has_cors) == (None, False)
