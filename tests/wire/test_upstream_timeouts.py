"""Each time limit has its kind, and none fires where the upstream is lively. For both clients."""

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
    mark,
    read_all,
    request,
    serving,
    unless_paused,
)

LONG = 30.0


def only(**limit):
    return Timeouts(**{"connect": LONG, "first_byte": LONG, "idle": LONG} | limit)


async def refuses_to_finish(client, outbound=None):
    with pytest.raises(UpstreamError) as caught:
        await fetch(client, outbound)
    assert caught.value.status in {503, 504}
    return caught.value


@pytest.fixture
def full_backlog():
    """A port where connections are neither accepted nor refused."""
    with socket.socket() as server, socket.socket() as one, socket.socket() as two:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for client in (one, two):
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()[1]


@applies(*BOTH)
async def test_connect(kind, full_backlog):
    async with connected(kind, f"http://127.0.0.1:{full_backlog}", timeouts=only(connect=0.1)) as client:
        error = await refuses_to_finish(client)
        assert (error.kind, error.sent) == (UpstreamErrorKind.CONNECT_TIMEOUT, False)


@applies(*BOTH)
async def test_the_next_target_is_tried_when_connecting_took_too_long(kind, full_backlog):
    async with serving(answer_all) as upstream:
        targets = (f"http://127.0.0.1:{full_backlog}", upstream.url)
        async with connected(kind, *targets, timeouts=only(connect=0.5)) as client:
            for _ in range(2):
                assert await fetch(client) == (200, b"ok")


@applies(*BOTH)
async def test_total_while_connecting(kind, full_backlog):
    async with connected(kind, f"http://127.0.0.1:{full_backlog}", timeouts=only(total=0.1)) as client:
        error = await refuses_to_finish(client)
        assert (error.kind, error.sent) == (UpstreamErrorKind.TOTAL_TIMEOUT, False)


@applies(*BOTH)
@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: "])
async def test_first_byte(kind, begun):
    async def script(peer):
        await peer.request()
        await peer.send(begun)
        await peer.closed()

    async with serving(script) as upstream, connected(kind, upstream.url, timeouts=only(first_byte=0.1)) as client:
        error = await refuses_to_finish(client)
        assert (error.kind, error.sent) == (UpstreamErrorKind.FIRST_BYTE_TIMEOUT, True)
        assert client.idle == 0


@applies(*BOTH)
async def test_first_byte_is_not_put_off_by_a_head_that_trickles_in(kind):
    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nx: ")
        while not peer.reader.at_eof():
            await peer.send(b"y")
            await asyncio.sleep(0.01)

    async with serving(script) as upstream, connected(kind, upstream.url, timeouts=only(first_byte=0.1)) as client:
        error = await refuses_to_finish(client)
        assert error.kind is UpstreamErrorKind.FIRST_BYTE_TIMEOUT


@applies(*BOTH)
async def test_first_byte_begins_when_the_request_has_been_sent(kind):
    async def body():
        for _ in range(4):
            yield b"x"
            await asyncio.sleep(0.06)
        attempts[-1].clear()
        mark(attempts[-1])

    attempts = []
    async with serving(answer_all) as upstream, connected(kind, upstream.url, timeouts=only(first_byte=0.15)) as client:
        got = await unless_paused(lambda: fetch(client, request(b"POST", body=body())), attempts, limit=0.15)
        assert got == (200, b"ok")


@applies(*BOTH)
async def test_first_byte_after_an_upload(kind):
    async def body():
        yield b"x"

    async def script(peer):
        await peer.request()
        await peer.closed()

    async with serving(script) as upstream, connected(kind, upstream.url, timeouts=only(first_byte=0.1)) as client:
        error = await refuses_to_finish(client, request(b"POST", body=body()))
        assert error.kind is UpstreamErrorKind.FIRST_BYTE_TIMEOUT


@applies(*BOTH)
async def test_idle_inside_a_reply(kind):
    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
        await peer.closed()

    async with serving(script) as upstream, connected(kind, upstream.url, timeouts=only(idle=0.1)) as client:
        error = await refuses_to_finish(client)
        assert (error.kind, error.sent) == (UpstreamErrorKind.IDLE_TIMEOUT, True)
        assert client.idle == 0


@applies(*BOTH)
async def test_idle_is_not_reached_by_a_reply_that_goes_on(kind):
    async def script(peer):
        times = attempts[-1]
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n")
        for _ in range(8):
            mark(times)
            await peer.send(b"x")
            await asyncio.sleep(0.05)

    attempts = []
    async with serving(script) as upstream, connected(kind, upstream.url, timeouts=only(idle=0.2)) as client:
        assert await unless_paused(lambda: fetch(client), attempts, limit=0.2) == (200, b"x" * 8)


@applies(*BOTH)
async def test_a_slow_reader_is_not_an_idle_upstream(kind):
    """The limit is the upstream's: a caller that takes its time, with a full buffer or without, is not punished."""
    size = 2_000_000

    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        await peer.send(b"x" * size)
        await peer.closed()

    async def slowly():
        response = await client.send(request())
        await asyncio.sleep(0.3)
        attempts[-1].clear()
        mark(attempts[-1])
        return await read_all(response)

    attempts = []
    async with serving(script) as upstream, connected(kind, upstream.url, timeouts=only(idle=0.1)) as client:
        assert len(await unless_paused(slowly, attempts, limit=0.1)) == size


@applies(*BOTH)
@pytest.mark.parametrize("complete", [True, False])
async def test_idle_when_the_upstream_stops_reading(kind, complete):
    async def body():
        while True:
            yield b"x" * 65_536

    async def script(peer):
        await peer.head()
        await asyncio.Event().wait()

    sent = b"x" * 30_000_000 if complete else body()
    async with serving(script) as upstream, connected(kind, upstream.url, timeouts=only(idle=0.2)) as client:
        error = await refuses_to_finish(client, request(b"POST", body=sent))
        assert (error.kind, error.sent) == (UpstreamErrorKind.IDLE_TIMEOUT, True)


@applies(*HTTP1)
async def test_idle_is_not_reached_by_an_upstream_that_reads_slowly(kind):
    async def script(peer):
        times = attempts[-1]
        await peer.head()
        left = 20_000_000
        while left and (piece := await peer.reader.read(500_000)):
            left -= len(piece)
            mark(times)
            await asyncio.sleep(0.005)
        await peer.send(OK)

    attempts = []
    outbound = request(b"POST", body=b"x" * 20_000_000)
    async with serving(script) as upstream, connected(kind, upstream.url, timeouts=only(idle=0.25)) as client:
        assert await unless_paused(lambda: fetch(client, outbound), attempts, limit=0.25) == (200, b"ok")


@applies(*HTTP1)
async def test_an_upstream_that_replies_without_reading_the_upload_is_heard_out(kind):
    async def body():
        while True:
            yield b"x" * 65_536

    async def script(peer):
        times = attempts[-1]
        await peer.head()
        await peer.send(b"HTTP/1.1 403 No\r\ncontent-length: 6\r\n\r\n")
        for _ in range(6):
            mark(times)
            await asyncio.sleep(0.1)
            await peer.send(b"x")
        await asyncio.Event().wait()

    attempts = []
    async with serving(script) as upstream, connected(kind, upstream.url, timeouts=only(idle=0.25)) as client:
        got = await unless_paused(lambda: fetch(client, request(b"POST", body=body())), attempts, limit=0.25)
        assert got == (403, b"x" * 6)
        assert client.idle == 0


@applies(*BOTH)
@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n"])
async def test_total(kind, begun):
    async def script(peer):
        await peer.request()
        await peer.send(begun)
        while begun and not peer.reader.at_eof():
            await peer.send(b"y")
            await asyncio.sleep(0.01)
        await peer.closed()

    async with serving(script) as upstream, connected(kind, upstream.url, timeouts=only(total=0.2)) as client:
        error = await refuses_to_finish(client)
        assert (error.kind, error.sent) == (UpstreamErrorKind.TOTAL_TIMEOUT, True)
        assert client.idle == 0


@applies(*BOTH)
async def test_total_while_waiting_for_a_connection(kind):
    async def script(peer):
        await peer.request()
        await peer.closed()

    async with serving(script) as upstream:
        options = {"timeouts": only(total=0.2), "limits": PoolLimits(max_connections=1)}
        async with connected(kind, upstream.url, **options) as client:
            first = asyncio.create_task(refuses_to_finish(client))
            await eventually(lambda: upstream.requests)
            error = await refuses_to_finish(client)
            assert error.kind is UpstreamErrorKind.TOTAL_TIMEOUT
            assert (await first).kind is UpstreamErrorKind.TOTAL_TIMEOUT


@applies(*BOTH)
async def test_no_limits(kind):
    unlimited = Timeouts(connect=None, first_byte=None, idle=None)
    async with serving(answer_all) as upstream, connected(kind, upstream.url, timeouts=unlimited) as client:
        assert await fetch(client, request(b"POST", body=b"x")) == (200, b"ok")
