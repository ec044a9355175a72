"""A side that fails is not asked for a while; who is served meanwhile, and by whom. Clocks are the tests' own."""

import asyncio

import pytest

from gateway.rules.explain import explain
from tests.support.proxy_harness import OUR_EDGE, BrokenReplyError, gateway, head_of, one, two
from tests.support.scripted_upstream import OK, answer_all, answering, applies, eventually, serving, unused_port

QUICK = "breaker: {consecutive_failures: 3, open_seconds: 5, probes: 1}"
USER = "x-user: a"


class Nowhere:
    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def replying(status):
    return b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status


def changing(replies):
    """Answers each request by what `replies` holds at that moment."""

    async def script(peer):
        while await peer.request():
            await peer.send(replies[0])

    return script


@applies(*OUR_EDGE)
async def test_an_upstream_that_fails_is_not_asked_for_a_while_and_then_tried(server):
    replies = [replying(503)]
    async with serving(changing(replies)) as old, gateway(one(old, options=QUICK), server) as gw, gw.client() as client:
        clock = gw.use_clock(Clock())
        for _ in range(3):
            assert (await client.get()).status == 503
        refused = await client.get()
        assert (refused.status, refused[b"retry-after"]) == (503, b"5")
        assert len(old.requests) == 3
        assert gw.upstream_errors == {("old", "down"): 1}
        clock.now += 4.9
        assert (await client.get())[b"retry-after"] == b"1"
        clock.now += 0.2
        assert (await client.get()).status == 503  # the probe: it has not recovered
        assert (await client.get())[b"retry-after"] == b"10"
        assert len(old.requests) == 4
        replies[0] = OK
        clock.now += 10
        for _ in range(5):
            assert (await client.get()).status == 200


@applies(*OUR_EDGE)
@pytest.mark.parametrize("status", [400, 404, 429, 500])
async def test_answers_that_are_no_outage_never_trip_it(server, status):
    async with (
        serving(changing([replying(status)])) as old,
        gateway(one(old, options=QUICK), server) as gw,
        gw.client() as client,
    ):
        for _ in range(10):
            assert (await client.get()).status == status
        assert len(old.requests) == 10


@applies(*OUR_EDGE)
async def test_clients_that_leave_never_trip_it(server):
    async def hang(peer):
        await peer.request()
        await peer.closed()

    async with serving(hang) as old, gateway(one(old, options=QUICK), server) as gw:
        for number in range(1, 7):
            async with gw.client() as client:
                await client.send(head_of("GET", "/"))
                await eventually(lambda number=number: len(old.requests) == number)
            await gw.until_counted(total=number)
        assert gw.requests == {("none", "fixed", "499"): 6}
        assert gw.guards["old"].breaker_state == "closed"


@applies(*OUR_EDGE)
async def test_replies_that_break_off_trip_it(server):
    cut = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
    async with serving(cut) as old, gateway(one(old, options=QUICK), server) as gw:
        for number in range(1, 4):
            async with gw.client() as client:
                with pytest.raises(BrokenReplyError):
                    await client.get()
            await gw.until_counted(total=number)
        assert gw.guards["old"].breaker_state == "open"


@applies(*OUR_EDGE)
async def test_while_new_is_down_legacy_serves_its_users(server):
    with unused_port() as port:
        text = two_with(Nowhere(port))
        async with serving(answer_all) as old, gateway(text(old), server) as gw, gw.client() as client:
            clock = gw.use_clock(Clock())
            for _ in range(3):
                assert (await client.get("/api/auth/x", USER)).status == 502
            diverted = await client.get("/api/auth/x", USER)
            assert diverted.status == 200
            assert (diverted[b"x-gateway-side"], diverted[b"x-gateway-reason"]) == (b"legacy", b"unhealthy")
            told = explain(
                gw.plan,
                gw.policies,
                method="GET",
                url="/api/auth/x",
                headers=[("host", "h"), ("x-user", "a")],
                client_ip="127.0.0.1",
                down={"new": gw.guards["new"].why_down()},
            )
            assert (told["side"], told["reason"]) == ("legacy", "unhealthy")
            assert "breaker is open" in told["why"]
            clock.now += 5
            assert (await client.get("/api/auth/x", USER)).status == 502  # the probe goes to new
            assert (await client.get("/api/auth/x", USER)).status == 200
            await gw.until_counted(total=6)
            assert gw.attempts == {("new", "refused"): 4, ("legacy", "ok"): 2}


def two_with(new, *, feature="", options=QUICK):
    def text(old):
        return two(
            old,
            new,
            options=options,
            top="expose_decision: true",
            feature=f"key: ['header:x-user']{', ' if feature else ''}{feature}",
        )

    return text


@applies(*OUR_EDGE)
@pytest.mark.parametrize("feature", ["on_unhealthy: fail", "reversible: false"])
async def test_where_nobody_is_diverted_users_of_new_are_told_and_those_of_legacy_served(server, feature):
    with unused_port() as port:
        text = two_with(Nowhere(port), feature=feature)
        async with serving(answer_all) as old, gateway(text(old), server) as gw, gw.client() as client:
            gw.use_clock(Clock())
            for _ in range(3):
                assert (await client.get("/api/auth/x", USER)).status == 502
            refused = await client.get("/api/auth/x", USER)
            assert (refused.status, refused[b"retry-after"], refused[b"x-gateway-side"]) == (503, b"5", b"new")
            gw.percent(0)
            served = await client.get("/api/auth/x", USER)
            assert (served.status, served[b"x-gateway-reason"]) == (200, b"split")


@applies(*OUR_EDGE)
async def test_an_unhealthy_legacy_moves_nobody_to_new_and_both_down_is_503(server):
    with unused_port() as port, unused_port() as other:
        async with serving(answer_all) as new:
            text = two_with(new)(Nowhere(port)).replace('"}', f'", {QUICK}}}', 1)
            async with gateway(text, server) as gw, gw.client() as client:
                gw.use_clock(Clock())
                gw.percent(0)
                for _ in range(3):
                    assert (await client.get("/api/auth/x", USER)).status == 502
                assert (await client.get("/api/auth/x", USER)).status == 503
                assert new.requests == []
        text = two_with(Nowhere(other))(Nowhere(port)).replace('"}', f'", {QUICK}}}', 1)
        async with gateway(text, server) as gw, gw.client() as client:
            gw.use_clock(Clock())
            for percent in (0, 100):
                gw.percent(percent)
                for _ in range(3):
                    assert (await client.get("/api/auth/x", USER)).status == 502
            both = await client.get("/api/auth/x", USER)
            assert (both.status, both[b"retry-after"]) == (503, b"5")
            assert both[b"x-gateway-reason"] == b"unhealthy"


@applies(*OUR_EDGE)
async def test_a_kill_beats_unhealthy_and_an_open_breaker_needs_no_kill(server):
    with unused_port() as port:
        async with (
            serving(answer_all) as old,
            gateway(two_with(Nowhere(port))(old), server) as gw,
            gw.client() as client,
        ):
            gw.use_clock(Clock())
            for _ in range(3):
                await client.get("/api/auth/x", USER)
            gw.kill()
            assert (await client.get("/api/auth/x", USER))[b"x-gateway-reason"] == b"killed"


@applies(*OUR_EDGE)
async def test_a_probe_with_a_long_body_closes_the_breaker_with_its_head(server):
    """And those that come while the one probe is under way go to legacy."""
    replies, go_on = [replying(502)], asyncio.Event()

    async def script(peer):
        while request := await peer.request():
            if b"slow" in request.line:
                probing.set()
                await answer.wait()
                await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha")
                await go_on.wait()
                await peer.send(b"lf")
            else:
                await peer.send(replies[0])

    probing, answer = asyncio.Event(), asyncio.Event()
    async with (
        serving(answer_all) as old,
        serving(script) as new,
        gateway(two_with(new)(old), server) as gw,
        gw.client() as client,
        gw.client() as slow,
    ):
        clock = gw.use_clock(Clock())
        for _ in range(3):
            await client.get("/api/auth/x", USER)
        clock.now += 5
        replies[0] = OK
        await slow.send(head_of("GET", "/api/auth/slow", USER))
        await probing.wait()
        meanwhile = await client.get("/api/auth/x", USER)
        assert meanwhile[b"x-gateway-reason"] == b"unhealthy"
        answer.set()
        await slow.head()
        after = await client.get("/api/auth/x", USER)
        assert (after[b"x-gateway-side"], after[b"x-gateway-reason"]) == (b"new", b"split")
        go_on.set()


@applies(*OUR_EDGE)
async def test_without_a_breaker_everything_is_tried(server):
    with unused_port() as port:
        text = one(Nowhere(port), options="breaker: {enabled: false}")
        async with gateway(text, server) as gw, gw.client() as client:
            for _ in range(30):
                assert (await client.get()).status == 502
            assert gw.upstream_errors == {("old", "refused"): 30}
