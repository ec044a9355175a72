"""How a WebSocket ends: by either side, an accident, a kill, a drain; and what does not end it (RFC 6455, 7)."""

import asyncio
import contextlib

import pytest

from gateway import websocket_wire
from gateway.config.load import load
from gateway.rules.plan import compile_plan
from tests.support.proxy_harness import ANY_SERVER, OUR_EDGE, gateway, one, two
from tests.support.scripted_upstream import PATIENCE, applies, eventually, serving
from tests.support.websocket_peer import (
    TEXT,
    Upstreams,
    VanishedError,
    accept,
    asked,
    handshake,
    switching,
    upgrade,
)

A_MOMENT = 1.0
"""Within which one side learns of what happened to the other."""


@contextlib.asynccontextmanager
async def pair(server):
    ends = Upstreams()
    async with serving(ends) as old, gateway(one(old), server) as gw, gw.client() as client:
        here = await upgrade(client)
        there = await ends.next()
        try:
            yield gw, here, there
        finally:
            there.done.set()


async def fill(end):
    """Sends until nobody takes any more."""
    stuck = False
    while not stuck:
        end.writer.write(end.bytes_of(TEXT, b"x" * 100_000))
        try:
            async with asyncio.timeout(0.3):
                await end.writer.drain()
        except TimeoutError:
            stuck = True


@pytest.fixture
def hasty(monkeypatch):
    """Nobody gets five seconds to answer a Close."""
    monkeypatch.setattr(websocket_wire, "CLOSE_SECONDS", 0.2)


CLOSES = [
    (None, b""),
    (1000, b""),
    (1000, b"done"),
    (1001, b"going"),
    (1003, b""),
    (1008, b"policy"),
    (1009, b""),
    (1010, b""),
    (1011, b"oh"),
    (1012, b""),
    (1013, b"later"),
    (1014, b""),
    (3000, b"registered"),
    (4000, b""),
    (4999, "größtenteils ".encode() * 8),
]


@applies(*ANY_SERVER)
@pytest.mark.parametrize(("code", "reason"), CLOSES)
async def test_a_clients_close_passes_with_its_code_and_reason(server, code, reason):
    async with pair(server) as (gw, here, there):
        await here.text("last words")
        await here.close(code, reason)
        await here.expect_close(code, reason)
        await here.gone()
        await there.expect(TEXT, b"last words")
        await there.expect_close(code, reason)
        await there.close(code, reason)
        there.writer.close()
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "101"): 1}
        assert gw.attempts == {("fixed", "ok"): 1}


@applies(*ANY_SERVER)
@pytest.mark.parametrize(("code", "reason"), CLOSES)
async def test_an_upstreams_close_passes_with_its_code_and_reason(server, code, reason):
    async with pair(server) as (gw, here, there):
        await there.text("last words")
        await there.close(code, reason)
        await there.expect_close(code, reason)
        there.writer.close()
        await here.expect(TEXT, b"last words")
        got = await here.next()
        # ASGI has no word for a Close without a code: uvicorn's own says 1000, our edge says what the upstream said.
        assert got.code == (1000 if code is None and server == "uvicorn" else code)
        assert got.reason == reason
        await here.close(got.code)
        await here.gone()
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "101"): 1}
        assert gw.attempts == {("fixed", "5xx" if code == 1011 else "ok"): 1}
        assert gw.upstream_errors == {}


@applies(*OUR_EDGE)
async def test_an_upstream_learns_within_a_moment_that_its_client_vanished(server):
    async with pair(server) as (gw, here, there):
        await here.vanish()
        async with asyncio.timeout(A_MOMENT):
            with pytest.raises(VanishedError):
                await there.next()
        there.writer.close()
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "101"): 1}
        assert gw.attempts == {("fixed", "ok"): 1}
        assert gw.upstream_errors == {}


@applies(*ANY_SERVER)
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_client_is_told_within_a_moment_that_its_upstream_vanished_and_the_upstream_is_blamed(server, how):
    async def script(peer):
        end = await accept(peer)
        await end.text("soon gone")
        await end.next()
        getattr(peer, how)()

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        here = await upgrade(client)
        await here.expect(TEXT, b"soon gone")
        async with asyncio.timeout(A_MOMENT):
            await here.text("go")
            await here.expect_close(1011)
        await here.close(1011)
        await here.gone()
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "101"): 1}
        assert gw.attempts == {("fixed", "truncated"): 1}
        assert gw.upstream_errors == {("old", "truncated"): 1}
        (line,) = gw.logged.events
        assert line["status"] == 101
        assert "without a Close" in line["error"]


@applies(*OUR_EDGE)
async def test_a_client_that_vanishes_while_it_is_written_to_ends_it_for_both(server):
    async with pair(server) as (gw, here, there):
        await fill(there)
        await here.vanish()
        async with asyncio.timeout(A_MOMENT):
            await there.gone()
        await gw.until_counted()
        assert gw.attempts == {("fixed", "ok"): 1}


@pytest.mark.usefixtures("hasty")
@applies(*OUR_EDGE)
async def test_who_does_not_answer_a_close_is_cut_off(server):
    async with pair(server) as (gw, here, there):
        await there.close(1000)
        await here.expect_close(1000)
        await here.gone()  # our side of it; the client keeps its own
        await there.expect_close(1000)
        await there.gone()
        await eventually(lambda: not gw.server.server_state.connections)
    async with pair(server) as (gw, here, there):
        await here.close(4000)
        await there.expect_close(4000)
        await there.gone()
        await gw.until_counted()
        assert gw.attempts == {("fixed", "ok"): 1}


# -- a kill


@applies(*ANY_SERVER)
async def test_a_kill_ends_what_new_serves_of_the_feature_and_nothing_else(server):
    olds, news = Upstreams(), Upstreams()
    async with serving(olds) as old, serving(news) as new:
        text = two(old, new).replace(
            "routes:",
            '  other: {legacy: old, new: new, percent: 100, key: ["header:x-user"]}\nroutes:\n'
            '  - {path: "/api/other/*", feature: other}',
        )
        async with gateway(text, server) as gw, contextlib.AsyncExitStack() as stack:

            async def opened(path, ends, *lines):
                client = await stack.enter_async_context(gw.client())
                return await upgrade(client, path, *lines), await ends.next()

            gw.change(deny=gw.policies["auth"].deny)
            on_new = await opened("/api/auth/1", news, "x-user: ada")
            on_other = await opened("/api/other/1", news, "x-user: ada")
            fixed = await opened("/elsewhere", olds)
            gw.percent(0)
            on_legacy = await opened("/api/auth/2", olds, "x-user: ada")
            gw.kill()
            gw.proxy.websockets.kill("auth")

            here, there = on_new
            async with asyncio.timeout(A_MOMENT):
                await here.expect_close(1012, b"service restart")
                await there.expect_close(1001)
            await here.close(1012)
            await there.close(1001)
            there.done.set()
            await gw.until_counted()
            assert gw.requests == {("auth", "new", "101"): 1}
            assert gw.attempts == {("new", "ok"): 1}
            for here, there in (on_other, fixed, on_legacy):
                await here.text("still here")
                await there.expect(TEXT, b"still here")
                there.done.set()


@pytest.mark.usefixtures("hasty")
@applies(*OUR_EDGE)
async def test_a_kill_reaches_a_client_that_does_not_read(server):
    news = Upstreams()
    async with (
        serving(Upstreams()) as old,
        serving(news) as new,
        gateway(two(old, new), server) as gw,
        gw.client() as client,
    ):
        await upgrade(client, "/api/auth/1", "x-user: ada")
        there = await news.next()
        await fill(there)
        gw.kill()
        gw.proxy.websockets.kill("auth")
        async with asyncio.timeout(A_MOMENT):
            await there.expect_close(1001)
        await gw.until_counted()
        await eventually(lambda: not gw.server.server_state.connections)
        there.done.set()


@applies(*ANY_SERVER)
async def test_percents_and_reloads_leave_open_sockets_alone(server):
    olds, news = Upstreams(), Upstreams()
    async with (
        serving(olds) as old,
        serving(news) as new,
        gateway(two(old, new), server) as gw,
        gw.client() as client,
    ):
        here = await upgrade(client, "/api/auth/1", "x-user: ada")
        there = await news.next()
        for percent in (0, 50, 100):
            gw.percent(percent)
            await here.text(f"at {percent}")
            await there.expect(TEXT, b"at %d" % percent)
        for text in (one(old), two(new, old), two(old, new, options="max_connections: 1")):
            loaded = load(text)
            gw.plan = compile_plan(loaded.routes, loaded.sha256)
            for retired in gw.upstreams.apply(loaded.routes.upstreams):
                await retired.aclose()
            await there.text("reloaded")
            await here.expect(TEXT, b"reloaded")
        await here.close(1000)
        await there.expect_close(1000)
        there.done.set()


# -- a drain


@applies(*OUR_EDGE)
async def test_a_drain_tells_both_sides_and_does_not_wait_for_its_timeout(server):
    async with pair(server) as (gw, here, there):
        gw.server.announce_drain()
        await here.text("still served")
        await there.expect(TEXT, b"still served")
        draining = asyncio.ensure_future(gw.server.drain(PATIENCE))
        async with asyncio.timeout(A_MOMENT):
            await here.expect_close(1012, b"service restart")
            await there.expect_close(1012, b"service restart")
        await there.close(1012)
        there.writer.close()
        await here.close(1012)
        await here.gone()
        here.writer.close()
        async with asyncio.timeout(A_MOMENT):
            assert await draining == 0
        assert gw.attempts == {("fixed", "ok"): 1}


@pytest.mark.usefixtures("hasty")
@applies(*OUR_EDGE)
async def test_a_drain_is_not_held_up_by_peers_that_do_not_answer(server):
    async with pair(server) as (gw, here, there):
        async with asyncio.timeout(2.0):
            assert await gw.server.drain(PATIENCE) == 0
        await here.expect_close(1012)
        await there.expect_close(1012)


@applies(*OUR_EDGE)
async def test_a_handshake_in_progress_when_a_drain_begins_is_answered_503(server):
    reached = asyncio.Event()

    async def script(peer):
        await asked(peer)
        reached.set()
        assert await peer.closed() == b""

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(handshake())
        await reached.wait()
        draining = asyncio.ensure_future(gw.server.drain(PATIENCE))
        reply = await client.reply()
        assert (reply.status, reply[b"retry-after"]) == (503, b"1")
        await draining
        assert gw.requests == {("none", "fixed", "503"): 1}


@applies(*OUR_EDGE)
async def test_a_cut_ends_what_is_open_at_once(server):
    async with pair(server) as (gw, here, there):
        assert gw.server.cut() == 1
        async with asyncio.timeout(A_MOMENT):
            await here.gone()
            with pytest.raises(VanishedError):
                await there.next()


# -- what is counted


@applies(*ANY_SERVER)
async def test_an_open_websocket_is_one_request_in_flight_and_has_no_duration(server):
    async with pair(server) as (gw, here, there):
        assert gw.requests == {}
        assert sum(gw.metrics.in_flight.values()) == 1
        assert len(gw.proxy.websockets.open) == 1
        await here.close(1000)
        await there.expect_close(1000)
        await there.close(1000)
        await gw.until_counted()
        assert sum(gw.metrics.in_flight.values()) == 0
        names = {sample.name for metric in gw.metrics.registry.collect() for sample in metric.samples if sample.value}
        assert "gateway_requests_total" in names
        assert "gateway_request_duration_seconds_count" not in names
        assert "gateway_attempt_duration_seconds_count" not in names
        (line,) = gw.logged.events
        assert (line["status"], line["path"]) == (101, "/")


@applies(*ANY_SERVER)
async def test_what_the_upstream_says_with_its_101_is_not_lost_when_it_closes_at_once(server):
    async def script(peer):
        received = await asked(peer)
        await peer.send(switching(received) + b"\x81\x05hello\x88\x02\x03\xe8")

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        here = await upgrade(client)
        await here.expect(TEXT, b"hello")
        await here.expect_close(1000)
