"""Connections: reused, refused, waited for, closed, never lost: `connected` proves in every test that none leaks."""

import asyncio
import socket

import pytest

from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.upstream.api import PoolLimits, Timeouts
from tests.support.scripted_upstream import (
    BOTH,
    HTTP1,
    OK,
    answer_all,
    applies,
    connected,
    eventually,
    fetch,
    read_all,
    request,
    serving,
    unused_port,
)


class Held:
    """A script that answers each request with OK when its turn is `released`."""

    def __init__(self):
        self.arrived = 0
        self._released = asyncio.Semaphore(0)

    def release(self, count=1):
        for _ in range(count):
            self._released.release()

    async def __call__(self, peer):
        while await peer.request():
            self.arrived += 1
            await self._released.acquire()
            await peer.send(OK)


@applies(*BOTH)
async def test_a_connection_is_used_again(kind):
    async with serving(answer_all) as upstream, connected(kind, upstream.url) as client:
        for _ in range(5):
            assert await fetch(client) == (200, b"ok")
            assert (client.in_flight, client.idle) == (0, 1)
        assert len(upstream.peers) == 1


@applies(*BOTH)
@pytest.mark.parametrize(
    "reply",
    [
        OK.replace(b"OK\r\n", b"OK\r\nConnection: foo, Close\r\n"),
        OK.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
async def test_a_connection_that_the_upstream_ends_is_not_used_again(kind, reply):
    async def script(peer):
        while await peer.request():
            await peer.send(reply)

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        for _ in range(2):
            assert await fetch(client) == (200, b"ok")
            assert client.idle == 0
        assert len(upstream.peers) == 2


@applies(*HTTP1)
async def test_an_http10_connection_is_kept_where_it_says_so(kind):
    async def script(peer):
        while await peer.request():
            await peer.send(OK.replace(b"1.1 200 OK\r\n", b"1.0 200 OK\r\nconnection: keep-alive\r\n"))

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        for _ in range(2):
            assert await fetch(client) == (200, b"ok")
        assert len(upstream.peers) == 1


@applies(*HTTP1)
async def test_the_last_connection_used_is_the_first_taken(kind):
    held = Held()
    async with serving(held) as upstream, connected(kind, upstream.url) as client:
        tasks = [asyncio.create_task(fetch(client)) for _ in range(3)]
        await eventually(lambda: held.arrived == 3)
        held.release(3)
        await asyncio.gather(*tasks)
        assert client.idle == 3
        (pool,) = client._pools
        last = pool.idle[-1]
        held.release(4)
        for _ in range(4):
            await fetch(client)
            assert pool.idle[-1] is last


@applies(*BOTH)
@pytest.mark.parametrize("how", ["close", "reset", "talk"])
async def test_a_connection_that_ended_or_spoke_while_idle_is_not_handed_out(kind, how):
    go_on = asyncio.Event()

    async def script(peer):
        await peer.request()
        await peer.send(OK)
        if peer.number == 0:
            await go_on.wait()
            if how == "talk":
                await peer.send(b"HTTP/1.1 408 Too Late\r\ncontent-length: 4\r\n\r\nevil")
                await peer.closed()
            else:
                getattr(peer, how)()

    limits = PoolLimits(idle_seconds=600)
    async with serving(script) as upstream, connected(kind, upstream.url, limits=limits) as client:
        assert await fetch(client) == (200, b"ok")
        go_on.set()
        if kind == "http1":
            await eventually(lambda: client.idle == 0)
        else:
            (pool,) = [transport._pool for _, transport in client._transports]
            await eventually(pool.connections[0].has_expired)
        assert await fetch(client) == (200, b"ok")
        assert len(upstream.peers) == 2


@applies(*HTTP1)
async def test_the_kernel_is_asked_before_a_connection_is_used_that_was_idle(kind):
    """The upstream has closed, and the loop has not come to hear of it: no request may meet the dead connection."""
    async with serving(answer_all) as upstream, connected(kind, upstream.url) as client:
        await fetch(client)
        (pool,) = client._pools
        (connection,) = pool.idle
        connection.pause_reading()  # the loop will not hear of anything
        connection.idle_since -= 1
        upstream.peers[0].close()
        await eventually(lambda: not connection.is_silent())
        assert await fetch(client) == (200, b"ok")
        assert len(upstream.peers) == 2


@applies(*BOTH)
async def test_a_stale_connection_says_so(kind):
    """Closed by the upstream as the request arrives: the caller may try again, and knows that."""

    async def script(peer):
        await peer.request()
        await peer.send(OK)
        await peer.request()

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        await fetch(client)
        with pytest.raises(UpstreamError) as caught:
            await fetch(client)
        assert (caught.value.kind, caught.value.sent, caught.value.reused) == (UpstreamErrorKind.CLOSED, True, True)


@applies(*HTTP1)
async def test_connections_that_were_idle_for_too_long_are_closed(kind):
    limits = PoolLimits(idle_seconds=0.05)
    async with serving(answer_all) as upstream, connected(kind, upstream.url, limits=limits) as client:
        await fetch(client)
        assert client.idle == 1
        await eventually(lambda: client.idle == 0)
        await eventually(upstream.peers[0].reader.at_eof)


@applies(*BOTH)
async def test_no_more_than_max_idle_are_kept(kind):
    held = Held()
    limits = PoolLimits(max_idle=2)
    async with serving(held) as upstream, connected(kind, upstream.url, limits=limits) as client:
        tasks = [asyncio.create_task(fetch(client)) for _ in range(5)]
        await eventually(lambda: held.arrived == 5)
        held.release(5)
        await asyncio.gather(*tasks)
        await eventually(lambda: client.idle == 2)
        await eventually(lambda: sum(peer.reader.at_eof() for peer in upstream.peers) == 3)


@applies(*BOTH)
async def test_no_more_than_max_connections_are_opened_and_waiters_take_turns(kind):
    held = Held()
    done = []
    limits = PoolLimits(max_connections=2)

    async def one(number):
        await fetch(client, request(target=b"/%d" % number))
        done.append(number)

    async with serving(held) as upstream, connected(kind, upstream.url, limits=limits) as client:
        tasks = []
        for number in range(6):
            tasks.append(asyncio.create_task(one(number)))
            await eventually(lambda: client.in_flight == len(tasks) and held.arrived == min(len(tasks), 2))
        for count in range(1, 7):
            held.release()
            await eventually(lambda: len(done) == count)  # noqa: B023 - awaited in the same turn
            await eventually(lambda: held.arrived == min(6, 2 + count))  # noqa: B023
        await asyncio.gather(*tasks)
        lines = [(request.line, request) for request in upstream.requests]
        assert len(lines) == 6
        assert done[2:4] != [5, 4]
        if kind == "http1":
            assert sorted(done[:2]) == [0, 1]
            assert sorted(done[2:4]) == [2, 3]
        assert len(upstream.peers) == 2


@applies(*BOTH)
async def test_who_waits_too_long_for_a_connection_is_told(kind):
    held = Held()
    timeouts = Timeouts(connect=0.5)
    async with (
        serving(held) as upstream,
        connected(kind, upstream.url, timeouts=timeouts, limits=PoolLimits(max_connections=1)) as client,
    ):
        first = asyncio.create_task(fetch(client))
        await eventually(lambda: held.arrived == 1)
        with pytest.raises(UpstreamError) as caught:
            await fetch(client)
        error = caught.value
        assert (error.kind, error.sent, error.status) == (UpstreamErrorKind.POOL_TIMEOUT, False, 503)
        assert client.in_flight == 1
        held.release(2)
        await first
        assert await fetch(client) == (200, b"ok")


@applies(*BOTH)
async def test_a_waiter_that_is_cancelled_leaves_its_place_to_the_next(kind):
    held = Held()
    async with serving(held) as upstream, connected(kind, upstream.url, limits=PoolLimits(max_connections=1)) as client:
        first = asyncio.create_task(fetch(client))
        await eventually(lambda: held.arrived == 1)
        waiting = [asyncio.create_task(fetch(client)) for _ in range(3)]
        await eventually(lambda: client.in_flight == 4)
        waiting[0].cancel()
        await asyncio.wait([waiting[0]])
        held.release(3)
        assert await asyncio.gather(first, *waiting[1:]) == [(200, b"ok")] * 3
        assert len(upstream.peers) == 1


@applies(*HTTP1)
@pytest.mark.parametrize("cut", [False, True])
async def test_a_waiter_cancelled_in_the_moment_of_its_turn_passes_it_on(kind, cut):
    held = Held()
    async with serving(held) as upstream, connected(kind, upstream.url, limits=PoolLimits(max_connections=1)) as client:
        response = asyncio.create_task(client.send(request()))
        await eventually(lambda: held.arrived == 1)
        waiting = [asyncio.create_task(fetch(client)) for _ in range(2)]
        await eventually(lambda: client.in_flight == 3)
        if cut:
            response.cancel()  # a place falls free
            await asyncio.wait([response])
        else:
            held.release()
            await read_all(await response)  # a connection falls free
        waiting[0].cancel()
        held.release(2)
        assert await waiting[1] == (200, b"ok")
        await asyncio.wait([waiting[0]])


@applies(*HTTP1)
async def test_a_connection_that_dies_in_the_moment_of_its_handover_is_not_used(kind):
    """Its place goes to the next in the queue, and whom it was handed to is the first after that."""
    held = Held()
    done = []

    async def one(number):
        await fetch(client)
        done.append(number)

    limits = PoolLimits(max_connections=1)
    async with serving(held) as upstream, connected(kind, upstream.url, limits=limits) as client:
        response = asyncio.create_task(client.send(request()))
        await eventually(lambda: held.arrived == 1)
        waiting = []
        for number in range(3):
            waiting.append(asyncio.create_task(one(number)))
            await eventually(lambda: client.in_flight == 1 + len(waiting))
        held.release(4)
        got = await response
        (connection,) = client._pools[0].busy
        await got.aclose()
        connection.abort()
        await asyncio.gather(*waiting)
        assert done == [1, 0, 2]
        assert len(upstream.peers) == 2


@applies(*BOTH)
async def test_cancelled_at_every_stage_nothing_leaks(kind):
    """Before connecting, while connecting, while waiting for the head, in the body, at the end."""

    async def script(peer):
        while await peer.request():
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc")
            await asyncio.sleep(0)
            await peer.send(b"def")

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        finished = 0
        for steps in range(400):
            task = asyncio.create_task(fetch(client))
            for _ in range(steps // 4):
                await asyncio.sleep(0)
            task.cancel()
            (result,) = await asyncio.gather(task, return_exceptions=True)
            finished += result == (200, b"abcdef")
            assert finished or isinstance(result, asyncio.CancelledError)
            assert client.in_flight == 0
        assert await fetch(client) == (200, b"abcdef")


@applies(*BOTH)
async def test_cancelling_the_wait_for_a_head_cuts_the_connection(kind):
    held = Held()
    async with serving(held) as upstream, connected(kind, upstream.url) as client:
        task = asyncio.create_task(client.send(request()))
        await eventually(lambda: held.arrived == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (client.in_flight, client.idle) == (0, 0)
        held.release()
        await eventually(upstream.peers[0].reader.at_eof)


@applies(*BOTH)
async def test_closing_an_unfinished_response_cuts_the_connection(kind):
    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
        await peer.closed()
        peer.number = "cut"

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        response = await client.send(request())
        assert await response.read() == b"half"
        await response.aclose()
        assert (client.in_flight, client.idle) == (0, 0)
        await eventually(lambda: upstream.peers[0].number == "cut")


@applies(*HTTP1)
async def test_a_complete_reply_that_was_not_read_leaves_the_connection_usable(kind):
    async with serving(answer_all) as upstream, connected(kind, upstream.url) as client:
        for _ in range(3):
            response = await client.send(request())
            await response.aclose()
        assert len(upstream.peers) == 1


@applies(*BOTH)
async def test_closing_the_client_lets_requests_in_flight_finish(kind):
    held = Held()
    async with serving(held) as upstream, connected(kind, upstream.url) as client:
        held.release(1)
        await fetch(client)
        both = [asyncio.create_task(fetch(client)) for _ in range(2)]
        await eventually(lambda: held.arrived == 3)
        await client.aclose()
        held.release(2)
        assert await asyncio.gather(*both) == [(200, b"ok")] * 2
        assert (client.in_flight, client.idle) == (0, 0)
        await eventually(lambda: all(peer.reader.at_eof() for peer in upstream.peers))


@applies(*HTTP1)
async def test_closing_the_client_closes_idle_connections_at_once(kind):
    held = Held()
    async with serving(held) as upstream, connected(kind, upstream.url) as client:
        both = [asyncio.create_task(fetch(client)) for _ in range(2)]
        await eventually(lambda: held.arrived == 2)
        held.release(1)
        await eventually(lambda: client.idle == 1)
        await client.aclose()
        assert (client.in_flight, client.idle) == (1, 0)
        held.release(1)
        await asyncio.gather(*both)


@applies(*BOTH)
async def test_a_refused_connection(kind):
    with unused_port() as port:
        async with connected(kind, f"http://127.0.0.1:{port}") as client:
            with pytest.raises(UpstreamError) as caught:
                await client.send(request())
            error = caught.value
            assert (error.kind, error.sent, error.reused) == (UpstreamErrorKind.REFUSED, False, False)
            assert (error.status, client.in_flight) == (502, 0)
            assert str(port) not in error.detail


@applies(*BOTH)
async def test_a_name_that_does_not_resolve(kind):
    async with connected(kind, "http://does-not-exist.invalid:1") as client:
        with pytest.raises(UpstreamError) as caught:
            await client.send(request())
        assert (caught.value.kind, caught.value.sent) == (UpstreamErrorKind.NAME, False)


@applies(*BOTH)
async def test_targets_share_the_requests(kind):
    async with serving(answer_all) as one, serving(answer_all) as two, connected(kind, one.url, two.url) as client:
        assert client.targets == (one.url, two.url)
        for _ in range(100):
            await fetch(client)
        assert min(len(one.requests), len(two.requests)) > 20
        assert len(one.requests) + len(two.requests) == 100
        assert (len(one.peers), len(two.peers)) == (1, 1)


@applies(*BOTH)
async def test_a_target_that_refuses_is_passed_over(kind):
    async def body():
        yield b"once"

    with unused_port() as port:
        async with serving(answer_all) as upstream, connected(kind, f"http://127.0.0.1:{port}", upstream.url) as client:
            for _ in range(4):
                assert await fetch(client, request(b"POST", body=body())) == (200, b"ok")
            assert [request.body for request in upstream.requests] == [b"once"] * 4


@applies(*BOTH)
async def test_all_targets_refuse(kind):
    with unused_port() as one, unused_port() as two:
        async with connected(kind, f"http://127.0.0.1:{one}", f"http://127.0.0.1:{two}") as client:
            with pytest.raises(UpstreamError) as caught:
                await client.send(request())
            assert caught.value.kind is UpstreamErrorKind.REFUSED


@applies(*HTTP1)
async def test_a_target_without_a_free_connection_is_passed_over(kind):
    held = Held()
    limits = PoolLimits(max_connections=1)
    async with (
        serving(held) as busy,
        serving(answer_all) as free,
        connected(kind, busy.url, free.url, limits=limits) as client,
    ):
        first = []
        while not held.arrived:
            first.append(asyncio.create_task(fetch(client)))
            asked = len(first)
            await eventually(lambda asked=asked: held.arrived + len(free.requests) == asked)
        for _ in range(4):
            assert await fetch(client) == (200, b"ok")
        held.release()
        await asyncio.gather(*first)


@applies(*BOTH)
async def test_many_at_once_never_exceed_the_limit_and_all_are_answered(kind):
    limits = PoolLimits(max_connections=4, max_idle=2)
    async with serving(answer_all) as upstream, connected(kind, upstream.url, limits=limits) as client:
        results = await asyncio.gather(*[fetch(client, request(target=b"/%d" % n)) for n in range(100)])
        assert results == [(200, b"ok")] * 100
        assert sorted(request.line for request in upstream.requests) == sorted(
            b"GET /%d HTTP/1.1" % n for n in range(100)
        )


@applies(*HTTP1)
@pytest.mark.parametrize("method", [b"POST", b"PATCH"])
async def test_what_cannot_be_sent_twice_is_not_sent_where_the_upstream_has_just_hung_up(kind, method, monkeypatch):
    """Right behind its reply: the loop has not come to see it."""
    monkeypatch.setattr("gateway.upstream.pool.TRUSTED_SECONDS", 60.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        async with connected(kind, f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
            for _ in range(2):
                asked = asyncio.create_task(fetch(client, request(method)))
                peer = (await asyncio.to_thread(listener.accept))[0]
                assert (await asyncio.to_thread(peer.recv, 65_536)).startswith(method)
                peer.sendall(OK)
                assert await asked == (200, b"ok")
                peer.close()
