"""A WebSocket's handshake is an attempt like any other: by the same targets, breaker, cap and names as requests."""

import asyncio
import contextlib
import json

import pytest

from gateway.errors import UpstreamError
from gateway.upstream.api import PoolLimits
from gateway.websocket_upstream import Accepted, dial
from tests.support.proxy_harness import OUR_EDGE, gateway, head_of, one, two
from tests.support.scripted_upstream import (
    HTTP1,
    OK,
    answer_all,
    answering,
    applies,
    connected,
    eventually,
    request,
    serving,
    unused_port,
)
from tests.support.websocket_peer import HANDSHAKE, Upstreams, asked, handshake, switching, upgrade

QUICK = "breaker: {consecutive_failures: 3, open_seconds: 5, probes: 1}"
USER = "x-user: a"
BUSY = b"HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n"


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def several(*upstreams, options="connect_timeout_seconds: 5"):
    """A file with one upstream of several URLs."""
    urls = ", ".join(f'"{getattr(each, "url", each)}"' for each in upstreams)
    return one(upstreams[0], options=options).replace(f'url: "{upstreams[0].url}"', f"urls: [{urls}]")


async def until_gone(peer):
    """A script: answers requests; accepts a handshake, and keeps the socket until the other side ends it."""
    while received := await asked(peer):
        if b"upgrade: websocket" in received.head.lower():
            await peer.send(switching(received))
            await peer.closed()
            return
        await peer.send(OK)


@contextlib.asynccontextmanager
async def sockets(gw, count, target="/"):
    """So many open WebSockets."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(count):
            await upgrade(await stack.enter_async_context(gw.client()), target)
        yield


async def refused(gw, target="/", *lines):
    """The answer to a handshake that gets no 101."""
    async with gw.client() as client:
        await client.send(handshake(target, *lines))
        return await client.reply()


# -- which target


@applies(*OUR_EDGE)
async def test_sockets_go_where_fewer_are_open_and_requests_do_not_count(server):
    hold = asyncio.Event()

    async def script(peer):
        received = await asked(peer)
        if b"upgrade: websocket" in received.head.lower():
            await peer.send(switching(received))
            await peer.closed()
        else:
            await hold.wait()
            await peer.send(OK)

    async with serving(script) as a, serving(script) as b, gateway(several(a, b), server) as gw:
        async with contextlib.AsyncExitStack() as stack:
            waiting = [await stack.enter_async_context(gw.client()) for _ in range(5)]
            for client in waiting:
                await client.send(head_of("GET", "/"))
            await eventually(lambda: gw.clients["old"].in_flight == 5)
            async with sockets(gw, 10):
                assert gw.clients["old"].lines.counts == [5, 5]
                assert gw.clients["old"].in_flight == 5
            hold.set()
            for client in waiting:
                assert (await client.reply()).status == 200
        await eventually(lambda: gw.clients["old"].lines.counts == [0, 0])


@applies(*OUR_EDGE)
async def test_a_target_that_takes_no_connection_is_passed_over_and_then_left_out(server):
    options = "ejection: {consecutive_failures: 3}"
    async with serving(until_gone) as well:
        with unused_port() as port:
            text = several(well, f"http://127.0.0.1:{port}", options=options)
            async with gateway(text, server) as gw:
                for _ in range(8):
                    async with sockets(gw, 2):
                        pass
                assert gw.clients["old"].states() == ("serving", "ejected")
                assert gw.clients["old"].problems()[1] == "The upstream does not accept connections."
                await gw.until_counted(total=16)
                assert gw.upstream_errors == {}


@applies(*OUR_EDGE)
async def test_targets_that_requests_have_found_failing_get_no_sockets_and_the_other_way_round(server):
    async def sick(peer):
        while await asked(peer):
            await peer.send(BUSY)

    options = "ejection: {consecutive_failures: 2}"
    for first in ("request", "socket"):
        async with (
            serving(sick) as bad,
            serving(until_gone) as well,
            gateway(several(bad, well, options=options), server) as gw,
            gw.client() as client,
        ):
            while gw.clients["old"].states()[0] != "ejected":
                if first == "request":
                    await client.get()
                else:
                    async with gw.client() as other:
                        await other.send(handshake())
                        await other.head()
            seen = len(bad.requests)
            assert seen == 2
            async with sockets(gw, 6):
                assert gw.clients["old"].lines.counts == [0, 6]
            for _ in range(6):
                assert (await client.get()).status == 200
            assert len(bad.requests) == seen


@applies(*OUR_EDGE)
async def test_a_full_target_is_passed_over_and_where_all_are_full_it_is_503(server):
    async with serving(until_gone) as a, serving(until_gone) as b:
        text = several(a, b, options="max_connections: 2")
        async with gateway(text, server) as gw:
            async with sockets(gw, 4):
                reply = await refused(gw)
                assert (reply.status, reply[b"retry-after"]) == (503, b"1")
                assert gw.upstream_errors == {("old", "pool_timeout"): 1}
            await eventually(lambda: gw.clients["old"].lines.open == 0)
            async with sockets(gw, 4):
                assert gw.clients["old"].lines.counts == [2, 2]
            assert gw.guards["old"].breaker_state == "closed"


@applies(*HTTP1)
async def test_names_are_looked_up_as_for_requests(kind):
    asked_for = []

    async def lookup(host, _port):
        asked_for.append(host)
        return ["127.0.0.1"]

    async with (
        serving(until_gone) as old,
        connected(kind, f"http://service.internal:{old.port}", lookup=lookup) as client,
    ):
        outbound = request(headers=[tuple(line.split(b": ")) for line in HANDSHAKE])
        answer = await dial(client.lines, outbound, max_bytes=1000)
        assert isinstance(answer, Accepted)
        response = await client.send(request())
        assert response.status == 200
        await response.aclose()
        assert asked_for == ["service.internal"]
        answer.wire.abort()
        await eventually(lambda: client.lines.open == 0)


# -- the breaker


@applies(*OUR_EDGE)
@pytest.mark.parametrize("fault", ["refused", "503", "closed", "no 101"])
async def test_handshakes_that_fail_open_the_breaker(server, fault):
    scripts = {
        "503": answering(BUSY),
        "closed": answering(b""),
        "no 101": answering(b"HTTP/1.1 101 X\r\nupgrade: other\r\nconnection: upgrade\r\n\r\n"),
    }
    async with serving(scripts.get(fault, answer_all)) as old:
        with unused_port() as port:
            text = one(old, options=QUICK)
            text = text.replace(f":{old.port}", f":{port}") if fault == "refused" else text
            async with gateway(text, server) as gw:
                clock = gw.use_clock(Clock())
                for _ in range(3):
                    assert (await refused(gw)).status == (503 if fault == "503" else 502)
                assert gw.guards["old"].breaker_state == "open"
                reply = await refused(gw)
                assert (reply.status, reply[b"retry-after"]) == (503, b"5")
                assert json.loads(reply.body)["detail"] == "The upstream is known to be down."
                assert len(old.requests) == (0 if fault == "refused" else 3)
                await gw.until_counted(total=4)
                outcome = {"refused": "refused", "503": "5xx"}.get(fault, "truncated")
                expected = {("fixed", outcome): 3}
                expected["fixed", "refused"] = expected.get(("fixed", "refused"), 0) + 1
                assert gw.attempts == expected
                assert gw.upstream_errors["old", "down"] == 1
                clock.now += 5
                assert (await refused(gw)).status != 101


@applies(*OUR_EDGE)
async def test_an_open_socket_has_closed_the_breaker_and_how_it_ends_says_nothing(server):
    ends, sick = Upstreams(), True

    async def script(peer):
        if sick:
            await asked(peer)
            await peer.send(BUSY)
        else:
            await ends(peer)

    async with serving(script) as old, gateway(one(old, options=QUICK), server) as gw:
        clock = gw.use_clock(Clock())
        for _ in range(3):
            await refused(gw)
        assert gw.guards["old"].breaker_state == "open"
        clock.now += 5
        sick = False
        for _ in range(6):
            async with gw.client() as client:
                socket = await upgrade(client)
                assert gw.guards["old"].breaker_state == "closed"
                end = await ends.next()
                await end.vanish()
                await socket.expect_close(1011)
                end.done.set()
        await gw.until_counted(total=9)
        assert gw.guards["old"].breaker_state == "closed"
        assert gw.attempts == {("fixed", "5xx"): 3, ("fixed", "truncated"): 6}


@applies(*OUR_EDGE)
@pytest.mark.parametrize("status", [400, 403, 404, 500])
async def test_refusals_that_are_no_outage_never_open_it(server, status):
    refusing = answering(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status)
    async with serving(refusing) as old, gateway(one(old, options=QUICK), server) as gw:
        for _ in range(6):
            assert (await refused(gw)).status == status
        assert gw.guards["old"].breaker_state == "closed"
        assert len(old.requests) == 6


@applies(*OUR_EDGE)
async def test_while_new_is_down_sockets_of_its_users_go_to_legacy(server):
    async with serving(until_gone) as old, serving(answering(BUSY)) as new:
        text = two(old, new, options=QUICK, top="expose_decision: true")
        async with gateway(text, server) as gw:
            gw.use_clock(Clock())
            for _ in range(3):
                assert (await refused(gw, "/api/auth/ws", USER)).status == 503
            async with gw.client() as client:
                socket = await upgrade(client, "/api/auth/ws", USER)
                told = dict(socket.head)
                assert (told[b"x-gateway-side"], told[b"x-gateway-reason"]) == (b"legacy", b"unhealthy")
            await gw.until_counted(total=4)
            assert gw.attempts == {("new", "5xx"): 3, ("legacy", "ok"): 1}


# -- the cap


@applies(*OUR_EDGE)
async def test_an_open_socket_holds_no_place_of_the_cap(server):
    async with serving(until_gone) as old:
        text = one(old, options="max_in_flight: 1, queue: 0")
        async with gateway(text, server) as gw, sockets(gw, 5), gw.client() as client:
            assert gw.guards["old"].cap.in_flight == 0
            assert gw.clients["old"].lines.open == 5
            assert (await client.get()).status == 200


@applies(*OUR_EDGE)
async def test_a_handshake_takes_a_place_while_the_upstream_considers_and_waits_for_one(server):
    go = asyncio.Event()

    async def script(peer):
        received = await asked(peer)
        await go.wait()
        await peer.send(switching(received))
        await peer.closed()

    options = "max_in_flight: 1, queue: 1, queue_timeout_seconds: 60"
    async with (
        serving(script) as old,
        gateway(one(old, options=options), server) as gw,
        gw.client() as first,
        gw.client() as second,
    ):
        await first.send(handshake())
        await eventually(lambda: len(old.requests) == 1)
        await second.send(handshake())
        await eventually(lambda: gw.guards["old"].queued == 1)
        over = await refused(gw)
        assert (over.status, over[b"retry-after"]) == (503, b"1")
        assert len(old.requests) == 1
        go.set()
        assert (await first.head())[0] == (await second.head())[0] == 101
        assert gw.guards["old"].cap.in_flight == 0
        assert gw.upstream_errors == {("old", "full"): 1}


@applies(*OUR_EDGE)
@pytest.mark.parametrize("waits", ["in the queue", "for the upstream"])
async def test_a_client_that_leaves_gives_its_place_back(server, waits):
    async def script(peer):
        await asked(peer)
        await peer.closed()

    options = "max_in_flight: 1, queue: 1, queue_timeout_seconds: 60"
    async with serving(script) as old, gateway(one(old, options=options), server) as gw, gw.client() as first:
        await first.send(handshake())
        await eventually(lambda: len(old.requests) == 1)
        if waits == "in the queue":
            async with gw.client() as second:
                await second.send(handshake())
                await eventually(lambda: gw.guards["old"].queued == 1)
                await second.leave()
                await eventually(lambda: gw.guards["old"].queued == 0)
                await gw.until_counted(total=1)
            assert gw.guards["old"].cap.in_flight == 1
        await first.leave()
        await eventually(lambda: gw.guards["old"].cap.in_flight == 0)
        await eventually(lambda: gw.clients["old"].lines.open == 0)
        assert {outcome for _, outcome in gw.attempts} <= {"client_gone"}
        assert gw.guards["old"].breaker_state == "closed"


@applies(*OUR_EDGE)
async def test_a_kill_sends_those_who_wait_for_a_place_at_new_to_legacy(server):
    async def considering(peer):
        await asked(peer)
        await peer.closed()

    options = "max_in_flight: 1, queue: 5, queue_timeout_seconds: 60"
    async with (
        serving(until_gone) as old,
        serving(considering) as new,
        gateway(two(old, new, options=options, top="expose_decision: true"), server) as gw,
        gw.client() as first,
        gw.client() as second,
    ):
        await first.send(handshake("/api/auth/ws", USER))
        await eventually(lambda: len(new.requests) == 1)
        await second.send(handshake("/api/auth/ws", USER))
        await eventually(lambda: gw.guards["new"].queued == 1)
        gw.kill()
        gw.proxy.ask_queues_again()
        status, fields = await second.head()
        assert (status, dict(fields)[b"x-gateway-side"]) == (101, b"legacy")
        assert len(new.requests) == 1
        await first.leave()


@applies(*HTTP1)
async def test_a_line_that_ends_twice_gives_its_place_back_once(kind):
    """Or the limit would be gone after a while."""

    async def script(peer):
        await peer.closed()

    async with serving(script) as old, connected(kind, old.url) as client:
        other = await client.lines.connect(float("inf"))
        for _ in range(3):
            line = await client.lines.connect(float("inf"))
            assert client.lines.open == 2
            line.end()
            line.end()
            line.connection.abort()
            assert client.lines.open == 1
        other.end()
        other.connection.abort()


@applies(*HTTP1)
async def test_a_target_that_was_filled_while_another_was_tried_is_full(kind):
    async def script(peer):
        await peer.closed()

    async def connect(client):
        try:
            return await client.lines.connect(float("inf"))
        except UpstreamError as error:
            return error

    limits = PoolLimits(max_connections=1)
    async with serving(script) as old:
        for _ in range(10):  # which of them is tried first is drawn
            with unused_port() as port:
                async with connected(kind, f"http://127.0.0.1:{port}", old.url, limits=limits) as client:
                    found = await asyncio.gather(*(connect(client) for _ in range(2)))
                    (line,) = [each for each in found if not isinstance(each, UpstreamError)]
                    assert client.lines.counts == [0, 1]
                    line.end()
                    line.connection.abort()
