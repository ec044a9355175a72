"""Upstreams with several URLs, and names whose addresses change: over both clients, with real failing targets."""

import asyncio
import socket

import pytest

from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.rules.standing import StandingLimits
from tests.support.proxy_harness import OUR_EDGE, gateway, one
from tests.support.scripted_upstream import (
    BOTH,
    HTTP1,
    OK,
    answer_all,
    applies,
    connected,
    eventually,
    fetch,
    request,
    serving,
    unused_port,
)

LIMITS = StandingLimits(consecutive=3, seconds=5.0, max_seconds=60.0, slow_start=10.0)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def changing(replies):
    async def script(peer):
        while await peer.request():
            await peer.send(replies[0])

    return script


BUSY = b"HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n"


@applies(*BOTH)
async def test_a_target_that_answers_503_is_left_out_and_returns_gently(kind):
    replies, clock = [BUSY], Clock()
    async with (
        serving(changing(replies)) as sick,
        serving(answer_all) as well,
        connected(kind, sick.url, well.url, standing=LIMITS, clock=clock) as client,
    ):
        for _ in range(60):
            await fetch(client)
        assert len(sick.requests) == 3
        assert client.states() == ("ejected", "serving")
        clock.now += 5
        replies[0] = OK
        for _ in range(60):
            assert (await fetch(client))[0] == 200
        assert client.states() == ("returning", "serving")
        assert 3 <= len(sick.requests) < 3 + 30  # a tenth of the draws, of which it wins half
        clock.now += 10
        before = len(sick.requests)
        for _ in range(60):
            await fetch(client)
        assert client.states() == ("serving", "serving")
        assert len(sick.requests) - before > 12


@applies(*BOTH)
async def test_a_target_that_takes_no_connections_costs_no_request_and_is_left_out(kind):
    with unused_port() as port:
        dead = f"http://127.0.0.1:{port}"
        async with serving(answer_all) as well, connected(kind, dead, well.url, standing=LIMITS) as client:
            for _ in range(40):
                assert await fetch(client, request(b"POST", body=b"x")) == (200, b"ok")
            assert client.states() == ("ejected", "serving")


@applies(*BOTH)
async def test_the_last_target_is_always_asked(kind):
    with unused_port() as port, unused_port() as other:
        targets = (f"http://127.0.0.1:{port}", f"http://127.0.0.1:{other}")
        async with connected(kind, *targets, standing=LIMITS) as client:
            for _ in range(20):
                with pytest.raises(UpstreamError) as caught:
                    await client.send(request())
                assert caught.value.kind is UpstreamErrorKind.REFUSED
            assert sorted(client.states()) == ["ejected", "serving"]
            assert not client.is_down


@applies(*BOTH)
async def test_the_busier_target_gets_less(kind):
    release = asyncio.Event()

    async def slow(peer):
        while await peer.request():
            await release.wait()
            await peer.send(OK)

    async with serving(slow) as busy, serving(answer_all) as idle, connected(kind, busy.url, idle.url) as client:
        held = []
        while not busy.requests:
            held.append(asyncio.create_task(fetch(client)))
            reached = len(held)
            await eventually(lambda reached=reached: len(busy.requests) + len(idle.requests) == reached)
        for _ in range(20):
            assert await fetch(client) == (200, b"ok")
        assert len(busy.requests) == 1
        release.set()
        await asyncio.gather(*held)


HEALTH = "health: {path: /healthz, interval_seconds: 0.02, timeout_seconds: 1, unhealthy_after: 2, healthy_after: 2}"


def sick_or_well(state):
    async def script(peer):
        while asked := await peer.request():
            checked = asked.line == b"GET /healthz HTTP/1.1"
            await peer.send(BUSY if checked and state["sick"] else OK)

    return script


@applies(*OUR_EDGE)
@pytest.mark.parametrize("kind", ["http1", "httpx"])
async def test_an_upstream_that_fails_its_checks_is_down_and_comes_back(server, kind):
    state = {"sick": False}
    text = f"client: {kind}, {HEALTH}"
    async with (
        serving(sick_or_well(state)) as old,
        gateway(one(old, options=text), server) as gw,
        gw.client() as client,
    ):
        assert (await client.get()).status == 200
        state["sick"] = True
        await eventually(lambda: gw.guards["old"].is_down)
        assert gw.clients["old"].problems() == ("GET /healthz is answered 503",)
        assert "health checks" in gw.guards["old"].why_down()
        refused = await client.get()
        assert (refused.status, refused[b"retry-after"]) == (503, b"1")
        state["sick"] = False
        await eventually(lambda: not gw.guards["old"].is_down)
        assert (await client.get()).status == 200
        checks = [each for each in old.requests if each.line == b"GET /healthz HTTP/1.1"]
        assert {name.lower(): value for name, value in checks[0].fields}[b"host"] == old.url.removeprefix(
            "http://"
        ).encode()
        assert len(old.requests) - len(checks) == 2


@applies(*OUR_EDGE)
async def test_one_sick_target_of_two_gets_no_requests_and_nobody_notices(server):
    state = {"sick": True}
    async with serving(sick_or_well(state)) as sick, serving(answer_all) as well:
        text = one(well, options=HEALTH).replace(f'url: "{well.url}"', f'urls: ["{sick.url}", "{well.url}"]')
        async with gateway(text, server) as gw, gw.client() as client:
            await eventually(lambda: gw.clients["old"].states() == ("unhealthy", "serving"))
            for _ in range(30):
                assert (await client.get()).status == 200
            assert {each.line for each in sick.requests} == {b"GET /healthz HTTP/1.1"}


@applies(*OUR_EDGE)
async def test_a_check_that_nobody_answers_fails_in_its_time_and_disturbs_no_request(server):
    async def script(peer):
        while asked := await peer.request():
            if b"healthz" not in asked.line:
                await peer.send(OK)

    options = HEALTH.replace("timeout_seconds: 1", "timeout_seconds: 0.5")
    async with serving(script) as old, gateway(one(old, options=options), server) as gw, gw.client() as client:
        assert (await client.get()).status == 200
        await eventually(lambda: gw.guards["old"].is_down)


@applies(*OUR_EDGE)
async def test_checks_end_with_their_upstream(server):
    async with serving(answer_all) as old, gateway(one(old, options=HEALTH), server) as gw:
        await eventually(lambda: len(old.requests) >= 2)
        for retired in gw.upstreams.apply({}):
            await retired.aclose()
        running = [task for task in asyncio.all_tasks() if task.get_name().startswith("health-check")]
        await asyncio.wait(running)
        assert all(task.cancelled() for task in running)
        gw.upstreams.apply(gw.plan.routes.upstreams)


class Records:
    """A name server: what it answers now, or its failure."""

    def __init__(self, *addresses):
        self.addresses = addresses
        self.asked = 0

    async def __call__(self, host, port):
        assert host == "app.example"
        self.asked += 1
        if isinstance(self.addresses, OSError):
            raise self.addresses
        return self.addresses


def resolving(kind, records, port, *, every=0.02):
    from gateway.upstream.api import PoolLimits

    limits = PoolLimits(resolve_seconds=every, idle_seconds=60)
    return connected(kind, f"http://app.example:{port}", limits=limits, lookup=records)


@applies(*HTTP1)
async def test_a_name_that_moves_is_followed_though_its_connections_are_kept(kind):
    records = Records("127.0.0.1")
    async with (
        serving(answer_all) as blue,
        serving(answer_all, host="127.0.0.2", port=blue.port) as green,
        resolving(kind, records, blue.port) as client,
    ):
        await fetch(client)
        assert (len(blue.requests), len(green.requests)) == (1, 0)
        records.addresses = ("127.0.0.2",)
        async with asyncio.timeout(10):
            while not green.requests:
                await fetch(client)
        before = len(blue.requests)
        for _ in range(20):
            await fetch(client)
        assert len(blue.requests) == before


@applies(*HTTP1)
async def test_an_idle_connection_to_an_address_that_is_gone_is_closed(kind):
    records = Records("127.0.0.1")
    async with serving(answer_all) as blue, resolving(kind, records, blue.port) as client:
        await fetch(client)
        assert client.idle == 1
        records.addresses = ("127.0.0.9",)
        await eventually(lambda: client.idle == 0)


@applies(*HTTP1)
async def test_of_several_addresses_one_that_refuses_is_passed_over_and_they_take_turns(kind):
    records = Records("127.0.0.3", "127.0.0.1", "127.0.0.2")
    async with (
        serving(answer_all) as one_of,
        serving(answer_all, host="127.0.0.2", port=one_of.port) as other,
        resolving(kind, records, one_of.port, every=60) as client,
    ):
        for _ in range(12):
            replies = await asyncio.gather(*(fetch(client) for _ in range(3)))
            assert replies == [(200, b"ok")] * 3
            for connection in tuple(client._pools[0].idle):
                connection.abort()
        assert one_of.peers
        assert other.peers


@applies(*HTTP1)
async def test_a_lookup_that_fails_leaves_the_known_addresses_in_force(kind):
    records = Records("127.0.0.1")
    async with serving(answer_all) as blue, resolving(kind, records, blue.port) as client:
        await fetch(client)
        records.addresses = socket.gaierror(socket.EAI_AGAIN, "try again")
        asked = records.asked
        await eventually(lambda: records.asked > asked + 4)
        client._pools[0].idle[0].abort()
        assert await fetch(client) == (200, b"ok")


@applies(*HTTP1)
async def test_a_name_that_is_unknown_at_first_is_asked_for_again(kind):
    records = Records()
    records.addresses = socket.gaierror(socket.EAI_NONAME, "unknown")
    async with serving(answer_all) as blue, resolving(kind, records, blue.port, every=60) as client:
        with pytest.raises(UpstreamError) as caught:
            await client.send(request())
        assert caught.value.kind is UpstreamErrorKind.NAME
        records.addresses = ("127.0.0.1",)
        assert await fetch(client) == (200, b"ok")


@applies(*HTTP1)
async def test_many_connections_at_once_need_one_lookup(kind):
    records = Records("127.0.0.1")
    async with serving(answer_all) as blue, resolving(kind, records, blue.port, every=60) as client:
        await asyncio.gather(*(fetch(client) for _ in range(20)))
        assert records.asked == 1
