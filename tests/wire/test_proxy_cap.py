"""Requests at once, the queue before an upstream, and retries within their budget."""

import asyncio

import pytest

from tests.support.proxy_harness import OUR_EDGE, gateway, head_of, one, two
from tests.support.scripted_upstream import OK, answer_all, applies, eventually, serving

USER = "x-user: a"


class Slow:
    """Answers when it is let go."""

    def __init__(self):
        self.go = asyncio.Event()

    async def __call__(self, peer):
        while await peer.request():
            await self.go.wait()
            await peer.send(OK)


@applies(*OUR_EDGE)
async def test_over_the_cap_requests_wait_and_over_the_queue_they_are_told(server):
    slow = Slow()
    options = "max_in_flight: 1, queue: 1, queue_timeout_seconds: 60"
    async with (
        serving(slow) as old,
        gateway(one(old, options=options), server) as gw,
        gw.client() as one_of,
        gw.client() as other,
        gw.client() as third,
    ):
        await one_of.send(head_of("GET", "/1"))
        await eventually(lambda: len(old.requests) == 1)
        await other.send(head_of("GET", "/2"))
        await eventually(lambda: gw.guards["old"].queued == 1)
        over = await third.get("/3")
        assert (over.status, over[b"retry-after"]) == (503, b"1")
        assert len(old.requests) == 1
        slow.go.set()
        assert (await one_of.reply()).status == (await other.reply()).status == 200
        await gw.until_counted(total=3)
        assert gw.attempts == {("fixed", "ok"): 2, ("fixed", "refused"): 1}
        assert gw.upstream_errors == {("old", "full"): 1}
        assert gw.guards["old"].breaker_state == "closed"
        assert gw.guards["old"].cap.in_flight == 0


@applies(*OUR_EDGE)
async def test_a_queue_that_does_not_move_is_503_in_time(server):
    slow = Slow()
    options = "max_in_flight: 1, queue: 5, queue_timeout_seconds: 0.05"
    async with (
        serving(slow) as old,
        gateway(one(old, options=options), server) as gw,
        gw.client() as client,
        gw.client() as other,
    ):
        await client.send(head_of("GET", "/1"))
        await eventually(lambda: len(old.requests) == 1)
        assert (await other.get("/2")).status == 503
        slow.go.set()
        assert (await client.reply()).status == 200


@applies(*OUR_EDGE)
async def test_a_kill_lets_those_who_wait_decide_again_at_once(server):
    slow = Slow()
    options = "max_in_flight: 1, queue: 5, queue_timeout_seconds: 60"
    async with (
        serving(answer_all) as old,
        serving(slow) as new,
        gateway(two(old, new, options=options, top="expose_decision: true"), server) as gw,
        gw.client() as client,
        gw.client() as other,
    ):
        await client.send(head_of("GET", "/api/auth/1", USER))
        await eventually(lambda: len(new.requests) == 1)
        await other.send(head_of("POST", "/api/auth/2", USER, "content-length: 2") + b"hi")
        await eventually(lambda: gw.guards["new"].queued == 1)
        gw.kill()
        gw.proxy.ask_queues_again()
        moved = await other.reply()  # while new still has not answered the first
        assert (moved[b"x-gateway-side"], moved[b"x-gateway-reason"]) == (b"legacy", b"killed")
        assert [request.body for request in old.requests] == [b"hi"]
        slow.go.set()
        assert (await client.reply())[b"x-gateway-side"] == b"new"
        await gw.until_counted(total=2)
        assert gw.attempts == {("new", "ok"): 1, ("legacy", "ok"): 1}


@applies(*OUR_EDGE)
async def test_a_client_that_leaves_the_queue_or_its_place_frees_it(server):
    slow = Slow()
    options = "max_in_flight: 1, queue: 5, queue_timeout_seconds: 60"
    async with serving(slow) as old, gateway(one(old, options=options), server) as gw, gw.client() as last:
        async with gw.client() as first:
            await first.send(head_of("GET", "/1"))
            await eventually(lambda: len(old.requests) == 1)
            async with gw.client() as second:
                await second.send(head_of("GET", "/2"))
                await eventually(lambda: gw.guards["old"].queued == 1)
            await eventually(lambda: gw.guards["old"].queued == 0)
            await last.send(head_of("GET", "/3"))
            await eventually(lambda: gw.guards["old"].queued == 1)
        slow.go.set()
        assert (await last.reply()).status == 200
        await gw.until_counted(total=3)


@applies(*OUR_EDGE)
async def test_what_new_has_no_place_for_falls_back(server):
    slow = Slow()
    options = "max_in_flight: 1, queue: 0"
    async with (
        serving(answer_all) as old,
        serving(slow) as new,
        gateway(two(old, new, options=options, feature="key: ['header:x-user'], fallback: legacy"), server) as gw,
        gw.client() as client,
        gw.client() as other,
    ):
        await client.send(head_of("GET", "/api/auth/1", USER))
        await eventually(lambda: len(new.requests) == 1)
        assert (await other.get("/api/auth/2", USER)).status == 200
        assert gw.fallbacks == {("auth", "full"): 1}
        slow.go.set()
        await client.reply()


@applies(*OUR_EDGE)
@pytest.mark.parametrize(("percent", "retried"), [(10, True), (0, False)])
async def test_a_closed_idle_connection_is_tried_again_within_the_budget(server, percent, retried):
    async def stale(peer):
        """Closes at its second request; the first connection alone."""
        if peer.number == 0:
            await peer.request()
            await peer.send(OK)
            await peer.head()
        else:
            await answer_all(peer)

    options = f"retry_percent: {percent}"
    async with serving(stale) as old, gateway(one(old, options=options), server) as gw, gw.client() as client:
        assert (await client.get()).status == 200
        assert (await client.get()).status == (200 if retried else 502)
        assert gw.retries == {("old", "made" if retried else "refused"): 1}
