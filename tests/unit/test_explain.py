"""What an operator is told of one request. That it is what the proxy does is tested with the proxy itself."""

import dataclasses

import pytest

from gateway.config.load import load
from gateway.model import BasisPoints
from gateway.rules.explain import EITHER, explain
from gateway.rules.plan import compile_plan
from gateway.rules.policy import resolve
from gateway.rules.split import bucket
from tests.unit.test_assign import plan

__all__ = ["plan"]


def ask(plan, url="http://shop/api/auth/x", *headers, client_ip="127.0.0.1", **policy):
    held = resolve(routes=plan.routes, environment={}, known=None, store_configured=False)
    held = {"auth": dataclasses.replace(held["auth"], **policy)}
    return explain(plan, held, method="get", url=url, headers=headers, client_ip=client_ip)


def test_a_split_is_told_with_its_key_and_bucket(plan):
    told = ask(plan, "http://shop/api/auth/x?y", ("Cookie", "id=alice"))
    number = bucket("auth", b"alice")
    assert told["key"]["value"] == "alice"
    assert told["key"]["source"] == "cookie:id"
    assert (told["bucket"], told["percent"], told["reason"]) == (number, "10", "split")
    assert told["side"] == ("new" if number < 1000 else "legacy")
    assert told["upstream"] == ("new" if number < 1000 else "old")
    assert str(number) in told["why"]


@pytest.mark.parametrize(("points", "side"), [(0, "legacy"), (10_000, "new"), (1000, EITHER)])
def test_a_random_key_is_not_told_as_if_it_were_known(plan, points, side):
    told = ask(plan, basis_points=BasisPoints(points))
    assert (told["side"], told["bucket"], told["key"]["issued"]) == (side, None, True)


def test_a_kill_issues_no_key(plan):
    told = ask(plan, killed=True, kill_sources=("redis",))
    assert (told["side"], told["reason"], told["key"]) == ("legacy", "killed", None)
    assert "redis" in told["why"]


def test_a_fixed_route(plan):
    told = ask(plan, "/fixed/x")
    assert (told["side"], told["reason"], told["upstream"]) == ("fixed", "route", "old")


@pytest.mark.parametrize(("url", "status"), [("/nowhere", 404), ("/fixed//../api/auth/x", 400)])
def test_what_the_proxy_refuses(plan, url, status):
    assert ask(plan, url)["status"] == status


@pytest.mark.parametrize("url", ["", "ftp://a/b", "shop/x", "http://", "/a b", "/ä", "/a\nb"])
def test_what_is_no_url_is_said(plan, url):
    with pytest.raises(ValueError, match=r"URL|percent-encoded"):
        ask(plan, url)


@pytest.mark.parametrize(
    ("url", "path"), [("http://h", "/"), ("http://h?x=/a", "/"), ("http://h/a%2F?b#c", "/a%2F"), ("//a", "//a")]
)
def test_the_path_is_the_one_that_would_be_sent(plan, url, path):
    assert ask(plan, url)["request"]["path"] == path


# -- shadows, stages, retired features

SHOP = """
version: 1
upstreams: {old: {url: "http://old:1"}, new: {url: "http://new:1"}}
features:
  shop: {legacy: old, new: new}
  gone: {new: new}
routes:
  - {path: "/shop/*", feature: shop, shadow: {sample: 50}}
  - {path: "/mail/*", feature: shop, shadow: false}
  - {path: "/pay/*", feature: shop, methods: [POST]}
  - {path: "/ticks/*", feature: shop, stream: true}
  - {path: "/gone/*", feature: gone}
  - {path: "/*", upstream: old}
"""


def ask_shop(path, *headers, method="GET", down=None, **policy):
    loaded = load(SHOP)
    assert loaded.faults == ()
    plan = compile_plan(loaded.routes, loaded.sha256)
    held = dict(resolve(routes=plan.routes, environment={}, known=None, store_configured=False))
    held["shop"] = dataclasses.replace(held["shop"], **{"shadow": BasisPoints(1000), **policy})
    return explain(plan, held, method=method, url=path, headers=headers, client_ip="::1", down=down or {})


def test_a_request_that_would_be_shadowed_is_told_where_and_how_often():
    told = ask_shop("/shop/x")
    assert told["stage"] == "shadow"
    assert told["shadow"] == {"percent": "10", "source": "file", "sample": "50", "sent_to": "new", "why_not": None}
    assert ask_shop("/shop/x", basis_points=BasisPoints(10_000))["shadow"]["sent_to"] == "legacy"


@pytest.mark.parametrize(
    ("path", "more", "why_not"),
    [
        ("/shop/x", {"shadow": BasisPoints(0)}, "the feature's shadow_percent is 0"),
        ("/shop/x", {"killed": True}, "nothing is sent to new while the feature is killed"),
        ("/shop/x", {"unknown": True}, "the flag has never been read well"),
        ("/shop/x", {"method": "POST"}, "POST is none of the route's shadow methods: GET, HEAD"),
        (
            "/shop/x",
            {"down": {"new": "breaker open"}, "basis_points": BasisPoints(0)},
            "new is known to be down: breaker",
        ),
        ("/mail/x", {}, "the route says shadow: false"),
        ("/pay/x", {"method": "POST"}, "the route takes none of its shadow methods"),
        ("/ticks/x", {}, "the route is a stream"),
        ("/gone/x", {}, "the feature is retired"),
    ],
)
def test_why_a_request_would_not_be_shadowed_is_told(path, more, why_not):
    shadow = ask_shop(path, **more)["shadow"]
    assert shadow["why_not"].startswith(why_not)
    assert shadow["sent_to"] is None


def test_a_websocket_is_never_shadowed():
    upgrade = [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")]
    told = ask_shop("/shop/x", *upgrade, ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="))
    assert told["shadow"]["why_not"] == "a WebSocket never is"


def test_a_retired_feature_says_that_it_is():
    told = ask_shop("/gone/x")
    assert (told["stage"], told["side"], told["reason"], told["upstream"]) == ("retired", "new", "retired", "new")
    assert told["why"] == "the feature is retired: routes.yaml names no legacy for it"


def test_a_fixed_route_has_neither_stage_nor_shadow():
    assert {"stage", "shadow"} & ask_shop("/other").keys() == set()


def test_where_chance_decides_the_shadow_goes_to_whichever_side_does_not_answer(plan):
    told = ask(plan, shadow=BasisPoints(100))
    assert (told["side"], told["shadow"]["sent_to"]) == (EITHER, EITHER)
