"""What an operator is told of one request. That it is what the proxy does is tested with the proxy itself."""

import dataclasses

import pytest

from gateway.model import BasisPoints
from gateway.rules.explain import EITHER, explain
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
