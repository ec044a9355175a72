"""Testers choose a side by a signed token; nobody else does, and no upstream sees one."""

import os
import subprocess
import sys
import time

import pytest

from gateway.model import Side
from gateway.rules.explain import explain
from gateway.rules.override import make_token, read_token
from gateway.rules.policy import parse_key_list
from tests.support.proxy_harness import ANY_SERVER, OUR_EDGE, gateway, two
from tests.support.scripted_upstream import answer_all, applies, serving

KEY = "0123456789abcdef0123456789abcdef"
USER = "x-user: a"


def token(*, side=Side.NEW, feature="auth", key=KEY, ttl=60):
    return make_token(key.encode(), feature=feature, side=side, expires=int(time.time()) + ttl)


def text_of(old, new, *, override="true"):
    feature = f"key: ['header:x-user'], override: {override}"
    return two(old, new, percent=0, feature=feature, top="expose_decision: true")


@applies(*ANY_SERVER)
@pytest.mark.parametrize("place", ["x-gateway-override: {}", "cookie: a=1; gateway_override={}; b=2"])
async def test_a_token_chooses_the_side_and_goes_no_further(server, place):
    async with (
        serving(answer_all) as old,
        serving(answer_all) as new,
        gateway(text_of(old, new), server) as gw,
        gw.client() as client,
    ):
        gw.proxy.override_key = KEY.encode()
        reply = await client.get("/api/auth/x", USER, place.format(token()))
        assert (reply[b"x-gateway-side"], reply[b"x-gateway-reason"]) == (b"new", b"override")
        gw.percent(100)
        reply = await client.get("/api/auth/x", USER, place.format(token(side=Side.LEGACY)))
        assert (reply[b"x-gateway-side"], reply[b"x-gateway-reason"]) == (b"legacy", b"override")
        await client.get("/other", place.format(token()))
        seen = [request.head.lower() for request in (*old.requests, *new.requests)]
        assert len(seen) == 3
        assert not any(b"override" in head or b":new:" in head for head in seen)
        if place.startswith("cookie"):
            assert all(b"cookie: a=1; b=2" in head for head in seen)
        await gw.until_counted(total=3)
        cohorts = gw._samples("gateway_attempts_total", "side", "cohort")
        assert cohorts == {("new", "other"): 1, ("legacy", "other"): 1, ("fixed", "other"): 1}
        assert not any("override=" in repr(event) or KEY in repr(event) for event in gw.logged.events)


@applies(*OUR_EDGE)
@pytest.mark.parametrize(
    "bad",
    [
        lambda: "new",
        lambda: token().rpartition(":")[0],
        lambda: token(key="another key, as long as it gets"),
        lambda: token(ttl=-1),
        lambda: token(feature="upload"),
        lambda: token().replace(":new:", ":legacy:"),
    ],
)
@pytest.mark.parametrize("place", ["x-gateway-override: {}", "x_gateway_override: {}", "cookie: gateway_override={}"])
async def test_what_is_no_valid_token_is_stripped_and_ignored(server, bad, place):
    async with (
        serving(answer_all) as old,
        serving(answer_all) as new,
        gateway(text_of(old, new), server) as gw,
        gw.client() as client,
    ):
        gw.proxy.override_key = KEY.encode()
        reply = await client.get("/api/auth/x", USER, place.format(bad()))
        assert (reply[b"x-gateway-side"], reply[b"x-gateway-reason"]) == (b"legacy", b"split")
        assert new.requests == []
        assert b"override" not in old.requests[0].head.lower()


@applies(*OUR_EDGE)
@pytest.mark.parametrize(("override", "key"), [("false", KEY), ("true", None)])
async def test_it_counts_only_where_the_feature_allows_it_and_there_is_a_key(server, override, key):
    async with (
        serving(answer_all) as old,
        serving(answer_all) as new,
        gateway(text_of(old, new, override=override), server) as gw,
        gw.client() as client,
    ):
        gw.proxy.override_key = key.encode() if key else None
        reply = await client.get("/api/auth/x", USER, f"x-gateway-override: {token()}")
        assert reply[b"x-gateway-reason"] == b"split"
        assert b"override" not in old.requests[0].head.lower()


@applies(*OUR_EDGE)
async def test_it_beats_lists_and_not_a_kill_and_explain_says_so(server):
    async with (
        serving(answer_all) as old,
        serving(answer_all) as new,
        gateway(text_of(old, new), server) as gw,
        gw.client() as client,
    ):
        gw.proxy.override_key = KEY.encode()
        gw.change(deny=parse_key_list(frozenset({b"a"})))
        line = f"x-gateway-override: {token()}"
        assert (await client.get("/api/auth/x", USER, line))[b"x-gateway-reason"] == b"override"
        told = explain(
            gw.plan,
            gw.policies,
            method="GET",
            url="http://h/api/auth/x",
            headers=[("x-user", "a"), ("x-gateway-override", token())],
            client_ip="127.0.0.1",
            override_key=gw.proxy.override_key,
            now=time.time(),
        )
        assert (told["side"], told["reason"]) == ("new", "override")
        gw.kill()
        assert (await client.get("/api/auth/x", USER, line))[b"x-gateway-reason"] == b"killed"


def command(*words, key=KEY):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_OVERRIDE")}
    return subprocess.run(
        [sys.executable, "-m", "gateway", "token", *words],
        env={**environment, **({"GATEWAY_OVERRIDE_KEY": key} if key else {})},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_command_makes_what_the_gateway_takes():
    made = command("auth", "--side", "legacy", "--ttl", "15m")
    assert made.returncode == 0
    text = made.stdout.strip().encode()
    now = time.time()
    assert read_token(text, KEY.encode(), feature="auth", now=now + 800) is Side.LEGACY
    assert read_token(text, KEY.encode(), feature="auth", now=now + 901) is None


@pytest.mark.parametrize(
    ("words", "key", "said"),
    [
        (("auth",), None, "there is no key"),
        (("auth",), "short", "less than 16 bytes"),
        (("auth", "--ttl", "soon"), KEY, "is no time"),
        (("auth", "--ttl", "31d"), KEY, "longer than 30 days"),
        (("auth", "--side", "fixed"), KEY, "neither new nor legacy"),
        (("a:b",), KEY, "no name of a feature"),
    ],
)
def test_what_cannot_be_made_is_said(words, key, said):
    refused = command(*words, key=key)
    assert refused.returncode != 0
    assert said in refused.stderr
    assert refused.stdout == ""
