"""Where a recorded request leads: by the gateway's own routes, with the rules, the paths and the secrets of each."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.load import load
from gateway.replay.leads import ByRoutes, Lead, OneFeature, label_of, sent_fields
from gateway.replay.left_out import LeftOut
from gateway.replay.pair import as_client_sees, request_fields, target_of
from gateway.replay.record import Recorded
from gateway.replay.side import own_origins
from gateway.rules.plan import compile_plan
from gateway.rules.replies import Reply
from gateway.rules.rewrite import PathRewrite

ROUTES = """\
version: 1
upstreams:
  legacy: {url: "http://127.0.0.1:1"}
  new: {url: "http://127.0.0.1:2", host_header: upstream}
features:
  users:
    legacy: legacy
    new: new
    key: ["cookie:id"]
    no_key: legacy
    compare: {ignore: ["$.at"], redact: ["$.mail", "header:x-mail"]}
    rewrite:
      legacy: {from: /api, to: /old}
  gone: {new: new}
routes:
  - {host: "shop.example", path: "/api/users/{id}", feature: users, compare: {ignore: ["$.near"]}}
  - {path: "/api/users/*", methods: [POST], feature: users}
  - {path: "/api/v2/*", headers: {x-beta: "1"}, feature: users}
  - {path: "/api/costly", feature: users, shadow: false}
  - {path: "/api/events", feature: users, stream: true}
  - {path: "/api/gone", feature: gone}
  - {path: "/*", upstream: legacy}
"""


def by_routes(**options):
    loaded = load(ROUTES)
    assert loaded.faults == ()
    return ByRoutes(compile_plan(loaded.routes, loaded.sha256), **options)


def get(target, method=b"GET", **more):
    return Recorded(1, method, target, **more)


def test_a_request_has_the_feature_the_label_and_the_rules_of_its_route():
    lead = by_routes()(get(b"/api/users/7?x", host=b"shop.example:443"))
    assert (lead.feature, lead.plan.route) == ("users", "shop.example/api/users/{id}")
    assert [pattern.text for pattern in lead.plan.rules.body.ignore] == ["$.near", "$.at"]
    assert ([pattern.text for pattern in lead.plan.redact], lead.plan.redact_headers) == (["$.mail"], {"x-mail"})
    assert lead.keeps_host == (True, False)


def test_a_route_that_takes_none_of_its_shadow_methods_has_its_rules_all_the_same():
    lead = by_routes(ignore=("header:x-a", "$.b"))(get(b"/api/users/7", b"POST"))
    assert lead.plan.route == "/api/users/*"
    assert [pattern.text for pattern in lead.plan.rules.body.ignore] == ["$.b", "$.at"]
    assert lead.plan.rules.ignore_headers == {"x-a"}
    assert lead.plan.redact_headers == {"x-mail"}


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (get(b"/other"), LeftOut.NO_FEATURE),
        (get(b"/api/v2/a"), LeftOut.NO_FEATURE),
        (get(b"/api%2Fcostly"), LeftOut.NO_FEATURE),  # ambiguous: the gateway refuses it
        (get(b"/api/costly"), LeftOut.SHADOW_OFF),
        (get(b"/api/events"), LeftOut.STREAM),
        (get(b"/api/gone"), LeftOut.RETIRED),
    ],
)
def test_what_has_no_two_sides_to_compare_is_left_out(request_, why):
    assert by_routes()(request_) == why


def test_headers_that_are_given_for_all_match_routes_too():
    assert by_routes(extra=((b"x-beta", b"1"),))(get(b"/api/v2/a")).feature == "users"
    lead = by_routes(extra=((b"host", b"shop.example"),))(get(b"/api/users/7"))
    assert lead.plan.route == "shop.example/api/users/{id}"


def test_each_side_has_its_own_path():
    lead = by_routes()(get(b"/api/v2/a", fields=((b"x-beta", b"1"),)))
    assert [target_of(get(b"/api/v2/a?b=/api"), lead, place) for place in (0, 1)] == [
        b"/old/v2/a?b=/api",
        b"/api/v2/a?b=/api",
    ]


def test_without_routes_everything_is_one_feature_with_the_places_that_are_ignored():
    lead = OneFeature(("$.at", "header:etag"))(get(b"/users/me/orders"))
    assert (lead.feature, lead.plan.route) == ("replay", "/users/me/orders")
    assert (lead.plan.rules.body.ignore[0].text, lead.plan.rules.ignore_headers) == ("$.at", {"etag"})


@pytest.mark.parametrize(
    ("path", "label"),
    [
        (b"/users/12345/orders", "/users/*/orders"),
        (b"/a/0f8fad5b-d9cb-469f-a165-70867728950e", "/a/*"),
        (b"/api/v1/terms/", "/api/v1/terms/"),
        (b"/", "/"),
        (b"/reset;password=hunter2hunter/x", "/reset;password=***/x"),
        (b"/reset;pass%77ord%3Dhunter2hunter;a=b/x", "/reset;password=***;a=b/x"),
        (b"/a%20b/password", "/a%20b/password"),
    ],
)
def test_a_label_leaves_out_what_names_one_of_many(path, label):
    assert label_of(path) == label


@given(path=st.binary(max_size=60))
def test_every_path_has_a_label(path):
    assert isinstance(label_of(path), str)


def test_what_was_given_for_all_takes_the_place_of_what_was_recorded():
    recorded = get(b"/", host=b"a", fields=((b"cookie", b"old"), (b"accept", b"x")))
    assert sent_fields(recorded, ((b"cookie", b"new"),)) == [(b"host", b"a"), (b"accept", b"x"), (b"cookie", b"new")]


@pytest.mark.parametrize(
    ("host", "keeps", "sent"),
    [(b"shop.example", True, b"shop.example"), (b"shop.example", False, b"own"), (b"", True, b"own")],
)
def test_the_host_is_the_recorded_one_where_it_is_kept(host, keeps, sent):
    fields = request_fields(get(b"/", host=host), (), own_host=b"own", keeps_host=keeps, request_id=b"1")
    assert fields == [(b"host", sent), (b"user-agent", b"gateway-replay"), (b"x-request-id", b"1")]


def test_a_reply_is_compared_as_clients_see_it():
    rewrite = PathRewrite.of("/api", "/old")
    headers = [("location", "http://127.0.0.1:9001/old/a"), ("set-cookie", "a=b; Path=/old"), ("x", "/old")]
    seen = as_client_sees(
        Reply(302, headers, b""), rewrite, origins=frozenset((b"http://127.0.0.1:9001",)), host=b"shop.example"
    )
    assert seen.headers == [("location", "http://shop.example/api/a"), ("set-cookie", "a=b; Path=/api"), ("x", "/old")]


@pytest.mark.parametrize(
    ("url", "origins"),
    [
        ("http://App:9001/x", {b"http://app:9001"}),
        ("http://app", {b"http://app", b"http://app:80"}),
        ("https://app:443", {b"https://app", b"https://app:443"}),
        ("http://[::1]", {b"http://[::1]", b"http://[::1]:80"}),
    ],
)
def test_a_side_knows_its_own_address_however_it_is_written(url, origins):
    assert own_origins(urlsplit(url)) == origins


def test_a_lead_is_made_once_for_each_route():
    leads = by_routes()
    one, other = leads(get(b"/api/users/1", b"POST")), leads(get(b"/api/users/2", b"POST"))
    assert isinstance(one, Lead)
    assert one is other
