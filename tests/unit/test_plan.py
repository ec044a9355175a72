from ipaddress import ip_network

import pytest

from gateway.config.load import load
from gateway.rules.plan import compile_plan
from tests.unit.test_assign import plan

__all__ = ["plan"]


def test_upstreams_know_their_own_host_and_what_a_location_may_name(plan):
    old, new = plan.upstreams["old"], plan.upstreams["new"]
    assert (old.keeps_host, old.authority) == (True, b"old.example:80")
    assert old.origins == {b"http://old.example:80", b"http://old.example"}
    assert (new.keeps_host, new.authority) == (False, b"new.example")
    assert new.origins == {b"https://new.example", b"https://new.example:443", b"http://[::1]:9"}


def test_a_feature_has_its_parts_by_side(plan):
    auth = plan.features["auth"]
    assert (auth.upstreams, auth.cookie) == (("old", "new"), "id")
    assert auth.rewrites[0] is None
    assert auth.rewrites[1].forward(b"/api/auth/x") == b"/auth/x"


def test_a_fixed_route_has_its_own_rewrite(plan):
    assert plan.targets[1].rewrite.forward(b"/fixed/x") == b"/x"
    assert plan.trusted == (ip_network("10.0.0.0/8"),)


# -- shadows

SHADOWED = """
version: 1
shadow: {max_in_flight: 7, keep_seconds: 3600}
upstreams: {old: {url: "http://old:1"}, new: {url: "http://new:1"}}
features:
  shop: {legacy: old, new: new, noise_percent: 10, compare: {ignore: [$.b], redact: [$.mail], headers: [etag]}}
  gone: {new: new}
routes:
  - {path: "/api/items/{id}", host: shop.example, feature: shop, compare: {ignore: [$.a], redact: ["header:X-Who"]}}
  - {path: "/api/orders/*", feature: shop, shadow: {sample: 2.5}, methods: [GET, POST]}
  - {path: "/api/mail/*", feature: shop, shadow: false}
  - {path: "/api/pay/*", feature: shop, methods: [POST]}
  - {path: "/api/ticks/*", feature: shop, stream: true}
  - {path: "/api/tocks/*", feature: shop, stream: true, shadow: {methods: [GET]}}
  - {path: "/api/gone/*", feature: gone}
  - {path: "/*", upstream: old}
"""


def compiled(text):
    loaded = load(text)
    assert loaded.faults == ()
    return compile_plan(loaded.routes, loaded.sha256)


@pytest.fixture(scope="module")
def shadowed():
    return {target.route.path: target.shadow for target in compiled(SHADOWED).targets}


def test_a_route_of_a_feature_may_be_shadowed_where_it_only_reads(shadowed):
    items = shadowed["/api/items/{id}"]
    assert (items.methods, items.sample, items.noise) == ({b"GET", b"HEAD"}, 10_000, 1000)
    assert items.route == "shop.example/api/items/{id}"


def test_the_routes_rules_come_before_the_features(shadowed):
    items = shadowed["/api/items/{id}"]
    assert [pattern.text for pattern in items.rules.body.ignore] == ["$.a", "$.b"]
    assert items.rules.headers == {"etag"}
    assert ([pattern.text for pattern in items.redact], items.redact_headers) == (["$.mail"], {"x-who"})


def test_what_a_route_does_not_take_is_none_of_its_shadow_methods(shadowed):
    orders = shadowed["/api/orders/*"]
    assert (orders.methods, orders.sample, orders.route) == ({b"GET"}, 250, "/api/orders/*")


@pytest.mark.parametrize("path", ["/api/mail/*", "/api/pay/*", "/api/ticks/*", "/api/gone/*", "/*"])
def test_what_may_not_be_shadowed_has_no_plan_for_it(shadowed, path):
    assert shadowed[path] is None


def test_a_stream_is_shadowed_where_its_route_says_so(shadowed):
    assert shadowed["/api/tocks/*"].methods == {b"GET"}


def test_bounds_are_the_files():
    limits = compiled(SHADOWED).shadow
    assert (limits.max_in_flight, limits.keep_seconds, limits.timeout_seconds) == (7, 3600, 5.0)
    assert (limits.max_body_bytes, limits.max_held_bytes) == (1_048_576, 67_108_864)


def test_a_retired_feature_is_new_on_both_sides():
    gone = compiled(SHADOWED).features["gone"]
    assert (gone.retired, gone.upstreams, gone.diverts, gone.fallback) == (True, ("new", "new"), False, None)
